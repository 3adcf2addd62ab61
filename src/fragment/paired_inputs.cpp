#include "fragment/paired_inputs.h"

#include <algorithm>
#include <cmath>

#include "fragment/for_each_layer.h"
#include "fragment/linear_layers.h"
#include "fragment/record_hash.h"
#include "fragment/subspace.h"

namespace aicoder::fragment {
namespace {

constexpr size_t kLongestRecord = 2048;  // tokens with the prompt; of a longer record the end is left out

[[noreturn]] void refuse(const std::string& message, std::string fix = {}) {
  throw Error(ErrorCode::kInvalidArgument, "[prompt_pairs] " + message, std::move(fix));
}

TextRecord with_prompt(TextRecord record, const std::string& prompt) {
  if (record.messages.empty()) {
    record.text = prompt + "\n\n" + record.text;
  } else if (record.messages.front().role == "system") {
    record.messages.front().content = prompt + "\n\n" + record.messages.front().content;
  } else {
    record.messages.insert(record.messages.begin(), {"system", prompt});
  }
  return record;
}

/// Before the template is asked: what it says of a conversation without an answer would help nobody.
void check_ends_with_answer(const TextRecord& record) {
  if (record.messages.empty() || record.messages.back().role == "assistant") return;
  refuse("expected conversations that end with an answer, found one that ends with role " + record.messages.back().role,
         "give --calib prompts with answers");
}

AlignedRecord align(const Model& model, const TextRecord& record, const PromptPairs& pairs, size_t n_ctx) {
  check_ends_with_answer(record);
  AlignedRecord result{.plain = tokenize_record(model, record), .prompted = tokenize_record(model, with_prompt(record, pairs.prompt))};
  auto &plain = result.plain, &prompted = result.prompted;
  if (plain.empty()) return result;
  const size_t comparable = std::min(n_answer_tokens(model, record, plain.size()), plain.size() - 1);
  if (!pairs.against.empty()) plain = tokenize_record(model, with_prompt(record, pairs.against));
  const size_t most = std::min({comparable, plain.size(), prompted.size()});
  while (result.n_aligned < most && plain[plain.size() - 1 - result.n_aligned] == prompted[prompted.size() - 1 - result.n_aligned]) {
    ++result.n_aligned;
  }
  if (const size_t longest = std::max(plain.size(), prompted.size()); longest > n_ctx) {
    const size_t cut = std::min(longest - n_ctx, result.n_aligned);
    plain.resize(plain.size() - cut);
    prompted.resize(prompted.size() - cut);
    result.n_aligned -= cut;
  }
  return result;
}

/// Takes the rows of the aligned tokens of one run after another.
class PairCollector {
 public:
  PairCollector(const GgufFile& file, const std::set<std::string>& inputs) {
    for (const GgufTensor* tensor : linear_layers(file)) {
      const std::string input = input_name(tensor->name);
      if (!inputs.contains(input) || result.contains(input)) continue;
      result[input].n_in = static_cast<size_t>(tensor->ne[0]);
      leaders_[tensor->name] = &result[input];
    }
  }
  /// \param first  of the aligned tokens of the run that follows
  void begin(size_t first, bool prompted) {
    first_ = first;
    prompted_ = prompted;
    for (auto& [name, input] : leaders_) seen_[name] = 0;
  }
  void add(std::string_view weight, std::span<const float> rows, size_t n_in) {
    const auto found = leaders_.find(std::string(weight));
    if (found == leaders_.end() || found->second->n_in != n_in) return;
    PairedInput& input = *found->second;
    size_t& seen = seen_.at(found->first);
    const size_t skip = std::min(rows.size() / n_in, first_ - std::min(first_, seen));
    seen += rows.size() / n_in;
    if (!prompted_) {
      for (const float v : rows) input.max_abs = std::max(input.max_abs, std::abs(v));
    }
    auto& kept = prompted_ ? input.change : input.plain;
    kept.insert(kept.end(), rows.begin() + static_cast<std::ptrdiff_t>(skip * n_in), rows.end());
  }

  std::map<std::string, PairedInput> result;

 private:
  std::map<std::string, PairedInput*> leaders_;
  std::map<std::string, size_t> seen_;
  size_t first_ = 0;
  bool prompted_ = false;
};

}  // namespace

size_t n_answer_tokens(const Model& model, const TextRecord& record, size_t n_tokens) {
  if (record.messages.empty()) return n_tokens - std::min<size_t>(n_tokens, 1);
  check_ends_with_answer(record);
  const size_t n_question = model.chat_tokens(std::span(record.messages).first(record.messages.size() - 1)).size();
  return n_question >= n_tokens ? 0 : n_tokens - n_question + 1;
}

size_t pair_context_tokens(const Model& model) { return std::min(kLongestRecord, model.n_ctx_train() - 1); }

AlignedText align_records(const PromptPairs& pairs) {
  if (pairs.prompt.find_first_not_of(" \t\r\n") == std::string::npos) refuse("expected a prompt, found none", "--prompt TEXT");
  if (pairs.max_tokens == 0 || pairs.max_tokens > 16384) {
    refuse("max_tokens: expected 1 to 16384, found " + std::to_string(pairs.max_tokens), "--pair-tokens 2048");
  }
  if (!(pairs.ridge > 0) || !std::isfinite(pairs.ridge)) refuse("ridge: expected a number above 0, found " + std::to_string(pairs.ridge));
  const size_t n_ctx = pair_context_tokens(*pairs.model);
  AlignedText text;
  std::vector<std::string> hashes;
  for (const TextRecord& record : pairs.records) {
    if (text.n_tokens == pairs.max_tokens) break;
    AlignedRecord aligned = align(*pairs.model, record, pairs, n_ctx);
    if (aligned.n_aligned == 0) continue;
    const size_t cut = aligned.n_aligned - std::min(aligned.n_aligned, pairs.max_tokens - text.n_tokens);
    aligned.plain.resize(aligned.plain.size() - cut);
    aligned.prompted.resize(aligned.prompted.size() - cut);
    aligned.n_aligned -= cut;
    text.n_tokens += aligned.n_aligned;
    text.records.push_back(std::move(aligned));
    hashes.push_back(hash_record(record));
  }
  if (text.n_tokens == 0) {
    refuse("no token is the same with and without the prompt: the text is empty, or the prompt fills the " + std::to_string(n_ctx) +
               " tokens a record may have",
           "give a shorter --prompt, or other --calib");
  }
  text.hash = hash_of_hashes(hashes);
  return text;
}

std::map<std::string, PairedInput> capture_pairs(const PromptPairs& pairs, const AlignedText& text, const std::set<std::string>& inputs,
                                                 int n_threads, const std::stop_token& stop) {
  const size_t n_ctx = pair_context_tokens(*pairs.model);
  PairCollector collector(pairs.model->file(), inputs);
  Context context(pairs.model, {.n_ctx_seq = n_ctx, .n_batch = 512, .n_threads = n_threads});
  context.observe_activations(
      [&collector](std::string_view weight, std::span<const float> rows, size_t n_in) { collector.add(weight, rows, n_in); });
  const auto read = [&](std::span<const Token> tokens, size_t n_aligned, bool prompted) {
    throw_if_stopped(stop);
    collector.begin(tokens.size() - n_aligned, prompted);
    context.read(tokens, stop);
  };
  for (const AlignedRecord& record : text.records) {
    read(record.plain, record.n_aligned, false);
    read(record.prompted, record.n_aligned, true);
  }
  std::vector<std::map<std::string, PairedInput>::value_type*> all;
  for (auto& entry : collector.result) all.push_back(&entry);
  const ProgressFn silent;
  for_each_layer({.n = all.size(), .n_threads = n_threads, .stage = {}, .unit = {}, .progress = silent, .stop = stop},
                 [&](size_t at, const std::stop_token&) {
                   auto& [name, input] = *all[at];
                   input.n_tokens = text.n_tokens;
                   if (input.plain.size() != text.n_tokens * input.n_in || input.change.size() != input.plain.size()) {
                     throw Error(ErrorCode::kFailedPrecondition, "[distill] expected " + std::to_string(text.n_tokens) + " rows of " +
                                                                     name + ", found " + std::to_string(input.plain.size() / input.n_in));
                   }
                   for (size_t i = 0; i < input.plain.size(); ++i) input.change[i] -= input.plain[i];
                   if (!std::all_of(input.change.begin(), input.change.end(), [](float v) { return std::isfinite(v); })) {
                     throw Error(ErrorCode::kFailedPrecondition,
                                 "[distill] the model gives values of " + name + " that are not finite numbers");
                   }
                   input.lambda = ridge_inverse(input.plain, input.n_in, pairs.ridge, input.solve);
                 });
  return std::move(collector.result);
}

}  // namespace aicoder::fragment
