#include "fragment/for_each_layer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "support/error_matcher.h"

namespace aicoder {
namespace {

using fragment::for_each_layer;

TEST(ForEachLayer, CallsEachOnceAndReportsOneAtATime) {
  std::vector<std::atomic<int>> calls(50);
  std::vector<double> reported;
  const ProgressFn progress = [&](const Progress& p) { reported.push_back(p.done); };
  const std::stop_token stop;
  for_each_layer({.n = 50, .n_threads = 4, .stage = "x", .unit = "layers", .progress = progress, .stop = stop},
                 [&](size_t i, const std::stop_token&) { ++calls[i]; });
  for (const auto& n : calls) EXPECT_EQ(n, 1);
  ASSERT_EQ(reported.size(), 50u);
  for (size_t i = 0; i < 50; ++i) EXPECT_EQ(reported[i], static_cast<double>(i + 1));
}

TEST(ForEachLayer, FirstErrorStopsTheOthersAndIsThrown) {
  std::atomic<int> calls = 0;
  const ProgressFn none;
  const std::stop_token stop;
  EXPECT_ERROR(for_each_layer({.n = 1000, .n_threads = 2, .stage = "x", .unit = "layers", .progress = none, .stop = stop},
                              [&](size_t i, const std::stop_token& asked) {
                                ++calls;
                                if (i == 3) throw Error(ErrorCode::kDataLoss, "[test] the fourth");
                                while (i > 3 && !asked.stop_requested()) {
                                }
                              }),
               ErrorCode::kDataLoss, "the fourth");
  EXPECT_LT(calls, 10);
}

TEST(ForEachLayer, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  const ProgressFn none;
  const std::stop_token stop = source.get_token();
  EXPECT_ERROR(for_each_layer({.n = 3, .n_threads = 1, .stage = "x", .unit = "layers", .progress = none, .stop = stop},
                              [](size_t, const std::stop_token&) { FAIL(); }),
               ErrorCode::kCancelled, "");
}

}  // namespace
}  // namespace aicoder
