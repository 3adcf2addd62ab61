#include <algorithm>
#include <cmath>

#include "train/output_graph.h"

namespace aicoder::train {
namespace {

/// Logits of all rows at once would be 311 MB for 512 tokens of Qwen2.5.
constexpr size_t kMaxLogitBytes = size_t{64} << 20;

struct GatheredRows {
  ggml_tensor *ids, *rows, *normed;
};

GatheredRows gather(ggml_context* c, ggml_tensor* stream, size_t n_rows, ggml_tensor* gain, float eps) {
  GatheredRows g{};
  g.ids = ggml_new_tensor_1d(c, GGML_TYPE_I32, static_cast<int64_t>(n_rows));
  ggml_set_input(g.ids);
  g.rows = ggml_get_rows(c, stream, g.ids);
  g.normed = ggml_mul(c, ggml_rms_norm(c, g.rows, eps), gain);
  return g;
}

}  // namespace

OutputLayer::OutputLayer(const Architecture& architecture, const BaseWeights& weights, const GgmlDevice& device, size_t n_ctx)
    : architecture_(architecture), weights_(weights), context_(make_context(4)) {
  const size_t row_bytes = static_cast<size_t>(architecture.n_vocab) * sizeof(float);
  max_rows_ = std::clamp<size_t>(kMaxLogitBytes / row_bytes, 16, std::max<size_t>(n_ctx, 16));
  probabilities_ = ggml_new_tensor_2d(context_.get(), GGML_TYPE_F32, architecture.n_vocab, static_cast<int64_t>(max_rows_));
  buffer_ = device.allocate(context_.get(), device.buffer_type(), "the probabilities of the next tokens");
}

double OutputLayer::run(GraphRunner& runner, ggml_tensor* stream, const Batch& batch, std::span<float> d_stream,
                        const std::stop_token& stop) {
  std::fill(d_stream.begin(), d_stream.end(), 0.0f);
  double loss = 0;
  Rows rows;
  for (size_t column = 0; column < batch.targets.size(); ++column) {
    if (batch.targets[column] >= 0) {
      rows.columns.push_back(static_cast<int32_t>(column));
      rows.targets.push_back(batch.targets[column]);
    }
    if (rows.columns.empty() || (rows.columns.size() < max_rows_ && column + 1 < batch.targets.size())) continue;
    throw_if_stopped(stop);
    loss += forward(runner, stream, rows);
    if (!d_stream.empty()) backward(runner, stream, rows, d_stream);
    rows = {};
  }
  return loss;
}

double OutputLayer::forward(GraphRunner& runner, ggml_tensor* stream, const Rows& rows) {
  const auto context = make_context(32);
  ggml_context* c = context.get();
  ggml_cgraph* graph = ggml_new_graph_custom(c, 32, false);
  const GatheredRows gathered = gather(c, stream, rows.columns.size(), weights_.output_norm, architecture_.rms_eps);
  ggml_tensor* probabilities = ggml_soft_max(c, ggml_mul_mat(c, weights_.output.weight, gathered.normed));
  ggml_backend_tensor_alloc(probabilities_->buffer, probabilities, probabilities_->data);
  ggml_build_forward_expand(graph, probabilities);
  runner.run(graph, [&] { ggml_backend_tensor_set(gathered.ids, rows.columns.data(), 0, rows.columns.size() * sizeof(int32_t)); });

  // Cross-entropy by hand: its value and its gradient, p - 1, need one entry of each row. ggml's own operation would take a second
  // matrix of the size of the logits to say which.
  double loss = 0;
  for (size_t row = 0; row < rows.targets.size(); ++row) {
    const size_t at = row * probabilities_->nb[1] + static_cast<size_t>(rows.targets[row]) * sizeof(float);
    float p = 0;
    ggml_backend_tensor_get(probabilities_, &p, at, sizeof p);
    loss -= std::log(std::max(static_cast<double>(p), 1e-45));  // NaN stays NaN
    p -= 1.0f;
    ggml_backend_tensor_set(probabilities_, &p, at, sizeof p);
  }
  return loss;
}

void OutputLayer::backward(GraphRunner& runner, ggml_tensor* stream, const Rows& rows, std::span<float> d_stream) {
  const auto context = make_context(32);
  ggml_context* c = context.get();
  ggml_cgraph* graph = ggml_new_graph_custom(c, 32, false);
  const auto n_rows = static_cast<int64_t>(rows.columns.size());
  const GatheredRows gathered = gather(c, stream, rows.columns.size(), weights_.output_norm, architecture_.rms_eps);
  ggml_tensor* d_logits = ggml_view_2d(c, probabilities_, architecture_.n_vocab, n_rows, probabilities_->nb[1], 0);
  ggml_tensor* d_normed = ggml_mul_mat(c, weights_.output.transposed, ggml_scale(c, d_logits, kOutputGradientScale));
  ggml_tensor* d_rows = ggml_rms_norm_back(c, ggml_mul(c, d_normed, weights_.output_norm), gathered.rows, architecture_.rms_eps);
  ggml_set_output(d_rows);
  ggml_build_forward_expand(graph, d_rows);
  runner.run(graph, [&] { ggml_backend_tensor_set(gathered.ids, rows.columns.data(), 0, rows.columns.size() * sizeof(int32_t)); });
  const auto n_embd = static_cast<size_t>(architecture_.n_embd);
  for (size_t row = 0; row < rows.columns.size(); ++row) {
    ggml_backend_tensor_get(d_rows, d_stream.data() + static_cast<size_t>(rows.columns[row]) * n_embd, row * n_embd * sizeof(float),
                            n_embd * sizeof(float));
  }
}

}  // namespace aicoder::train
