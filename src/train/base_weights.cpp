#include "train/base_weights.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "aicoder/model.h"

namespace aicoder::train {
namespace {

ggml_type transposed_type(GgufType type, int64_t n_out) {
  if (type == GgufType::kF32) return GGML_TYPE_F32;
  const bool half = type == GgufType::kF16 || type == GgufType::kBF16;
  return half || n_out % 32 != 0 ? GGML_TYPE_F16 : GGML_TYPE_Q8_0;
}

/// Runs fn(first, last) over [0, n) on several threads. The first exception is rethrown.
void in_parallel(int64_t n, int n_threads, const std::function<void(int64_t, int64_t)>& fn) {
  const int64_t parts = std::clamp<int64_t>(n_threads, 1, std::max<int64_t>(n, 1));
  std::vector<std::exception_ptr> errors(static_cast<size_t>(parts));
  {
    std::vector<std::jthread> threads;
    for (int64_t part = 0; part < parts; ++part) {
      threads.emplace_back([&, part] {
        try {
          fn(n * part / parts, n * (part + 1) / parts);
        } catch (...) {
          errors[static_cast<size_t>(part)] = std::current_exception();
        }
      });
    }
  }
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

class Loader {
 public:
  Loader(const GgufFile& file, const GgmlDevice& device, int n_threads, const ProgressFn& progress, const std::stop_token& stop)
      : file_(file), device_(device), n_threads_(n_threads), progress_(progress), stop_(stop) {}

  /// Declares a tensor as the file holds it; nullptr when the file has none.
  ggml_tensor* plain(const std::string& name, bool is_matrix) {
    const GgufTensor* tensor = file_.find(name);
    if (tensor == nullptr) return nullptr;
    const auto n_in = static_cast<int64_t>(tensor->ne[0]);
    const int64_t n_out = is_matrix ? static_cast<int64_t>(tensor->ne[1]) : 1;
    const auto type = static_cast<ggml_type>(tensor->type);
    Group& group = group_of(is_matrix ? device_.weight_buffer_type(type, n_in, n_out) : device_.buffer_type());
    ggml_tensor* made =
        is_matrix ? ggml_new_tensor_2d(group.context.get(), type, n_in, n_out) : ggml_new_tensor_1d(group.context.get(), type, n_in);
    ggml_set_name(made, name.c_str());
    group.fill.push_back([this, tensor, made] {
      const auto bytes = file_.bytes(*tensor);
      ggml_backend_tensor_set(made, bytes.data(), 0, bytes.size());
    });
    return made;
  }

  ggml_tensor* transposed(const std::string& name) {
    const GgufTensor* tensor = file_.find(name);
    const auto n_in = static_cast<int64_t>(tensor->ne[0]), n_out = static_cast<int64_t>(tensor->ne[1]);
    const ggml_type type = transposed_type(tensor->type, n_out);
    Group& group = group_of(device_.weight_buffer_type(type, n_out, n_in));
    ggml_tensor* made = ggml_new_tensor_2d(group.context.get(), type, n_out, n_in);
    ggml_set_name(made, (name + "^T").c_str());
    group.fill.push_back([this, tensor, made] { transpose_into(*tensor, made); });
    return made;
  }

  Linear linear(const std::string& name) {
    return {plain(name + ".weight", true), transposed(name + ".weight"), plain(name + ".bias", false)};
  }

  void place(std::vector<ggml_context_ptr>& contexts, std::vector<ggml_backend_buffer_ptr>& buffers, size_t& bytes) {
    size_t total = 0, done = 0;
    for (const auto& [type, group] : groups_) total += group->fill.size();
    for (auto& [type, group] : groups_) {
      buffers.push_back(device_.allocate(group->context.get(), type, "the base's weights"));
      ggml_backend_buffer_set_usage(buffers.back().get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
      bytes += ggml_backend_buffer_get_size(buffers.back().get());
      for (const auto& fill : group->fill) {
        throw_if_stopped(stop_);
        fill();
        if (progress_)
          progress_(
              {.stage = "prepare the base", .done = static_cast<double>(++done), .total = static_cast<double>(total), .unit = "tensors"});
      }
      contexts.push_back(std::move(group->context));
    }
  }

 private:
  struct Group {
    ggml_context_ptr context;
    std::vector<std::function<void()>> fill;
  };
  Group& group_of(ggml_backend_buffer_type_t type) {
    auto& group = groups_[type];
    if (!group) {
      group = std::make_unique<Group>();
      group->context = make_context(3 * file_.tensors().size() + 8);
    }
    return *group;
  }

  /// A band of columns at a time: the whole matrix in F32 would be eight times the file's.
  void transpose_into(const GgufTensor& tensor, ggml_tensor* made) const {
    const auto n_in = static_cast<int64_t>(tensor.ne[0]), n_out = static_cast<int64_t>(tensor.ne[1]);
    const size_t row_bytes = ggml_row_size(made->type, n_out);
    std::vector<std::byte> out(row_bytes * static_cast<size_t>(n_in));
    constexpr int64_t kBandBytes = int64_t{64} << 20;
    const int64_t band = std::clamp<int64_t>(kBandBytes / (n_out * 4), 1, n_in);
    std::vector<float> columns(static_cast<size_t>(band * n_out));
    const bool is_f32 = made->type == GGML_TYPE_F32;
    const ggml_type_traits* traits = ggml_get_type_traits(made->type);
    for (int64_t first = 0; first < n_in; first += band) {
      throw_if_stopped(stop_);
      const int64_t width = std::min(band, n_in - first);
      in_parallel(n_out, n_threads_, [&](int64_t begin, int64_t end) {
        std::vector<float> row(static_cast<size_t>(n_in));
        for (int64_t o = begin; o < end; ++o) {
          dequantize_rows(file_, tensor, static_cast<size_t>(o), 1, row);
          for (int64_t i = 0; i < width; ++i) columns[static_cast<size_t>(i * n_out + o)] = row[static_cast<size_t>(first + i)];
        }
      });
      in_parallel(width, n_threads_, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const float* source = columns.data() + i * n_out;
          std::byte* target = out.data() + row_bytes * static_cast<size_t>(first + i);
          if (is_f32) {
            std::copy_n(reinterpret_cast<const std::byte*>(source), row_bytes, target);
          } else {
            traits->from_float_ref(source, target, n_out);
          }
        }
      });
    }
    ggml_backend_tensor_set(made, out.data(), 0, out.size());
  }

  const GgufFile& file_;
  const GgmlDevice& device_;
  int n_threads_;
  const ProgressFn& progress_;
  const std::stop_token& stop_;
  std::map<ggml_backend_buffer_type_t, std::unique_ptr<Group>> groups_;
};

}  // namespace

BaseWeights::BaseWeights(const GgufFile& file, const Architecture& architecture, const GgmlDevice& device, int n_threads,
                         const ProgressFn& progress, const std::stop_token& stop) {
  Loader loader(file, device, n_threads, progress, stop);
  for (int64_t layer = 0; layer < architecture.n_layer; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    LayerWeights weights;
    for (int kind = 0; kind < kLinearKinds; ++kind) weights.linear[static_cast<size_t>(kind)] = loader.linear(block + linear_name(kind));
    weights.attn_norm = loader.plain(block + "attn_norm.weight", false);
    weights.ffn_norm = loader.plain(block + "ffn_norm.weight", false);
    weights.q_norm = loader.plain(block + "attn_q_norm.weight", false);
    weights.k_norm = loader.plain(block + "attn_k_norm.weight", false);
    layers.push_back(weights);
  }
  output = loader.linear(architecture.tied_embeddings ? "token_embd" : "output");
  output.bias = nullptr;
  output_norm = loader.plain("output_norm.weight", false);
  rope_factors = architecture.rope_factors ? loader.plain("rope_freqs.weight", false) : nullptr;
  loader.place(contexts_, buffers_, bytes);
}

}  // namespace aicoder::train
