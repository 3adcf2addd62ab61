#include "learn/deploy.h"

#include <gtest/gtest.h>

#include "aicoder/core.h"
#include "aicoder/learn.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(Deploy, WhatWasReplacedComesBackAndGoesAgain) {
  const test::TempDir dir;
  write_file_atomic(dir / "new", "second");
  write_file_atomic(dir / "x.gguf", "first");
  learning::deploy(dir / "new", dir / "x.gguf");
  EXPECT_EQ(read_file(dir / "x.gguf"), "second");
  EXPECT_TRUE(roll_back(dir / "x.gguf"));
  EXPECT_EQ(read_file(dir / "x.gguf"), "first");
  EXPECT_TRUE(roll_back(dir / "x.gguf")) << "and forth";
  EXPECT_EQ(read_file(dir / "x.gguf"), "second");
}

TEST(Deploy, WhereThereWasNoneRollingBackTakesItAway) {
  const test::TempDir dir;
  write_file_atomic(dir / "new", "first");
  learning::deploy(dir / "new", dir / "folder" / "x.gguf");
  EXPECT_EQ(read_file(dir / "folder" / "x.gguf"), "first");
  EXPECT_FALSE(roll_back(dir / "folder" / "x.gguf"));
  EXPECT_FALSE(std::filesystem::exists(dir / "folder" / "x.gguf"));
}

TEST(Deploy, NothingToTakeBackIsSaid) {
  const test::TempDir dir;
  EXPECT_ERROR(roll_back(dir / "x.gguf"), ErrorCode::kNotFound, "nothing was deployed");
}

}  // namespace
}  // namespace aicoder
