#include <gtest/gtest.h>

#include "adapter/lora_file.h"
#include "aicoder/adapter.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

class FragmentSettingsTest : public testing::Test {
 protected:
  FragmentSettings read(const std::map<std::string, GgufValue>& metadata) {
    GgufWriter writer;
    for (const auto& [key, value] : metadata) writer.set(key, value);
    writer.write(dir_ / "f.gguf");
    return fragment_settings(GgufFile::open(dir_ / "f.gguf"));
  }
  test::TempDir dir_;
};

TEST_F(FragmentSettingsTest, AreReadFromTheFileAndDefaultToNothing) {
  EXPECT_EQ(read({{"general.type", std::string("adapter")}}), FragmentSettings{});
  const auto settings = read({{"aicoder.invocation", std::string("user")},
                              {"aicoder.prompt.prefix", std::string("Be brief.")},
                              {"aicoder.gate.language", std::string("ko")},
                              {"aicoder.sampler.temperature", 0.5f},
                              {"aicoder.sampler.top_k", 40.0f}});
  EXPECT_EQ(settings.invocation, Invocation::kUser);
  EXPECT_EQ(settings.prompt_prefix, "Be brief.");
  EXPECT_EQ(settings.language, "ko");
  EXPECT_EQ(settings.temperature, 0.5f);
  EXPECT_EQ(settings.top_k, 40);
  EXPECT_EQ(settings.top_p, std::nullopt);
}

TEST_F(FragmentSettingsTest, ValuesOutOfTheirRangeAreRefused) {
  EXPECT_ERROR(read({{"aicoder.invocation", std::string("later")}}), ErrorCode::kDataLoss, "expected start, user or answer");
  EXPECT_ERROR(read({{"aicoder.gate.language", std::string("fr")}}), ErrorCode::kDataLoss, "expected ko or en");
  EXPECT_ERROR(read({{"aicoder.sampler.top_p", 1.5f}}), ErrorCode::kDataLoss, "aicoder.sampler.top_p");
  EXPECT_ERROR(read({{"aicoder.sampler.temperature", NAN}}), ErrorCode::kDataLoss, "aicoder.sampler.temperature");
}

TEST(FirstMessage, IsWhereTheInvocationPoints) {
  const std::vector<ChatMessage> messages = {{"system", "s"}, {"user", "a"}, {"assistant", "b"}, {"user", "c"}};
  EXPECT_EQ(first_message(Invocation::kStart, messages), 0u);
  EXPECT_EQ(first_message(Invocation::kUser, messages), 3u);
  EXPECT_EQ(first_message(Invocation::kAnswer, messages), 4u);
  EXPECT_EQ(first_message(Invocation::kUser, std::span(messages).first(1)), 1u) << "nothing of the user: the answer";
}

TEST(ApplySettings, PrefixesStandBeforeTheSystemMessageAndTheLastSamplerWins) {
  FragmentSettings one, two;
  one.prompt_prefix = "One.";
  one.temperature = 0.3f;
  one.top_k = 5;
  two.prompt_prefix = "Two.";
  two.temperature = 0.9f;
  const std::vector<FragmentSettings> both = {one, two};
  std::vector<ChatMessage> messages = {{"system", "Be kind."}, {"user", "Hi"}};
  apply_settings(both, messages);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].content, "One.\n\nTwo.\n\nBe kind.");
  messages = {{"user", "Hi"}};
  apply_settings(both, messages);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].role, "system");
  SamplingOptions sampling{.temperature = 1, .top_p = 0.8f};
  apply_settings(both, sampling);
  EXPECT_EQ(sampling.temperature, 0.9f);
  EXPECT_EQ(sampling.top_k, 5);
  EXPECT_EQ(sampling.top_p, 0.8f);
  apply_settings({}, messages);
  EXPECT_EQ(messages.size(), 2u);
}

}  // namespace
}  // namespace aicoder
