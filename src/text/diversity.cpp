// How alike texts are: to a reference (ROUGE-L), in themselves (distinct-n), to each other (self-BLEU).
#include <algorithm>
#include <set>

#include "aicoder/core.h"
#include "aicoder/text.h"
#include "text/tokenize.h"

namespace aicoder {

double rouge_l(std::string_view hypothesis, std::string_view reference) {
  const auto ours = text::split_words(hypothesis), theirs = text::split_words(reference);
  if (ours.empty() || theirs.empty()) return 0;
  // Lengths of the longest common subsequence of a prefix of ours with each prefix of theirs, a row at a time.
  std::vector<size_t> row(theirs.size() + 1);
  for (const auto& word : ours) {
    size_t diagonal = 0;
    for (size_t j = 1; j <= theirs.size(); ++j) {
      const size_t above = row[j];
      row[j] = word == theirs[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
      diagonal = above;
    }
  }
  const auto common = static_cast<double>(row.back());
  if (common == 0) return 0;
  const double precision = common / static_cast<double>(ours.size()), recall = common / static_cast<double>(theirs.size());
  return 2 * precision * recall / (precision + recall);
}

double distinct_n(std::span<const std::string> texts, size_t n) {
  if (n == 0) throw Error(ErrorCode::kInvalidArgument, "[distinct_n] n is 0, expected at least 1");
  std::set<std::vector<std::string>> different;
  size_t all = 0;
  for (const auto& text : texts) {
    const auto words = text::split_words(text);
    for (size_t i = 0; i + n <= words.size(); ++i, ++all) {
      different.insert({words.begin() + static_cast<std::ptrdiff_t>(i), words.begin() + static_cast<std::ptrdiff_t>(i + n)});
    }
  }
  return all == 0 ? 0.0 : static_cast<double>(different.size()) / static_cast<double>(all);
}

double self_bleu(std::span<const std::string> texts, Tokenizer tokenizer) {
  if (texts.size() < 2) {
    throw Error(ErrorCode::kInvalidArgument, "[self_bleu] expected at least two texts, found " + std::to_string(texts.size()));
  }
  double sum = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    std::vector<std::string> others(texts.begin(), texts.end());
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    const std::vector<std::vector<std::string>> references = {std::move(others)};
    sum += corpus_bleu(texts.subspan(i, 1), references, {.tokenizer = tokenizer, .effective_order = true});
  }
  return sum / static_cast<double>(texts.size());
}

}  // namespace aicoder
