#include "model/chat_template.h"

#include <gtest/gtest.h>

#include <set>

#include "model/jinja_oracle.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using test::Json;

const std::filesystem::path kTemplates = AICODER_SOURCE_DIR "/tests/data/chat_templates";

TEST(ChatTemplates, EveryFamilyIsRenderedAsByJinja2) {
  const Json conversations = Json::parse(read_file(kTemplates / "conversations.json"));
  Json cases = Json::array();
  std::set<std::string> families;
  for (const auto& entry : std::filesystem::directory_iterator(kTemplates)) {
    if (entry.path().extension() != ".jinja") continue;
    families.insert(entry.path().stem().string());
    for (const Json& conversation : conversations) cases.push_back({{"template", read_file(entry.path())}, {"variables", conversation}});
  }
  EXPECT_GE(families.size(), 9u);
  const Json expected = test::ask_jinja2(cases);
  size_t n_text = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    test::expect_as_jinja2(cases[i], expected[i]);
    n_text += expected[i].contains("text") ? 1 : 0;
  }
  EXPECT_GT(n_text, cases.size() / 2);  // the others are conversations that the family refuses
}

const std::vector<ChatMessage> kUserOnly = {{"user", "Hi"}};

TEST(ChatTemplates, GiveTheVariablesThatTransformersGives) {
  const std::string source =
      "{{ messages|tojson }}{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}{{ bos_token }}{{ eos_token is defined }}";
  EXPECT_EQ(render_chat_template(source, {.messages = kUserOnly, .add_assistant = false, .bos = "<s>", .eos = {}}),
            "[{\"role\": \"user\", \"content\": \"Hi\"}]TrueTrueFalse<s>False");
}

/// Why the model's own template comes first: the built-in chatml knows nothing of a default system prompt.
TEST(ChatTemplates, BuiltinFormatMissesADefaultSystemPrompt) {
  const std::string source = read_file(kTemplates / "chatml.jinja");
  const ChatTemplateInput input{.messages = kUserOnly, .add_assistant = true, .bos = {}, .eos = {}};
  EXPECT_EQ(builtin_chat_template(source, input), "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(render_chat_template(source, input),
            "<|im_start|>system\nBe brief.<|im_end|>\n\n<|im_start|>user\nHi<|im_end|>\n\n<|im_start|>assistant\n\n");
}

TEST(ChatTemplates, BuiltinFormatHoldsLongAndEmptyMessages) {
  const std::string long_text(100000, 'x');
  const std::vector<ChatMessage> messages = {{"user", long_text}, {"assistant", ""}};
  EXPECT_EQ(builtin_chat_template("chatml", {.messages = messages, .add_assistant = false, .bos = {}, .eos = {}}),
            "<|im_start|>user\n" + long_text + "<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n");
}

TEST(ChatTemplates, UnknownBuiltinFormatGivesNothing) {
  EXPECT_EQ(builtin_chat_template("{{ messages }}", {.messages = kUserOnly, .add_assistant = true, .bos = {}, .eos = {}}), std::nullopt);
}

TEST(ChatTemplates, RefusalOfTheTemplateIsAnInvalidArgument) {
  EXPECT_ERROR(
      render_chat_template(read_file(kTemplates / "llama2.jinja"),
                           {.messages = std::vector<ChatMessage>{{"assistant", "first"}}, .add_assistant = true, .bos = "", .eos = ""}),
      ErrorCode::kInvalidArgument, "roles must alternate");
}

}  // namespace
}  // namespace aicoder
