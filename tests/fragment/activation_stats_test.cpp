#include <gtest/gtest.h>

#include "fragment/stats_fixture.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

TEST(ActivationStats, MergeAddsSumsAndTokens) {
  ActivationStats a = test::small_stats(1);
  const ActivationStats b = test::small_stats(2);
  const double expected = a.layers.at("blk.0.attn_q.weight").sum_squares[3] + b.layers.at("blk.0.attn_q.weight").sum_squares[3];
  a.merge(b);
  const LayerStats& layer = a.layers.at("blk.0.attn_q.weight");
  EXPECT_DOUBLE_EQ(layer.sum_squares[3], expected);
  EXPECT_EQ(layer.tokens, 30u);
  EXPECT_EQ(layer.max_abs, 2.0f);
  EXPECT_EQ(a.tokens, 30u);
  EXPECT_EQ(a.dataset_hashes, (std::vector<std::string>{"hash1", "hash2"}));
}

TEST(ActivationStats, MergeOrderDoesNotMatter) {
  ActivationStats ab = test::small_stats(1), ba = test::small_stats(2);
  ab.merge(test::small_stats(2));
  ba.merge(test::small_stats(1));
  for (const auto& [name, layer] : ab.layers) EXPECT_EQ(layer.sum_squares, ba.layers.at(name).sum_squares);
}

TEST(ActivationStats, EmptyTakesTheOther) {
  ActivationStats empty;
  empty.merge(test::small_stats(3));
  EXPECT_EQ(empty.base_fingerprint, "base-1");
  EXPECT_EQ(empty.layers.size(), 2u);
  EXPECT_EQ(empty.layers.at("blk.0.attn_q.weight").max_abs, 3.0f);
}

TEST(ActivationStats, LargestInputIsUnknownWhenOnePartDoesNotKnowIt) {
  ActivationStats a = test::small_stats(1), b = test::small_stats(2);
  b.layers.at("blk.0.attn_q.weight").max_abs = 0;
  a.merge(b);
  EXPECT_EQ(a.layers.at("blk.0.attn_q.weight").max_abs, 0.0f);
}

TEST(ActivationStats, MergeAddsSecondMoments) {
  ActivationStats a = test::small_stats_with_sketches(1);
  const ActivationStats b = test::small_stats_with_sketches(2);
  const double errors = a.sketches.at("blk.0.attn_in").error + b.sketches.at("blk.0.attn_in").error;
  a.merge(b);
  EXPECT_EQ(a.sketches.size(), 2u);
  EXPECT_LE(a.sketches.at("blk.0.attn_in").n_rows(), 4u);
  EXPECT_GE(a.sketches.at("blk.0.attn_in").error, errors);

  ActivationStats empty;
  empty.merge(b);
  EXPECT_EQ(empty.sketches.at("blk.1.ffn_mid").rows, b.sketches.at("blk.1.ffn_mid").rows);
}

TEST(ActivationStats, RefusesToMergeSecondMomentsThatDoNotBelongTogether) {
  const ActivationStats with = test::small_stats_with_sketches(1), without = test::small_stats(2);
  ActivationStats a = with, b = without;
  EXPECT_ERROR(a.merge(without), ErrorCode::kInvalidArgument, "second moments of blk.0.attn_in are in the first statistics only");
  EXPECT_ERROR(b.merge(with), ErrorCode::kInvalidArgument, "in the second statistics only");
  ActivationStats other = test::small_stats_with_sketches(2);
  other.sketches.at("blk.1.ffn_mid").size = 5;
  EXPECT_ERROR(a.merge(other), ErrorCode::kInvalidArgument, "blk.1.ffn_mid: expected 4 rows of 6, found 5 of 6");
  EXPECT_EQ(a.tokens, with.tokens);
}

TEST(ActivationStats, NormsAreSquareRootsOfTheSums) {
  const LayerStats layer{.sum_squares = {4.0, 0.0, 9.0}, .tokens = 2};
  EXPECT_EQ(layer.norms(), (std::vector<float>{2.0f, 0.0f, 3.0f}));
}

TEST(ActivationStats, RefusesToMergeWhatDoesNotBelongTogetherAndChangesNothing) {
  const ActivationStats before = test::small_stats(1);
  ActivationStats a = before;
  EXPECT_ERROR(a.merge(test::small_stats(2, "base-2")), ErrorCode::kInvalidArgument, "expected statistics of base base-1, found base-2");

  ActivationStats wider = test::small_stats(2);
  wider.layers.at("blk.1.ffn_down.weight").sum_squares.push_back(1);
  EXPECT_ERROR(a.merge(wider), ErrorCode::kInvalidArgument, "blk.1.ffn_down.weight: expected 6 inputs, found 7");

  ActivationStats fewer = test::small_stats(2);
  fewer.layers.erase("blk.1.ffn_down.weight");
  EXPECT_ERROR(a.merge(fewer), ErrorCode::kInvalidArgument, "in the first statistics only");
  EXPECT_ERROR(fewer.merge(before), ErrorCode::kInvalidArgument, "in the second statistics only");

  EXPECT_EQ(a.tokens, before.tokens);
  EXPECT_EQ(a.layers.at("blk.0.attn_q.weight").sum_squares, before.layers.at("blk.0.attn_q.weight").sum_squares);
}

}  // namespace
}  // namespace aicoder
