// Worker threads that live as long as their context.
#include <ggml-backend.h>
#include <ggml-cpu.h>

#include "model/llama_handles.h"

namespace aicoder {
namespace {

template <typename Function>
Function* cpu_function(const char* name) {
  ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  if (device == nullptr) return nullptr;
  return reinterpret_cast<Function*>(ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), name));
}

}  // namespace

GgmlThreadpoolHandle make_threadpool(int n_threads) {
  auto* make = cpu_function<decltype(ggml_threadpool_new)>("ggml_threadpool_new");
  auto* release = cpu_function<decltype(ggml_threadpool_free)>("ggml_threadpool_free");
  if (make == nullptr || release == nullptr) return {};
  ggml_threadpool_params params = ggml_threadpool_params_default(n_threads);
  return {make(&params), GgmlThreadpoolFree{release}};
}

}  // namespace aicoder
