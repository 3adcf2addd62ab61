#include "rag/vector_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace aicoder::rag {
namespace {

std::vector<float> unit(std::mt19937& random, size_t n) {
  std::normal_distribution<float> normal;
  std::vector<float> v(n);
  double sum = 0;
  for (float& x : v) {
    x = normal(random);
    sum += static_cast<double>(x) * x;
  }
  for (float& x : v) x = static_cast<float>(x / std::sqrt(sum));
  return v;
}

TEST(VectorTable, FindsWhatASearchInDoublePrecisionFinds) {
  std::mt19937 random(3);
  for (size_t dimensions : {1, 7, 8, 61, 384}) {
    VectorTable table;
    std::vector<std::vector<float>> all;
    for (int64_t id = 0; id < 200; ++id) {
      all.push_back(unit(random, dimensions));
      ASSERT_TRUE(table.add(id, all.back()));
    }
    const auto query = unit(random, dimensions);
    std::vector<std::pair<double, int64_t>> expected;
    for (size_t i = 0; i < all.size(); ++i) {
      double sum = 0;
      for (size_t j = 0; j < dimensions; ++j) sum += static_cast<double>(all[i][j]) * query[j];
      expected.emplace_back(sum, static_cast<int64_t>(i));
    }
    std::sort(expected.rbegin(), expected.rend());
    const auto found = table.nearest(query, 5);
    ASSERT_EQ(found.size(), 5U);
    for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i].cosine, expected[i].first, 1e-5);
    EXPECT_TRUE(dimensions == 1 || found[0].id == expected[0].second);
  }
}

TEST(VectorTable, OtherDimensionsAreRefused) {
  VectorTable table;
  EXPECT_TRUE(table.nearest(std::vector<float>{1, 0}, 3).empty());
  EXPECT_TRUE(table.add(1, std::vector<float>{1, 0}));
  EXPECT_FALSE(table.add(2, std::vector<float>{1, 0, 0}));
  EXPECT_FALSE(table.add(2, std::vector<float>{}));
  EXPECT_TRUE(table.nearest(std::vector<float>{1, 0, 0}, 3).empty());
  EXPECT_EQ(table.nearest(std::vector<float>{1, 0}, 3).size(), 1U);
}

}  // namespace
}  // namespace aicoder::rag
