#include "fragment/low_rank.h"

#include <gtest/gtest.h>

#include <limits>

#include "fragment/oracle.h"
#include "fragment/seeded_values.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

constexpr size_t kOut = 90, kIn = 128;

/// A top-20 % masked matrix: the kind of delta that is not low-rank.
std::vector<float> masked_delta() {
  auto weight = test::normal_values(kOut * kIn, 11);
  const auto mask = top_mask(wanda_score(weight, test::norm_values(kIn, 12)), kIn, 0.2);
  for (size_t i = 0; i < weight.size(); ++i) weight[i] = mask[i] ? weight[i] : 0.0f;
  return weight;
}

TEST(WeightedLowRank, RetainsWhatTheExactSvdWouldRetain) {
  const auto delta = masked_delta(), norm = test::norm_values(kIn, 12);
  test::TempDir dir;
  test::write_raw(dir / "delta", delta);
  test::write_raw(dir / "norm", norm);
  for (const size_t rank : {1u, 4u, 16u, 64u}) {
    const LowRank low = weighted_low_rank(delta, kOut, kIn, norm, rank, 5);
    test::run_oracle({"energy", dir.path(), "90", "128", std::to_string(rank)});
    const double best = test::read_raw<double>(dir / "energy").at(0);
    EXPECT_LE(low.retained_energy, best + 1e-5) << rank;
    EXPECT_GE(low.retained_energy, best * 0.999) << rank;
  }
}

TEST(WeightedLowRank, ReportedEnergyIsThatOfTheFactorsReturned) {
  const auto delta = masked_delta(), norm = test::norm_values(kIn, 12);
  test::TempDir dir;
  test::write_raw(dir / "delta", delta);
  test::write_raw(dir / "norm", norm);
  const LowRank low = weighted_low_rank(delta, kOut, kIn, norm, 16, 5);
  test::write_raw(dir / "b", low.b);
  test::write_raw(dir / "a", low.a);
  test::run_oracle({"residual", dir.path(), "90", "128", "16"});
  EXPECT_NEAR(low.retained_energy, test::read_raw<double>(dir / "kept").at(0), 1e-4);
}

TEST(WeightedLowRank, EnergyGrowsWithRankAndReachesOneAtFullRank) {
  const auto delta = masked_delta(), norm = test::norm_values(kIn, 12);
  double previous = 0;
  for (const size_t rank : {1u, 2u, 4u, 8u, 16u, 32u}) {
    const double energy = weighted_low_rank(delta, kOut, kIn, norm, rank).retained_energy;
    EXPECT_GT(energy, previous) << rank;
    previous = energy;
  }
  EXPECT_NEAR(weighted_low_rank(delta, kOut, kIn, norm, 90).retained_energy, 1.0, 1e-5);
}

TEST(WeightedLowRank, RebuildsTheDeltaAtFullRank) {
  const size_t n_out = 12, n_in = 9;
  const auto delta = test::normal_values(n_out * n_in, 21), norm = test::norm_values(n_in, 22);
  const LowRank low = weighted_low_rank(delta, n_out, n_in, norm, 9);
  for (size_t i = 0; i < n_out; ++i) {
    for (size_t j = 0; j < n_in; ++j) {
      float sum = 0;
      for (size_t k = 0; k < 9; ++k) sum += low.b[i * 9 + k] * low.a[k * n_in + j];
      EXPECT_NEAR(sum, delta[i * n_in + j], 1e-4) << i << ", " << j;
    }
  }
}

TEST(WeightedLowRank, FavoursInputsThatAreActive) {
  // Two columns of equal size; only the second one sees activations, so rank 1 must keep that one.
  const std::vector<float> delta = {1, 0, 0, 1}, norm = {0.01f, 10.0f};
  const LowRank low = weighted_low_rank(delta, 2, 2, norm, 1);
  EXPECT_NEAR(low.b[1] * low.a[1], 1.0f, 1e-4);
  EXPECT_NEAR(low.b[0] * low.a[0], 0.0f, 1e-4);
  EXPECT_GT(low.retained_energy, 0.9999);
}

TEST(WeightedLowRank, IsDeterministicForASeed) {
  const auto delta = masked_delta(), norm = test::norm_values(kIn, 12);
  const LowRank first = weighted_low_rank(delta, kOut, kIn, norm, 8, 3), again = weighted_low_rank(delta, kOut, kIn, norm, 8, 3);
  EXPECT_EQ(first.a, again.a);
  EXPECT_EQ(first.b, again.b);
  EXPECT_NE(first.a, weighted_low_rank(delta, kOut, kIn, norm, 8, 4).a);
}

TEST(WeightedLowRank, TakesInputsThatWereNeverActive) {
  const auto delta = masked_delta();
  auto norm = test::norm_values(kIn, 12);
  for (size_t j = 0; j < kIn; j += 2) norm[j] = 0;
  for (const auto& low : {weighted_low_rank(delta, kOut, kIn, norm, 8), weighted_low_rank(delta, kOut, kIn, std::vector<float>(kIn), 8)}) {
    for (const float v : low.a) ASSERT_TRUE(std::isfinite(v));
    for (const float v : low.b) ASSERT_TRUE(std::isfinite(v));
    EXPECT_GT(low.retained_energy, 0.0);
  }
}

TEST(WeightedLowRank, ZeroDeltaGivesZeroFactors) {
  const LowRank low = weighted_low_rank(std::vector<float>(6), 2, 3, std::vector<float>(3, 1.0f), 1);
  EXPECT_EQ(low.a, std::vector<float>(3));
  EXPECT_EQ(low.b, std::vector<float>(2));
  EXPECT_EQ(low.retained_energy, 1.0);
}

TEST(WeightedLowRank, RefusesWhatItCannotFactor) {
  const std::vector<float> delta(6, 1.0f), norm(3, 1.0f);
  EXPECT_ERROR(weighted_low_rank(delta, 2, 3, norm, 0), ErrorCode::kInvalidArgument, "rank: expected 1 to 2, found 0");
  EXPECT_ERROR(weighted_low_rank(delta, 2, 3, norm, 3), ErrorCode::kInvalidArgument, "rank: expected 1 to 2, found 3");
  EXPECT_ERROR(weighted_low_rank(delta, 3, 3, norm, 1), ErrorCode::kInvalidArgument, "delta: expected 3 x 3 values, found 6");
  EXPECT_ERROR(weighted_low_rank(delta, 2, 3, std::vector<float>(2), 1), ErrorCode::kInvalidArgument, "act_norm: expected 3 values");
  EXPECT_ERROR(weighted_low_rank(delta, 2, 3, norm, 1, 0, -1), ErrorCode::kInvalidArgument, "n_power");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_ERROR(weighted_low_rank(delta, 2, 3, std::vector<float>{1, nan, 1}, 1), ErrorCode::kInvalidArgument, "act_norm");
  EXPECT_ERROR(weighted_low_rank(std::vector<float>{1, 1, 1, nan, 1, 1}, 2, 3, norm, 1), ErrorCode::kInvalidArgument, "finite values");
}

TEST(TruncateProduct, KeepsWhatTheExactSvdOfTheProductWould) {
  const size_t total = 12;
  const auto b = test::normal_values(kOut * total, 31), a = test::normal_values(total * kIn, 32);
  std::vector<float> product(kOut * kIn);
  for (size_t i = 0; i < kOut; ++i) {
    for (size_t k = 0; k < total; ++k) {
      for (size_t j = 0; j < kIn; ++j) product[i * kIn + j] += b[i * total + k] * a[k * kIn + j];
    }
  }
  test::TempDir dir;
  test::write_raw(dir / "delta", product);
  test::write_raw(dir / "norm", std::vector<float>(kIn, 1.0f));
  for (const size_t rank : {1u, 5u, 12u}) {
    const LowRank low = fragment::truncate_product({.b = b, .a = a, .n_out = kOut, .n_in = kIn, .rank = total}, rank);
    test::run_oracle({"energy", dir.path(), "90", "128", std::to_string(rank)});
    EXPECT_NEAR(low.retained_energy, test::read_raw<double>(dir / "energy").at(0), 1e-6) << rank;
    test::write_raw(dir / "b", low.b);
    test::write_raw(dir / "a", low.a);
    test::run_oracle({"residual", dir.path(), "90", "128", std::to_string(rank)});
    EXPECT_NEAR(low.retained_energy, test::read_raw<double>(dir / "kept").at(0), 1e-6) << rank;
  }
}

TEST(TruncateProduct, TakesMoreComponentsThanTheMatrixHasRank) {
  // 5 components of a [2, 3] matrix, as when many fragments are stacked over a small weight.
  const auto b = test::normal_values(10, 1), a = test::normal_values(15, 2);
  const LowRank low = fragment::truncate_product({.b = b, .a = a, .n_out = 2, .n_in = 3, .rank = 5}, 2);
  for (size_t i = 0; i < 2; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      double wanted = 0, found = 0;
      for (size_t k = 0; k < 5; ++k) wanted += static_cast<double>(b[i * 5 + k]) * a[k * 3 + j];
      for (size_t k = 0; k < 2; ++k) found += static_cast<double>(low.b[i * 2 + k]) * low.a[k * 3 + j];
      EXPECT_NEAR(found, wanted, 1e-5);
    }
  }
  EXPECT_NEAR(low.retained_energy, 1.0, 1e-12);
  EXPECT_ERROR(fragment::truncate_product({.b = b, .a = a, .n_out = 2, .n_in = 3, .rank = 5}, 3), ErrorCode::kInvalidArgument,
               "rank: expected 1 to 2");
  EXPECT_ERROR(fragment::truncate_product({.b = b, .a = a, .n_out = 2, .n_in = 3, .rank = 5}, 0), ErrorCode::kInvalidArgument, "rank");
}

TEST(TruncateProduct, ZeroProductGivesZeroFactors) {
  const std::vector<float> b(4), a(6, 1.0f);
  const LowRank low = fragment::truncate_product({.b = b, .a = a, .n_out = 2, .n_in = 3, .rank = 2}, 1);
  EXPECT_EQ(low.b, std::vector<float>(2));
  EXPECT_EQ(low.a, std::vector<float>(3));
  EXPECT_EQ(low.retained_energy, 1.0);
}

TEST(WeightedLowRank, StopsWhenAsked) {
  auto delta = masked_delta();
  std::stop_source source;
  source.request_stop();
  EXPECT_ERROR(fragment::weighted_low_rank_in_place(delta, kOut, kIn, test::norm_values(kIn, 12), 8, 0, 3, source.get_token()),
               ErrorCode::kCancelled, "");
}

}  // namespace
}  // namespace aicoder
