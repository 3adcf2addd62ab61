#include <gtest/gtest.h>

#include <cmath>

#include "model/smollm.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using test::small_context;
using test::smollm;

TextRecord plain(std::string text) { return {.text = std::move(text), .messages = {}}; }

std::string long_text() {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "The river number " + std::to_string(i) + " runs to the sea. ";
  return text;
}

// The rule of design section 12, step by step on log_likelihood: windows do not overlap, a record starts a new one, the first
// token of a window is not predicted.
TEST(Perplexity, MeanOverPredictedTokensInWindowsOfEachRecord) {
  Context context(smollm(), small_context());
  const std::vector<TextRecord> records{plain(long_text()), plain("A short record.")};
  double nll = 0;
  size_t n = 0;
  for (const auto& record : records) {
    const auto tokens = tokenize_record(*smollm(), record);
    for (size_t begin = 0; begin < tokens.size(); begin += 100) {
      const auto part = context.log_likelihood(std::span(tokens).subspan(begin, std::min<size_t>(100, tokens.size() - begin)));
      nll += part.nll;
      n += part.tokens;
    }
  }
  const auto result = perplexity(context, records, 100);
  EXPECT_EQ(result.tokens, n);
  EXPECT_NEAR(result.nll, nll / static_cast<double>(n), 1e-9);
  EXPECT_NEAR(result.perplexity, std::exp(result.nll), 1e-9);
  double of_windows = 0;
  size_t tokens_of_windows = 0;
  for (const auto& window : result.windows) of_windows += window.nll, tokens_of_windows += window.tokens;
  EXPECT_EQ(tokens_of_windows, n);
  EXPECT_NEAR(of_windows, nll, 1e-6);
}

TEST(Perplexity, TokenLimitIsExactAndTakesTheBeginning) {
  Context context(smollm(), small_context());
  const std::vector<TextRecord> records{plain(long_text())};
  const auto limited = perplexity(context, records, 100, 150);
  EXPECT_EQ(limited.tokens, 150u);
  const auto tokens = tokenize_record(*smollm(), records[0]);
  // 99 in the first window, 51 in the second.
  const double nll =
      context.log_likelihood(std::span(tokens).first(100)).nll + context.log_likelihood(std::span(tokens).subspan(100, 52)).nll;
  EXPECT_NEAR(limited.nll, nll / 150, 1e-9);
}

TEST(Perplexity, ReportsProgressUpToTheEnd) {
  Context context(smollm(), small_context());
  double last = 0;
  const auto result = perplexity(context, std::vector{plain(long_text())}, 200, 0, [&](const Progress& progress) {
    EXPECT_GE(progress.done, last);
    EXPECT_LE(progress.done, progress.total);
    last = progress.done;
  });
  EXPECT_EQ(static_cast<size_t>(last), result.tokens);
}

TEST(Perplexity, RefusesTextWithNothingToPredict) {
  Context context(smollm(), small_context());
  EXPECT_ERROR(perplexity(context, {}, 512), ErrorCode::kInvalidArgument, "no token to predict");
  EXPECT_ERROR(perplexity(context, std::vector{plain("a")}, 512), ErrorCode::kInvalidArgument, "no token to predict");
  EXPECT_ERROR(perplexity(context, std::vector{plain("a b c")}, 1), ErrorCode::kInvalidArgument, "window");
}

TEST(Perplexity, CanBeStopped) {
  Context context(smollm(), small_context());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_ERROR(perplexity(context, std::vector{plain(long_text())}, 100, 0, {}, stop.get_token()), ErrorCode::kCancelled, "");
}

}  // namespace
}  // namespace aicoder
