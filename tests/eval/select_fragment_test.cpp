#include "eval/select_fragment.h"

#include <gtest/gtest.h>

namespace aicoder::eval {
namespace {

using Rounds = std::vector<size_t>;

TEST(HalvingRounds, DoubleTheTasksAsCandidatesAreHalved) {
  EXPECT_EQ(halving_rounds(8, 15, 2, 120), (Rounds{15, 30, 60, 120}));
  EXPECT_EQ(halving_rounds(5, 15, 2, 120), (Rounds{15, 30, 60, 120}));
  EXPECT_EQ(halving_rounds(9, 10, 3, 120), (Rounds{10, 30, 120}));
}

TEST(HalvingRounds, TheLastOneIsMeasuredOnAllTasks) {
  EXPECT_EQ(halving_rounds(1, 15, 2, 120), (Rounds{120}));
  EXPECT_EQ(halving_rounds(2, 15, 2, 120), (Rounds{15, 120}));
}

TEST(HalvingRounds, EndWhereTheTasksEnd) {
  EXPECT_EQ(halving_rounds(64, 15, 2, 40), (Rounds{15, 30, 40}));
  EXPECT_EQ(halving_rounds(3, 50, 2, 40), (Rounds{40}));
}

}  // namespace
}  // namespace aicoder::eval
