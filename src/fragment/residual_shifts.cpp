// How the residual stream of two sides differs: with and without a prompt token by token, or between two sets of answers on average.
#include <algorithm>
#include <cmath>

#include "fragment/record_hash.h"
#include "fragment/steer_recipe.h"

namespace aicoder::fragment {
namespace {

[[noreturn]] void refuse_rows(size_t layer, size_t expected, size_t found) {
  throw Error(ErrorCode::kFailedPrecondition, "[steer] expected " + std::to_string(expected) + " rows of layer " + std::to_string(layer) +
                                                  ", found " + std::to_string(found));
}

void check_finite(double value) {
  if (!std::isfinite(value)) throw Error(ErrorCode::kFailedPrecondition, "[steer] the model gives values that are not finite numbers");
}

double squared_norm(std::span<const double> v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return sum;
}

/// Takes the residual stream of one run after another, and of each the last tokens only.
class StreamReader {
 public:
  /// Rows of one layer, [n, n_embd].
  using RowsFn = std::function<void(size_t layer, std::span<const float> rows)>;

  StreamReader(const std::shared_ptr<const Model>& model, int n_threads)
      : n_embd_(model->n_embd()),
        seen_(model->n_layer()),
        context_(model, {.n_ctx_seq = pair_context_tokens(*model), .n_batch = 512, .n_threads = n_threads}) {
    context_.observe_residual([this](size_t layer, std::span<const float> rows, size_t n_embd) { add(layer, rows, n_embd); });
  }
  /// \throws Error(kFailedPrecondition) unless each layer gives a row for each token.
  void read(std::span<const Token> tokens, size_t n_last, RowsFn fn, const std::stop_token& stop) {
    throw_if_stopped(stop);
    first_ = tokens.size() - n_last;
    fn_ = std::move(fn);
    std::fill(seen_.begin(), seen_.end(), 0);
    context_.read(tokens, stop);
    for (size_t layer = 0; layer < seen_.size(); ++layer) {
      if (seen_[layer] != tokens.size()) refuse_rows(layer, tokens.size(), seen_[layer]);
    }
  }

 private:
  void add(size_t layer, std::span<const float> rows, size_t n_embd) {
    if (layer >= seen_.size() || n_embd != n_embd_) return;
    const size_t n_rows = rows.size() / n_embd, skip = std::min(n_rows, first_ - std::min(first_, seen_[layer]));
    seen_[layer] += n_rows;
    fn_(layer, rows.subspan(skip * n_embd));
  }

  size_t n_embd_;
  std::vector<size_t> seen_;
  size_t first_ = 0;
  RowsFn fn_;
  Context context_;
};

/// Sums over the changes of tokens read both ways.
struct ChangeSums {
  std::vector<double> change;
  double change_squares = 0, plain_squares = 0;
};

/// Sums over the tokens of one set of answers.
struct SetSums {
  std::vector<double> values;
  double squares = 0;
};

std::vector<SetSums> read_set(const std::shared_ptr<const Model>& model, const AnswerTokens& answers, const ShiftRun& run,
                              std::string_view stage) {
  const size_t n_embd = model->n_embd();
  std::vector<SetSums> sums(model->n_layer(), {std::vector<double>(n_embd), 0});
  StreamReader reader(model, run.n_threads);
  size_t done = 0;
  for (size_t r = 0; r < answers.records.size(); ++r) {
    reader.read(
        answers.records[r], answers.n_answer[r],
        [&](size_t layer, std::span<const float> rows) {
          for (size_t i = 0; i < rows.size(); ++i) {
            const double v = rows[i];
            sums[layer].values[i % n_embd] += v;
            sums[layer].squares += v * v;
          }
        },
        run.stop);
    done += answers.n_answer[r];
    if (run.progress) {
      run.progress({.stage = stage, .done = static_cast<double>(done), .total = static_cast<double>(answers.n_tokens), .unit = "tokens"});
    }
  }
  return sums;
}

}  // namespace

std::vector<ResidualShift> prompt_shifts(const PromptPairs& pairs, const AlignedText& text, const ShiftRun& run) {
  const size_t n_embd = pairs.model->n_embd(), n_layer = pairs.model->n_layer();
  std::vector<ChangeSums> sums(n_layer, {std::vector<double>(n_embd), 0, 0});
  StreamReader reader(pairs.model, run.n_threads);
  size_t done = 0;
  for (const AlignedRecord& record : text.records) {
    std::vector<std::vector<float>> plain(n_layer);
    reader.read(
        record.plain, record.n_aligned,
        [&](size_t layer, std::span<const float> rows) { plain[layer].insert(plain[layer].end(), rows.begin(), rows.end()); }, run.stop);
    std::vector<size_t> at(n_layer);
    reader.read(
        record.prompted, record.n_aligned,
        [&](size_t layer, std::span<const float> rows) {
          ChangeSums& sum = sums[layer];
          for (size_t i = 0; i < rows.size(); ++i) {
            const double before = plain[layer][at[layer] + i], change = static_cast<double>(rows[i]) - before;
            sum.change[i % n_embd] += change;
            sum.change_squares += change * change;
            sum.plain_squares += before * before;
          }
          at[layer] += rows.size();
        },
        run.stop);
    done += record.n_aligned;
    if (run.progress) {
      run.progress(
          {.stage = "read pairs", .done = static_cast<double>(done), .total = static_cast<double>(text.n_tokens), .unit = "tokens"});
    }
  }
  const auto n = static_cast<double>(text.n_tokens);
  std::vector<ResidualShift> shifts;
  for (ChangeSums& sum : sums) {
    check_finite(sum.change_squares + sum.plain_squares);
    for (double& v : sum.change) v /= n;
    const double mean = squared_norm(sum.change);
    shifts.push_back({.mean_change = std::move(sum.change),
                      .shared = sum.change_squares > 0 ? n * mean / sum.change_squares : 0,
                      .plain_rms = std::sqrt(sum.plain_squares / n)});
  }
  return shifts;
}

AnswerTokens answer_tokens(const Model& model, std::span<const TextRecord> records, size_t max_tokens) {
  const size_t n_ctx = pair_context_tokens(model);
  AnswerTokens answers;
  std::vector<std::string> hashes;
  for (const TextRecord& record : records) {
    if (answers.n_tokens == max_tokens) break;
    std::vector<Token> tokens = tokenize_record(model, record);
    const size_t n_all = n_answer_tokens(model, record, tokens.size());
    // Of what does not fit the end is left out.
    const size_t n_question = tokens.size() - n_all, n_end = std::min(tokens.size(), n_ctx);
    if (n_question >= n_end) continue;
    const size_t n_answer = std::min(n_end - n_question, max_tokens - answers.n_tokens);
    tokens.resize(n_question + n_answer);
    answers.n_tokens += n_answer;
    answers.n_answer.push_back(n_answer);
    answers.records.push_back(std::move(tokens));
    hashes.push_back(hash_record(record));
  }
  if (answers.n_tokens == 0) {
    throw Error(ErrorCode::kInvalidArgument, "[steer] expected answers, found none that fit the context",
                "give --calib and --against-calib");
  }
  answers.hash = hash_of_hashes(hashes);
  return answers;
}

std::vector<ResidualShift> answer_shifts(const std::shared_ptr<const Model>& model, const AnswerTokens& a, const AnswerTokens& b,
                                         const ShiftRun& run) {
  const auto sums_a = read_set(model, a, run, "read answers"), sums_b = read_set(model, b, run, "read the other side");
  const auto n_a = static_cast<double>(a.n_tokens), n_b = static_cast<double>(b.n_tokens);
  std::vector<ResidualShift> shifts;
  for (size_t layer = 0; layer < sums_a.size(); ++layer) {
    const SetSums &from = sums_a[layer], &to = sums_b[layer];
    check_finite(from.squares + to.squares);
    ResidualShift shift{.mean_change = std::vector<double>(from.values.size()), .plain_rms = std::sqrt(to.squares / n_b)};
    double total = from.squares + to.squares;  // of the squared distances from the mean of all
    for (size_t i = 0; i < from.values.size(); ++i) {
      shift.mean_change[i] = from.values[i] / n_a - to.values[i] / n_b;
      const double sum = from.values[i] + to.values[i];
      total -= sum * sum / (n_a + n_b);
    }
    const double between = squared_norm(shift.mean_change) * n_a * n_b / (n_a + n_b);
    if (total > 0) shift.shared = std::min(1.0, between / total);
    shifts.push_back(std::move(shift));
  }
  return shifts;
}

}  // namespace aicoder::fragment
