#include "model/text_stream.h"

#include <algorithm>

#include "aicoder/core.h"

namespace aicoder {

size_t incomplete_utf8_tail(std::string_view text) noexcept {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;  // a continuation byte: its lead is before it
    const size_t length = byte >= 0xF0 && byte <= 0xF4 ? 4 : byte >= 0xE0 && byte < 0xF0 ? 3 : byte >= 0xC2 && byte < 0xE0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

TextStream::TextStream(std::vector<std::string> stop_strings) : stops_(std::move(stop_strings)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
  for (const auto& stop : stops_) longest_stop_ = std::max(longest_stop_, stop.size());
}

bool TextStream::append(std::string_view piece) {
  if (stopped_) return true;
  // A stop string may have begun in earlier pieces, but not before what was shown.
  const size_t from = bytes_.size() >= longest_stop_ ? bytes_.size() - longest_stop_ : 0;
  bytes_.append(piece.data(), piece.size());
  size_t earliest = std::string::npos;
  for (const auto& stop : stops_) earliest = std::min(earliest, bytes_.find(stop, from));
  if (earliest == std::string::npos) return false;
  bytes_.erase(earliest);
  stopped_ = true;
  return true;
}

size_t TextStream::held_back() const noexcept {
  const std::string_view text(bytes_);
  size_t held = incomplete_utf8_tail(text);
  for (const auto& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, text.size()); n > held; --n) {
      if (text.ends_with(std::string_view(stop).substr(0, n))) {
        held = n;
        break;
      }
    }
  }
  // Holding a stop string's beginning must not cut a character in two.
  return held + incomplete_utf8_tail(text.substr(0, text.size() - held));
}

std::string TextStream::take() {
  const size_t end = stopped_ ? bytes_.size() : bytes_.size() - held_back();
  if (end <= taken_) return {};
  std::string text = to_valid_utf8(std::string_view(bytes_).substr(taken_, end - taken_));
  taken_ = end;
  return text;
}

std::string TextStream::finish() {
  bytes_.erase(bytes_.size() - incomplete_utf8_tail(bytes_));
  stopped_ = true;
  return take();
}

}  // namespace aicoder
