// RAII over ggml for this module, and the one backend that its graphs run on. No other file of it frees a ggml object.
#pragma once

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml-cpp.h>
#include <ggml.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace aicoder::train {

/// A context that holds tensors and graphs but no data. `n_tensors` is the most that will be made in it.
ggml_context_ptr make_context(size_t n_tensors);

/// The processor, or the first GPU that this build of ggml drives. Not thread-safe.
class GgmlDevice {
 public:
  /// \param n_threads  of the processor, at least 1   \param gpu  take a GPU where there is one
  /// \throws Error kResourceExhausted (the backend does not start), kUnavailable (no GPU in this build).
  GgmlDevice(int n_threads, bool gpu);

  ggml_backend_t backend() const noexcept { return backend_.get(); }
  ggml_backend_dev_t device() const noexcept { return device_; }
  ggml_backend_buffer_type_t buffer_type() const noexcept { return buffer_type_; }
  bool is_cpu() const noexcept { return is_cpu_; }
  std::string name() const;

  /// The buffer type whose kernels multiply this weight fastest: one of the processor's own layouts (AMX, interleaved rows) where it
  /// has one for the type and shape, else the plain one.
  ggml_backend_buffer_type_t weight_buffer_type(ggml_type type, int64_t n_in, int64_t n_out) const;

  /// All tensors of the context, none of which has memory yet. \throws Error(kResourceExhausted).
  ggml_backend_buffer_ptr allocate(ggml_context* context, ggml_backend_buffer_type_t type, const std::string& what) const;

 private:
  ggml_backend_ptr backend_;
  ggml_backend_dev_t device_ = nullptr;
  ggml_backend_buffer_type_t buffer_type_ = nullptr;
  std::vector<ggml_backend_buffer_type_t> weight_types_;
  bool is_cpu_ = true;
};

/// Graphs that run one after another and share one scratch buffer.
class GraphRunner {
 public:
  explicit GraphRunner(const GgmlDevice& device);
  /// Allocates what has no memory yet, calls `set_inputs`, computes. Outputs may be read until the next run.
  /// \throws Error kUnimplemented (an operation that the backend has not), kResourceExhausted (memory), kInternal.
  void run(ggml_cgraph* graph, const std::function<void()>& set_inputs);
  size_t scratch_bytes() const noexcept;

 private:
  const GgmlDevice& device_;
  ggml_gallocr_ptr allocator_;
};

}  // namespace aicoder::train
