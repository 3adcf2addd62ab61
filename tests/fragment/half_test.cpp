#include "fragment/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fragment/oracle.h"
#include "fragment/seeded_values.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(Half, RoundsAsNumpyDoes) {
  std::vector<float> values = {0.0f,
                               -0.0f,
                               1.0f,
                               65504.0f,
                               65519.9f,
                               65520.0f,
                               -1e9f,
                               6.1e-5f,
                               5.96e-8f,
                               2.98e-8f,
                               2.981e-8f,
                               1e-30f,
                               std::numeric_limits<float>::infinity(),
                               1.00048828125f,
                               1.00146484375f};
  for (const float scale : {1e-8f, 1e-6f, 1e-3f, 1.0f, 1e4f}) {
    for (const float v : test::normal_values(2000, 5, scale)) values.push_back(v);
  }
  test::TempDir dir;
  test::write_raw(dir / "values", values);
  test::run_oracle({"half", dir.path()});
  const auto expected = test::read_raw<uint16_t>(dir / "halves");
  ASSERT_EQ(expected.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(fragment::to_half(values[i]), expected[i]) << values[i];
}

TEST(Half, EveryHalfGoesToFloatAndBack) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    if ((half & 0x7c00u) == 0x7c00u && (half & 0x3ffu) != 0) {
      EXPECT_TRUE(std::isnan(fragment::from_half(half))) << bits;
    } else {
      ASSERT_EQ(fragment::to_half(fragment::from_half(half)), half) << bits;
    }
  }
  EXPECT_EQ(fragment::from_half(0x3c00), 1.0f);
  EXPECT_EQ(fragment::from_half(0xc100), -2.5f);
  EXPECT_EQ(fragment::from_half(0x0001), 0x1p-24f);
  EXPECT_EQ(fragment::from_half(0xfc00), -std::numeric_limits<float>::infinity());
}

TEST(Half, KeepsNotANumber) { EXPECT_EQ(fragment::to_half(std::numeric_limits<float>::quiet_NaN()) & 0x7e00, 0x7e00); }

}  // namespace
}  // namespace aicoder
