// chrF2 (Popovic 2015, W15-3049) as sacrebleu computes it: of several references the one with the best score of the segment, then sums of
// counts over the segments.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "aicoder/text.h"
#include "text/ngrams.h"
#include "text/utf8.h"

namespace aicoder {
namespace {

constexpr size_t kOrder = 6;
constexpr double kBeta2 = 4;  // beta 2, squared

struct Counts {
  uint64_t hypothesis = 0, reference = 0, match = 0;
};
using Statistics = std::array<Counts, kOrder>;
using Grams = std::array<std::unordered_map<std::u32string, uint64_t>, kOrder>;

Grams grams_of(std::string_view line) {
  std::u32string points;
  for (size_t at = 0; at < line.size();) {
    const char32_t point = text::next_code_point(line, at);
    if (!text::is_blank(point)) points += point;
  }
  Grams grams;
  for (size_t n = 1; n <= kOrder; ++n) {
    for (size_t i = 0; i + n <= points.size(); ++i) ++grams[n - 1][points.substr(i, n)];
  }
  return grams;
}

Statistics compare(const Grams& hypothesis, const Grams& reference) {
  Statistics statistics;
  for (size_t n = 0; n < kOrder; ++n) {
    Counts& counts = statistics[n];
    for (const auto& [gram, count] : hypothesis[n]) {
      counts.hypothesis += count;
      if (const auto found = reference[n].find(gram); found != reference[n].end()) counts.match += std::min(count, found->second);
    }
    for (const auto& [gram, count] : reference[n]) counts.reference += count;
    if (reference[n].empty()) counts.hypothesis = 0;  // an order the reference does not reach counts on neither side
  }
  return statistics;
}

double f_score(const Statistics& statistics) {
  double precision = 0, recall = 0;
  size_t orders = 0;
  for (const Counts& counts : statistics) {
    if (counts.hypothesis == 0 || counts.reference == 0) continue;
    precision += static_cast<double>(counts.match) / static_cast<double>(counts.hypothesis);
    recall += static_cast<double>(counts.match) / static_cast<double>(counts.reference);
    ++orders;
  }
  if (orders == 0 || precision + recall == 0) return 0;
  precision /= static_cast<double>(orders);
  recall /= static_cast<double>(orders);
  return (1 + kBeta2) * precision * recall / (kBeta2 * precision + recall);
}

}  // namespace

double corpus_chrf(std::span<const std::string> hypotheses, std::span<const std::vector<std::string>> references) {
  text::check_segments("chrf", hypotheses, references);
  Statistics sums;
  for (size_t i = 0; i < hypotheses.size(); ++i) {
    const Grams hypothesis = grams_of(hypotheses[i]);
    Statistics best;
    double best_score = -1;
    for (const auto& reference : references[i]) {
      const Statistics one = compare(hypothesis, grams_of(reference));
      if (const double score = f_score(one); score > best_score) {
        best_score = score;
        best = one;
      }
    }
    for (size_t n = 0; n < kOrder; ++n) {
      sums[n].hypothesis += best[n].hypothesis;
      sums[n].reference += best[n].reference;
      sums[n].match += best[n].match;
    }
  }
  return f_score(sums);
}

}  // namespace aicoder
