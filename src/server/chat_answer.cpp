#include "server/chat_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace aicoder::server {
namespace {

/// JSON has no infinity; OpenAI writes this for a token that could not have come.
double finite_logprob(float value) { return std::max(static_cast<double>(value), -9999.0); }

Json token_json(Token token, float logprob, const PieceFn& piece) {
  const auto bytes = piece(token);
  Json list = Json::array();
  for (const char c : bytes) list.push_back(static_cast<unsigned char>(c));
  return {{"token", to_valid_utf8(bytes)}, {"logprob", finite_logprob(logprob)}, {"bytes", list}};
}

}  // namespace

const char* finish_text(FinishReason reason, bool called_tools) {
  if (reason == FinishReason::kLength) return "length";
  return called_tools ? "tool_calls" : "stop";
}

Json usage_json(size_t prompt, size_t reused, size_t completion) {
  return {{"prompt_tokens", prompt},
          {"completion_tokens", completion},
          {"total_tokens", prompt + completion},
          {"prompt_tokens_details", {{"cached_tokens", reused}}}};
}

size_t n_completion_tokens(const GenerationResult& result) {
  size_t n = 0;
  for (const auto& sample : result.output.samples) n += sample.tokens.size();
  return n;
}

Json chat_logprobs(std::span<const TokenLogprob> logprobs, bool asked, const PieceFn& piece) {
  if (!asked) return {};
  Json content = Json::array();
  for (const auto& one : logprobs) {
    Json token = token_json(one.token, one.logprob, piece);
    token["top_logprobs"] = Json::array();
    for (const auto& [other, logprob] : one.top) token["top_logprobs"].push_back(token_json(other, logprob, piece));
    content.push_back(std::move(token));
  }
  return {{"content", content}, {"refusal", nullptr}};
}

Json completion_logprobs(std::span<const TokenLogprob> logprobs, bool asked, const PieceFn& piece, size_t& offset) {
  if (!asked) return {};
  Json out = {
      {"tokens", Json::array()}, {"token_logprobs", Json::array()}, {"top_logprobs", Json::array()}, {"text_offset", Json::array()}};
  for (const auto& one : logprobs) {
    const auto bytes = piece(one.token);
    Json top = Json::object();
    for (const auto& [other, logprob] : one.top) top[to_valid_utf8(piece(other))] = finite_logprob(logprob);
    out["tokens"].push_back(to_valid_utf8(bytes));
    out["token_logprobs"].push_back(finite_logprob(one.logprob));
    out["top_logprobs"].push_back(std::move(top));
    out["text_offset"].push_back(offset);
    offset += bytes.size();
  }
  return out;
}

Json tool_calls_json(const std::vector<ToolCall>& calls, size_t first_index, bool in_stream) {
  Json out = Json::array();
  for (const auto& call : calls) {
    Json one = Json::object();
    if (in_stream) one["index"] = first_index + out.size();
    one["id"] = call.id;
    one["type"] = "function";
    one["function"] = {{"name", call.name}, {"arguments", call.arguments}};
    out.push_back(std::move(one));
  }
  return out;
}

ToolCallReader tool_reader(const AnswerHead& head, const ChatRequest& request, size_t sample) {
  std::vector<std::string> names;
  if (request.tool_choice != ToolChoice::kNone) {
    for (const auto& tool : request.tools) names.push_back(tool.name);
  }
  // The last part of the answer's id, so that calls of two answers of one conversation differ.
  return ToolCallReader(std::move(names), fmt::format("call_{}_{}_", head.id.substr(head.id.rfind('-') + 1), sample));
}

Json chat_completion(const AnswerHead& head, const ChatRequest& request, const GenerationResult& result, const PieceFn& piece) {
  Json choices = Json::array();
  const bool logprobs = request.engine.generation.n_logprobs >= 0;
  for (size_t i = 0; i < result.output.samples.size(); ++i) {
    const auto& sample = result.output.samples[i];
    Json message = {{"role", "assistant"}, {"content", sample.text}, {"refusal", nullptr}};
    bool called = false;
    if (request.tool_choice != ToolChoice::kNone) {
      auto reader = tool_reader(head, request, i);
      auto read = reader.add(sample.text);
      auto rest = reader.finish();
      read.text += rest.text;
      read.calls.insert(read.calls.end(), rest.calls.begin(), rest.calls.end());
      called = !read.calls.empty();
      const bool blank = read.text.find_first_not_of(" \r\n\t") == std::string::npos;
      message["content"] = called && blank ? Json() : Json(read.text);
      if (called) message["tool_calls"] = tool_calls_json(read.calls, 0, false);
    }
    choices.push_back({{"index", i},
                       {"message", std::move(message)},
                       {"logprobs", chat_logprobs(sample.logprobs, logprobs, piece)},
                       {"finish_reason", finish_text(sample.finish, called)}});
  }
  return {{"id", head.id},
          {"object", "chat.completion"},
          {"created", head.created},
          {"model", head.model},
          {"system_fingerprint", head.fingerprint},
          {"choices", choices},
          {"usage", usage_json(result.output.prompt_tokens, result.output.reused_tokens, n_completion_tokens(result))}};
}

Json chat_chunk(const AnswerHead& head, size_t index, Json delta, const Json& finish, const Json& logprobs) {
  return {{"id", head.id},
          {"object", "chat.completion.chunk"},
          {"created", head.created},
          {"model", head.model},
          {"system_fingerprint", head.fingerprint},
          {"choices", Json::array({{{"index", index}, {"delta", std::move(delta)}, {"logprobs", logprobs}, {"finish_reason", finish}}})}};
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t word = 0;
    for (size_t j = 0; j < 3; ++j) word = (word << 8) | (j < n ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out += j <= n ? kDigits[(word >> (18 - 6 * j)) & 63u] : '=';
  }
  return out;
}

}  // namespace aicoder::server
