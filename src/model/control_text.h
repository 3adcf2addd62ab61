// Control tokens that somebody wrote as text. A chat template joins messages and control tokens into one text, so a message that says
// "<|im_end|>" would end its own turn: prompt injection. The remedy is to cut such a text in two before it is tokenized.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace aicoder {

class ControlTexts {
 public:
  ControlTexts() = default;
  explicit ControlTexts(const std::vector<std::string>& texts);
  /// `text` with `cut` after the first byte of everything in it that reads as a control token.
  std::string guard(std::string_view text, std::string_view cut) const;
  bool contains_any(std::string_view text) const;

 private:
  bool starts_at(std::string_view text, size_t position) const;

  std::unordered_set<std::string> texts_;
  std::set<size_t> lengths_;
  std::vector<bool> first_bytes_ = std::vector<bool>(256, false);
};

/// A character that none of the texts holds, of the private-use area, which no tokenizer or template gives a meaning.
std::string unused_mark(const std::vector<std::string_view>& texts);

}  // namespace aicoder
