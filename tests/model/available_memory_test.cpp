#include "model/available_memory.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/test_model.h"

namespace aicoder {
namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(AvailableMemory, IsWhatTheKernelCallsAvailable) {
  test::TempDir dir;
  write(dir / "meminfo", "MemTotal: 100 kB\nMemAvailable:   64 kB\n");
  EXPECT_EQ(available_memory_bytes(dir / "meminfo", dir / "none", dir / "cg"), 64u * 1024);
}

TEST(AvailableMemory, CgroupLimitsOfBothVersionsCut) {
  test::TempDir dir;
  write(dir / "meminfo", "MemAvailable: 64 kB\n");
  write(dir / "self", "7:memory:/box\n0::/a/b\n");
  write(dir.path() / "cg/a/memory.max", "30000\n");
  write(dir.path() / "cg/a/b/memory.max", "max\n");
  EXPECT_EQ(available_memory_bytes(dir / "meminfo", dir / "self", dir / "cg"), 30000u);
  write(dir.path() / "cg/memory/box/memory.limit_in_bytes", "20000\n");
  EXPECT_EQ(available_memory_bytes(dir / "meminfo", dir / "self", dir / "cg"), 20000u);
}

TEST(AvailableMemory, NothingKnownIsNoLimit) {
  test::TempDir dir;
  EXPECT_FALSE(available_memory_bytes(dir / "a", dir / "b", dir / "c").has_value());
  EXPECT_GT(available_memory_bytes().value(), 0u) << "this machine has memory";
}

}  // namespace
}  // namespace aicoder
