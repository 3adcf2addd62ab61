// Results of the engine as OpenAI's clients read them: whole answers and the chunks of a stream.
#pragma once

#include <functional>

#include <span>

#include "server/chat_request.h"

namespace aicoder::server {

using PieceFn = std::function<std::string(Token)>;

/// What every object of one answer says of it.
struct AnswerHead {
  std::string id, model, fingerprint;
  int64_t created = 0;
};

const char* finish_text(FinishReason reason, bool called_tools);
Json usage_json(size_t prompt, size_t reused, size_t completion);
size_t n_completion_tokens(const GenerationResult& result);
/// {"content": [...]} as chat has it; null without log-probabilities.
Json chat_logprobs(std::span<const TokenLogprob> logprobs, bool asked, const PieceFn& piece);
/// As /v1/completions has it. \param offset  bytes of the answer before them; moved behind them
Json completion_logprobs(std::span<const TokenLogprob> logprobs, bool asked, const PieceFn& piece, size_t& offset);
Json tool_calls_json(const std::vector<ToolCall>& calls, size_t first_index, bool in_stream);

/// A whole chat answer. \param reader_of  makes the reader of a sample's tool calls
Json chat_completion(const AnswerHead& head, const ChatRequest& request, const GenerationResult& result, const PieceFn& piece);
Json chat_chunk(const AnswerHead& head, size_t index, Json delta, const Json& finish = {}, const Json& logprobs = {});
ToolCallReader tool_reader(const AnswerHead& head, const ChatRequest& request, size_t sample);

std::string base64(std::string_view bytes);

}  // namespace aicoder::server
