#include "server/chat_request.h"

#include <gtest/gtest.h>

#include "support/error_matcher.h"

namespace aicoder::server {
namespace {

const RequestDefaults kDefaults{.base = "tiny", .aliases = {}, .max_tokens = 512};

Json chat(const char* more = "{}") {
  Json body = {{"messages", Json::array({{{"role", "user"}, {"content", "hi"}}})}};
  const auto added = Json::parse(more);
  for (const auto& [name, value] : added.items()) body[name] = value;
  return body;
}
ChatRequest read(const char* more) { return read_chat_request(chat(more), kDefaults); }

constexpr const char* kTool = R"({"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters":
  {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}})";

TEST(ChatRequest, TakesSamplingAsGivenAndDefaultsElsewhere) {
  const auto given =
      read(
          R"({"temperature": 0.5, "top_p": 0.9, "seed": 7, "n": 3, "max_completion_tokens": 20, "stop": ["a", "b"], "logprobs": true, "top_logprobs": 2})")
          .engine.generation;
  EXPECT_FLOAT_EQ(given.sampling.temperature, 0.5f);
  EXPECT_FLOAT_EQ(given.sampling.top_p, 0.9f);
  EXPECT_EQ(given.sampling.seed, 7);
  EXPECT_EQ(given.n, 3);
  EXPECT_EQ(given.max_tokens, 20);
  EXPECT_EQ(given.stop_strings, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(given.n_logprobs, 2);
  const auto none = read("{}").engine.generation;
  EXPECT_FLOAT_EQ(none.sampling.temperature, 0.7f);
  EXPECT_TRUE(none.sampling_of_fragments);
  EXPECT_FALSE(given.sampling_of_fragments) << "what a request says goes first";
  EXPECT_EQ(none.max_tokens, 512);
  EXPECT_EQ(none.n_logprobs, -1);
  EXPECT_EQ(read(R"({"top_p": 0})").engine.generation.sampling.temperature, 0);
  EXPECT_EQ(read(R"({"temperature": null, "stop": null, "seed": null, "tools": null})").engine.generation.n, 1);
  EXPECT_EQ(read(R"({"max_tokens": 100000})").engine.generation.max_tokens, 512);
}

TEST(ChatRequest, IgnoresWhatChangesNothing) {
  EXPECT_NO_THROW((void)read(
      R"({"user": "u", "metadata": {"a": "b"}, "store": true, "service_tier": "auto", "presence_penalty": 0, "frequency_penalty": 0.0,
    "logit_bias": {}, "modalities": ["text"], "something_new": 1, "response_format": {"type": "text"}})"));
}

TEST(ChatRequest, RefusesWhatItCannotHonourByItsField) {
  const std::vector<std::pair<const char*, const char*>> refused = {
      {R"({"messages": []})", "messages"},
      {R"({"messages": [{"role": "king", "content": "x"}]})", "messages[0].role"},
      {R"({"messages": [{"role": "user"}]})", "messages[0].content"},
      {R"({"messages": [{"role": "assistant"}]})", "messages[0].content"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]})", "messages[0].content[0].type"},
      {R"({"messages": [{"role": "user", "content": 1}]})", "messages[0].content"},
      {R"({"messages": [1]})", "messages[0]"},
      {R"({"presence_penalty": 0.5})", "presence_penalty"},
      {R"({"logit_bias": {"1": 2}})", "logit_bias"},
      {R"({"functions": [{}]})", "functions"},
      {R"({"temperature": 3})", "temperature"},
      {R"({"temperature": "hot"})", "temperature"},
      {R"({"n": 0})", "n"},
      {R"({"n": 1.5})", "n"},
      {R"({"n": 99999999999999999999})", "n"},
      {R"({"stop": [1]})", "stop"},
      {R"({"stop": ""})", "stop"},
      {R"({"top_logprobs": 2})", "top_logprobs"},
      {R"({"stream_options": {"include_usage": true}})", "stream_options"},
      {R"({"tool_choice": "required"})", "tool_choice"},
      {R"({"tools": [{"type": "code_interpreter"}]})", "tools[0].type"},
      {R"({"tools": [{"type": "function", "function": {"name": "a b"}}]})", "tools[0].function.name"},
      {R"({"response_format": {"type": "xml"}})", "response_format.type"},
      {R"({"response_format": {"type": "json_schema"}})", "response_format.json_schema"},
      {R"({"response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}}})", "response_format.json_schema.schema"},
      {R"({"fragments": [{"name": "../x"}]})", "fragments[0].name"},
      {R"({"fragments": [{"name": "a", "strength": 9}]})", "fragments[0].strength"},
      {R"({"fragments": [{"name": "a"}, {"name": "a"}]})", "fragments[1].name"},
      {R"({"priority": "urgent"})", "priority"},
      {R"({"lookup": 65})", "lookup"},
      {R"({"lookup": -1})", "lookup"},
  };
  for (const auto& [more, param] : refused) {
    SCOPED_TRACE(more);
    try {
      (void)read(more);
      ADD_FAILURE() << "accepted";
    } catch (const ApiError& error) {
      EXPECT_EQ(error.status(), 400);
      EXPECT_EQ(error.param(), param) << error.what();
    }
  }
}

TEST(ChatRequest, ReadsPartsToolsAndTheirResponses) {
  const auto messages = read(R"({"messages": [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "one"}, {"role": "tool", "tool_call_id": "2", "content": "two"}]})")
                            .engine.generation.messages;
  ASSERT_EQ(messages.size(), 4);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[1].content, "ab");
  EXPECT_EQ(messages[2].content, "<tool_call>\n{\"name\":\"f\",\"arguments\":{\"x\":1}}\n</tool_call>");
  EXPECT_EQ(messages[3].role, "user");
  EXPECT_EQ(messages[3].content, "<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>");
}

TEST(ChatRequest, ToolsEnterTheSystemMessageAndTheGrammar) {
  const auto with = [](const std::string& more) {
    return read_chat_request(chat((R"({"tools": [)" + std::string(kTool) + "]" + more + "}").c_str()), kDefaults);
  };
  const auto open = with("");
  EXPECT_EQ(open.tool_choice, ToolChoice::kAuto);
  EXPECT_TRUE(open.engine.generation.grammar.empty());
  ASSERT_EQ(open.engine.generation.messages.size(), 2);
  EXPECT_NE(open.engine.generation.messages[0].content.find("get_weather"), std::string::npos);

  const auto closed = with(R"(, "tool_choice": "none")");
  EXPECT_EQ(closed.engine.generation.messages.size(), 1);

  const auto required = with(R"(, "tool_choice": "required")");
  EXPECT_NE(required.engine.generation.grammar.find("<tool_call>"), std::string::npos);
  const auto named = with(R"(, "tool_choice": {"type": "function", "function": {"name": "get_weather"}})");
  EXPECT_EQ(named.tool_choice, ToolChoice::kRequired);
  EXPECT_ERROR((void)with(R"(, "tool_choice": {"type": "function", "function": {"name": "other"}})"), ErrorCode::kInvalidArgument,
               "no tool of this name");

  const auto either = with(R"(, "response_format": {"type": "json_object"})");
  EXPECT_NE(either.engine.generation.grammar.find("root ::= object | "), std::string::npos);
  EXPECT_EQ(with(R"(, "active_from": 1)").engine.active_from, 2);  // one message more than the client sent
}

TEST(CompletionRequest, TakesTextsAndTokens) {
  const auto read_one = [](const char* text) { return read_completion_request(Json::parse(text), kDefaults); };
  EXPECT_EQ(read_one(R"({"prompt": "x"})").engine.generation.max_tokens, 16);
  EXPECT_EQ(read_one(R"({"prompt": ["x", "y"]})").prompts.size(), 2);
  EXPECT_EQ(std::get<1>(read_one(R"({"prompt": [1, 2, 3]})").prompts[0]).size(), 3);
  EXPECT_EQ(read_one(R"({"prompt": [[1], [2, 3]]})").prompts.size(), 2);
  for (const char* bad : {R"({})", R"({"prompt": 1})", R"({"prompt": []})", R"({"prompt": [-1]})", R"({"prompt": [1e12]})",
                          R"({"prompt": "x", "echo": true})", R"({"prompt": "x", "suffix": "y"})", R"({"prompt": "x", "best_of": 3})",
                          R"({"prompt": ["a", "b", "c"], "n": 8})"}) {
    EXPECT_THROW((void)read_one(bad), ApiError) << bad;
  }
}

TEST(EmbeddingRequest, TakesTextsOnly) {
  const auto read_one = [](const char* text) { return read_embedding_request(Json::parse(text), kDefaults, 64); };
  EXPECT_EQ(read_one(R"({"input": "x", "dimensions": 64, "encoding_format": "base64"})").base64, true);
  for (const char* bad : {R"({})", R"({"input": ""})", R"({"input": []})", R"({"input": [1, 2]})", R"({"input": "x", "dimensions": 32})",
                          R"({"input": "x", "model": "tiny+coder"})", R"({"input": "x", "encoding_format": "hex"})"}) {
    EXPECT_THROW((void)read_one(bad), ApiError) << bad;
  }
}

}  // namespace
}  // namespace aicoder::server
