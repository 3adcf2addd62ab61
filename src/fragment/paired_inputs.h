// The inputs of linear layers for the same tokens, read with and without a prompt before them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "aicoder/fragment.h"

namespace aicoder::fragment {

/// One record both ways. The last `n_aligned` tokens of both are the same ones: the answer, and the token it is first predicted from.
struct AlignedRecord {
  std::vector<Token> plain, prompted;  ///< plain: with `against` where that is given
  size_t n_aligned = 0;
};
struct AlignedText {
  std::vector<AlignedRecord> records;
  size_t n_tokens = 0;  ///< aligned, of all records
  std::string hash;     ///< of the records used
};
/// In a conversation the prompt is the system message, before the record's own; before a text it stands with a blank line between.
/// Aligned are the tokens that agree from the end on; of a conversation no more than the answer and the token before it, of a text never
/// its first token, whose massive activations belong to its place and not to what it says.
/// With `pairs.against` the plain side has that prompt, at the same place.
/// \throws Error(kInvalidArgument): no prompt, a conversation that does not end with an answer, a prompt that does not fit the context,
/// nothing aligned.
AlignedText align_records(const PromptPairs& pairs);

/// Of one input, all aligned tokens.
struct PairedInput {
  size_t n_in = 0, n_tokens = 0;
  std::vector<float> plain;   ///< X [n_tokens, n_in], read without the prompt
  std::vector<float> change;  ///< [n_tokens, n_in], with the prompt minus without
  std::vector<float> solve;   ///< (X X^T + lambda I)^-1 [n_tokens, n_tokens]
  double lambda = 0;
  float max_abs = 0;  ///< largest single |input| without the prompt, unaligned tokens too
};
/// Runs every record twice and keeps the named inputs (linear_layers.h: input_name): 8 * n_tokens * n_in + 4 * n_tokens^2 bytes each.
/// \throws Error kFailedPrecondition (inputs that are not finite, or never seen), kCancelled.
/// How many tokens at the end of a record are its answer, with the one that predicts its first token; of a text all but its first.
/// \throws Error(kInvalidArgument) for a conversation that does not end with an answer.
size_t n_answer_tokens(const Model& model, const TextRecord& record, size_t n_tokens);
/// Tokens a record may have, its prompt with it.
size_t pair_context_tokens(const Model& model);
std::map<std::string, PairedInput> capture_pairs(const PromptPairs& pairs, const AlignedText& text, const std::set<std::string>& inputs,
                                                 int n_threads, const std::stop_token& stop);

}  // namespace aicoder::fragment
