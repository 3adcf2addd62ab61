#include "train/ggml_device.h"

#include "aicoder/core.h"

namespace aicoder::train {

ggml_context_ptr make_context(size_t n_tensors) {
  // A graph of n nodes takes a hash table and its arrays besides the tensors.
  const ggml_init_params params = {.mem_size = n_tensors * ggml_tensor_overhead() + ggml_graph_overhead_custom(n_tensors, false),
                                   .mem_buffer = nullptr,
                                   .no_alloc = true};
  ggml_context_ptr context(ggml_init(params));
  if (!context) throw Error(ErrorCode::kResourceExhausted, "[train] ggml has no memory for a context");
  return context;
}

GgmlDevice::GgmlDevice(int n_threads, bool gpu) {
  device_ = ggml_backend_dev_by_type(gpu ? GGML_BACKEND_DEVICE_TYPE_GPU : GGML_BACKEND_DEVICE_TYPE_CPU);
  if (device_ == nullptr) {
    throw Error(ErrorCode::kUnavailable, std::string("[train] this build of ggml drives no ") + (gpu ? "GPU" : "CPU"),
                gpu ? "leave out --gpu" : "make setup");
  }
  backend_.reset(ggml_backend_dev_init(device_, nullptr));
  if (!backend_) throw Error(ErrorCode::kResourceExhausted, "[train] the backend " + name() + " does not start");
  buffer_type_ = ggml_backend_get_default_buffer_type(backend_.get());
  is_cpu_ = !gpu;
  ggml_backend_reg_t registry = ggml_backend_dev_backend_reg(device_);
  // The CPU backend may be a plugin, so its functions are looked up and not linked.
  if (auto set =
          reinterpret_cast<ggml_backend_set_n_threads_t>(ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads"))) {
    set(backend_.get(), n_threads);
  }
  if (auto get = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
          ggml_backend_reg_get_proc_address(registry, "ggml_backend_dev_get_extra_bufts"))) {
    for (auto* types = get(device_); types != nullptr && *types != nullptr; ++types) weight_types_.push_back(*types);
  }
}

std::string GgmlDevice::name() const { return ggml_backend_dev_description(device_); }

ggml_backend_buffer_type_t GgmlDevice::weight_buffer_type(ggml_type type, int64_t n_in, int64_t n_out) const {
  const auto context = make_context(8);
  ggml_tensor* weight = ggml_new_tensor_2d(context.get(), type, n_in, n_out);
  // A batch of the size that training reads: a backend may decline smaller ones only.
  ggml_tensor* product = ggml_mul_mat(context.get(), weight, ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, n_in, 512));
  for (ggml_backend_buffer_type_t buffer_type : weight_types_) {
    const ggml_backend_buffer_ptr empty(ggml_backend_buft_alloc_buffer(buffer_type, 0));
    weight->buffer = empty.get();
    const bool supported = empty != nullptr && ggml_backend_dev_supports_op(device_, product);
    weight->buffer = nullptr;
    if (supported) return buffer_type;
  }
  return buffer_type_;
}

ggml_backend_buffer_ptr GgmlDevice::allocate(ggml_context* context, ggml_backend_buffer_type_t type, const std::string& what) const {
  ggml_backend_buffer_ptr buffer(ggml_backend_alloc_ctx_tensors_from_buft(context, type));
  if (!buffer) {
    const size_t bytes = ggml_backend_alloc_ctx_tensors_from_buft_size(context, type);
    throw Error(ErrorCode::kResourceExhausted, "[train] no memory for " + what + " (" + std::to_string(bytes >> 20) + " MiB)",
                "use a smaller --context, or --recompute full");
  }
  return buffer;
}

GraphRunner::GraphRunner(const GgmlDevice& device) : device_(device), allocator_(ggml_gallocr_new(device.buffer_type())) {
  if (!allocator_) throw Error(ErrorCode::kResourceExhausted, "[train] ggml has no memory for a graph allocator");
}

void GraphRunner::run(ggml_cgraph* graph, const std::function<void()>& set_inputs) {
  if (!ggml_gallocr_alloc_graph(allocator_.get(), graph)) {
    throw Error(ErrorCode::kResourceExhausted, "[train] no memory for the intermediate results of one layer", "use a smaller --context");
  }
  for (int i = 0; i < ggml_graph_n_nodes(graph); ++i) {
    const ggml_tensor* node = ggml_graph_node(graph, i);
    if (!ggml_backend_dev_supports_op(device_.device(), node)) {
      throw Error(
          ErrorCode::kUnimplemented,
          "[train] " + device_.name() + " has no " + ggml_op_desc(node) + " of " + ggml_type_name(node->type) + " for " + node->name,
          "train on the processor: leave out --gpu");
    }
  }
  set_inputs();
  const ggml_status status = ggml_backend_graph_compute(device_.backend(), graph);
  if (status == GGML_STATUS_ALLOC_FAILED) throw Error(ErrorCode::kResourceExhausted, "[train] no memory to compute a graph");
  if (status != GGML_STATUS_SUCCESS) {
    throw Error(ErrorCode::kInternal, std::string("[train] ggml could not compute a graph: ") + ggml_status_to_string(status));
  }
}

size_t GraphRunner::scratch_bytes() const noexcept { return ggml_gallocr_get_buffer_size(allocator_.get(), 0); }

}  // namespace aicoder::train
