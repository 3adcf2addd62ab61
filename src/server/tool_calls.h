// Tools as the Qwen2.5 family speaks of them: signatures in the system message, calls as <tool_call>{"name", "arguments"}</tool_call>.
// Our chat templates take no tools, so this text is written here for every model.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "server/schema_grammar.h"

namespace aicoder::server {

struct Tool {
  std::string name;
  Json definition;  ///< {"type": "function", "function": {...}} as the client sent it
  Json parameters;  ///< a schema; an object without properties where the client gave none
};
struct ToolCall {
  std::string id, name;
  std::string arguments;  ///< JSON text
};

/// What is added to the system message.
std::string tools_prompt(std::span<const Tool> tools);
/// A call of the history as the model would have written it.
std::string tool_call_text(const std::string& name, const Json& arguments);
std::string tool_response_text(const std::string& content);

/// A rule for one call of one of the tools, or for several.
std::string tool_calls_rule(Grammar& grammar, std::span<const Tool> tools, bool several);

/// Takes an answer apart as it comes: text is handed on, calls are kept until they are whole. A call that is no JSON, or of a tool that
/// was not offered, is handed on as text: nothing the model wrote is lost.
class ToolCallReader {
 public:
  explicit ToolCallReader(std::vector<std::string> tool_names, std::string id_prefix);
  struct Out {
    std::string text;
    std::vector<ToolCall> calls;
  };
  Out add(std::string_view piece);
  Out finish();
  size_t n_calls() const noexcept { return n_calls_; }

 private:
  void read(Out& out, bool at_end);
  std::vector<std::string> names_;
  std::string id_prefix_, pending_;
  size_t n_calls_ = 0;
};

}  // namespace aicoder::server
