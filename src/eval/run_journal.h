// What a run leaves on disk as it goes: out_dir/run.json (settings) and out_dir/items.jsonl (one line a finished item).
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "aicoder/eval.h"

namespace aicoder::eval {

/// Name -> value of everything that could change an item. Compared as text.
using RunSettings = std::map<std::string, std::string>;

/// Thread-safe from construction on. With an empty folder it keeps nothing.
class RunJournal {
 public:
  /// Makes the folder and run.json, or checks the settings of the run that is there and reads its items; a torn last line (the
  /// process was killed in the middle of a write) is cut off. Holds a lock on items.jsonl until destroyed.
  /// \throws Error kInvalidArgument naming the setting that differs, kFailedPrecondition (locked), kDataLoss (a broken file; names the
  /// line).
  RunJournal(const std::filesystem::path& folder, const RunSettings& settings);
  ~RunJournal();
  RunJournal(const RunJournal&) = delete;
  RunJournal& operator=(const RunJournal&) = delete;

  const std::map<std::string, EvalItem>& earlier() const noexcept { return earlier_; }
  /// Wall time of the earlier parts of this run up to their last item, and of this one so far.
  double seconds() const;
  /// One write of one line, flushed to the disk. \throws Error(kResourceExhausted, kInternal).
  void append(const EvalItem& item);

 private:
  void check_settings(const RunSettings& settings) const;
  void read_items();

  std::filesystem::path folder_;
  std::map<std::string, EvalItem> earlier_;
  int fd_ = -1;
  size_t session_ = 0;
  double earlier_seconds_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
};

}  // namespace aicoder::eval
