// adapter: LoRA files attached to lanes (one context per active fragment set over one set of weights), and text generation by
// fragment name.
//
//   aicoder::LocalGenerator generator(model, {.n_seq_max = 4}, resolve_fragment);
//   auto out = generator.generate({.messages = {{"user", "..."}}, .fragments = {{"coder", 0.2f}}, .n = 4});
//
// Does not make fragments (fragment.h) and does not choose them (agent.h).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aicoder/model.h"

namespace aicoder {

/// The control vectors of a fragment file, by the layer after which they are added: F32 arrays `aicoder.cvec.LAYER` of its metadata.
/// \throws Error(kDataLoss): layer 0 or no number, no F32 array, widths that differ, values that are not finite.
std::map<size_t, std::vector<float>> control_vectors(const GgufFile& file);

/// From where in a prompt a fragment acts (activated LoRA, arXiv 2504.12397). What is before is read by the base and shared by all.
enum class Invocation {
  kStart,   ///< from the first token
  kUser,    ///< from the last message of the user on
  kAnswer,  ///< from the answer on
};
std::string_view to_string(Invocation invocation) noexcept;
/// \throws Error(kInvalidArgument).
Invocation parse_invocation(std::string_view text);
/// The first message that such a fragment sees; messages.size() for the answer alone.
size_t first_message(Invocation invocation, std::span<const ChatMessage> messages);

/// How a fragment asks to be used, in the metadata of its file.
struct FragmentSettings {
  Invocation invocation = Invocation::kStart;
  std::string prompt_prefix;  ///< put in front of the system message
  /// Of sampling, for requests that leave it to the fragment.
  std::optional<float> temperature, top_p, min_p, repeat_penalty;
  std::optional<int> top_k;
  std::string language;  ///< gate: "ko" or "en", of the requests it is for; empty: all. The orchestrator's to respect
  bool operator==(const FragmentSettings&) const = default;
};
/// \throws Error(kDataLoss) for a value out of its range.
FragmentSettings fragment_settings(const GgufFile& file);
/// In the order of the fragments: prefixes one after another, of the sampling the last word.
void apply_settings(std::span<const FragmentSettings> settings, std::vector<ChatMessage>& messages);
void apply_settings(std::span<const FragmentSettings> settings, SamplingOptions& sampling);

/// A LoRA GGUF, with the control vectors it may carry, loaded beside its base. Immutable; outlives no Model (holds it).
class Adapter {
 public:
  /// Checks type, architecture, tensor names, shapes against the base, and the base fingerprint when the file carries one.
  /// \throws Error kDataLoss (broken), kFailedPrecondition (adapter of another base; names both), kInvalidArgument (not an adapter).
  static std::shared_ptr<const Adapter> load(std::shared_ptr<const Model> model, const std::filesystem::path& path);
  ~Adapter();
  const std::filesystem::path& path() const noexcept;
  float default_strength() const noexcept;  ///< `aicoder.strength` of the file, else 1
  const FragmentSettings& settings() const noexcept;
  uint64_t bytes() const noexcept;
  void* native_handle() const noexcept;  ///< llama_adapter_lora*; null for a file of control vectors alone
  /// [n_layer, n_embd] of the model, zeros where the file has none; empty when it has none at all.
  std::span<const float> control_vectors() const noexcept;

 private:
  struct Impl;
  explicit Adapter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct ActiveAdapter {
  std::shared_ptr<const Adapter> adapter;
  float strength = 1.0f;  ///< 0: not attached at all, so logits are bit-exact base
  bool operator==(const ActiveAdapter&) const = default;
};
/// Sets the adapters of a context (replaces what was set). Previous KV of the context is cleared when the set changes.
void set_adapters(Context& context, std::span<const ActiveAdapter> adapters);

struct FragmentChoice {
  std::string name;               ///< name or path
  std::optional<float> strength;  ///< none: the file's own
  std::string language;           ///< "ko" or "en": the orchestrator takes it for requests in that language only; empty: for all
};
/// "coder", "coder:0.3", "./f.gguf:0". \throws Error(kInvalidArgument) for a strength that is no finite number in [-8, 8].
FragmentChoice parse_fragment_choice(std::string_view text);

struct FragmentFile {
  std::filesystem::path path;
  std::optional<float> strength;  ///< none: the file's own
};
/// Adapters by file: each loaded once, and again when the file changes. Not thread-safe, and loading or freeing an adapter must not
/// meet the making of a context of the same model on another thread: llama.cpp walks over the model's adapters there.
class AdapterCache {
 public:
  explicit AdapterCache(std::shared_ptr<const Model> model);
  /// \throws Error of Adapter::load.
  std::shared_ptr<const Adapter> get(const std::filesystem::path& path);
  bool drop(const std::filesystem::path& path);  ///< forgets it; users keep it alive. False: it was not there
  bool holds(const Adapter& adapter) const;      ///< get() of its path gave this one last
  std::vector<std::shared_ptr<const Adapter>> loaded() const;
  /// The set these files make: without those of strength 0, sorted by path, so that the order of naming does not matter.
  /// \throws Error of get, kInvalidArgument for a file given twice.
  std::vector<ActiveAdapter> activate(std::span<const FragmentFile> files);

 private:
  struct Loaded {
    std::filesystem::file_time_type changed;
    uintmax_t bytes = 0;
    std::shared_ptr<const Adapter> adapter;
  };
  std::shared_ptr<const Model> model_;
  std::map<std::filesystem::path, Loaded> adapters_;
};

/// What agent and eval ask of any engine, here or remote.
struct GenerationRequest {
  std::vector<ChatMessage> messages;
  std::string assistant_prefix;  ///< the answer is made to begin with this; not part of the result's text
  std::vector<FragmentChoice> fragments;
  size_t n = 1;
  size_t max_tokens = 1024;
  SamplingOptions sampling;
  bool sampling_of_fragments = false;  ///< what the fragments' files say goes over `sampling`
  std::vector<std::string> stop_strings;
  std::string grammar;
  int n_logprobs = -1;
  TokenFn on_token;
  LogprobFn on_logprob;
  std::optional<size_t> lookup_tokens;  ///< as in GenerateRequest
};
struct GenerationResult {
  GenerateResult output;
  double switch_ms = 0;  ///< choosing or making the lane; output.copy_ms is apart
  double queue_ms = 0;   ///< waiting for a sequence; the Engine's
  bool lane_created = false;
};
class TextGenerator {
 public:
  virtual ~TextGenerator() = default;
  /// Runs all requests, those of one fragment set batched together. `on_done` as each ends.
  virtual std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, const std::stop_token& stop,
                                                 const std::function<void(size_t, const GenerationResult&)>& on_done = {}) = 0;
  GenerationResult generate_one(const GenerationRequest& request, const std::stop_token& stop);
  /// Tokens these messages take as a prompt.
  virtual size_t count_tokens(std::span<const ChatMessage> messages) = 0;
  virtual size_t n_ctx_seq() const = 0;
  virtual std::string model_name() const = 0;
};

struct LaneOptions {
  ContextOptions context;
  size_t budget_bytes = size_t{2} << 30;  ///< lanes beyond it are dropped, least recently used first; at least one stays
};
/// The in-process engine. Not thread-safe.
class LocalGenerator : public TextGenerator {
 public:
  /// Gives the file of a fragment name; throws Error(kNotFound) with the fix.
  using Resolve = std::function<std::filesystem::path(std::string_view name)>;
  LocalGenerator(std::shared_ptr<const Model> model, const LaneOptions& options, Resolve resolve);
  ~LocalGenerator() override;
  using TextGenerator::generate;
  std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, const std::stop_token& stop,
                                         const std::function<void(size_t, const GenerationResult&)>& on_done = {}) override;
  size_t count_tokens(std::span<const ChatMessage> messages) override;
  size_t n_ctx_seq() const override;
  std::string model_name() const override;
  /// The lane of a fragment set, made when absent. The reference is valid until the next call.
  Context& lane(std::span<const FragmentChoice> fragments);
  size_t n_lanes() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aicoder
