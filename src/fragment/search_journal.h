// What a search of strengths has measured so far, one line a value, beside the file it will write. Private to src/fragment.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "aicoder/core.h"

namespace aicoder::fragment {

/// The search is a fixed walk that depends on measured values alone, so giving back the values of an earlier run, in order, leads to
/// where that run was. Layout: docs/formats/search-journal.md. One thread at a time.
class SearchJournal {
 public:
  /// Name -> value of everything that the values depend on. Compared as text.
  using Settings = std::map<std::string, std::string>;

  /// Makes the file, or checks the settings of the run that is there and reads its values; a torn last line (the process was killed in
  /// the middle of a write) is cut off. Holds a lock on the file until destroyed. An empty path keeps nothing.
  /// \param fresh  forget what is there
  /// \throws Error kInvalidArgument naming the setting that differs, kFailedPrecondition (locked, or a file that is no journal),
  /// kDataLoss (a broken line; names it), kResourceExhausted, kPermissionDenied.
  SearchJournal(std::filesystem::path path, const Settings& settings, bool fresh);
  ~SearchJournal();
  SearchJournal(const SearchJournal&) = delete;
  SearchJournal& operator=(const SearchJournal&) = delete;

  /// The next value: that of the earlier run, or what `measure` gives, which is on the disk when this returns.
  /// \param what, point  what is measured and where: the earlier run must have measured the same
  /// \throws Error kDataLoss (it measured something else), kResourceExhausted, and what `measure` throws.
  double value(const std::string& what, std::span<const double> point, const std::function<double()>& measure);

  size_t n_replayed() const noexcept { return next_; }

 private:
  struct Entry {
    std::string what, point;
    double value = 0;
  };
  void read(const Settings& settings, bool fresh);
  void append(std::string line) const;

  std::filesystem::path path_;
  std::vector<Entry> earlier_;
  size_t next_ = 0;
  int fd_ = -1;
};

}  // namespace aicoder::fragment
