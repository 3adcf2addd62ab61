#include <gtest/gtest.h>

#include "aicoder/core.h"

namespace aicoder {
namespace {

TEST(Log, PassesMessagesAtOrAboveTheLevelOnly) {
  std::vector<std::string> seen;
  set_log_sink([&](LogLevel, std::string_view message) { seen.emplace_back(message); }, LogLevel::kWarn);
  log(LogLevel::kInfo, "quiet");
  log(LogLevel::kWarn, "loud");
  set_log_sink({}, LogLevel::kWarn);
  log(LogLevel::kError, "no sink, no crash");
  EXPECT_EQ(seen, std::vector<std::string>{"loud"});
}

}  // namespace
}  // namespace aicoder
