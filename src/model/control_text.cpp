#include "model/control_text.h"

#include <algorithm>

#include "aicoder/core.h"

namespace aicoder {

ControlTexts::ControlTexts(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (text.size() < 2) continue;  // a single byte cannot be cut, and none of them ends a turn
    texts_.insert(text);
    lengths_.insert(text.size());
    first_bytes_[static_cast<unsigned char>(text[0])] = true;
  }
}

bool ControlTexts::starts_at(std::string_view text, size_t position) const {
  if (!first_bytes_[static_cast<unsigned char>(text[position])]) return false;
  return std::any_of(lengths_.begin(), lengths_.end(), [&](size_t length) {
    return position + length <= text.size() && texts_.contains(std::string(text.substr(position, length)));
  });
}

bool ControlTexts::contains_any(std::string_view text) const {
  for (size_t i = 0; i < text.size(); ++i) {
    if (starts_at(text, i)) return true;
  }
  return false;
}

std::string ControlTexts::guard(std::string_view text, std::string_view cut) const {
  std::string guarded;
  guarded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    guarded += text[i];
    if (starts_at(text, i)) guarded += cut;
  }
  return guarded;
}

std::string unused_mark(const std::vector<std::string_view>& texts) {
  for (unsigned code = 0xE000; code <= 0xF8FF; ++code) {
    const std::string mark = {static_cast<char>(0xE0 | (code >> 12)), static_cast<char>(0x80 | ((code >> 6) & 0x3F)),
                              static_cast<char>(0x80 | (code & 0x3F))};
    if (std::none_of(texts.begin(), texts.end(), [&](std::string_view text) { return text.find(mark) != std::string_view::npos; }))
      return mark;
  }
  throw Error(ErrorCode::kInvalidArgument, "[chat] the messages hold control tokens as text and every private-use character",
              "take one of the two out");
}

}  // namespace aicoder
