#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "aicoder/fragment.h"
#include "fragment/moments_apart.h"
#include "fragment/seeded_values.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

constexpr size_t kIn = 48;

/// Inputs as layers have them: a few strong directions, a long tail.
std::vector<float> inputs(size_t n_rows, uint32_t seed) {
  const auto scale = test::norm_values(kIn, 7);
  auto rows = test::normal_values(n_rows * kIn, seed);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] *= scale[i % kIn];
  return rows;
}
InputSketch sketch_of(std::span<const float> rows, size_t size) {
  InputSketch sketch{.n_in = kIn, .size = size, .rows = {}};
  sketch.append(rows);
  sketch.compress();
  return sketch;
}

TEST(InputSketch, StaysWithinItsErrorAndTheErrorWithinTheory) {
  const auto rows = inputs(500, 1);
  for (const size_t size : {4u, 12u, 24u}) {
    const InputSketch sketch = sketch_of(rows, size);
    EXPECT_LE(sketch.n_rows(), size);
    const test::MomentsApart apart = test::moments_apart(rows, sketch);
    EXPECT_GE(apart.smallest, -1e-6 * apart.total) << size;
    EXPECT_LE(apart.largest, sketch.error + 1e-5 * apart.total) << size;  // 125 shrinks in F32 for size 4
    EXPECT_LE(sketch.error, apart.total / static_cast<double>(size + 1)) << size;
    EXPECT_GT(sketch.error, 0.0);
  }
}

TEST(InputSketch, LargerSketchesErrLess) {
  const auto rows = inputs(500, 1);
  double before = std::numeric_limits<double>::infinity();
  for (const size_t size : {4u, 8u, 16u, 32u}) {
    const double error = sketch_of(rows, size).error;
    EXPECT_LT(error, before) << size;
    before = error;
  }
}

TEST(InputSketch, HoldsFewRowsAsTheyAre) {
  const auto rows = inputs(16, 2);
  const InputSketch sketch = sketch_of(rows, 16);
  EXPECT_EQ(sketch.rows, rows);
  EXPECT_EQ(sketch.error, 0.0);
}

TEST(InputSketch, IsExactWhereItIsAsWideAsTheInput) {
  const auto rows = inputs(400, 3);
  const InputSketch sketch = sketch_of(rows, kIn);
  const test::MomentsApart apart = test::moments_apart(rows, sketch);
  EXPECT_LE(std::max(std::abs(apart.smallest), std::abs(apart.largest)), 1e-6 * apart.total);
  EXPECT_LE(sketch.error, 1e-6 * apart.total);
}

TEST(InputSketch, MergedSketchesStandForBothTexts) {
  const auto first = inputs(300, 4), second = inputs(220, 5);
  std::vector<float> both = first;
  both.insert(both.end(), second.begin(), second.end());
  InputSketch merged = sketch_of(first, 12);
  merged.merge(sketch_of(second, 12));
  const test::MomentsApart apart = test::moments_apart(both, merged);
  EXPECT_LE(merged.n_rows(), 12u);
  EXPECT_GE(apart.smallest, -1e-6 * apart.total);
  EXPECT_LE(apart.largest, merged.error + 1e-6 * apart.total);
  EXPECT_LE(merged.error, apart.total / 13);
}

TEST(InputSketch, DoesNotDependOnHowRowsAreHandedOver) {
  const auto rows = inputs(200, 6);
  InputSketch pieces{.n_in = kIn, .size = 8, .rows = {}};
  for (size_t at = 0; at < 200; at += 25) pieces.append(std::span(rows).subspan(at * kIn, 25 * kIn));
  pieces.compress();
  const InputSketch whole = sketch_of(rows, 8);
  EXPECT_EQ(pieces.rows, whole.rows);
  EXPECT_EQ(pieces.error, whole.error);
}

TEST(InputSketch, TakesRowsOfZeros) {
  const InputSketch sketch = sketch_of(std::vector<float>(100 * kIn), 8);
  EXPECT_EQ(sketch.error, 0.0);
  for (const float v : sketch.rows) EXPECT_EQ(v, 0.0f);
}

TEST(InputSketch, RefusesWhatItCannotHoldAndChangesNothing) {
  InputSketch sketch = sketch_of(inputs(20, 1), 8);
  const InputSketch before = sketch;
  EXPECT_ERROR(sketch.append(std::vector<float>(kIn + 1)), ErrorCode::kInvalidArgument, "rows of 48 inputs");
  EXPECT_ERROR(sketch.append(std::vector<float>(kIn, std::numeric_limits<float>::infinity())), ErrorCode::kFailedPrecondition, "finite");
  EXPECT_ERROR(sketch.merge(sketch_of(inputs(20, 1), 9)), ErrorCode::kInvalidArgument, "found 9 of 48");
  EXPECT_ERROR(InputSketch{}.append({}), ErrorCode::kInvalidArgument, "rows of 0");
  EXPECT_EQ(sketch.rows, before.rows);
}

}  // namespace
}  // namespace aicoder
