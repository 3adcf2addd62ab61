// Loading a model and what it says about itself.
#include "aicoder/model.h"

#include <ggml-backend.h>

#include <thread>

#include "model/available_memory.h"
#include "model/fingerprint.h"
#include "model/llama_log.h"
#include "model/model_check.h"
#include "model/model_impl.h"

namespace aicoder {
namespace {

struct LoadProgress {
  const ModelOptions& options;
  std::string stage;
  std::exception_ptr thrown;
};

// Called by llama.cpp while it reads tensors. The receiver's exception waits until the C call is over.
bool on_load_progress(float share, void* user_data) noexcept {
  auto& progress = *static_cast<LoadProgress*>(user_data);
  if (progress.options.stop.stop_requested()) return false;
  try {
    if (progress.options.progress) progress.options.progress({progress.stage, static_cast<double>(share), 1.0, ""});
    return true;
  } catch (...) {
    progress.thrown = std::current_exception();
    return false;
  }
}

[[noreturn]] void throw_load_error(const std::filesystem::path& path, const std::string& reason) {
  const auto has = [&](std::string_view part) { return reason.find(part) != std::string::npos; };
  const std::string place = "[model_load] " + path.string() + ": ";
  if (has("unknown model architecture")) {
    throw Error(ErrorCode::kUnimplemented, place + reason, "use a GGUF whose architecture this llama.cpp knows");
  }
  if (has("unknown pre-tokenizer") || has("unknown tokenizer")) {
    throw Error(ErrorCode::kUnimplemented, place + reason, "use a GGUF converted for this llama.cpp");
  }
  if (has("unable to allocate") || has("failed to allocate") || has("bad_alloc") || has("out of memory") || has("mmap failed")) {
    throw Error(ErrorCode::kResourceExhausted, place + reason, "free memory or choose a smaller model");
  }
  throw Error(ErrorCode::kDataLoss, place + (reason.empty() ? "llama.cpp could not load it" : reason),
              "get the file again: aicoder pull NAME");
}

}  // namespace

ContextOverflow::ContextOverflow(size_t n_tokens, size_t n_ctx)
    : Error(ErrorCode::kResourceExhausted, "[context] " + std::to_string(n_tokens) + " tokens, the context holds " + std::to_string(n_ctx),
            "shorten the input or allow more context"),
      n_tokens_(n_tokens),
      n_ctx_(n_ctx) {}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

std::shared_ptr<const Model> Model::load(const std::filesystem::path& path, const ModelOptions& options) {
  auto impl = std::make_unique<Impl>(GgufFile::open(path));
  impl->path = path;
  check_model_file(impl->file);
  throw_if_stopped(options.stop);
  init_llama_backend();

  // Repacked weights are copies in memory; without repacking the file's pages come and go.
  const auto available = available_memory_bytes();
  if (options.repack && options.n_gpu_layers == 0 && available && impl->file.file_bytes() > *available) {
    throw Error(ErrorCode::kResourceExhausted,
                "[model_load] " + path.string() + " needs " + std::to_string(impl->file.file_bytes() >> 20) +
                    " MiB of memory, available are " + std::to_string(*available >> 20) + " MiB",
                "free memory or choose a smaller model");
  }

  LoadProgress progress{options, "load " + path.filename().string(), nullptr};
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = options.n_gpu_layers;
  params.use_extra_bufts = options.repack;
  if (!options.mmap) params.load_mode = LLAMA_LOAD_MODE_NONE;
  params.progress_callback = on_load_progress;
  params.progress_callback_user_data = &progress;
  // Without a list llama.cpp opens every GPU it finds, even for no layer; an empty list keeps a CPU run on the CPU.
  ggml_backend_dev_t no_devices[] = {nullptr};
  if (options.n_gpu_layers == 0) params.devices = no_devices;

  // ggml rearranges weights by OpenMP while it reads them. libgomp keeps the workers of each thread that ever used it until that thread
  // ends, and where it knows of more threads than processors its barriers sleep instead of spinning: a token then took 52 instead of 32 ms
  // on two cores, for as long as the program ran. So the loading has a thread that ends.
  std::string errors;
  std::thread([&] {
    const LlamaLogCapture capture;
    impl->handle.reset(llama_model_load_from_file(path.c_str(), params));
    errors = capture.errors();
  }).join();
  if (progress.thrown) std::rethrow_exception(progress.thrown);
  throw_if_stopped(options.stop);
  if (!impl->handle) throw_load_error(path, errors);
  impl->vocab = llama_model_get_vocab(impl->handle.get());
  if (llama_model_has_encoder(impl->handle.get()) || !llama_model_has_decoder(impl->handle.get())) {
    throw Error(ErrorCode::kUnimplemented, "[model_load] " + path.string() + ": expected a model that generates text, found an encoder (" +
                                               impl->file.get_string("general.architecture").value_or("?") + ")");
  }
  if (llama_vocab_type(impl->vocab) == LLAMA_VOCAB_TYPE_NONE) {
    throw Error(ErrorCode::kUnimplemented, "[model_load] " + path.string() + ": the file has no tokenizer");
  }
  return std::shared_ptr<const Model>(new Model(std::move(impl)));
}

const std::filesystem::path& Model::path() const noexcept { return impl_->path; }
const GgufFile& Model::file() const noexcept { return impl_->file; }
std::string Model::architecture() const { return impl_->file.get_string("general.architecture").value_or(""); }
std::string Model::name() const {
  auto name = impl_->file.get_string("general.name");
  return name && !name->empty() ? *name : impl_->path.stem().string();
}
size_t Model::n_ctx_train() const noexcept { return static_cast<size_t>(llama_model_n_ctx_train(impl_->handle.get())); }
size_t Model::n_embd() const noexcept { return static_cast<size_t>(llama_model_n_embd(impl_->handle.get())); }
size_t Model::n_layer() const noexcept { return static_cast<size_t>(llama_model_n_layer(impl_->handle.get())); }
size_t Model::n_vocab() const noexcept { return static_cast<size_t>(llama_vocab_n_tokens(impl_->vocab)); }
size_t Model::n_params() const noexcept { return llama_model_n_params(impl_->handle.get()); }

const std::string& Model::fingerprint() const {
  std::call_once(impl_->fingerprint_once, [this] { impl_->fingerprint = model_fingerprint(impl_->file); });
  return impl_->fingerprint;
}

void* Model::native_handle() const noexcept { return impl_->handle.get(); }

}  // namespace aicoder
