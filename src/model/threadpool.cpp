// Worker threads that live as long as the contexts that share them.
#include <ggml-backend.h>
#include <ggml-cpu.h>

#include "model/context_impl.h"
#include "model/llama_handles.h"

namespace aicoder {
namespace {

/// 10k tokens of a 0.5B model. A copy through new memory pays a page fault for every 4 KiB of it.
constexpr size_t kKeptScratch = size_t{128} << 20;

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

ComputeThreads::Impl::Impl(int n_threads_in) : n_threads(n_threads_in) {
  if (n_threads < 0 || n_threads > GGML_MAX_N_THREADS) {
    throw Error(ErrorCode::kInvalidArgument, "[context] n_threads is " + std::to_string(n_threads) + ", expected 0 (all cores) to " +
                                                 std::to_string(GGML_MAX_N_THREADS));
  }
  if (n_threads == 0) n_threads = usable_cores();
  init_llama_backend();
  pool = make_threadpool(n_threads);
  if (n_threads > 1) governor.emplace(n_threads);
}
uint8_t* ComputeThreads::Impl::scratch(size_t size) {
  if (size > scratch_size_) {
    scratch_.reset();
    scratch_ = std::make_unique_for_overwrite<uint8_t[]>(size);
    scratch_size_ = size;
  }
  return scratch_.get();
}
void ComputeThreads::Impl::release_large_scratch() {
  if (scratch_size_ <= kKeptScratch) return;
  scratch_.reset();
  scratch_size_ = 0;
  held = {};
}

ComputeThreads::ComputeThreads(int n_threads) : impl_(std::make_unique<Impl>(n_threads)) {}
ComputeThreads::~ComputeThreads() = default;
int ComputeThreads::n_threads() const noexcept { return impl_->n_threads; }

}  // namespace aicoder
