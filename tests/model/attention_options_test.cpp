// How keys and values are kept, and with which attention: memory, answers, refusals.
#include <gtest/gtest.h>

#include "model/smollm.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using test::chat_tokens;
using test::small_context;
using test::smollm;

ContextOptions with(KvType type, FlashAttention attention = FlashAttention::kAuto) {
  auto options = small_context();
  options.n_ctx_seq = 2048;
  options.kv_type = type;
  options.flash_attention = attention;
  return options;
}

double mean_nll(const ContextOptions& options) {
  std::string text;
  for (int i = 0; i < 12; ++i) text += "The sun rose over the hills, and the farmer went out to feed his cows before breakfast. ";
  Context context(smollm(), options);
  const auto sum = context.log_likelihood(smollm()->tokenize(text));
  return sum.nll / static_cast<double>(sum.tokens);
}

TEST(KvType, QuantizedOnesTakeLessMemory) {
  const size_t f16 = Context(smollm(), with(KvType::kF16)).memory_bytes(), q8 = Context(smollm(), with(KvType::kQ8_0)).memory_bytes(),
               q4 = Context(smollm(), with(KvType::kQ4_0)).memory_bytes();
  // 30 layers, 3 heads of 64 for keys and as many for values: 45 MiB in F16, of which q8_0 takes 34/64 and q4_0 18/64.
  constexpr double kF16 = 2.0 * 2048 * 30 * 3 * 64 * 2;
  EXPECT_NEAR(static_cast<double>(f16 - q8), kF16 * (1 - 34.0 / 64), 2e6);
  EXPECT_NEAR(static_cast<double>(f16 - q4), kF16 * (1 - 18.0 / 64), 2e6);
}

TEST(KvType, EightBitsHardlyChangeTheLoss) {
  const double f16 = mean_nll(with(KvType::kF16));
  EXPECT_NEAR(mean_nll(with(KvType::kQ8_0)), f16, 0.02);
  EXPECT_NEAR(mean_nll(with(KvType::kQ4_0)), f16, 0.3);
  EXPECT_NE(mean_nll(with(KvType::kQ8_0)), f16) << "the option must reach llama.cpp";
}

TEST(FlashAttentionOption, OnAndOffAreTheSameAttention) {
  const double on = mean_nll(with(KvType::kF16, FlashAttention::kOn)), off = mean_nll(with(KvType::kF16, FlashAttention::kOff));
  EXPECT_NEAR(on, off, 0.02);
  EXPECT_NE(on, off) << "the option must reach llama.cpp";
}

TEST(KvType, PrefixesAreCopiedInEveryType) {
  for (const auto type : {KvType::kQ8_0, KvType::kQ4_0}) {
    auto options = with(type);
    options.n_seq_max = 2;
    Context context(smollm(), options);
    const auto result = context.generate({.prompt = chat_tokens("Tell me about the sea."), .n = 2, .max_tokens = 12});
    EXPECT_EQ(result.samples[0].tokens, result.samples[1].tokens);
    EXPECT_GT(result.copy_ms, 0);
  }
}

TEST(KvType, RefusesWhatLlamaCppCannotDo) {
  EXPECT_ERROR(Context(smollm(), with(KvType::kQ8_0, FlashAttention::kOff)), ErrorCode::kInvalidArgument,
               "keys and values as q8_0 need flash attention, and it is off");
  auto exact = with(KvType::kQ4_0);
  exact.f32_attention = true;
  EXPECT_ERROR(Context(smollm(), exact), ErrorCode::kInvalidArgument, "f32_attention keeps keys and values in F32");
  exact = with(KvType::kF16, FlashAttention::kOn);
  exact.f32_attention = true;
  EXPECT_ERROR(Context(smollm(), exact), ErrorCode::kInvalidArgument, "has no flash attention");
}

TEST(KvType, NamesAreReadAsTheyAreWritten) {
  for (const auto type : {KvType::kF16, KvType::kQ8_0, KvType::kQ4_0}) EXPECT_EQ(parse_kv_type(to_string(type)), type);
  EXPECT_ERROR(parse_kv_type("q5_1"), ErrorCode::kInvalidArgument, "KV type 'q5_1', expected f16, q8_0 or q4_0");
  EXPECT_EQ(parse_flash_attention("off"), FlashAttention::kOff);
  EXPECT_ERROR(parse_flash_attention("yes"), ErrorCode::kInvalidArgument, "expected auto, on or off");
}

TEST(ModelOption, WithoutMmapTheSameAnswers) {
  const auto read = Model::load(test::require_model("smollm2-135m"), {.mmap = false});
  Context mapped(smollm(), small_context(1, true)), whole(read, small_context(1, true));
  const auto prompt = chat_tokens("Name three colours.");
  EXPECT_EQ(whole.generate({.prompt = prompt, .max_tokens = 12}).samples[0].tokens,
            mapped.generate({.prompt = prompt, .max_tokens = 12}).samples[0].tokens);
}

}  // namespace
}  // namespace aicoder
