#include "sandbox/memory_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace aicoder::box {
namespace {

TEST(MemoryFile, HoldsTheContentFromPositionZero) {
  const UniqueFd file = memory_file("test", "hello");
  char buffer[16] = {};
  EXPECT_EQ(::read(file.get(), buffer, sizeof buffer), 5);
  EXPECT_STREQ(buffer, "hello");
}

TEST(MemoryFile, CannotBeChangedByWhoeverGetsIt) {
  const UniqueFd file = memory_file("test", "hello");
  EXPECT_EQ(::pwrite(file.get(), "X", 1, 0), -1);
  EXPECT_EQ(::ftruncate(file.get(), 0), -1);
  EXPECT_EQ(::ftruncate(file.get(), 100), -1);
}

TEST(MemoryFile, MayBeEmpty) {
  const UniqueFd file = memory_file("test", "");
  char byte = 0;
  EXPECT_EQ(::read(file.get(), &byte, 1), 0);
}

}  // namespace
}  // namespace aicoder::box
