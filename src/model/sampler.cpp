#include "model/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "model/llama_log.h"
#include "model/log_softmax.h"

namespace aicoder {
namespace {

constexpr size_t kPenaltyWindow = 64;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
/// exp(-30) = 1e-13: a million such tokens together have less weight than a float's rounding of the sum.
constexpr float kNegligible = 30.0f;

constexpr size_t kMaxGrammarBytes = size_t{1} << 20;
constexpr size_t kMaxGrammarNesting = 200;

/// llama.cpp's parser recurses once for each open parenthesis: a long row of them would overflow the stack.
size_t deepest_nesting(std::string_view grammar) {
  size_t depth = 0, deepest = 0;
  char quote = 0;  // '"' in a literal, ']' in a character set
  for (size_t i = 0; i < grammar.size(); ++i) {
    const char c = grammar[i];
    if (c == '\\') {
      ++i;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"') {
      quote = '"';
    } else if (c == '[') {
      quote = ']';
    } else if (c == '#') {
      i = std::min(grammar.find('\n', i), grammar.size());
    } else if (c == '(') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ')' && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

void check_sampling(const SamplingOptions& o) {
  const auto refuse = [](const char* name, float value, const char* expected) {
    throw Error(ErrorCode::kInvalidArgument, std::string("[sampling] ") + name + " is " + std::to_string(value) + ", expected " + expected);
  };
  if (!(o.temperature >= 0 && o.temperature <= 100)) refuse("temperature", o.temperature, "0 to 100");
  if (o.top_k < 0) refuse("top_k", static_cast<float>(o.top_k), "0 (off) or more");
  if (!(o.top_p > 0 && o.top_p <= 1)) refuse("top_p", o.top_p, "more than 0, at most 1");
  if (!(o.min_p >= 0 && o.min_p <= 1)) refuse("min_p", o.min_p, "0 to 1");
  if (!(o.repeat_penalty > 0 && o.repeat_penalty <= 100)) refuse("repeat_penalty", o.repeat_penalty, "more than 0, at most 100");
}

LlamaSamplerHandle compile_grammar(const Model& model, const std::string& grammar) {
  if (grammar.empty()) return {};
  const auto refuse = [](const std::string& what) {
    throw Error(ErrorCode::kInvalidArgument, "[grammar] " + what, "the start rule is 'root ::= ...' (GBNF)");
  };
  if (grammar.size() > kMaxGrammarBytes) refuse(std::to_string(grammar.size()) + " bytes, the limit is 1 MiB");
  if (grammar.find('\0') != std::string::npos) refuse("a zero byte in the text");
  if (deepest_nesting(grammar) > kMaxGrammarNesting) refuse("parentheses nested deeper than 200");
  const auto* vocab = llama_model_get_vocab(static_cast<const llama_model*>(model.native_handle()));
  LlamaLogCapture capture;
  LlamaSamplerHandle sampler(llama_sampler_init_grammar(vocab, grammar.c_str(), "root"));
  if (!sampler) refuse("not understood: " + capture.errors());
  return sampler;
}

TokenSampler::TokenSampler(const SamplingOptions& options, uint32_t seed, const llama_sampler* grammar)
    : options_(options), random_(seed), grammar_(grammar != nullptr ? llama_sampler_clone(grammar) : nullptr) {}

void TokenSampler::accept(Token token) {
  if (grammar_) llama_sampler_accept(grammar_.get(), token);
  if (options_.repeat_penalty != 1.0f) {
    recent_.push_back(token);
    if (recent_.size() > kPenaltyWindow) recent_.pop_front();
  }
}

void TokenSampler::penalize(std::span<float> logits) const {
  for (Token token : std::set<Token>(recent_.begin(), recent_.end())) {
    float& logit = logits[static_cast<size_t>(token)];
    // As in llama.cpp: dividing a negative logit would raise it.
    logit = logit > 0 ? logit / options_.repeat_penalty : logit * options_.repeat_penalty;
  }
}

Token TokenSampler::sample(std::span<const float> logits) {
  if (!recent_.empty()) {
    adjusted_.assign(logits.begin(), logits.end());
    penalize(adjusted_);
    logits = adjusted_;
  }
  const Token first = choose(logits);
  if (!grammar_ || grammar_allows(first)) return first;
  // Checking the whole vocabulary against the grammar is slow and rarely needed. Drawing again from what it allows gives each
  // allowed token p + (1 - P) * p / P = p / P: the same distribution as masking first.
  grammar_data_.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) grammar_data_[i] = {static_cast<Token>(i), logits[i], 0.0f};
  llama_token_data_array array{grammar_data_.data(), grammar_data_.size(), -1, false};
  llama_sampler_apply(grammar_.get(), &array);
  std::vector<float> masked(logits.size(), kMinusInfinity);
  bool any = false;
  for (size_t i = 0; i < array.size; ++i) {
    masked[static_cast<size_t>(array.data[i].id)] = array.data[i].logit;
    any = any || array.data[i].logit > kMinusInfinity;
  }
  return any ? choose(masked) : -1;
}

bool TokenSampler::grammar_allows(Token token) {
  llama_token_data one{token, 0.0f, 0.0f};
  llama_token_data_array array{&one, 1, -1, false};
  llama_sampler_apply(grammar_.get(), &array);
  return one.logit > kMinusInfinity;
}

Token TokenSampler::choose(std::span<const float> logits) {
  if (options_.temperature <= 0) return static_cast<Token>(arg_max(logits));
  return draw(logits);
}

Token TokenSampler::draw(std::span<const float> logits) {
  const auto best = static_cast<Token>(arg_max(logits));
  const float top = logits[static_cast<size_t>(best)];
  // Weight is exp((logit - top) / temperature) at the end, exp(logit - top) for truncation: below both cuts nothing matters.
  float cut = top - kNegligible * std::max(1.0f, options_.temperature);
  if (options_.min_p > 0) cut = std::max(cut, top + std::log(options_.min_p));
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= cut) candidates_.push_back({static_cast<Token>(i), logits[i]});
  }
  if (candidates_.empty()) return best;  // every logit is NaN or -infinity

  const auto better = [](const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.token < b.token; };
  const bool use_top_k = options_.top_k > 0 && static_cast<size_t>(options_.top_k) < candidates_.size();
  if (use_top_k) {
    const auto end = candidates_.begin() + options_.top_k;
    std::nth_element(candidates_.begin(), end - 1, candidates_.end(), better);
    candidates_.erase(end, candidates_.end());
  }
  if (options_.top_p < 1.0f) {
    // The share is of the distribution that top-k left (all tokens when off), min-p not yet applied, as llama.cpp chains them.
    double total = 0;
    if (use_top_k || options_.min_p <= 0) {
      for (const auto& c : candidates_) total += std::exp(static_cast<double>(c.logit - top));
    } else {
      total = std::exp(LogSoftmax(logits).log_total(top));
    }
    std::sort(candidates_.begin(), candidates_.end(), better);
    double share = 0;
    size_t keep = 0;
    while (keep < candidates_.size()) {
      share += std::exp(static_cast<double>(candidates_[keep++].logit - top)) / total;
      if (share >= static_cast<double>(options_.top_p)) break;
    }
    candidates_.resize(keep);
  }

  double sum = 0;
  for (const auto& c : candidates_) sum += std::exp(static_cast<double>(c.logit - top) / static_cast<double>(options_.temperature));
  // 53 bits from two draws, by hand: std::uniform_real_distribution differs between standard libraries.
  const uint64_t high = random_() >> 5, low = random_() >> 6;
  const double u = static_cast<double>(high * 67108864 + low) / 9007199254740992.0;
  double rest = u * sum;
  for (const auto& c : candidates_) {
    rest -= std::exp(static_cast<double>(c.logit - top) / static_cast<double>(options_.temperature));
    if (rest < 0) return c.token;
  }
  return candidates_.back().token;
}

}  // namespace aicoder
