#include "fragment/moments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "fragment/moments_apart.h"
#include "fragment/seeded_values.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::fragment {
namespace {

/// Inputs as layers have them: a few strong directions, a long tail. \param massive  of one feature
std::vector<float> inputs(size_t n_rows, size_t n_in, uint32_t seed, float massive = 1) {
  auto scale = test::norm_values(n_in, 7);
  scale[3] *= massive;
  auto rows = test::normal_values(n_rows * n_in, seed);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] *= scale[i % n_in];
  return rows;
}
/// As capture does: window by window.
InputSketch moments_of(std::span<const float> rows, size_t n_in, size_t size, size_t window = 100) {
  Moments moments(n_in, size);
  for (size_t at = 0; at < rows.size(); at += window * n_in) {
    moments.append(rows.subspan(at, std::min(window * n_in, rows.size() - at)));
  }
  return moments.finish();
}

TEST(Moments, StayWithinTheirErrorAndTheErrorNearTheBestOfThatSize) {
  // Width 48 takes all eigenvectors, 300 a subspace of them.
  for (const size_t n_in : {size_t{48}, size_t{300}}) {
    const auto rows = inputs(600, n_in, 1);
    for (const size_t size : {4u, 12u, 24u}) {
      SCOPED_TRACE(std::to_string(n_in) + " inputs, size " + std::to_string(size));
      const InputSketch sketch = moments_of(rows, n_in, size);
      EXPECT_EQ(sketch.n_rows(), size);
      const test::MomentsApart apart = test::moments_apart(rows, sketch);
      EXPECT_GE(apart.smallest, -1e-6 * apart.total);
      EXPECT_LE(apart.largest, sketch.error + 1e-6 * apart.total);
      EXPECT_LE(sketch.error, apart.total / static_cast<double>(size + 1));
      // Frequent directions lose more: no sketch of that size can lose less than the next eigenvalue, which is what is lost here.
      InputSketch frequent{.n_in = n_in, .size = size, .rows = {}};
      frequent.append(rows);
      frequent.compress();
      EXPECT_LT(apart.largest, test::moments_apart(rows, frequent).largest);
      EXPECT_LT(sketch.error, 3 * apart.largest);
    }
  }
}

TEST(Moments, AMassiveFeatureDoesNotDrownTheOthers) {
  const auto rows = inputs(600, 300, 2, 100);
  const InputSketch sketch = moments_of(rows, 300, 24);
  const test::MomentsApart apart = test::moments_apart(rows, sketch);
  EXPECT_LT(sketch.error, 1e-2 * apart.total) << "the feature is nearly everything";
  EXPECT_GE(apart.smallest, -0.01 * sketch.error);
  EXPECT_LE(apart.largest, sketch.error);
}

TEST(Moments, FewRowsStayAsTheyAre) {
  const auto rows = inputs(16, 300, 3);
  const InputSketch sketch = moments_of(rows, 300, 16, 5);
  EXPECT_EQ(sketch.rows, rows);
  EXPECT_EQ(sketch.error, 0.0);
}

TEST(Moments, NothingIsLostWhereTheSizeIsTheWidth) {
  const auto rows = inputs(200, 24, 4);
  const InputSketch sketch = moments_of(rows, 24, 24);
  const test::MomentsApart apart = test::moments_apart(rows, sketch);
  EXPECT_EQ(sketch.error, 0.0);
  EXPECT_LE(std::max(std::abs(apart.smallest), std::abs(apart.largest)), 1e-6 * apart.total);
}

TEST(Moments, FewerDirectionsThanTheSizeAreAllKept) {
  // 300 wide, but all rows are of 10 directions.
  const auto ten = inputs(10, 300, 5), mix = test::normal_values(4000, 6);
  std::vector<float> rows(120000);
  for (size_t i = 0; i < 400; ++i) {
    for (size_t k = 0; k < 10; ++k) {
      for (size_t j = 0; j < 300; ++j) rows[i * 300 + j] += mix[i * 10 + k] * ten[k * 300 + j];
    }
  }
  const InputSketch sketch = moments_of(rows, 300, 24);
  const test::MomentsApart apart = test::moments_apart(rows, sketch);
  EXPECT_LE(sketch.error, 1e-6 * apart.total);
  EXPECT_LE(std::max(std::abs(apart.smallest), std::abs(apart.largest)), 1e-6 * apart.total);
}

TEST(Moments, RowsOfZerosHaveNone) {
  const InputSketch sketch = moments_of(std::vector<float>(120000), 300, 8);
  EXPECT_EQ(sketch.error, 0.0);
  for (const float v : sketch.rows) EXPECT_EQ(v, 0.0f);
}

TEST(Moments, WideInputsGoThroughASketch) {
  const auto rows = inputs(60, kWholeWidth + 1, 7);
  InputSketch expected{.n_in = kWholeWidth + 1, .size = 8, .rows = {}};
  expected.append(rows);
  expected.compress();
  const InputSketch sketch = moments_of(rows, kWholeWidth + 1, 8);
  EXPECT_EQ(sketch.rows, expected.rows);
  EXPECT_EQ(sketch.error, expected.error);
}

TEST(Moments, AreTheSameEachTimeAndCanBeMerged) {
  const auto first = inputs(300, 300, 8), second = inputs(220, 300, 9);
  InputSketch merged = moments_of(first, 300, 12);
  EXPECT_EQ(merged.rows, moments_of(first, 300, 12).rows);
  merged.merge(moments_of(second, 300, 12));
  auto both = first;
  both.insert(both.end(), second.begin(), second.end());
  const test::MomentsApart apart = test::moments_apart(both, merged);
  EXPECT_GE(apart.smallest, -1e-6 * apart.total);
  EXPECT_LE(apart.largest, merged.error + 1e-6 * apart.total);
}

TEST(Moments, RefuseProductsBeyondF32) {
  EXPECT_ERROR(moments_of(std::vector<float>(60000, 1e20f), 300, 8), ErrorCode::kFailedPrecondition, "beyond the range");
}

}  // namespace
}  // namespace aicoder::fragment
