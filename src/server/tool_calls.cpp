#include "server/tool_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "server/json_body.h"

namespace aicoder::server {
namespace {

constexpr std::string_view kOpen = "<tool_call>", kClose = "</tool_call>";

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\r\n");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

/// Length of the longest end of `text` that begins `mark`.
size_t partial_mark(std::string_view text, std::string_view mark) {
  for (size_t n = std::min(text.size(), mark.size() - 1); n > 0; --n) {
    if (text.ends_with(mark.substr(0, n))) return n;
  }
  return 0;
}

std::optional<ToolCall> read_call(std::string_view body, const std::vector<std::string>& names) {
  try {
    const Json json = parse_body(trimmed(body));
    const auto name = json.find("name");
    if (name == json.end() || !name->is_string() || std::ranges::find(names, name->get<std::string>()) == names.end()) return std::nullopt;
    const auto arguments = json.find("arguments");
    if (arguments == json.end()) return ToolCall{.id = {}, .name = *name, .arguments = "{}"};
    // Some models write the arguments as text that holds JSON.
    return ToolCall{.id = {}, .name = *name, .arguments = arguments->is_string() ? arguments->get<std::string>() : dump(*arguments)};
  } catch (const ApiError&) {
    return std::nullopt;
  }
}

}  // namespace

std::string tools_prompt(std::span<const Tool> tools) {
  std::string out =
      "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
      "You are provided with function signatures within <tools></tools> XML tags:\n<tools>";
  for (const auto& tool : tools) out += "\n" + dump(tool.definition);
  return out +
         "\n</tools>\n\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> XML "
         "tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>";
}

std::string tool_call_text(const std::string& name, const Json& arguments) {
  return fmt::format("{}\n{}\n{}", kOpen, dump({{"name", name}, {"arguments", arguments}}), kClose);
}

std::string tool_response_text(const std::string& content) { return "<tool_response>\n" + content + "\n</tool_response>"; }

std::string tool_calls_rule(Grammar& grammar, std::span<const Tool> tools, bool several) {
  std::string any;
  for (const auto& tool : tools) {
    const auto arguments = grammar.add_schema(tool.parameters, "tools." + tool.name + ".parameters");
    const auto name = gbnf_literal(fmt::format("{}\n{{\"name\": {}, \"arguments\": ", kOpen, dump(Json(tool.name))));
    any += fmt::format("{}{} {} {}", any.empty() ? "" : " | ", name, arguments, gbnf_literal(fmt::format("}}\n{}", kClose)));
  }
  const auto one = grammar.add_rule(any);
  if (!several) return one;
  const auto more = grammar.add_rule("\"\\n\" " + one);
  return grammar.add_rule(one + " " + more + "*");
}

ToolCallReader::ToolCallReader(std::vector<std::string> tool_names, std::string id_prefix)
    : names_(std::move(tool_names)), id_prefix_(std::move(id_prefix)) {}

void ToolCallReader::read(Out& out, bool at_end) {
  while (!pending_.empty()) {
    const size_t open = pending_.find(kOpen);
    if (open == std::string::npos) {
      const size_t keep = at_end ? 0 : partial_mark(pending_, kOpen);
      out.text += pending_.substr(0, pending_.size() - keep);
      pending_.erase(0, pending_.size() - keep);
      return;
    }
    if (n_calls_ == 0 || !trimmed(std::string_view(pending_).substr(0, open)).empty())
      out.text += pending_.substr(0, open);  // no line ends between calls
    pending_.erase(0, open);
    const size_t close = pending_.find(kClose, kOpen.size());
    if (close == std::string::npos && !at_end) return;
    // The end token may stand in place of the closing mark.
    const size_t end = std::min(close, pending_.size());
    auto call = read_call(std::string_view(pending_).substr(kOpen.size(), end - kOpen.size()), names_);
    const size_t taken = close == std::string::npos ? pending_.size() : close + kClose.size();
    if (call) {
      call->id = fmt::format("{}{}", id_prefix_, n_calls_++);
      out.calls.push_back(*std::move(call));
    } else {
      out.text += pending_.substr(0, taken);
    }
    pending_.erase(0, taken);
  }
}

ToolCallReader::Out ToolCallReader::add(std::string_view piece) {
  pending_ += piece;
  Out out;
  read(out, false);
  if (n_calls_ > 0 && trimmed(out.text).empty()) out.text.clear();  // nor after them
  return out;
}

ToolCallReader::Out ToolCallReader::finish() {
  Out out;
  read(out, true);
  if (n_calls_ > 0 && trimmed(out.text).empty()) out.text.clear();
  return out;
}

}  // namespace aicoder::server
