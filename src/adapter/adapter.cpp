#include "aicoder/adapter.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "adapter/lora_check.h"
#include "adapter/lora_handle.h"

namespace aicoder {
namespace {

/// llama.cpp keeps a list of a model's adapters without a lock of its own; lanes of several threads may share the model.
std::mutex& registry_mutex() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

void LoraFree::operator()(llama_adapter_lora* adapter) const noexcept {
  const std::lock_guard lock(registry_mutex());
  llama_adapter_lora_free(adapter);
}

struct Adapter::Impl {
  std::shared_ptr<const Model> model;  // first: freed last
  LoraHandle handle;
  std::filesystem::path path;
  float default_strength = 1.0f;
  size_t active_from = 0;
  uint64_t bytes = 0;
  std::vector<float> control_vectors;
};

Adapter::Adapter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Adapter::~Adapter() = default;

std::shared_ptr<const Adapter> Adapter::load(std::shared_ptr<const Model> model, const std::filesystem::path& path) {
  if (!model) throw Error(ErrorCode::kInvalidArgument, "[lora_load] no model");
  const GgufFile file = GgufFile::open(path);
  check_lora_file(file, *model);
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->default_strength = lora_default_strength(file);
  impl->active_from = lora_active_from(file);
  for (const auto& tensor : file.tensors()) impl->bytes += tensor.bytes;
  if (const auto vectors = aicoder::control_vectors(file); !vectors.empty()) {
    const size_t n_embd = model->n_embd();
    impl->control_vectors.resize(model->n_layer() * n_embd);
    for (const auto& [layer, vector] : vectors) {
      std::copy(vector.begin(), vector.end(), impl->control_vectors.begin() + static_cast<ptrdiff_t>(layer * n_embd));
      impl->bytes += vector.size() * sizeof(float);
    }
  }
  if (!file.tensors().empty()) {
    const std::lock_guard lock(registry_mutex());
    impl->handle.reset(llama_adapter_lora_init(static_cast<llama_model*>(model->native_handle()), path.c_str()));
  }
  if (!impl->handle && !file.tensors().empty()) {
    throw Error(ErrorCode::kDataLoss, "[lora_load] " + path.string() + ": llama.cpp could not load it (the log says why)");
  }
  impl->model = std::move(model);
  return std::shared_ptr<const Adapter>(new Adapter(std::move(impl)));
}

const std::filesystem::path& Adapter::path() const noexcept { return impl_->path; }
float Adapter::default_strength() const noexcept { return impl_->default_strength; }
size_t Adapter::active_from() const noexcept { return impl_->active_from; }
uint64_t Adapter::bytes() const noexcept { return impl_->bytes; }
void* Adapter::native_handle() const noexcept { return impl_->handle.get(); }
std::span<const float> Adapter::control_vectors() const noexcept { return impl_->control_vectors; }

void set_adapters(Context& context, std::span<const ActiveAdapter> adapters) {
  std::vector<Context::Attached> attached;
  for (const auto& active : adapters) {
    if (!active.adapter) throw Error(ErrorCode::kInvalidArgument, "[set_adapters] no adapter given");
    const std::string name = active.adapter->path().filename().string();
    if (!std::isfinite(active.strength)) {
      throw Error(ErrorCode::kInvalidArgument, "[set_adapters] strength of " + name + " is not finite");
    }
    const bool twice = std::any_of(attached.begin(), attached.end(), [&](const auto& other) { return other.owner == active.adapter; });
    if (twice)
      throw Error(ErrorCode::kInvalidArgument, "[set_adapters] " + name + " is given twice", "give it once, with the sum of the strengths");
    // Not even a multiplication by zero: the graph is the base's own, bit by bit.
    if (active.strength != 0.0f) {
      attached.push_back({active.adapter, active.adapter->native_handle(), active.strength, active.adapter->control_vectors()});
    }
  }
  context.attach(attached);
}

}  // namespace aicoder
