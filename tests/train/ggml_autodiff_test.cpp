// The explicit backward pass against ggml's own automatic one, on the plain forward graph: an oracle that shares the kernels of the forward
// operations and nothing of our graph.
#include <ggml-cpp.h>
#include <ggml-cpu.h>
#include <gtest/gtest.h>

#include <cmath>

#include "aicoder/core.h"
#include "support/test_model.h"
#include "train/gradient_engine.h"
#include "train/tiny_base.h"

namespace aicoder::test {
namespace {

using namespace train;

/// The network as one would write it down, all F32, one sequence.
class PlainGraph {
 public:
  PlainGraph(const GgufFile& file, const LoraLayout& layout, std::span<const float> parameters, const Batch& batch)
      : file_(file), a_(read_architecture(file)), layout_(layout), n_(static_cast<int64_t>(batch.tokens.size())) {
    context_.reset(ggml_init({.mem_size = size_t{256} << 20, .mem_buffer = nullptr, .no_alloc = false}));
    c_ = context_.get();
    for (const LoraSite& site : layout.sites) {
      ggml_tensor* a = ggml_new_tensor_2d(c_, GGML_TYPE_F32, site.n_in, site.rank);
      ggml_tensor* b = ggml_new_tensor_2d(c_, GGML_TYPE_F32, site.rank, site.n_out);
      std::copy_n(parameters.begin() + static_cast<std::ptrdiff_t>(site.a), site.a_size(), ggml_get_data_f32(a));
      for (int64_t r = 0; r < site.rank; ++r) {
        for (int64_t o = 0; o < site.n_out; ++o)
          ggml_get_data_f32(b)[o * site.rank + r] = parameters[site.b + static_cast<size_t>(r * site.n_out + o)];
      }
      ggml_set_param(a);
      ggml_set_param(b);
      factors_.push_back({a, b});
    }
    positions_ = ggml_new_tensor_1d(c_, GGML_TYPE_I32, n_);
    std::copy(batch.positions.begin(), batch.positions.end(), static_cast<int32_t*>(positions_->data));
    ggml_tensor* tokens = ggml_new_tensor_1d(c_, GGML_TYPE_I32, n_);
    std::copy(batch.tokens.begin(), batch.tokens.end(), static_cast<int32_t*>(tokens->data));
    ggml_tensor* x = ggml_get_rows(c_, weight("token_embd.weight"), tokens);
    for (int64_t layer = 0; layer < a_.n_layer; ++layer) x = transformer_layer(layer, x);

    std::vector<int32_t> rows;
    for (size_t i = 0; i < batch.targets.size(); ++i) {
      if (batch.targets[i] >= 0) rows.push_back(static_cast<int32_t>(i));
    }
    const auto n_rows = static_cast<int64_t>(rows.size());
    ggml_tensor* ids = ggml_new_tensor_1d(c_, GGML_TYPE_I32, n_rows);
    ggml_tensor* labels = ggml_set_zero(ggml_new_tensor_2d(c_, GGML_TYPE_F32, a_.n_vocab, n_rows));
    for (int64_t i = 0; i < n_rows; ++i) {
      static_cast<int32_t*>(ids->data)[i] = rows[static_cast<size_t>(i)];
      ggml_get_data_f32(labels)[i * a_.n_vocab + batch.targets[static_cast<size_t>(rows[static_cast<size_t>(i)])]] = 1;
    }
    x = norm(ggml_get_rows(c_, x, ids), "output_norm.weight");
    ggml_tensor* loss =
        ggml_cross_entropy_loss(c_, ggml_mul_mat(c_, weight(a_.tied_embeddings ? "token_embd.weight" : "output.weight"), x), labels);
    ggml_set_loss(loss);
    ggml_cgraph* graph = ggml_new_graph_custom(c_, 4096, true);
    ggml_build_forward_expand(graph, loss);
    ggml_build_backward_expand(c_, graph, nullptr);
    ggml_graph_reset(graph);
    ggml_graph_compute_with_ctx(c_, graph, 1);
    mean_loss = static_cast<double>(ggml_get_data_f32(loss)[0]);
    // ggml's loss is the mean over rows, ours the sum.
    for (size_t i = 0; i < layout.sites.size(); ++i) {
      const LoraSite& site = layout.sites[i];
      gradient.resize(layout.n_parameters);
      const float* a = ggml_get_data_f32(ggml_graph_get_grad(graph, factors_[i].a));
      const float* b = ggml_get_data_f32(ggml_graph_get_grad(graph, factors_[i].b));
      for (size_t j = 0; j < site.a_size(); ++j) gradient[site.a + j] = a[j] * static_cast<float>(n_rows);
      for (int64_t r = 0; r < site.rank; ++r) {
        for (int64_t o = 0; o < site.n_out; ++o) {
          gradient[site.b + static_cast<size_t>(r * site.n_out + o)] = b[o * site.rank + r] * static_cast<float>(n_rows);
        }
      }
    }
  }

  double mean_loss = 0;
  std::vector<float> gradient;

 private:
  ggml_tensor* weight(const std::string& name) {
    const GgufTensor& tensor = *file_.find(name);
    ggml_tensor* made = ggml_new_tensor_2d(c_, GGML_TYPE_F32, static_cast<int64_t>(tensor.ne[0]),
                                           tensor.ne.size() > 1 ? static_cast<int64_t>(tensor.ne[1]) : 1);
    const auto values = file_.floats(tensor);
    std::copy(values.begin(), values.end(), ggml_get_data_f32(made));
    return made;
  }
  ggml_tensor* norm(ggml_tensor* x, const std::string& gain) { return ggml_mul(c_, ggml_rms_norm(c_, x, a_.rms_eps), weight(gain)); }
  ggml_tensor* linear(int64_t layer, int kind, ggml_tensor* x) {
    const std::string name = "blk." + std::to_string(layer) + "." + linear_name(kind);
    const Factors& f = factors_[static_cast<size_t>(layer * kLinearKinds + kind)];
    ggml_tensor* low = ggml_mul_mat(c_, f.b, ggml_mul_mat(c_, f.a, x));
    ggml_tensor* y = ggml_add(c_, ggml_mul_mat(c_, weight(name + ".weight"), x), ggml_scale(c_, low, layout_.scale));
    return file_.find(name + ".bias") == nullptr ? y : ggml_add(c_, y, weight(name + ".bias"));
  }
  ggml_tensor* heads(ggml_tensor* x, int64_t n_heads, const std::string& gain) {
    x = ggml_reshape_3d(c_, x, a_.head_dim, n_heads, n_);
    if (a_.qk_norm) x = norm(x, gain);
    ggml_tensor* factors = a_.rope_factors ? weight("rope_freqs.weight") : nullptr;
    x = ggml_rope_ext(c_, x, positions_, factors, static_cast<int>(a_.head_dim),
                      a_.rope_halves ? GGML_ROPE_TYPE_NEOX : GGML_ROPE_TYPE_NORMAL, 0, a_.rope_base, 1, 0, 1, 0, 0);
    return ggml_cont(c_, ggml_permute(c_, x, 0, 2, 1, 3));
  }
  ggml_tensor* transformer_layer(int64_t layer, ggml_tensor* x) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    ggml_tensor* normed = norm(x, block + "attn_norm.weight");
    ggml_tensor* q = heads(linear(layer, kQ, normed), a_.n_head, block + "attn_q_norm.weight");
    ggml_tensor* k = heads(linear(layer, kK, normed), a_.n_head_kv, block + "attn_k_norm.weight");
    ggml_tensor* v = ggml_reshape_3d(c_, linear(layer, kV, normed), a_.head_dim, a_.n_head_kv, n_);
    v = ggml_cont(c_, ggml_permute(c_, v, 1, 2, 0, 3));  // {T, head_dim, n_head_kv}
    ggml_tensor* scores = ggml_scale(c_, ggml_mul_mat(c_, k, q), 1.0f / std::sqrt(static_cast<float>(a_.head_dim)));
    ggml_tensor* mixed = ggml_mul_mat(c_, v, ggml_soft_max(c_, ggml_diag_mask_inf(c_, scores, 0)));
    mixed = ggml_cont_2d(c_, ggml_cont(c_, ggml_permute(c_, mixed, 0, 2, 1, 3)), a_.n_q(), n_);
    x = ggml_add(c_, x, linear(layer, kO, mixed));
    normed = norm(x, block + "ffn_norm.weight");
    return ggml_add(c_, x, linear(layer, kDown, ggml_mul(c_, ggml_silu(c_, linear(layer, kGate, normed)), linear(layer, kUp, normed))));
  }

  struct Factors {
    ggml_tensor *a, *b;
  };
  const GgufFile& file_;
  Architecture a_;
  const LoraLayout& layout_;
  int64_t n_;
  ggml_context_ptr context_;
  ggml_context* c_ = nullptr;
  std::vector<Factors> factors_;
  ggml_tensor* positions_ = nullptr;
};

class GgmlAutodiff : public ::testing::TestWithParam<const char*> {};

TEST_P(GgmlAutodiff, FindsTheGradientsOfTheExplicitBackwardPass) {
  const TempDir dir;
  const GgufFile file = GgufFile::open(TinyBase{.family = GetParam()}.write(dir / "base.gguf"));
  const LoraLayout layout = make_lora_layout(read_architecture(file), 4, 8);
  std::vector<float> parameters = initial_parameters(layout, 3);
  Random random(9);
  for (float& p : parameters) p += 0.2f * (2 * random.unit() - 1);
  Example example;
  for (size_t i = 0; i < 32; ++i) {
    example.tokens.push_back(static_cast<Token>(random.below(280)));
    example.trained.push_back(i > 10 ? 1 : 0);
  }
  const std::vector<const Example*> one{&example};
  const Batch batch = make_batch(one);
  GradientEngine engine(file, layout, {.n_ctx = 32, .n_threads = 1});
  engine.set_parameters(parameters);
  std::vector<float> gradient(layout.n_parameters);
  const double loss = engine.loss_and_gradient(batch, gradient);
  const PlainGraph plain(file, layout, parameters, batch);
  EXPECT_NEAR(plain.mean_loss * static_cast<double>(batch.n_trained), loss, 1e-5 * loss);
  for (const LoraSite& site : layout.sites) {
    for (const auto& [first, size] : {std::pair(site.a, site.a_size()), std::pair(site.b, site.b_size())}) {
      double apart = 0, norm = 0;
      for (size_t i = first; i < first + size; ++i) {
        apart += std::pow(static_cast<double>(gradient[i] - plain.gradient[i]), 2);
        norm += std::pow(static_cast<double>(plain.gradient[i]), 2);
      }
      EXPECT_LT(std::sqrt(apart), 1e-3 * std::sqrt(norm)) << site.weight;
      EXPECT_GT(norm, 0) << site.weight;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GgmlAutodiff, ::testing::Values("llama", "qwen2", "qwen3"));

}  // namespace
}  // namespace aicoder::test
