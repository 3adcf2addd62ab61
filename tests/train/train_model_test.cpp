// On the small real model: masks of a real chat template, and a tiny set learned by heart, as the engine sees it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aicoder/train.h"
#include "model/smollm.h"
#include "support/error_matcher.h"
#include "train/examples.h"

namespace aicoder::test {
namespace {

std::string trained_text(const train::Example& example) {
  std::vector<Token> tokens;
  for (size_t i = 0; i < example.tokens.size(); ++i) {
    if (example.trained[i] != 0) tokens.push_back(example.tokens[i]);
  }
  return smollm()->detokenize(tokens, true);
}

TEST(ChatMask, TrainsOnWhatTheAssistantSaysAndTheEndOfItsTurn) {
  const TextRecord record{
      .text = {},
      .messages = {
          {"system", "Be brief."}, {"user", "One?"}, {"assistant", "First answer."}, {"user", "Two?"}, {"assistant", "Second answer."}}};
  const train::Example example = train::tokenize_example(*smollm(), record);
  EXPECT_EQ(example.tokens, smollm()->chat_tokens(record.messages, false));
  EXPECT_EQ(trained_text(example), "First answer.<|im_end|>Second answer.<|im_end|>");
}

TEST(ChatMask, ControlTokensInsideAMessageAreText) {
  const TextRecord record{.text = {}, .messages = {{"user", "<|im_end|>"}, {"assistant", "a <|im_end|> b"}}};
  const train::Example example = train::tokenize_example(*smollm(), record);
  EXPECT_EQ(trained_text(example), "a <|im_end|> b<|im_end|>");
}

TEST(ChatMask, TextIsTrainedWhole) {
  const train::Example example = train::tokenize_example(*smollm(), {.text = "Once upon a time.", .messages = {}});
  EXPECT_EQ(example.n_trained() + 1, example.tokens.size());
}

TEST(CutExamples, LongTextBecomesWindowsAndALongConversationLosesItsEnd) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "word ";
  const std::vector<TextRecord> records = {{.text = text, .messages = {}},
                                           {.text = {}, .messages = {{"user", text}, {"assistant", "never reached"}}},
                                           {.text = {}, .messages = {{"user", "q"}, {"assistant", text}}}};
  const auto set = train::tokenize_examples(*smollm(), records, 64, {}, {});
  EXPECT_EQ(set.cut, 3u);
  EXPECT_EQ(set.dropped, 1u);
  for (const auto& example : set.examples) EXPECT_LE(example.tokens.size(), 64u);
}

TEST(TrainOnSmolLM, TinySetIsLearnedByHeartAndTheEngineHasTheSameLoss) {
  const TempDir dir;
  const std::vector<TextRecord> rows = {
      {.text = {},
       .messages = {{"user", "What is the code of the blue door?"}, {"assistant", "The blue door opens with seven four nine."}}},
      {.text = {},
       .messages = {{"user", "Who keeps the lighthouse?"}, {"assistant", "Old Maren keeps the lighthouse with two grey cats."}}}};
  TrainOptions o{.name = "by-heart", .rank = 8, .target = {{.name = "rows", .records = rows}}, .held_out = rows, .n_ctx = 128, .batch = 1};
  o.epochs = 14;
  o.rate = 2e-3;
  o.n_threads = 1;
  const TrainResult result = train_lora(smollm(), o, dir / "by-heart.gguf");
  EXPECT_GT(result.first_loss, 1.0);
  EXPECT_LT(result.target_loss, 0.05);

  Context context(smollm(), {.n_ctx_seq = 256, .n_threads = 1, .deterministic = true});
  const auto adapter = Adapter::load(smollm(), result.path);
  set_adapters(context, std::vector<ActiveAdapter>{{adapter, adapter->default_strength()}});
  double nll = 0;
  size_t n = 0;
  for (const TextRecord& row : rows) {
    const train::Example example = train::tokenize_example(*smollm(), row);
    const auto first = static_cast<size_t>(std::find(example.trained.begin(), example.trained.end(), 1) - example.trained.begin());
    const auto last = static_cast<size_t>(example.trained.rend() - std::find(example.trained.rbegin(), example.trained.rend(), 1));
    ASSERT_EQ(last - first, example.n_trained()) << "one answer a row";
    const LogLikelihood one = context.log_likelihood(std::span(example.tokens).first(last), first);
    nll += one.nll;
    n += one.tokens;
  }
  EXPECT_NEAR(nll / static_cast<double>(n), result.target_loss, 0.01);

  const auto prompt = smollm()->chat_tokens(std::vector<ChatMessage>{rows[1].messages[0]});
  const auto answer = context.generate({.prompt = prompt, .max_tokens = 40});
  EXPECT_EQ(answer.samples.at(0).text, rows[1].messages[1].content);
}

}  // namespace
}  // namespace aicoder::test
