// model: loads a GGUF model, tokenizes, applies its chat template, decodes many sequences at once, samples, observes activations.
//
//   auto model = aicoder::Model::load("smollm2-135m.gguf");
//   aicoder::Context context(model, {.n_ctx_seq = 2048, .n_seq_max = 4});
//   auto prompt = model->tokenize(model->apply_chat_template({{"user", "Hi"}}), {.parse_special = true});
//   auto out = context.generate({{.prompt = prompt, .n = 4, .sampling = {.temperature = 0.8f}}});
//
// Does not know fragments by name (adapter.h), tasks (eval.h) or tools (agent.h). No llama.cpp type appears here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aicoder/core.h"
#include "aicoder/gguf.h"

namespace aicoder {

using Token = int32_t;

/// More tokens than the context holds. Thrown before anything is decoded: never a silent truncation.
class ContextOverflow : public Error {
 public:
  ContextOverflow(size_t n_tokens, size_t n_ctx);
  size_t n_tokens() const noexcept { return n_tokens_; }
  size_t n_ctx() const noexcept { return n_ctx_; }

 private:
  size_t n_tokens_, n_ctx_;
};

struct ChatMessage {
  std::string role;  ///< "system", "user", "assistant"
  std::string content;
};

struct ModelOptions {
  int n_gpu_layers = 0;  ///< 0: CPU only; negative: all
  /// Repacked weights (AMX, AVX-512 layouts) are faster in batches; the evaluation callback and Wanda read the file, not these.
  bool repack = true;
  bool mmap = true;  ///< weights as the file's own pages; off: read whole into memory
  ProgressFn progress;
  std::stop_token stop;
};
struct TokenizeOptions {
  bool add_special = false;    ///< add BOS/EOS as the model asks; false for text that came from the chat template
  bool parse_special = false;  ///< read "<|im_start|>" as the control token
};

/// Immutable weights and vocabulary, shared by contexts. Thread-safe.
class Model {
 public:
  /// Checks the file (gguf.h) and that llama.cpp knows the architecture and holds the tensors it needs, then loads.
  /// \throws Error kNotFound, kDataLoss (broken file), kUnimplemented (unknown architecture), kResourceExhausted (memory), kCancelled.
  static std::shared_ptr<const Model> load(const std::filesystem::path& path, const ModelOptions& options = {});
  ~Model();

  const std::filesystem::path& path() const noexcept;
  const GgufFile& file() const noexcept;
  std::string architecture() const;
  std::string name() const;
  size_t n_ctx_train() const noexcept;
  size_t n_embd() const noexcept;
  size_t n_layer() const noexcept;
  size_t n_vocab() const noexcept;
  size_t n_params() const noexcept;
  /// Identity of the base for fragments: SHA-256 over architecture, tensor names, types, shapes and a sample of each tensor's bytes.
  const std::string& fingerprint() const;

  std::vector<Token> tokenize(std::string_view text, const TokenizeOptions& options = {}) const;
  std::string detokenize(std::span<const Token> tokens, bool show_special = false) const;
  /// The bytes of one token; may be part of a UTF-8 character.
  std::string piece(Token token, bool show_special = false) const;
  bool is_end(Token token) const noexcept;  ///< end of generation
  std::optional<Token> bos() const noexcept;

  /// The prompt text for these messages, by the model's own template in our Jinja subset; llama.cpp's built-in format where the
  /// subset does not understand the template, or chatml where there is none (docs/decisions/0004-chat-templates.md). BOS included.
  /// For a prompt take chat_tokens: it keeps control tokens that a message says apart from those of the template.
  /// \throws Error kUnimplemented (neither understands it; names the construct), kInvalidArgument (no messages, or the template
  /// refuses them), kFailedPrecondition (no template and no chatml vocabulary), kResourceExhausted (a template without end).
  std::string apply_chat_template(std::span<const ChatMessage> messages, bool add_assistant = true) const;
  std::string apply_chat_template(std::initializer_list<ChatMessage> messages, bool add_assistant = true) const {
    return apply_chat_template(std::span<const ChatMessage>(messages.begin(), messages.size()), add_assistant);
  }

  /// The prompt in tokens: the template's control tokens are control tokens, the same letters inside a message or the prefix are text,
  /// so that no message can end its turn or speak in another role. `assistant_prefix` begins the answer.
  /// \throws as apply_chat_template.
  std::vector<Token> chat_tokens(std::span<const ChatMessage> messages, bool add_assistant = true,
                                 std::string_view assistant_prefix = {}) const;

  void* native_handle() const noexcept;  ///< llama_model*, for the adapter and train modules

  struct Impl;  ///< defined and used in src/model only

 private:
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// One tensor of a GGUF file as F32, row by row. rows() = product of ne[1..], cols() = ne[0].
/// Reads the file's own blocks through ggml's reference dequantizers. \throws Error(kInvalidArgument, kUnimplemented).
void dequantize_rows(const GgufFile& file, const GgufTensor& tensor, size_t first_row, size_t n_rows, std::span<float> out);

/// Worker threads for contexts that take turns, and the measure of how many of them the machine leaves us. Workers of several pools
/// would wait for work on the same cores and slow each other down. All contexts that share one must be used by one thread.
class ComputeThreads {
 public:
  /// \param n_threads 0: physical cores this process may use. \throws Error(kInvalidArgument).
  explicit ComputeThreads(int n_threads = 0);
  ~ComputeThreads();
  int n_threads() const noexcept;

  struct Impl;  ///< defined and used in src/model only
  Impl& impl() const noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// How keys and values are kept. The quantized ones take 53 and 28 % of the memory of F16 and need flash attention.
enum class KvType { kF16, kQ8_0, kQ4_0 };
std::string_view to_string(KvType type) noexcept;
/// "f16", "q8_0", "q4_0". \throws Error(kInvalidArgument).
KvType parse_kv_type(std::string_view text);
enum class FlashAttention { kAuto, kOn, kOff };  ///< kAuto: where llama.cpp can do it for this model
/// "auto", "on", "off". \throws Error(kInvalidArgument).
FlashAttention parse_flash_attention(std::string_view text);

struct ContextOptions {
  size_t n_ctx_seq = 4096;  ///< tokens each sequence can hold; checked against the training context
  size_t n_seq_max = 1;     ///< sequences decoded together
  size_t n_batch = 512;     ///< tokens per decode
  /// 0: physical cores this process may use. Fewer are used while other programs have the cores, except when deterministic.
  int n_threads = 0;
  /// One sequence per decode, fixed prefill chunks: greedy output does not depend on what else runs (design, section 3).
  bool deterministic = false;
  /// Keys, values and attention in F32 and without flash attention: for comparisons. Twice the memory; F16, the default, moves logits by
  /// 0.01 to 0.05 (docs/results/peft-logits.md).
  bool f32_attention = false;
  KvType kv_type = KvType::kF16;
  FlashAttention flash_attention = FlashAttention::kAuto;
  /// Prompt lookup: where the last tokens stood before in the same sequence, up to so many of what followed there are decoded with the next
  /// token and kept as far as they are what would be chosen. At most 64; 0: off. Only while one sequence of the context generates. Off in
  /// deterministic contexts and where a memory cannot forget its tail (recurrent models).
  size_t lookup_tokens = 0;
  /// For Context::embed: each decode gives the last layer's outputs; generate() then costs more.
  bool embeddings = false;
  std::shared_ptr<ComputeThreads> threads;  ///< shared with other contexts, in place of n_threads; none: threads of its own
};

struct SamplingOptions {
  float temperature = 0.0f;     ///< 0: greedy
  int top_k = 0;                ///< 0: off
  float top_p = 1.0f;           ///< 1: off
  float min_p = 0.0f;           ///< 0: off
  float repeat_penalty = 1.0f;  ///< 1: off; over the last 64 tokens
  uint32_t seed = 0;            ///< sample i of a request uses seed + i; same seed, same text in deterministic mode
};
enum class FinishReason { kStop, kStopString, kLength, kCancelled };
struct TokenLogprob {
  Token token;
  float logprob;
  std::vector<std::pair<Token, float>> top;  ///< best first, at most `n_logprobs`
};
/// A piece of one sample as it is made. Return false to stop this sample (finish kCancelled). Complete UTF-8 characters only;
/// text that may begin a stop string is held back until it cannot.
using TokenFn = std::function<bool(size_t sample, std::string_view text)>;
/// The log-probabilities of one token, before the piece of text that it completes.
using LogprobFn = std::function<void(size_t sample, const TokenLogprob& logprob)>;

struct GenerateRequest {
  std::vector<Token> prompt;
  size_t n = 1;  ///< samples; they share the prompt's KV: it is read once
  size_t max_tokens = 512;
  SamplingOptions sampling;
  std::vector<std::string> stop_strings;  ///< not part of the text
  std::string grammar;                    ///< GBNF, root rule "root"; empty: free
  int n_logprobs = -1;                    ///< -1: none; 0: of the chosen token; k: and the k best
  TokenFn on_token;                       ///< called on the thread that called generate
  LogprobFn on_logprob;                   ///< likewise, where n_logprobs is not -1
  /// In place of ContextOptions::lookup_tokens. Each token is sampled from the logits that follow the tokens before it, as without: the
  /// answer differs only where the shape of a batch moves a logit (docs/decisions/0012-prompt-lookup.md).
  std::optional<size_t> lookup_tokens;
  /// The first position that what is attached to the context reads; what is before it is KV of a context without attachments, copied
  /// from a peer of the LiveBatch. At most prompt.size() - 1. Without attachments it says nothing.
  size_t active_from = 0;
};
struct GenerateSample {
  std::string text;
  std::vector<Token> tokens;  ///< generated, without the end token
  FinishReason finish = FinishReason::kStop;
  std::vector<TokenLogprob> logprobs;
};
struct GenerateResult {
  std::vector<GenerateSample> samples;
  size_t prompt_tokens = 0;
  size_t reused_tokens = 0;                        ///< of the prompt, found in the KV cache
  double prefill_seconds = 0, decode_seconds = 0;  ///< of the whole call while this request was active
  size_t copied_tokens = 0;                        ///< of those reused: copied from another sequence or context
  double copy_ms = 0;                              ///< what these copies took, those for further samples too
  size_t drafted_tokens = 0, accepted_tokens = 0;  ///< of prompt lookup
};

/// Sums over predicted tokens.
struct LogLikelihood {
  double nll = 0;  ///< natural log
  size_t tokens = 0;
};

/// One llama_context. Not thread-safe: one thread at a time (another thread may request a stop).
class Context {
 public:
  /// \throws Error kInvalidArgument (sizes), kResourceExhausted (memory).
  Context(std::shared_ptr<const Model> model, const ContextOptions& options);
  ~Context();
  Context(Context&&) noexcept;

  /// Continuous batching over all requests: a free slot takes the next sample. `on_done` is called as each request ends.
  /// Keeps the KV of the last prompt per slot and re-reads only what differs. A stop request ends it with the samples so far.
  /// \throws ContextOverflow for a prompt that leaves no room, Error(kInvalidArgument) for a bad grammar or option.
  std::vector<GenerateResult> generate(std::span<const GenerateRequest> requests, const std::stop_token& stop = {},
                                       const std::function<void(size_t request, const GenerateResult&)>& on_done = {});
  GenerateResult generate(const GenerateRequest& request, const std::stop_token& stop = {});

  /// Mean of the last layer's outputs (after its norm) over the tokens, scaled to length 1; [n_embd()]. Needs options.embeddings.
  /// `between` is called between the decodes of a long text: others can be served meanwhile, but not by this context.
  /// \throws ContextOverflow, Error(kCancelled, kFailedPrecondition).
  std::vector<float> embed(std::span<const Token> tokens, const std::stop_token& stop = {}, const std::function<void()>& between = {});

  /// -log p of tokens[first_predicted..] given what is before each. tokens.size() <= n_ctx_seq.
  /// \throws ContextOverflow, Error(kCancelled).
  LogLikelihood log_likelihood(std::span<const Token> tokens, size_t first_predicted = 1, const std::stop_token& stop = {});
  /// Reads tokens for the observer of their activations: every layer computes every row, as for log_likelihood, but no logits are made.
  /// \throws as log_likelihood.
  void read(std::span<const Token> tokens, const std::stop_token& stop = {});
  /// Logits after each token, [tokens.size(), n_vocab] row-major. For tests and diagnostics.
  std::vector<float> logits(std::span<const Token> tokens);

  /// Observes the input activations of each linear layer while decoding. The callback gets the weight's tensor name and
  /// rows [n_rows, n_in] row-major F32, valid during the call. Costs one copy per layer. Empty: off.
  using ActivationFn = std::function<void(std::string_view weight, std::span<const float> rows, size_t n_in)>;
  void observe_activations(ActivationFn fn);

  /// Observes the residual stream as it leaves each layer, which is where control vectors are added (and after they were).
  /// Rows [n_rows, n_embd] row-major F32, valid during the call; of the last layer only those whose logits were asked for. Empty: off.
  using ResidualFn = std::function<void(size_t layer, std::span<const float> rows, size_t n_embd)>;
  void observe_residual(ResidualFn fn);

  /// For adapter.h, which checks what it attaches. Replaces the attached set and keeps its members alive; a set that differs
  /// forgets every KV entry. \throws Error(kInvalidArgument) for a strength that is not finite, kInternal.
  struct Attached {
    std::shared_ptr<const void> owner;
    void* native = nullptr;  ///< llama_adapter_lora*; null: control vectors only
    float strength = 1.0f;
    /// [n_layer(), n_embd()], owned by `owner`: row l times the strength is added to the residual stream after layer l. Row 0 is not
    /// used: llama.cpp has no control vector there. Empty: none.
    std::span<const float> control_vectors;
  };
  void attach(std::span<const Attached> adapters);

  void clear();  ///< forgets every KV entry
  size_t n_ctx_seq() const noexcept;
  int n_threads() const noexcept;        ///< of the next decode
  size_t memory_bytes() const noexcept;  ///< KV and compute buffers, measured at creation
  const std::shared_ptr<const Model>& model() const noexcept;
  void* native_handle() const noexcept;  ///< llama_context*, for the adapter and train modules

  struct Impl;  ///< defined and used in src/model only
  Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// What generate() and LiveBatch::submit refuse. Thread-safe. \throws ContextOverflow, Error(kInvalidArgument).
void check_request(const Model& model, size_t n_ctx_seq, const GenerateRequest& request);

/// The continuous batching of one context, a decode at a time: requests come and go while others are being answered. Context::generate
/// runs on it. Not thread-safe. The context must outlive it, and nothing else may use the context meanwhile. Callbacks of requests must
/// not call the batch.
///
/// KV is reused by identity: the tokens, what was attached when they were read, with strengths, and the first position it was active
/// at. So a context without attachments shares all it read with every peer, and one with attachments what is before its active_from.
class LiveBatch {
 public:
  using Id = uint64_t;
  using DoneFn = std::function<void(GenerateResult&&)>;
  /// \param chunk  deterministic contexts: tokens of a prompt per decode; 0: n_batch, at most 512
  explicit LiveBatch(Context& context, size_t chunk = 0);
  ~LiveBatch();
  LiveBatch(LiveBatch&&) noexcept;

  /// Checks and queues. `on_done` is called once by step(), cancel() or cancel_all(). Urgent requests get free sequences first.
  /// \throws as check_request.
  Id submit(GenerateRequest request, DoneFn on_done, const std::stop_token& stop = {}, bool urgent = true);
  /// One decode: a token for each answer, and up to `prompt_tokens` of prompts (0: as many as n_batch takes; deterministic contexts
  /// have their own chunk). `stop` ends all; the decode is cut short when it, or each of the requests in it, is stopped.
  /// \return false: nothing could be decoded. \throws what decoding or a callback threw: then all requests are gone, without on_done.
  bool step(size_t prompt_tokens = 0, const std::stop_token& stop = {});
  void cancel(Id id);  ///< finish kCancelled, with what is there; none of that id: nothing
  void cancel_all();

  size_t n_requests() const noexcept;  ///< submitted and not done
  bool reads_prompt() const noexcept;  ///< the next decode would read of a prompt
  bool has_urgent() const noexcept;
  /// Sequences that are free and that no submitted request of this or higher urgency will take.
  size_t n_free(bool urgent) const noexcept;

  /// Batches of other contexts of the same model and options, whose KV may be copied here. Pointers must stay valid until replaced.
  void set_peers(const std::vector<LiveBatch*>& peers);
  /// Requests that hold a sequence and wait until a peer without attachments has read these tokens.
  struct MissingPrefix {
    Id id;
    std::vector<Token> tokens;
  };
  std::vector<MissingPrefix> missing_prefixes() const;
  void take_prefixes();  ///< looks for them again, now; step() does not

  struct Impl;  ///< defined and used in src/model only

 private:
  std::unique_ptr<Impl> impl_;
};

/// exp(mean NLL) over all predicted tokens in windows of `n_window` (design, section 12).
struct PerplexityResult {
  double nll = 0;  ///< mean per token
  double perplexity = 0;
  size_t tokens = 0;
  std::vector<LogLikelihood> windows;  ///< what each window added, in order: two runs over one text pair up
};
struct TextRecord {
  std::string text;                   ///< plain text, or empty when messages are given
  std::vector<ChatMessage> messages;  ///< prompt + completion, or a conversation: goes through the chat template
};
/// Reads .txt (whole file as one record), .jsonl (`text`, or `prompt` + `completion`, or `messages`), either also .gz.
/// \throws Error kNotFound, kInvalidArgument naming the line of a bad row, kDataLoss.
std::vector<TextRecord> read_text_records(const std::filesystem::path& path);
/// Tokens of one record as the model reads it; add_special as the model asks.
std::vector<Token> tokenize_record(const Model& model, const TextRecord& record);
PerplexityResult perplexity(Context& context, std::span<const TextRecord> records, size_t n_window = 512, size_t max_tokens = 0,
                            const ProgressFn& progress = {}, const std::stop_token& stop = {});

/// "llama.cpp 0.5.0 (py0.3.36); AVX512 = 1 ..." of the library that is linked.
std::string engine_description();
/// Physical cores this process may use (affinity and cgroup quota respected), at least 1.
int usable_cores();

}  // namespace aicoder
