#include <gtest/gtest.h>

#include <set>

#include "support/error_matcher.h"

namespace aicoder {
namespace {

TEST(Error, CarriesCodeMessageFixAndPlace) {
  const Error error(ErrorCode::kNotFound, "[here] no x", "make x");
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_STREQ(error.what(), "[here] no x");
  EXPECT_EQ(error.fix(), "make x");
  EXPECT_NE(std::string(error.where().file_name()).find("error_test.cpp"), std::string::npos);
}

TEST(ErrorCode, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) names.insert(to_string(static_cast<ErrorCode>(i)));
  EXPECT_EQ(names.size(), static_cast<size_t>(ErrorCode::kInternal) + 1);
}

TEST(ThrowIfStopped, OnlyAfterAStopRequest) {
  std::stop_source stop;
  EXPECT_NO_THROW(throw_if_stopped(stop.get_token()));
  stop.request_stop();
  EXPECT_ERROR(throw_if_stopped(stop.get_token()), ErrorCode::kCancelled, "stopped");
}

}  // namespace
}  // namespace aicoder
