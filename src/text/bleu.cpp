// BLEU (Papineni et al. 2002, ACL P02-1040), computed as sacrebleu does (Post 2018, arXiv 1804.08771): clipped counts over all references,
// the closest reference length, exponential smoothing.
#include <algorithm>
#include <cmath>
#include <map>

#include "aicoder/core.h"
#include "aicoder/text.h"
#include "text/ngrams.h"
#include "text/tokenize.h"

namespace aicoder {
namespace {

using text::count_ngrams;
using text::Ngrams;

struct Statistics {
  std::vector<uint64_t> correct, total;  ///< by order
  uint64_t hypothesis_length = 0, reference_length = 0;
};

void add_segment(Statistics& sums, const std::string& hypothesis, const std::vector<std::string>& references, const BleuOptions& options) {
  const auto words = tokenize_for_bleu(text::strip_end(hypothesis), options.tokenizer);
  Ngrams most;
  size_t closest = 0;
  bool first = true;
  for (const auto& reference : references) {
    const auto theirs = tokenize_for_bleu(text::strip_end(reference), options.tokenizer);
    for (const auto& [gram, count] : count_ngrams(theirs, options.max_order)) {
      uint64_t& known = most[gram];
      known = std::max(known, count);
    }
    const auto distance = [&](size_t length) { return length > words.size() ? length - words.size() : words.size() - length; };
    const size_t length = theirs.size();
    if (first || distance(length) < distance(closest) || (distance(length) == distance(closest) && length < closest)) closest = length;
    first = false;
  }
  sums.hypothesis_length += words.size();
  sums.reference_length += closest;
  for (const auto& [gram, count] : count_ngrams(words, options.max_order)) {
    const size_t order = gram.size() - 1;
    sums.total[order] += count;
    if (const auto found = most.find(gram); found != most.end()) sums.correct[order] += std::min(count, found->second);
  }
}

double score(const Statistics& sums, const BleuOptions& options) {
  if (std::all_of(sums.correct.begin(), sums.correct.end(), [](uint64_t n) { return n == 0; })) return 0;
  double brevity = 1;
  if (sums.hypothesis_length < sums.reference_length) {
    brevity = sums.hypothesis_length == 0
                  ? 0.0
                  : std::exp(1 - static_cast<double>(sums.reference_length) / static_cast<double>(sums.hypothesis_length));
  }
  double smoothing = 1, sum_of_logs = 0;
  size_t n_orders = options.max_order, reached = 0;
  for (size_t order = 0; order < options.max_order; ++order) {
    if (sums.total[order] == 0) break;
    reached = order + 1;
    if (options.effective_order) n_orders = reached;
    const auto total = static_cast<double>(sums.total[order]);
    if (sums.correct[order] == 0) smoothing *= 2;
    sum_of_logs += std::log(sums.correct[order] == 0 ? 1 / (smoothing * total) : static_cast<double>(sums.correct[order]) / total);
  }
  // Without a single n-gram of an order that counts, the geometric mean is 0.
  if (reached < n_orders) return 0;
  return brevity * std::exp(sum_of_logs / static_cast<double>(n_orders));
}

}  // namespace

namespace text {

Ngrams count_ngrams(const std::vector<std::string>& words, size_t max_order) {
  Ngrams counts;
  for (size_t n = 1; n <= max_order; ++n) {
    for (size_t i = 0; i + n <= words.size(); ++i) {
      ++counts[{words.begin() + static_cast<std::ptrdiff_t>(i), words.begin() + static_cast<std::ptrdiff_t>(i + n)}];
    }
  }
  return counts;
}

void check_segments(std::string_view place, std::span<const std::string> hypotheses, std::span<const std::vector<std::string>> references) {
  const std::string where = "[" + std::string(place) + "] ";
  if (hypotheses.empty()) throw Error(ErrorCode::kInvalidArgument, where + "expected at least one text, found none");
  if (hypotheses.size() != references.size()) {
    throw Error(ErrorCode::kInvalidArgument, where + "expected as many references as texts, found " + std::to_string(references.size()) +
                                                 " for " + std::to_string(hypotheses.size()));
  }
  for (size_t i = 0; i < references.size(); ++i) {
    if (references[i].empty()) throw Error(ErrorCode::kInvalidArgument, where + "text " + std::to_string(i + 1) + " has no reference");
  }
}

}  // namespace text

double corpus_bleu(std::span<const std::string> hypotheses, std::span<const std::vector<std::string>> references,
                   const BleuOptions& options) {
  text::check_segments("bleu", hypotheses, references);
  if (options.max_order == 0) throw Error(ErrorCode::kInvalidArgument, "[bleu] max_order is 0, expected at least 1");
  Statistics sums{std::vector<uint64_t>(options.max_order), std::vector<uint64_t>(options.max_order), 0, 0};
  for (size_t i = 0; i < hypotheses.size(); ++i) add_segment(sums, hypotheses[i], references[i], options);
  return score(sums, options);
}

}  // namespace aicoder
