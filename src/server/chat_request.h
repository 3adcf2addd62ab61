// POST /v1/chat/completions, /v1/completions and /v1/embeddings: JSON to native structs, refused where a field cannot be honoured.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "aicoder/engine.h"
#include "server/model_name.h"
#include "server/tool_calls.h"

namespace aicoder::server {

/// What an answer is made with where the request does not say.
struct RequestDefaults {
  std::string base;  ///< the model's name
  std::vector<std::string> aliases;
  size_t max_tokens = 4096;  ///< where the request gives no limit: what a conversation can hold
  float temperature = 0.7f, top_p = 1.0f;
};

enum class ToolChoice { kNone, kAuto, kRequired };

struct StreamOptions {
  bool stream = false, include_usage = false;
};
struct ChatRequest {
  EngineRequest engine;
  StreamOptions stream;
  std::string model;  ///< as it is said in the answer
  std::vector<Tool> tools;
  ToolChoice tool_choice = ToolChoice::kNone;
};
struct CompletionRequest {
  EngineRequest engine;  ///< without a prompt: each of those below in turn
  std::vector<std::variant<std::string, std::vector<Token>>> prompts;
  StreamOptions stream;
  std::string model;
};
struct EmbeddingRequest {
  std::vector<std::string> texts;
  bool base64 = false;
  std::string model;
};

/// \throws ApiError 400 (with the field), 404 (another model).
ChatRequest read_chat_request(const Json& body, const RequestDefaults& defaults);
CompletionRequest read_completion_request(const Json& body, const RequestDefaults& defaults);
EmbeddingRequest read_embedding_request(const Json& body, const RequestDefaults& defaults, size_t n_embd);

}  // namespace aicoder::server
