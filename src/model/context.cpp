// A llama_context: creation, decoding, the KV cache's bookkeeping, logits of every position.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "model/available_memory.h"
#include "model/context_impl.h"
#include "model/llama_log.h"
#include "model/log_softmax.h"
#include "model/prompt_lookup.h"
#include "model/sequence_state.h"

namespace aicoder {
namespace {

/// Positions whose logits are wanted together: [128, n_vocab] floats are 78 MB for a vocabulary of 152k, and a matrix product
/// of 128 rows is as fast per row as one of 512.
constexpr size_t kOutputChunk = 128;
constexpr size_t kKvPad = 256;  // llama.cpp pads each sequence's cache to it

// Called by ggml between graph nodes.
bool on_abort(void* user_data) noexcept { return static_cast<Context::Impl*>(user_data)->stop_requested(); }

// Called by the scheduler before (ask) and after the nodes of a graph.
bool on_eval_node(ggml_tensor* node, bool ask, void* user_data) noexcept {
  return static_cast<Context::Impl*>(user_data)->on_eval(node, ask);
}

/// llama.cpp reports its buffers only in its log: "CPU KV buffer size = 45.00 MiB".
size_t logged_buffer_bytes(const std::vector<std::string>& lines) {
  constexpr std::string_view kMarker = " buffer size = ";
  double mebibytes = 0;
  for (const auto& line : lines) {
    size_t at = line.find(kMarker);
    if (at == std::string::npos) continue;
    mebibytes += std::strtod(line.c_str() + at + kMarker.size(), nullptr);
  }
  return static_cast<size_t>(mebibytes * 1024 * 1024);
}

/// Numbers that the keys and values of every layer are; 0 for architectures whose caches are smaller than that (recurrent, latent
/// attention).
uint64_t kv_values_per_token(const Model& model) {
  const auto* native = static_cast<const llama_model*>(model.native_handle());
  const std::string prefix = model.architecture() + ".attention.";
  if (llama_model_is_recurrent(native) || llama_model_is_hybrid(native) || model.file().get_int(prefix + "kv_lora_rank")) return 0;
  const int32_t n_head = llama_model_n_head(native), n_head_kv = llama_model_n_head_kv(native);
  if (n_head <= 0 || n_head_kv <= 0) return 0;
  const auto head_size = static_cast<int64_t>(model.n_embd()) / n_head;
  const int64_t key = model.file().get_int(prefix + "key_length").value_or(head_size);
  const int64_t value = model.file().get_int(prefix + "value_length").value_or(head_size);
  return static_cast<uint64_t>(key + value) * static_cast<uint64_t>(n_head_kv) * model.n_layer();
}

ggml_type kv_ggml_type(const ContextOptions& options) {
  if (options.f32_attention) return GGML_TYPE_F32;
  switch (options.kv_type) {
    case KvType::kQ8_0:
      return GGML_TYPE_Q8_0;
    case KvType::kQ4_0:
      return GGML_TYPE_Q4_0;
    case KvType::kF16:
      break;
  }
  return GGML_TYPE_F16;
}

/// What llama.cpp would refuse with a line in its log, or abort on.
void check_attention(const Model& model, const ContextOptions& options) {
  const auto refuse = [](const std::string& message, const std::string& fix) {
    throw Error(ErrorCode::kInvalidArgument, "[context] " + message, fix);
  };
  const bool quantized = options.kv_type != KvType::kF16;
  if (options.f32_attention && (quantized || options.flash_attention == FlashAttention::kOn)) {
    refuse("f32_attention keeps keys and values in F32 and has no flash attention", "leave out one of them");
  }
  if (!quantized) return;
  const std::string type(to_string(options.kv_type));
  if (options.flash_attention == FlashAttention::kOff) {
    refuse("keys and values as " + type + " need flash attention, and it is off", "--flash-attention auto, or --kv-type f16");
  }
  const auto* native = static_cast<const llama_model*>(model.native_handle());
  const std::string prefix = model.architecture() + ".attention.";
  const int32_t n_head = std::max(1, llama_model_n_head(native));
  const auto head_size = static_cast<int64_t>(model.n_embd()) / n_head;
  for (const char* part : {"key_length", "value_length"}) {
    const int64_t size = model.file().get_int(prefix + part).value_or(head_size);
    if (size % ggml_blck_size(kv_ggml_type(options)) != 0) {
      refuse("keys and values as " + type + " come in blocks of " + std::to_string(ggml_blck_size(kv_ggml_type(options))) +
                 ", and the heads of this model have " + std::to_string(size) + " numbers",
             "--kv-type f16");
    }
  }
}

/// Tokens computed at once without flash attention, whose scores of all tokens against all keys are kept whole: 4 bytes a head and pair, so
/// 59 MiB for 8k context and 14 heads. Reading is as fast as with 512.
constexpr size_t kUbatchWithoutFlash = 128;

bool has_gpu() {
  return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_GPU) != nullptr ||
         ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_IGPU) != nullptr;
}

/// With few tokens against many keys ggml's flash attention on a processor goes key by key: 26 tokens after 2,048 take four times as long
/// as by matrix products, one token 1.6 times (docs/results/bench-switch.md).
llama_flash_attn_type flash_attention_type(const ContextOptions& options) {
  // In F32 it would sum in F16 all the same.
  if (options.f32_attention || options.flash_attention == FlashAttention::kOff) return LLAMA_FLASH_ATTN_TYPE_DISABLED;
  const bool needed = options.kv_type != KvType::kF16;
  if (!needed && options.flash_attention == FlashAttention::kAuto && !has_gpu()) return LLAMA_FLASH_ATTN_TYPE_DISABLED;
  return needed || options.flash_attention == FlashAttention::kOn ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
}

void check_options(const Model& model, const ContextOptions& options) {
  const auto refuse = [](const std::string& message) { throw Error(ErrorCode::kInvalidArgument, "[context] " + message); };
  if (options.n_ctx_seq < 1 || options.n_ctx_seq > model.n_ctx_train()) {
    refuse("n_ctx_seq is " + std::to_string(options.n_ctx_seq) + ", expected 1 to " + std::to_string(model.n_ctx_train()) +
           ", the context the model was trained with");
  }
  const size_t most = llama_max_parallel_sequences();
  if (options.n_seq_max < 1 || options.n_seq_max > most) {
    refuse("n_seq_max is " + std::to_string(options.n_seq_max) + ", expected 1 to " + std::to_string(most));
  }
  if (options.n_batch < 1 || options.n_batch > 65536) {
    refuse("n_batch is " + std::to_string(options.n_batch) + ", expected 1 to 65536");
  }
  if (options.n_threads < 0 || options.n_threads > GGML_MAX_N_THREADS) {
    refuse("n_threads is " + std::to_string(options.n_threads) + ", expected 0 (all cores) to " + std::to_string(GGML_MAX_N_THREADS));
  }
  const size_t n_ctx_padded = (options.n_ctx_seq + kKvPad - 1) / kKvPad * kKvPad;
  if (n_ctx_padded > std::numeric_limits<int32_t>::max() / options.n_seq_max) {
    refuse("n_ctx_seq * n_seq_max is too large: " + std::to_string(options.n_ctx_seq) + " * " + std::to_string(options.n_seq_max));
  }
  check_attention(model, options);
  if (options.lookup_tokens > kMostLookup) {
    refuse("lookup_tokens is " + std::to_string(options.lookup_tokens) + ", expected 0 (off) to " + std::to_string(kMostLookup));
  }
  const auto type = kv_ggml_type(options);
  const uint64_t kv_bytes =
      kv_values_per_token(model) * ggml_type_size(type) / static_cast<uint64_t>(ggml_blck_size(type)) * n_ctx_padded * options.n_seq_max;
  const auto available = available_memory_bytes();
  if (available && kv_bytes > *available) {
    throw Error(ErrorCode::kResourceExhausted,
                "[context] " + std::to_string(options.n_seq_max) + " sequences of " + std::to_string(options.n_ctx_seq) + " tokens need " +
                    std::to_string(kv_bytes >> 20) + " MiB, available are " + std::to_string(*available >> 20) + " MiB",
                "lower n_ctx_seq or n_seq_max");
  }
}

}  // namespace

Context::Impl::Impl(std::shared_ptr<const Model> model_in, const ContextOptions& options_in)
    : model(std::move(model_in)), options(options_in) {
  if (!model) throw Error(ErrorCode::kInvalidArgument, "[context] no model");
  check_options(*model, options);
  threads = options.threads ? options.threads : std::make_shared<ComputeThreads>(options.n_threads);
  options.n_threads = n_threads_set = threads->n_threads();
  n_vocab = model->n_vocab();
  const size_t n_ctx_padded = (options.n_ctx_seq + kKvPad - 1) / kKvPad * kKvPad;
  // One token of every sequence must fit a decode; more than the context never can.
  n_batch = std::min(std::max(options.n_batch, options.n_seq_max), n_ctx_padded * options.n_seq_max);

  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(n_ctx_padded * options.n_seq_max);
  params.n_seq_max = static_cast<uint32_t>(options.n_seq_max);
  params.n_batch = static_cast<uint32_t>(n_batch);
  params.flash_attn_type = flash_attention_type(options);
  const bool whole_scores = params.flash_attn_type == LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.n_ubatch = static_cast<uint32_t>(std::min<size_t>(n_batch, whole_scores ? kUbatchWithoutFlash : 512));
  params.n_outputs_max = static_cast<uint32_t>(std::min(n_batch, std::max(kOutputChunk, options.n_seq_max)));
  params.n_threads = options.n_threads;
  params.n_threads_batch = options.n_threads;
  // Each sequence has its own cells: attention of one never walks over the others' tokens.
  params.kv_unified = false;
  // A sliding-window cache that forgot old tokens could not be cut back to a shared prefix.
  params.swa_full = true;
  params.type_k = params.type_v = kv_ggml_type(options);
  params.abort_callback = on_abort;
  params.abort_callback_data = this;
  params.no_perf = true;
  params.embeddings = options.embeddings;
  // Set at creation because llama.cpp has no way to add it later; without an observer it asks for nothing.
  params.cb_eval = on_eval_node;
  params.cb_eval_user_data = this;

  LlamaLogCapture capture;
  auto* native = static_cast<llama_model*>(model->native_handle());
  handle.reset(llama_init_from_model(native, params));
  if (!handle) {
    throw Error(ErrorCode::kResourceExhausted,
                "[context] could not be made for " + std::to_string(options.n_seq_max) + " sequences of " +
                    std::to_string(options.n_ctx_seq) + " tokens: " + capture.errors(),
                "lower n_ctx_seq or n_seq_max");
  }
  memory_bytes = logged_buffer_bytes(capture.lines());
  // Without a pool llama.cpp makes one at each decode.
  if (auto* pool = threads->impl().pool.get()) llama_attach_threadpool(handle.get(), pool, nullptr);
  caches.resize(options.n_seq_max);
  if (!options.deterministic && threads->impl().governor) governor = &*threads->impl().governor;
}

bool Context::Impl::stop_requested() const {
  const auto asked = [](const std::stop_token& stop) { return stop.stop_requested(); };
  return asked(decode_stop) || (!decode_stops.empty() && std::all_of(decode_stops.begin(), decode_stops.end(), asked));
}

bool Context::Impl::decode(const llama_batch& batch, const std::stop_token& stop, std::span<const std::stop_token> all_of) {
  decode_stop = stop;
  decode_stops = all_of;
  observer_error = nullptr;
  // Another context may have changed the count since: the threads are shared.
  if (governor != nullptr && governor->threads() != n_threads_set) {
    n_threads_set = governor->threads();
    llama_set_n_threads(handle.get(), n_threads_set, n_threads_set);
  }
  LlamaLogCapture capture;
  capture.quiet_warnings = true;
  const LoadSample before = governor != nullptr ? read_load() : LoadSample{};
  const int32_t status = llama_decode(handle.get(), batch);
  decode_stop = {};
  decode_stops = {};
  if (governor != nullptr && governor->after_decode(before, read_load())) {
    log(LogLevel::kDebug, "[threads] " + std::to_string(governor->threads()) + " of " + std::to_string(options.n_threads));
  }
  if (observer_error) {
    sync_caches();
    std::rethrow_exception(std::exchange(observer_error, nullptr));
  }
  if (status == 0) return true;
  if (status == 2) return false;
  sync_caches();
  if (status == 1) {
    throw Error(ErrorCode::kInternal, "[decode] no free cells for a batch of " + std::to_string(batch.n_tokens) + " tokens");
  }
  throw Error(status == -2 ? ErrorCode::kResourceExhausted : ErrorCode::kInternal,
              "[decode] llama.cpp failed with " + std::to_string(status) + ": " + capture.errors());
}

void Context::Impl::sync_caches() {
  for (size_t s = 0; s < caches.size(); ++s) {
    const llama_pos last = llama_memory_seq_pos_max(memory(), static_cast<llama_seq_id>(s));
    caches[s].cut(std::min(caches[s].tokens.size(), static_cast<size_t>(last + 1)));
  }
}

void SequenceCache::cut(size_t keep) {
  tokens.resize(keep);
  std::erase_if(chunk_ends, [&](size_t end) { return end > keep; });
}

void Context::Impl::trim(size_t sequence, size_t keep) {
  auto& cache = caches[sequence];
  const auto id = static_cast<llama_seq_id>(sequence);
  if (keep > 0 && keep >= cache.tokens.size()) return;
  if (keep == 0 || !llama_memory_seq_rm(memory(), id, static_cast<llama_pos>(keep), -1)) {
    llama_memory_seq_rm(memory(), id, -1, -1);  // a whole sequence can always be removed
    keep = 0;
  }
  cache.cut(keep);
}

bool Context::Impl::copy_sequence(const Impl& source, size_t from, size_t to, size_t keep) {
  const auto* native = static_cast<const llama_model*>(model->native_handle());
  const SequenceCache known = source.caches[from];
  trim(to, 0);
  // The state of a sliding window holds only what its last token still sees.
  if (llama_model_n_swa(native) > 0 && keep < known.tokens.size()) return false;
  SequenceCache wanted = known;
  wanted.cut(keep);

  auto& held = threads->impl().held;
  const auto is_wanted = [&] {
    return held.size > 0 && source.attached.empty() && held.model.lock() == model && held.n_seq_max == options.n_seq_max &&
           held.tokens == wanted.tokens && held.chunk_ends == wanted.chunk_ends;
  };
  LlamaLogCapture capture;
  SequenceCache given = wanted;
  size_t size = held.size;
  uint8_t* state = threads->impl().scratch(is_wanted() ? size : 0);
  if (!is_wanted()) {
    held = {};
    size = llama_state_seq_get_size(source.handle.get(), static_cast<llama_seq_id>(from));
    state = threads->impl().scratch(size);
    if (llama_state_seq_get_data(source.handle.get(), state, size, static_cast<llama_seq_id>(from)) != size) size = 0;
    if (keep < known.tokens.size()) {
      const size_t cut = cut_sequence_state({state, size}, keep);
      if (cut > 0) {
        size = cut;
      } else {
        given = known;  // all of it, and trimmed there
      }
    }
  }
  const bool copied = size > 0 && llama_state_seq_set_data(handle.get(), state, size, static_cast<llama_seq_id>(to)) != 0;
  const uint64_t last_used = caches[to].last_used;
  if (copied) caches[to] = given;
  caches[to].last_used = last_used;
  const bool whole = copied && llama_memory_seq_pos_max(memory(), static_cast<llama_seq_id>(to)) + 1 == std::ssize(given.tokens);
  if (!whole) log(LogLevel::kDebug, "[copy] a sequence could not be copied: " + capture.errors());
  // Of the base only: what fragments hold in memory must go when they are unloaded.
  if (whole && source.attached.empty() && given.tokens.size() == keep) {
    held = {.model = model, .n_seq_max = options.n_seq_max, .tokens = wanted.tokens, .chunk_ends = wanted.chunk_ends, .size = size};
  } else {
    held = {};
  }
  threads->impl().release_large_scratch();
  trim(to, whole ? keep : 0);
  return caches[to].tokens.size() == keep;
}

void Context::Impl::clear() {
  llama_memory_clear(memory(), /*data=*/false);
  for (auto& cache : caches) cache = {};
}

void check_tokens(std::span<const Token> tokens, size_t n_vocab, const char* place) {
  if (tokens.empty()) throw Error(ErrorCode::kInvalidArgument, std::string(place) + " no tokens, expected at least one");
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || static_cast<size_t>(tokens[i]) >= n_vocab) {
      throw Error(ErrorCode::kInvalidArgument, std::string(place) + " token " + std::to_string(i) + " is " + std::to_string(tokens[i]) +
                                                   ", expected 0 to " + std::to_string(n_vocab - 1));
    }
  }
}

void Context::Impl::for_each_logits(std::span<const Token> tokens, size_t first_output, const std::stop_token& stop,
                                    const std::function<void(size_t index, const float* logits)>& fn) {
  for_each_row(tokens, first_output, stop, [&](size_t index, int32_t row) { fn(index, llama_get_logits_ith(handle.get(), row)); });
}

void Context::Impl::for_each_row(std::span<const Token> tokens, size_t first_output, const std::stop_token& stop,
                                 const std::function<void(size_t index, int32_t row)>& fn, const std::function<void()>& between) {
  trim(0, 0);
  TokenBatch batch(n_batch);
  const size_t output_chunk = std::min(n_batch, kOutputChunk);
  for (size_t begin = 0; begin < tokens.size();) {
    throw_if_stopped(stop);
    // Up to the first output whole batches; from there on so many as the logits buffer takes.
    size_t n = begin < first_output ? std::min(n_batch, first_output - begin) : output_chunk;
    n = std::min(n, tokens.size() - begin);
    batch.clear();
    for (size_t i = begin; i < begin + n; ++i) batch.add(tokens[i], i, 0, i >= first_output);
    caches[0].tokens.insert(caches[0].tokens.end(), tokens.begin() + static_cast<ptrdiff_t>(begin),
                            tokens.begin() + static_cast<ptrdiff_t>(begin + n));
    if (!decode(batch.view(), stop)) {
      sync_caches();
      throw Error(ErrorCode::kCancelled, "[decode] stopped");
    }
    for (size_t i = std::max(begin, first_output); i < begin + n; ++i) fn(i, static_cast<int32_t>(i - begin));
    begin += n;
    if (between && begin < tokens.size()) between();
  }
}

TokenBatch::TokenBatch(size_t capacity)
    : tokens_(capacity),
      positions_(capacity),
      n_sequences_(capacity, 1),
      sequences_(capacity),
      sequence_pointers_(capacity),
      output_(capacity) {
  for (size_t i = 0; i < capacity; ++i) sequence_pointers_[i] = &sequences_[i];
}

int32_t TokenBatch::add(Token token, size_t position, size_t sequence, bool output) {
  tokens_[size_] = token;
  positions_[size_] = static_cast<llama_pos>(position);
  sequences_[size_] = static_cast<llama_seq_id>(sequence);
  output_[size_] = output ? 1 : 0;
  return static_cast<int32_t>(size_++);
}

llama_batch TokenBatch::view() {
  return {static_cast<int32_t>(size_), tokens_.data(), nullptr, positions_.data(), n_sequences_.data(),
          sequence_pointers_.data(),   output_.data()};
}

std::string_view to_string(KvType type) noexcept {
  switch (type) {
    case KvType::kQ8_0:
      return "q8_0";
    case KvType::kQ4_0:
      return "q4_0";
    case KvType::kF16:
      break;
  }
  return "f16";
}
KvType parse_kv_type(std::string_view text) {
  for (const KvType type : {KvType::kF16, KvType::kQ8_0, KvType::kQ4_0}) {
    if (text == to_string(type)) return type;
  }
  throw Error(ErrorCode::kInvalidArgument, "[context] KV type '" + std::string(text) + "', expected f16, q8_0 or q4_0");
}
FlashAttention parse_flash_attention(std::string_view text) {
  if (text == "auto") return FlashAttention::kAuto;
  if (text == "on") return FlashAttention::kOn;
  if (text == "off") return FlashAttention::kOff;
  throw Error(ErrorCode::kInvalidArgument, "[context] flash attention '" + std::string(text) + "', expected auto, on or off");
}

Context::Context(std::shared_ptr<const Model> model, const ContextOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}
Context::~Context() = default;
Context::Context(Context&&) noexcept = default;

LogLikelihood Context::log_likelihood(std::span<const Token> tokens, size_t first_predicted, const std::stop_token& stop) {
  impl_->check_tokens(tokens, "[log_likelihood]");
  if (first_predicted < 1)
    throw Error(ErrorCode::kInvalidArgument, "[log_likelihood] first_predicted is 0: nothing precedes the first token");
  if (tokens.size() > impl_->options.n_ctx_seq) throw ContextOverflow(tokens.size(), impl_->options.n_ctx_seq);
  LogLikelihood sum;
  if (first_predicted >= tokens.size()) return sum;
  impl_->for_each_logits(tokens.first(tokens.size() - 1), first_predicted - 1, stop, [&](size_t i, const float* logits) {
    sum.nll -= LogSoftmax({logits, impl_->n_vocab}).of(logits[tokens[i + 1]]);
    ++sum.tokens;
  });
  return sum;
}

void Context::read(std::span<const Token> tokens, const std::stop_token& stop) {
  impl_->check_tokens(tokens, "[read]");
  if (tokens.size() > impl_->options.n_ctx_seq) throw ContextOverflow(tokens.size(), impl_->options.n_ctx_seq);
  // llama.cpp leaves out the rows of the last layer that no output is asked for; so all are, and the output layer is left out instead.
  impl_->stop_at_output = true;
  try {
    impl_->for_each_logits(tokens, 0, stop, [](size_t, const float*) {});
  } catch (...) {
    impl_->stop_at_output = false;
    throw;
  }
  impl_->stop_at_output = false;
}

std::vector<float> Context::embed(std::span<const Token> tokens, const std::stop_token& stop, const std::function<void()>& between) {
  impl_->check_tokens(tokens, "[embed]");
  if (!impl_->options.embeddings) throw Error(ErrorCode::kFailedPrecondition, "[embed] the context was made without embeddings");
  if (tokens.size() > impl_->options.n_ctx_seq) throw ContextOverflow(tokens.size(), impl_->options.n_ctx_seq);
  const size_t n_embd = impl_->model->n_embd();
  std::vector<double> sum(n_embd);
  impl_->stop_at_output = true;  // the output layer is not needed
  try {
    impl_->for_each_row(
        tokens, 0, stop,
        [&](size_t, int32_t row) {
          const float* output = llama_get_embeddings_ith(impl_->handle.get(), row);
          if (output == nullptr) throw Error(ErrorCode::kInternal, "[embed] no output for row " + std::to_string(row));
          for (size_t e = 0; e < n_embd; ++e) sum[e] += static_cast<double>(output[e]);
        },
        between);
  } catch (...) {
    impl_->stop_at_output = false;
    throw;
  }
  impl_->stop_at_output = false;
  double squares = 0;
  for (double value : sum) squares += value * value;
  if (!(squares > 0) || !std::isfinite(squares)) throw Error(ErrorCode::kInternal, "[embed] the model's outputs have no direction");
  std::vector<float> mean(n_embd);
  for (size_t e = 0; e < n_embd; ++e) mean[e] = static_cast<float>(sum[e] / std::sqrt(squares));
  return mean;
}

std::vector<float> Context::logits(std::span<const Token> tokens) {
  impl_->check_tokens(tokens, "[logits]");
  if (tokens.size() > impl_->options.n_ctx_seq) throw ContextOverflow(tokens.size(), impl_->options.n_ctx_seq);
  std::vector<float> all(tokens.size() * impl_->n_vocab);
  impl_->for_each_logits(tokens, 0, {}, [&](size_t i, const float* logits) {
    std::copy(logits, logits + impl_->n_vocab, all.begin() + static_cast<ptrdiff_t>(i * impl_->n_vocab));
  });
  return all;
}

void Context::attach(std::span<const Attached> adapters) {
  for (const auto& adapter : adapters) {
    if (!std::isfinite(adapter.strength)) {
      throw Error(ErrorCode::kInvalidArgument, "[attach] strength is " + std::to_string(adapter.strength) + ", expected a finite number");
    }
    if (adapter.native == nullptr && adapter.control_vectors.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "[attach] nothing to attach: neither a LoRA nor control vectors");
    }
    const size_t n_values = impl_->model->n_layer() * impl_->model->n_embd();
    if (!adapter.control_vectors.empty() && adapter.control_vectors.size() != n_values) {
      throw Error(ErrorCode::kInvalidArgument, "[attach] control vectors: expected " + std::to_string(n_values) + " values, found " +
                                                   std::to_string(adapter.control_vectors.size()));
    }
  }
  const auto same = [](const Attached& a, const Attached& b) {
    return a.native == b.native && a.strength == b.strength && a.control_vectors.data() == b.control_vectors.data();
  };
  if (std::equal(adapters.begin(), adapters.end(), impl_->attached.begin(), impl_->attached.end(), same)) return;
  // What was read with other weights is of no use to these.
  impl_->clear();
  std::vector<llama_adapter_lora*> handles;
  std::vector<float> scales;
  for (const auto& adapter : adapters) {
    if (adapter.native == nullptr) continue;
    handles.push_back(static_cast<llama_adapter_lora*>(adapter.native));
    scales.push_back(adapter.strength);
  }
  if (llama_set_adapters_lora(impl_->handle.get(), handles.data(), handles.size(), scales.data()) != 0) {
    throw Error(ErrorCode::kInternal, "[attach] llama.cpp refused the adapters");
  }
  impl_->set_control_vectors(adapters);
  impl_->attached.assign(adapters.begin(), adapters.end());
}

void Context::Impl::set_control_vectors(std::span<const Attached> adapters) {
  const auto has_vectors = [](const Attached& adapter) { return !adapter.control_vectors.empty(); };
  const bool had = std::any_of(attached.begin(), attached.end(), has_vectors);
  const size_t n_embd = model->n_embd(), n_layer = model->n_layer();
  if (std::none_of(adapters.begin(), adapters.end(), has_vectors)) {
    if (had) llama_set_adapter_cvec(handle.get(), nullptr, 0, static_cast<int32_t>(n_embd), -1, -1);
    return;
  }
  std::vector<float> sum((n_layer - 1) * n_embd);  // llama.cpp has no row for layer 0
  for (const auto& adapter : adapters) {
    if (!has_vectors(adapter)) continue;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += adapter.strength * adapter.control_vectors[n_embd + i];
  }
  if (llama_set_adapter_cvec(handle.get(), sum.data(), sum.size(), static_cast<int32_t>(n_embd), 1, static_cast<int32_t>(n_layer) - 1) !=
      0) {
    throw Error(ErrorCode::kInternal, "[attach] llama.cpp refused the control vectors");
  }
}

void Context::observe_activations(ActivationFn fn) { impl_->observer = std::move(fn); }
void Context::observe_residual(ResidualFn fn) { impl_->residual_observer = std::move(fn); }
void Context::clear() { impl_->clear(); }
int Context::n_threads() const noexcept { return impl_->governor != nullptr ? impl_->governor->threads() : impl_->options.n_threads; }
size_t Context::n_ctx_seq() const noexcept { return impl_->options.n_ctx_seq; }
size_t Context::memory_bytes() const noexcept { return impl_->memory_bytes; }
const std::shared_ptr<const Model>& Context::model() const noexcept { return impl_->model; }
void* Context::native_handle() const noexcept { return impl_->handle.get(); }

}  // namespace aicoder
