#include "train/gradient_engine.h"

#include <algorithm>
#include <cmath>

#include "train/layer_graph.h"
#include "train/output_graph.h"

namespace aicoder::train {
namespace {

/// Gradients that enter a layer are brought to about this size by a power of two: large enough that F16 scales and F16 copies of
/// gradients do not lose the small ones, small enough that a layer may make them 100 times larger.
constexpr float kGradientSize = 256.0f;

/// The power of two that brings the largest value to kGradientSize; 1 where all are 0.
float gradient_scale(std::span<const float> values) {
  float largest = 0;
  for (const float v : values) largest = std::max(largest, std::abs(v));
  if (!(largest > 0) || !std::isfinite(largest)) return 1;
  return std::ldexp(1.0f, std::clamp(std::ilogb(kGradientSize / largest), -100, 100));
}

}  // namespace

struct GradientEngine::Impl {
  Impl(const GgufFile& base, const LoraLayout& lora_layout, const EngineOptions& engine_options)
      : file(base),
        layout(lora_layout),
        options(engine_options),
        architecture(read_architecture(file)),
        device(options.n_threads, options.gpu),
        weights(file, architecture, device, options.n_threads, options.progress, options.stop),
        runner(device),
        output(architecture, weights, device, options.n_ctx) {
    if (layout.sites.size() != static_cast<size_t>(architecture.n_layer * kLinearKinds)) {
      throw Error(ErrorCode::kInvalidArgument, "[train] the LoRA was laid out for another base");
    }
    declare();
  }

  void declare() {
    memory_context = make_context(32 * static_cast<size_t>(architecture.n_layer) + 16);
    ggml_context* c = memory_context.get();
    const auto n_ctx = static_cast<int64_t>(options.n_ctx);
    const SavedActivations one = options.recompute == Recompute::kFull ? declare_saved(c, architecture, n_ctx) : SavedActivations{};
    for (int64_t layer = 0; layer < architecture.n_layer; ++layer) {
      SavedActivations slot = one;
      if (options.recompute == Recompute::kFull) {
        slot.input = ggml_new_tensor_2d(c, GGML_TYPE_F32, architecture.n_embd, n_ctx);
      } else {
        slot = declare_saved(c, architecture, n_ctx);
      }
      saved.push_back(slot);
      LayerLora& tensors = lora.emplace_back();
      for (int kind = 0; kind < kLinearKinds; ++kind) {
        const LoraSite& site = layout.site(layer, kind);
        tensors[static_cast<size_t>(kind)] = {ggml_new_tensor_2d(c, GGML_TYPE_F32, site.n_in, site.rank),
                                              ggml_new_tensor_2d(c, GGML_TYPE_F32, site.n_out, site.rank)};
      }
    }
    stream = ggml_new_tensor_2d(c, GGML_TYPE_F32, architecture.n_embd, n_ctx);
    memory = device.allocate(c, device.buffer_type(), "the activations of " + std::to_string(options.n_ctx) + " tokens");
    ggml_backend_buffer_clear(memory.get(), 0);
  }

  void check(const Batch& batch) const {
    const size_t n = batch.tokens.size();
    if (n == 0 || n > options.n_ctx || batch.positions.size() != n || batch.segments.size() != n || batch.targets.size() != n) {
      throw Error(ErrorCode::kInvalidArgument, "[train] a batch of " + std::to_string(n) + " columns, expected 1 to " +
                                                   std::to_string(options.n_ctx) + " with positions, segments and targets");
    }
    for (size_t i = 0; i < n; ++i) {
      if (batch.tokens[i] < 0 || batch.tokens[i] >= architecture.n_vocab || batch.targets[i] >= architecture.n_vocab) {
        throw Error(ErrorCode::kInvalidArgument, "[train] a token outside the vocabulary of " + std::to_string(architecture.n_vocab));
      }
    }
  }

  /// Positions and mask of this batch, and its embeddings into the first layer's input.
  void set_inputs(const Batch& batch) {
    const size_t n = batch.tokens.size();
    if (shared_tokens != n) {
      shared_buffer.reset();
      shared_context = make_context(4);
      shared = {ggml_new_tensor_1d(shared_context.get(), GGML_TYPE_I32, static_cast<int64_t>(n)),
                ggml_new_tensor_2d(shared_context.get(), GGML_TYPE_F32, static_cast<int64_t>(n), static_cast<int64_t>(n))};
      shared_buffer = device.allocate(shared_context.get(), device.buffer_type(), "the attention mask");
      shared_tokens = n;
    }
    ggml_backend_tensor_set(shared.positions, batch.positions.data(), 0, n * sizeof(int32_t));
    std::vector<float> mask(n * n, -INFINITY);
    for (size_t query = 0; query < n; ++query) {
      for (size_t key = 0; key <= query; ++key) {
        if (key == query || (batch.segments[key] >= 0 && batch.segments[key] == batch.segments[query])) mask[query * n + key] = 0;
      }
    }
    ggml_backend_tensor_set(shared.mask, mask.data(), 0, mask.size() * sizeof(float));
    const auto n_embd = static_cast<size_t>(architecture.n_embd);
    std::vector<float> embeddings(n * n_embd);
    const GgufTensor& table = *file.find("token_embd.weight");
    for (size_t i = 0; i < n; ++i) {
      dequantize_rows(file, table, static_cast<size_t>(batch.tokens[i]), 1, std::span(embeddings).subspan(i * n_embd, n_embd));
    }
    ggml_backend_tensor_set(saved[0].input, embeddings.data(), 0, embeddings.size() * sizeof(float));
  }

  void forward_layer(size_t layer, int64_t n_tokens) {
    LayerGraph graph(architecture, weights.layers[layer], lora[layer], layout.scale, shared, weights.rope_factors, n_tokens);
    graph.build_forward(saved[layer], layer + 1 < saved.size() ? saved[layer + 1].input : stream);
    runner.run(graph.graph(), [] {});
  }

  /// Takes the gradient of what leaves the layer, [n_tokens, n_embd] times `scale`, and leaves the one of what enters it.
  void backward_layer(size_t layer, int64_t n_tokens, std::vector<float>& d_stream, double& scale, std::span<float> gradient) {
    const float factor = gradient_scale(d_stream);
    for (float& v : d_stream) v *= factor;
    scale *= static_cast<double>(factor);
    LayerGraph graph(architecture, weights.layers[layer], lora[layer], layout.scale, shared, weights.rope_factors, n_tokens);
    const LayerGraph::Gradients result = graph.build_backward(saved[layer], layer > 0);
    runner.run(graph.graph(), [&] { ggml_backend_tensor_set(result.output, d_stream.data(), 0, d_stream.size() * sizeof(float)); });
    if (layer > 0) ggml_backend_tensor_get(result.input, d_stream.data(), 0, d_stream.size() * sizeof(float));
    const auto inverse = static_cast<float>(1 / scale);
    for (int kind = 0; kind < kLinearKinds; ++kind) {
      const LoraSite& site = layout.site(static_cast<int64_t>(layer), kind);
      add_scaled(result.lora[static_cast<size_t>(kind)].a, inverse, gradient.subspan(site.a, site.a_size()));
      add_scaled(result.lora[static_cast<size_t>(kind)].b, inverse, gradient.subspan(site.b, site.b_size()));
    }
  }

  void add_scaled(const ggml_tensor* tensor, float factor, std::span<float> sum) {
    host.resize(sum.size());
    ggml_backend_tensor_get(tensor, host.data(), 0, host.size() * sizeof(float));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += factor * host[i];
  }

  double run(const Batch& batch, std::span<float> gradient, const std::stop_token& stop) {
    check(batch);
    set_inputs(batch);
    const auto n_tokens = static_cast<int64_t>(batch.tokens.size());
    for (size_t layer = 0; layer < saved.size(); ++layer) {
      throw_if_stopped(stop);
      forward_layer(layer, n_tokens);
    }
    std::vector<float> d_stream(gradient.empty() ? 0 : batch.tokens.size() * static_cast<size_t>(architecture.n_embd));
    const double loss = output.run(runner, stream, batch, d_stream, stop);
    if (gradient.empty()) return loss;
    double scale = static_cast<double>(kOutputGradientScale);
    for (size_t layer = saved.size(); layer-- > 0;) {
      throw_if_stopped(stop);
      if (options.recompute == Recompute::kFull) forward_layer(layer, n_tokens);
      backward_layer(layer, n_tokens, d_stream, scale, gradient);
    }
    return loss;
  }

  GgufFile file;
  LoraLayout layout;
  EngineOptions options;
  Architecture architecture;
  GgmlDevice device;
  BaseWeights weights;
  GraphRunner runner;
  OutputLayer output;
  ggml_context_ptr memory_context, shared_context;
  ggml_backend_buffer_ptr memory, shared_buffer;
  std::vector<SavedActivations> saved;
  std::vector<LayerLora> lora;
  ggml_tensor* stream = nullptr;
  SharedInputs shared;
  size_t shared_tokens = 0;
  std::vector<float> host;
};

GradientEngine::GradientEngine(const GgufFile& file, const LoraLayout& layout, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(file, layout, options)) {}
GradientEngine::~GradientEngine() = default;

void GradientEngine::set_parameters(std::span<const float> parameters) {
  if (parameters.size() != impl_->layout.n_parameters) throw Error(ErrorCode::kInvalidArgument, "[train] parameters of another layout");
  for (size_t i = 0; i < impl_->layout.sites.size(); ++i) {
    const LoraSite& site = impl_->layout.sites[i];
    const LoraTensors& tensors = impl_->lora[i / kLinearKinds][i % kLinearKinds];
    ggml_backend_tensor_set(tensors.a, parameters.data() + site.a, 0, site.a_size() * sizeof(float));
    ggml_backend_tensor_set(tensors.b, parameters.data() + site.b, 0, site.b_size() * sizeof(float));
  }
}

double GradientEngine::loss(const Batch& batch, const std::stop_token& stop) { return impl_->run(batch, {}, stop); }

double GradientEngine::loss_and_gradient(const Batch& batch, std::span<float> gradient, const std::stop_token& stop) {
  if (gradient.size() != impl_->layout.n_parameters) throw Error(ErrorCode::kInvalidArgument, "[train] a gradient of another layout");
  return impl_->run(batch, gradient, stop);
}

const Architecture& GradientEngine::architecture() const noexcept { return impl_->architecture; }

size_t GradientEngine::memory_bytes() const noexcept {
  return impl_->weights.bytes + impl_->output.memory_bytes() + ggml_backend_buffer_get_size(impl_->memory.get()) +
         impl_->runner.scratch_bytes();
}

}  // namespace aicoder::train
