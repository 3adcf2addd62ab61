// The text of one sample as it grows: stop strings, and what may be shown already. Private to src/model.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aicoder {

/// Bytes at the end of `text` that begin a UTF-8 character whose rest is missing: 0 to 3.
size_t incomplete_utf8_tail(std::string_view text) noexcept;

/// Takes pieces of bytes, gives out complete UTF-8 characters that cannot be part of a stop string any more.
/// Ill-formed bytes come out as U+FFFD; a character cut off at the end is dropped.
class TextStream {
 public:
  explicit TextStream(std::vector<std::string> stop_strings);

  /// \return true when a stop string is complete: the text ends before it and nothing more is taken.
  bool append(std::string_view piece);
  /// What can be shown and was not taken before.
  std::string take();
  /// The rest, when no more pieces come.
  std::string finish();

 private:
  size_t held_back() const noexcept;

  std::vector<std::string> stops_;
  size_t longest_stop_ = 0;
  std::string bytes_;
  size_t taken_ = 0;
  bool stopped_ = false;
};

}  // namespace aicoder
