#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fragment/oracle.h"
#include "fragment/seeded_values.h"
#include "fragment/subspace.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

constexpr size_t kOut = 30, kIn = 48, kTokens = 25;
constexpr double kRidge = 0.05;

struct Problem {
  std::vector<float> weight = test::normal_values(kOut * kIn, 1), inputs = test::normal_values(kTokens * kIn, 2),
                     change = test::normal_values(kTokens * kIn, 3, 0.3f), inverse;
  double lambda = fragment::ridge_inverse(inputs, kIn, kRidge, inverse);
  LowRank solve(size_t rank) const { return fragment::ridge_factors(weight, kOut, kIn, inputs, change, inverse, lambda, rank, 7, {}); }
};

TEST(DistillRecipe, IsTheRankConstrainedMinimumThatNumpyFindsWithoutTheDualForm) {
  const Problem problem;
  test::TempDir dir;
  test::write_raw(dir / "weight", problem.weight);
  test::write_raw(dir / "inputs", problem.inputs);
  test::write_raw(dir / "change", problem.change);
  for (const size_t rank : {1u, 4u, 30u}) {
    const LowRank low = problem.solve(rank);
    test::write_raw(dir / "b", low.b);
    test::write_raw(dir / "a", low.a);
    test::run_oracle({"ridge", dir.path(), std::to_string(kOut), std::to_string(kIn), std::to_string(rank), "0.05"});
    const auto result = test::read_raw<double>(dir / "ridge");  // loss of these factors, best loss of the rank, its energy, lambda
    EXPECT_NEAR(problem.lambda, result.at(3), 1e-5 * result.at(3));
    EXPECT_NEAR(result.at(0), result.at(1), 1e-4 * result.at(1)) << rank;
    EXPECT_NEAR(low.retained_energy, result.at(2), 1e-3) << rank;
  }
}

TEST(DistillRecipe, EnergyGrowsWithRankToOne) {
  const Problem problem;
  double before = 0;
  for (const size_t rank : {1u, 2u, 4u, 8u, 16u}) {
    const double energy = problem.solve(rank).retained_energy;
    EXPECT_GT(energy, before) << rank;
    before = energy;
  }
  EXPECT_NEAR(problem.solve(kTokens).retained_energy, 1.0, 1e-4) << "25 tokens want no more than 25 directions";
}

TEST(DistillRecipe, InverseIsOne) {
  const Problem problem;
  for (size_t i = 0; i < kTokens; ++i) {
    for (size_t j = 0; j < kTokens; ++j) {
      double sum = 0;
      for (size_t k = 0; k < kTokens; ++k) {
        double gram = i == k ? problem.lambda : 0;
        for (size_t c = 0; c < kIn; ++c) {
          gram += static_cast<double>(problem.inputs[i * kIn + c]) * static_cast<double>(problem.inputs[k * kIn + c]);
        }
        sum += gram * static_cast<double>(problem.inverse[k * kTokens + j]);
      }
      EXPECT_NEAR(sum, i == j ? 1.0 : 0.0, 1e-4) << i << ", " << j;
    }
  }
}

TEST(DistillRecipe, AnUnchangedInputGivesZeroFactors) {
  Problem problem;
  std::fill(problem.change.begin(), problem.change.end(), 0.0f);
  const LowRank low = problem.solve(3);
  EXPECT_EQ(low.a, std::vector<float>(3 * kIn));
  EXPECT_EQ(low.b, std::vector<float>(3 * kOut));
  EXPECT_EQ(low.retained_energy, 1.0);
}

TEST(DistillRecipe, InputsOfZerosGiveNoInverse) {
  std::vector<float> inverse;
  EXPECT_EQ(fragment::ridge_inverse(std::vector<float>(12), 3, 0.1, inverse), 0.0);
  EXPECT_EQ(inverse, std::vector<float>(16));
}

TEST(DistillRecipe, RefusesSizesThatDisagreeAndStopsWhenAsked) {
  Problem problem;
  EXPECT_ERROR(problem.solve(31), ErrorCode::kInvalidArgument, "sizes disagree");
  EXPECT_ERROR(problem.solve(0), ErrorCode::kInvalidArgument, "sizes disagree");
  std::stop_source source;
  source.request_stop();
  EXPECT_ERROR(fragment::ridge_factors(problem.weight, kOut, kIn, problem.inputs, problem.change, problem.inverse, problem.lambda, 2, 0,
                                       source.get_token()),
               ErrorCode::kCancelled, "");
  problem.change.pop_back();
  EXPECT_ERROR(problem.solve(2), ErrorCode::kInvalidArgument, "sizes disagree");
}

}  // namespace
}  // namespace aicoder
