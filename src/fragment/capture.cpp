// Calibration text through the frozen base. Each record is read on its own, in windows of n_window tokens: the sums are then those
// of every record alone, in any order, so statistics of two texts add up.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "aicoder/fragment.h"
#include "fragment/for_each_layer.h"
#include "fragment/linear_layers.h"
#include "fragment/moments.h"
#include "fragment/record_hash.h"

namespace aicoder {
namespace {

float largest_abs(std::span<const float> values) noexcept {
  // Independent maxima by `?:` become vector instructions; one maximum waits for each value. What is no number is left out.
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> largest{};
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float a = std::abs(values[i + lane]);
      largest[lane] = a > largest[lane] ? a : largest[lane];
    }
  }
  for (; i < values.size(); ++i) largest[0] = std::max(largest[0], std::abs(values[i]));
  return *std::max_element(largest.begin(), largest.end());
}

/// Adds up rows of layer inputs as the model computes them.
class Collector {
 public:
  /// \param sketch_size  0: no second moments
  Collector(const GgufFile& file, size_t sketch_size) {
    for (const GgufTensor* tensor : fragment::linear_layers(file)) {
      const auto n_in = static_cast<size_t>(tensor->ne[0]);
      stats.layers[tensor->name].sum_squares.resize(n_in);
      if (sketch_size == 0) continue;
      // The first layer that reads an input speaks for the others; check() sees whether they do read the same.
      const std::string input = fragment::input_name(tensor->name);
      if (std::none_of(inputs_.begin(), inputs_.end(), [&](const Input& i) { return i.name == input; })) {
        inputs_.push_back({input, fragment::Moments(n_in, sketch_size), {}});
        input_of_[tensor->name] = inputs_.size() - 1;
      }
    }
  }

  void add(std::string_view weight, std::span<const float> rows, size_t n_in) {
    const auto found = stats.layers.find(std::string(weight));
    if (found == stats.layers.end()) return;  // the output layer and others that fragments do not touch
    LayerStats& layer = found->second;
    if (layer.sum_squares.size() != n_in) return;
    double* sums = layer.sum_squares.data();
    for (size_t start = 0; start + n_in <= rows.size(); start += n_in) {
      const float* x = rows.data() + start;
      for (size_t j = 0; j < n_in; ++j) sums[j] += static_cast<double>(x[j]) * static_cast<double>(x[j]);
    }
    layer.max_abs = std::max(layer.max_abs, largest_abs(rows));
    layer.tokens += rows.size() / n_in;
    if (input_of_.empty()) return;
    if (const auto leader = input_of_.find(found->first); leader != input_of_.end()) {
      std::vector<float>& pending = inputs_[leader->second].pending;
      pending.insert(pending.end(), rows.begin(), rows.end());
    }
  }

  /// Brings the rows of the last window into the moments. Between windows, so that the threads of the decode are free for it.
  void update_moments(int n_threads) {
    for_each_input(n_threads, [](Input& input) {
      input.moments.append(input.pending);
      input.pending.clear();
    });
  }
  void finish_moments(int n_threads) {
    for (const Input& input : inputs_) stats.sketches[input.name];  // made here: the threads only fill them
    for_each_input(n_threads, [this](Input& input) { stats.sketches.at(input.name) = input.moments.finish(); });
  }

  /// \throws Error(kFailedPrecondition) where a sum is not finite or a layer was never seen.
  void check() const {
    for (const auto& [name, layer] : stats.layers) {
      if (layer.tokens == 0) throw Error(ErrorCode::kFailedPrecondition, "[capture] the model never used layer " + name);
      if (!std::all_of(layer.sum_squares.begin(), layer.sum_squares.end(), [](double s) { return std::isfinite(s); })) {
        throw Error(ErrorCode::kFailedPrecondition, "[capture] the model gives inputs of layer " + name + " that are not finite numbers");
      }
    }
    if (inputs_.empty()) return;
    for (const auto& [name, layer] : stats.layers) {
      for (const auto& [leader, input] : input_of_) {
        if (fragment::input_name(leader) != fragment::input_name(name)) continue;
        if (stats.layers.at(leader).sum_squares != layer.sum_squares) {
          throw Error(ErrorCode::kUnimplemented,
                      "[capture] second moments: expected " + name + " to read the same input as " + leader + ", found others");
        }
      }
    }
  }

  ActivationStats stats;

 private:
  struct Input {
    std::string name;
    fragment::Moments moments;
    std::vector<float> pending;  ///< rows of the window that is read
  };
  void for_each_input(int n_threads, const std::function<void(Input&)>& fn) {
    const ProgressFn silent;
    const std::stop_token never;
    fragment::for_each_layer({.n = inputs_.size(), .n_threads = n_threads, .stage = {}, .unit = {}, .progress = silent, .stop = never},
                             [&](size_t i, const std::stop_token&) { fn(inputs_[i]); });
  }

  std::vector<Input> inputs_;
  std::map<std::string, size_t> input_of_;  ///< by the layer whose rows are taken
};

}  // namespace

ActivationStats capture(const std::shared_ptr<const Model>& model, std::span<const TextRecord> records, const CaptureOptions& options) {
  if (options.n_window < 2) {
    throw Error(ErrorCode::kInvalidArgument, "[capture] n_window: expected at least 2, found " + std::to_string(options.n_window));
  }
  const size_t n_window = std::min(options.n_window, model->n_ctx_train());
  Collector collector(model->file(), options.sketch_size);
  const int n_threads = options.n_threads > 0 ? options.n_threads : usable_cores();
  ActivationStats& stats = collector.stats;
  Context context(model, {.n_ctx_seq = n_window, .n_seq_max = 1, .n_batch = n_window, .n_threads = options.n_threads});
  context.observe_activations(
      [&collector](std::string_view weight, std::span<const float> rows, size_t n_in) { collector.add(weight, rows, n_in); });

  const size_t limit = options.max_tokens == 0 ? SIZE_MAX : options.max_tokens;
  std::vector<Token> window;
  for (const TextRecord& record : records) {
    throw_if_stopped(options.stop);
    if (stats.tokens >= limit) break;
    const std::vector<Token> tokens = tokenize_record(*model, record);
    if (tokens.empty()) continue;
    stats.dataset_hashes.push_back(fragment::hash_record(record));
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
      context.read(window, options.stop);
      collector.update_moments(n_threads);
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
  collector.finish_moments(n_threads);
  stats.dataset_hashes = {fragment::hash_of_hashes(stats.dataset_hashes)};
  stats.base_fingerprint = model->fingerprint();
  return std::move(collector.stats);
}

}  // namespace aicoder
