// Chooses one token from logits. Private to src/model.
#pragma once

#include <deque>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "aicoder/model.h"
#include "model/llama_handles.h"

namespace aicoder {

/// \throws Error(kInvalidArgument) for values out of range, naming the field.
void check_sampling(const SamplingOptions& options);

/// A compiled GBNF grammar; samples clone it.
/// \throws Error(kInvalidArgument) with the parser's reason.
LlamaSamplerHandle compile_grammar(const Model& model, const std::string& grammar);

/// Order as in llama.cpp: repeat penalty, grammar, top-k, top-p, min-p, temperature, so that truncation sees the model's
/// own distribution. Greedy takes the largest logit; ties go to the lowest token id.
class TokenSampler {
 public:
  /// \param seed     of this sample
  /// \param grammar  compiled; cloned here; null: free
  TokenSampler(const SamplingOptions& options, uint32_t seed, const llama_sampler* grammar);

  /// \param logits [n_vocab] of the model. \return the token, or -1 where the grammar allows nothing more.
  Token sample(std::span<const float> logits);
  /// Tells grammar and repeat penalty which token follows.
  void accept(Token token);

 private:
  struct Candidate {
    Token token;
    float logit;
  };
  Token choose(std::span<const float> logits);
  Token draw(std::span<const float> logits);
  bool grammar_allows(Token token);
  void penalize(std::span<float> logits) const;

  SamplingOptions options_;
  std::mt19937 random_;
  LlamaSamplerHandle grammar_;
  std::deque<Token> recent_;
  std::vector<float> adjusted_;
  std::vector<Candidate> candidates_;
  std::vector<llama_token_data> grammar_data_;
};

}  // namespace aicoder
