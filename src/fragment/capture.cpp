// Calibration text through the frozen base. Each record is read on its own, in windows of n_window tokens: the sums are then those
// of every record alone, in any order, so statistics of two texts add up.
#include <algorithm>
#include <cmath>
#include <exception>
#include <string>

#include "aicoder/fragment.h"
#include "fragment/linear_layers.h"

namespace aicoder {
namespace {

/// Roles and texts with their lengths, so that no two different records hash alike.
std::string hash_record(const TextRecord& record) {
  Sha256 hash;
  const auto add = [&hash](std::string_view text) {
    hash.update(std::to_string(text.size()) + ":");
    hash.update(text);
  };
  add(record.text);
  for (const ChatMessage& message : record.messages) {
    add(message.role);
    add(message.content);
  }
  return hash.hex();
}

/// Adds up rows of layer inputs as the model computes them.
class Collector {
 public:
  explicit Collector(const GgufFile& file) {
    for (const GgufTensor* tensor : fragment::linear_layers(file)) {
      stats.layers[tensor->name].sum_squares.resize(static_cast<size_t>(tensor->ne[0]));
    }
  }

  void add(std::string_view weight, std::span<const float> rows, size_t n_in) {
    const auto found = stats.layers.find(std::string(weight));
    if (found == stats.layers.end()) return;  // the output layer and others that fragments do not touch
    LayerStats& layer = found->second;
    if (layer.sum_squares.size() != n_in) return;
    double* sums = layer.sum_squares.data();
    float largest = layer.max_abs;
    for (size_t start = 0; start + n_in <= rows.size(); start += n_in) {
      const float* x = rows.data() + start;
      for (size_t j = 0; j < n_in; ++j) {
        sums[j] += static_cast<double>(x[j]) * static_cast<double>(x[j]);
        largest = std::max(largest, std::abs(x[j]));
      }
    }
    layer.max_abs = largest;
    layer.tokens += rows.size() / n_in;
  }

  /// \throws Error(kFailedPrecondition) where a sum is not finite or a layer was never seen.
  void check() const {
    for (const auto& [name, layer] : stats.layers) {
      if (layer.tokens == 0) throw Error(ErrorCode::kFailedPrecondition, "[capture] the model never used layer " + name);
      if (!std::all_of(layer.sum_squares.begin(), layer.sum_squares.end(), [](double s) { return std::isfinite(s); })) {
        throw Error(ErrorCode::kFailedPrecondition, "[capture] the model gives inputs of layer " + name + " that are not finite numbers");
      }
    }
  }

  ActivationStats stats;
};

}  // namespace

ActivationStats capture(const std::shared_ptr<const Model>& model, std::span<const TextRecord> records, const CaptureOptions& options) {
  if (options.n_window < 2) {
    throw Error(ErrorCode::kInvalidArgument, "[capture] n_window: expected at least 2, found " + std::to_string(options.n_window));
  }
  // log_likelihood does not decode its last token, which it only predicts; so every window is given one token more.
  const size_t n_window = std::min(options.n_window, model->n_ctx_train() - 1);
  Collector collector(model->file());
  ActivationStats& stats = collector.stats;
  Context context(model, {.n_ctx_seq = n_window + 1, .n_seq_max = 1, .n_batch = n_window, .n_threads = options.n_threads});
  context.observe_activations(
      [&collector](std::string_view weight, std::span<const float> rows, size_t n_in) { collector.add(weight, rows, n_in); });

  const size_t limit = options.max_tokens == 0 ? SIZE_MAX : options.max_tokens;
  std::vector<Token> window;
  for (const TextRecord& record : records) {
    throw_if_stopped(options.stop);
    if (stats.tokens >= limit) break;
    const std::vector<Token> tokens = tokenize_record(*model, record);
    if (tokens.empty()) continue;
    stats.dataset_hashes.push_back(hash_record(record));
    // A model that wants a begin token reads every window with one, as llama-imatrix does.
    const bool starts_with_bos = model->bos() && tokens.front() == *model->bos();
    for (size_t at = 0; at < tokens.size() && stats.tokens < limit;) {
      window.clear();
      if (starts_with_bos && at > 0) window.push_back(tokens.front());
      const size_t room = std::min(n_window, limit - static_cast<size_t>(stats.tokens));
      const size_t take = std::min(room - std::min(room, window.size()), tokens.size() - at);
      window.insert(window.end(), tokens.begin() + static_cast<std::ptrdiff_t>(at),
                    tokens.begin() + static_cast<std::ptrdiff_t>(at + take));
      throw_if_stopped(options.stop);
      at += take;
      stats.tokens += window.size();
      // Predicting every token makes the last block compute all its rows: without outputs llama.cpp skips them.
      window.push_back(window.back());
      context.log_likelihood(window, 1, options.stop);
      if (options.progress) {
        options.progress({.stage = "capture",
                          .done = static_cast<double>(stats.tokens),
                          .total = options.max_tokens == 0 ? 0.0 : static_cast<double>(options.max_tokens),
                          .unit = "tokens"});
      }
    }
  }
  if (stats.tokens == 0) throw Error(ErrorCode::kInvalidArgument, "[capture] expected calibration text, found no token in it");
  collector.check();
  // One hash for the whole list: a set of a thousand records need not be a thousand hashes in every fragment made from it.
  Sha256 all;
  for (const std::string& hash : stats.dataset_hashes) all.update(hash);
  stats.dataset_hashes = {all.hex()};
  stats.base_fingerprint = model->fingerprint();
  return std::move(collector.stats);
}

}  // namespace aicoder
