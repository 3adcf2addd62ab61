#include "server/guard.h"

#include <gtest/gtest.h>

namespace aicoder::server {
namespace {

using std::chrono::seconds;

TEST(Guard, KnowsLoopback) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"}) EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "127.evil.example", "localhost.evil.example", ""})
    EXPECT_FALSE(is_loopback(host)) << host;
}

TEST(Guard, ComparesWholeTexts) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
}

TEST(Guard, TakesHostNamesAsTheyAreWritten) {
  const Guard guard("", {"Box.Example"}, {});
  const auto ok = [&](const std::string& host) {
    try {
      guard.check({.method = "GET", .path = "/v1/models", .hosts = {host}});
      return true;
    } catch (const ApiError&) {
      return false;
    }
  };
  for (const char* host : {"box.example", "BOX.EXAMPLE:80", "box.example.", "192.168.1.7:8080", "[::1]", "[fe80::1]:99", "localhost"})
    EXPECT_TRUE(ok(host)) << host;
  for (const char* host : {"", "evil.example", "box.example.evil.example", "1.2.3.4.evil.example", "localhost.evil.example", "0x7f.1"})
    EXPECT_FALSE(ok(host)) << host;
}

TEST(RateLimit, LetsABurstThroughAndThenTheRate) {
  RateLimit rate(60);  // one a second, 15 at once
  const auto start = RateLimit::Clock::now();
  for (int i = 0; i < 15; ++i) EXPECT_FALSE(rate.take("a", start)) << i;
  EXPECT_EQ(rate.take("a", start), seconds(1));
  EXPECT_FALSE(rate.take("b", start));
  EXPECT_FALSE(rate.take("a", start + seconds(1)));
  EXPECT_TRUE(rate.take("a", start + seconds(1)));
  for (int i = 0; i < 15; ++i) EXPECT_FALSE(rate.take("a", start + seconds(100))) << i;
}

TEST(RateLimit, ForgetsAddressesInsteadOfGrowing) {
  RateLimit rate(60);
  const auto start = RateLimit::Clock::now();
  for (int i = 0; i < 4096; ++i) EXPECT_FALSE(rate.take(std::to_string(i), start));
  EXPECT_TRUE(rate.take("one more", start));
  EXPECT_FALSE(rate.take("one more", start + seconds(5)));
}

}  // namespace
}  // namespace aicoder::server
