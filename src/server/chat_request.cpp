#include "server/chat_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace aicoder::server {
namespace {

constexpr size_t kMaxMessages = 4096, kMaxTools = 128, kMaxStops = 16, kMaxInputs = 256;
constexpr int64_t kMaxSamples = 16, kMaxTokens = 1 << 22, kMaxTopLogprobs = 20;

/// Fields whose absence from the answer would be noticed: refused unless they say what is done anyway.
struct Refusal {
  const char* name;
  bool (*harmless)(const Json&);
  const char* why;
};
bool is_zero(const Json& v) { return v.is_number() && v.get<double>() == 0; }
bool is_empty(const Json& v) { return v.empty(); }
bool is_false(const Json& v) { return v == false; }
bool is_one(const Json& v) { return v == 1; }
bool never(const Json&) { return false; }
bool is_text_only(const Json& v) { return v == Json::array({"text"}); }

void refuse_unsupported(const Fields& fields, std::initializer_list<Refusal> refusals) {
  for (const auto& r : refusals) {
    const Json* value = fields.get(r.name);
    if (value != nullptr && !r.harmless(*value)) throw unsupported(r.name, r.why);
  }
}

void read_sampling(const Fields& fields, const RequestDefaults& defaults, GenerationRequest& out) {
  auto& sampling = out.sampling;
  sampling.temperature = static_cast<float>(fields.number("temperature", 0, 2).value_or(static_cast<double>(defaults.temperature)));
  sampling.top_p = static_cast<float>(fields.number("top_p", 0, 1).value_or(static_cast<double>(defaults.top_p)));
  if (sampling.top_p == 0) sampling.temperature = 0, sampling.top_p = 1;  // OpenAI allows it: nothing but the most likely
  sampling.top_k = static_cast<int>(fields.integer("top_k", 0, 1'000'000).value_or(0));
  sampling.min_p = static_cast<float>(fields.number("min_p", 0, 1).value_or(0));
  sampling.repeat_penalty = static_cast<float>(fields.number("repeat_penalty", 0.01, 10).value_or(1));
  constexpr const char* kSampling[] = {"temperature", "top_p", "top_k", "min_p", "repeat_penalty"};
  out.sampling_of_fragments = std::ranges::none_of(kSampling, [&](const char* name) { return fields.has(name); });
  const auto seed = fields.integer("seed", std::numeric_limits<int64_t>::min() / 2, std::numeric_limits<int64_t>::max() / 2);
  sampling.seed = seed ? static_cast<uint32_t>(*seed) : std::random_device()();
  out.n = static_cast<size_t>(fields.integer("n", 1, kMaxSamples).value_or(1));
  const auto limit = fields.integer("max_tokens", 1, kMaxTokens);
  out.max_tokens =
      std::min(static_cast<size_t>(fields.integer("max_completion_tokens", 1, kMaxTokens).value_or(limit.value_or(kMaxTokens))),
               defaults.max_tokens);
  if (const Json* stop = fields.get("stop")) {
    const Json list = stop->is_array() ? *stop : Json::array({*stop});
    if (list.size() > kMaxStops) throw bad_request("stop", fmt::format("more than {} stop strings", kMaxStops));
    for (const auto& text : list) {
      if (!text.is_string() || text.get_ref<const std::string&>().empty())
        throw bad_request("stop", "expected a string that is not empty, or several", "invalid_type");
      out.stop_strings.push_back(text);
    }
  }
}

void read_common(const Fields& fields, const RequestDefaults& defaults, EngineRequest& out, StreamOptions& stream, std::string& model) {
  out.generation.fragments = read_fragments(fields, defaults.base, defaults.aliases);
  model = model_text(defaults.base, out.generation.fragments);
  read_sampling(fields, defaults, out.generation);
  stream.stream = fields.boolean("stream").value_or(false);
  if (const Json* options = fields.get("stream_options")) {
    if (!stream.stream) throw bad_request("stream_options", "only with stream: true");
    stream.include_usage = Fields(*options, "stream_options").boolean("include_usage").value_or(false);
  }
  if (const auto at = fields.integer("active_from", 0, kMaxTokens)) out.active_from = static_cast<size_t>(*at);
  if (const auto most = fields.integer("lookup", 0, 64)) out.generation.lookup_tokens = static_cast<size_t>(*most);
  const auto priority = fields.text("priority").value_or("interactive");
  if (priority != "interactive" && priority != "batch") throw bad_request("priority", "expected interactive or batch");
  out.priority = priority == "batch" ? Priority::kBatch : Priority::kInteractive;
}

// ---- messages ----------------------------------------------------------------------------------------------------------

/// A string, or text parts one after the other.
std::string read_content(const Json* content, const std::string& place) {
  if (content == nullptr) return {};
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array()) throw bad_request(place, "expected a string or an array of parts", "invalid_type");
  std::string out;
  for (size_t i = 0; i < content->size(); ++i) {
    const auto at = fmt::format("{}[{}]", place, i);
    const Fields part((*content)[i], at);
    const auto type = part.required_text("type");
    if (type != "text") throw unsupported(at + ".type", fmt::format("'{}': this model reads text only", type.substr(0, 40)));
    out += part.required_text("text");
  }
  return out;
}

std::string read_assistant(const Fields& message, const std::string& place, std::string content) {
  const Json* calls = message.array("tool_calls");
  if (calls == nullptr && !message.has("content") && !message.has("refusal"))
    throw bad_request(place + ".content", "an assistant message needs content or tool_calls", "missing_required_parameter");
  if (calls == nullptr) return content;
  for (size_t i = 0; i < calls->size(); ++i) {
    const auto at = fmt::format("{}.tool_calls[{}]", place, i);
    const Fields call((*calls)[i], at);
    if (call.text("type").value_or("function") != "function") throw unsupported(at + ".type", "only function");
    const Json* function = call.get("function");
    if (function == nullptr) throw bad_request(at + ".function", "this field is required", "missing_required_parameter");
    const Fields fields(*function, at + ".function");
    const auto arguments = fields.text("arguments").value_or("{}");
    Json parsed;
    try {
      parsed = parse_body(arguments);
    } catch (const ApiError&) {
      parsed = arguments;  // what an earlier answer wrote is shown as it was
    }
    content += (content.empty() ? "" : "\n") + tool_call_text(fields.required_text("name"), parsed);
  }
  return content;
}

std::vector<ChatMessage> read_messages(const Fields& fields) {
  const Json* list = fields.array("messages");
  if (list == nullptr || list->empty()) throw bad_request("messages", "at least one message is needed", "missing_required_parameter");
  if (list->size() > kMaxMessages) throw bad_request("messages", fmt::format("more than {} messages", kMaxMessages));
  std::vector<ChatMessage> out;
  bool after_tool = false;
  for (size_t i = 0; i < list->size(); ++i) {
    const auto place = fmt::format("messages[{}]", i);
    const Fields message((*list)[i], place);
    auto role = message.required_text("role");
    auto content = read_content(message.get("content"), place + ".content");
    const bool is_tool = role == "tool" || role == "function";
    if (role == "developer") role = "system";
    if (role == "assistant") {
      content = read_assistant(message, place, std::move(content));
    } else if (is_tool) {
      content = tool_response_text(content);
      role = "user";  // how the Qwen2.5 template shows it
    } else if (role != "system" && role != "user") {
      throw bad_request(place + ".role", "expected system, developer, user, assistant or tool");
    } else if (!message.has("content")) {
      throw bad_request(place + ".content", "this field is required", "missing_required_parameter");
    }
    if (is_tool && after_tool) {
      out.back().content += "\n" + content;  // the responses of one turn stand in one message
    } else {
      out.push_back({std::move(role), std::move(content)});
    }
    after_tool = is_tool;
  }
  return out;
}

// ---- tools and the form of the answer ----------------------------------------------------------------------------------

std::vector<Tool> read_tools(const Fields& fields) {
  std::vector<Tool> out;
  const Json* list = fields.array("tools");
  if (list == nullptr) return out;
  if (list->size() > kMaxTools) throw bad_request("tools", fmt::format("more than {} tools", kMaxTools));
  for (size_t i = 0; i < list->size(); ++i) {
    const auto place = fmt::format("tools[{}]", i);
    const Fields tool((*list)[i], place);
    if (tool.required_text("type") != "function") throw unsupported(place + ".type", "only function");
    const Json* function = tool.get("function");
    if (function == nullptr) throw bad_request(place + ".function", "this field is required", "missing_required_parameter");
    const Fields signature(*function, place + ".function");
    Tool read{.name = signature.required_text("name"),
              .definition = (*list)[i],
              .parameters = {{"type", "object"}, {"properties", Json::object()}}};
    const bool well_named = !read.name.empty() && read.name.size() <= 64 && std::ranges::all_of(read.name, [](unsigned char c) {
      return (c < 0x80 && std::isalnum(c) != 0) || c == '_' || c == '-' || c == '.';
    });
    if (!well_named) throw bad_request(place + ".function.name", "expected at most 64 letters, digits, '_', '-' and '.'");
    if (std::ranges::any_of(out, [&](const Tool& other) { return other.name == read.name; }))
      throw bad_request(place + ".function.name", "another tool has this name");
    if (const Json* parameters = signature.get("parameters")) read.parameters = *parameters;
    out.push_back(std::move(read));
  }
  return out;
}

/// Leaves in `tools` those that may be called.
ToolChoice read_tool_choice(const Fields& fields, std::vector<Tool>& tools) {
  const Json* choice = fields.get("tool_choice");
  if (choice == nullptr) return tools.empty() ? ToolChoice::kNone : ToolChoice::kAuto;
  if (choice->is_string()) {
    if (*choice == "none") return ToolChoice::kNone;
    if (tools.empty()) throw bad_request("tool_choice", "there are no tools to choose from");
    if (*choice == "auto") return ToolChoice::kAuto;
    if (*choice == "required") return ToolChoice::kRequired;
    throw bad_request("tool_choice", "expected none, auto, required, or the name of a function");
  }
  const Fields named(*choice, "tool_choice");
  if (named.required_text("type") != "function") throw unsupported("tool_choice.type", "only function");
  const Json* function = named.get("function");
  if (function == nullptr) throw bad_request("tool_choice.function", "this field is required", "missing_required_parameter");
  const auto name = Fields(*function, "tool_choice.function").required_text("name");
  std::erase_if(tools, [&](const Tool& tool) { return tool.name != name; });
  if (tools.empty()) throw bad_request("tool_choice.function.name", "there is no tool of this name");
  return ToolChoice::kRequired;
}

/// The rule of the answer's form; empty: free text.
std::string read_response_format(const Fields& fields, Grammar& grammar) {
  const Json* format = fields.get("response_format");
  if (format == nullptr) return {};
  const Fields form(*format, "response_format");
  const auto type = form.required_text("type");
  if (type == "text") return {};
  if (type == "json_object") return grammar.any_object();
  if (type != "json_schema") throw unsupported("response_format.type", "expected text, json_object or json_schema");
  const Json* outer = form.get("json_schema");
  if (outer == nullptr) throw bad_request("response_format.json_schema", "this field is required", "missing_required_parameter");
  const Fields named(*outer, "response_format.json_schema");
  const Json* schema = named.get("schema");
  if (schema == nullptr) return grammar.any_object();
  return grammar.add_schema(*schema, "response_format.json_schema.schema");
}

void add_to_system(std::vector<ChatMessage>& messages, const std::string& text) {
  if (messages.front().role == "system") {
    messages.front().content += "\n\n" + text;
  } else {
    messages.insert(messages.begin(), {"system", "You are a helpful assistant.\n\n" + text});
  }
}

}  // namespace

ChatRequest read_chat_request(const Json& body, const RequestDefaults& defaults) {
  const Fields fields(body);
  refuse_unsupported(fields, {{"logit_bias", is_empty, "not supported"},
                              {"presence_penalty", is_zero, "not supported; repeat_penalty is"},
                              {"frequency_penalty", is_zero, "not supported; repeat_penalty is"},
                              {"modalities", is_text_only, "this model writes text only"},
                              {"audio", never, "this model writes text only"},
                              {"functions", is_empty, "replaced by tools"},
                              {"function_call", never, "replaced by tool_choice"},
                              {"web_search_options", never, "there is no web search here"}});
  ChatRequest out;
  read_common(fields, defaults, out.engine, out.stream, out.model);
  auto& generation = out.engine.generation;
  generation.messages = read_messages(fields);
  const auto top = fields.integer("top_logprobs", 0, kMaxTopLogprobs);
  if (fields.boolean("logprobs").value_or(false)) {
    generation.n_logprobs = static_cast<int>(top.value_or(0));
  } else if (top) {
    throw bad_request("top_logprobs", "only with logprobs: true");
  }

  out.tools = read_tools(fields);
  out.tool_choice = read_tool_choice(fields, out.tools);
  Grammar grammar;
  const auto form = read_response_format(fields, grammar);
  std::string root = form;
  if (out.tool_choice != ToolChoice::kNone) {
    add_to_system(generation.messages, tools_prompt(out.tools));
    if (out.engine.active_from && *out.engine.active_from > 0 && Fields(body).array("messages")->size() < generation.messages.size()) {
      ++*out.engine.active_from;  // one system message more than the client counted
    }
    const bool several = fields.boolean("parallel_tool_calls").value_or(true);
    if (out.tool_choice == ToolChoice::kRequired) {
      root = tool_calls_rule(grammar, out.tools, several && !fields.get("tool_choice")->is_object());
    } else if (!form.empty()) {
      root = form + " | " + tool_calls_rule(grammar, out.tools, several);  // either a call or the form asked for
    }
  }
  if (!root.empty()) generation.grammar = grammar.text(root);
  if (out.engine.active_from && *out.engine.active_from > generation.messages.size()) out.engine.active_from = generation.messages.size();
  return out;
}

CompletionRequest read_completion_request(const Json& body, const RequestDefaults& defaults) {
  const Fields fields(body);
  refuse_unsupported(fields, {{"logit_bias", is_empty, "not supported"},
                              {"presence_penalty", is_zero, "not supported; repeat_penalty is"},
                              {"frequency_penalty", is_zero, "not supported; repeat_penalty is"},
                              {"best_of", is_one, "not supported; ask for n and choose"},
                              {"echo", is_false, "not supported"},
                              {"suffix", is_empty, "filling in the middle is not supported"}});
  CompletionRequest out;
  read_common(fields, defaults, out.engine, out.stream, out.model);
  if (!fields.has("max_tokens") && !fields.has("max_completion_tokens")) out.engine.generation.max_tokens = 16;  // OpenAI's default here
  if (const auto n = fields.integer("logprobs", 0, kMaxTopLogprobs)) out.engine.generation.n_logprobs = static_cast<int>(*n);
  const Json* prompt = fields.get("prompt");
  if (prompt == nullptr) throw bad_request("prompt", "this field is required", "missing_required_parameter");
  const auto tokens_of = [](const Json& list) {
    std::vector<Token> tokens;
    for (const auto& token : list) {
      if (!token.is_number_integer() || token.get<double>() < 0 || token.get<double>() > std::numeric_limits<Token>::max())
        throw bad_request("prompt", "expected token ids", "invalid_type");
      tokens.push_back(token.get<Token>());
    }
    return tokens;
  };
  if (prompt->is_string()) {
    out.prompts.emplace_back(prompt->get<std::string>());
  } else if (!prompt->is_array() || prompt->empty()) {
    throw bad_request("prompt", "expected a string, strings, or token ids", "invalid_type");
  } else if (prompt->front().is_number()) {
    out.prompts.emplace_back(tokens_of(*prompt));
  } else {
    for (const auto& one : *prompt) {
      if (one.is_string()) {
        out.prompts.emplace_back(one.get<std::string>());
      } else if (one.is_array() && !one.empty()) {
        out.prompts.emplace_back(tokens_of(one));
      } else {
        throw bad_request("prompt", "expected a string, strings, or token ids", "invalid_type");
      }
    }
  }
  if (out.prompts.size() * out.engine.generation.n > static_cast<size_t>(kMaxSamples))
    throw bad_request("prompt", fmt::format("prompts times n is more than {}", kMaxSamples));
  return out;
}

EmbeddingRequest read_embedding_request(const Json& body, const RequestDefaults& defaults, size_t n_embd) {
  const Fields fields(body);
  EmbeddingRequest out;
  if (!read_fragments(fields, defaults.base, defaults.aliases).empty())
    throw unsupported("model", "embeddings are of the base, without fragments");
  out.model = defaults.base;
  if (const auto dimensions = fields.integer("dimensions", 1, kMaxTokens); dimensions && static_cast<size_t>(*dimensions) != n_embd) {
    throw unsupported("dimensions", fmt::format("this model has {}", n_embd));
  }
  const auto format = fields.text("encoding_format").value_or("float");
  if (format != "float" && format != "base64") throw bad_request("encoding_format", "expected float or base64");
  out.base64 = format == "base64";
  const Json* input = fields.get("input");
  if (input == nullptr) throw bad_request("input", "this field is required", "missing_required_parameter");
  const Json list = input->is_array() ? *input : Json::array({*input});
  if (list.empty() || list.size() > kMaxInputs) throw bad_request("input", fmt::format("expected 1 to {} texts", kMaxInputs));
  for (const auto& text : list) {
    if (!text.is_string()) throw unsupported("input", "only text, no token ids");
    if (text.get_ref<const std::string&>().empty()) throw bad_request("input", "an empty text has no embedding");
    out.texts.push_back(text);
  }
  return out;
}

}  // namespace aicoder::server
