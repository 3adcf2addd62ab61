#include "model/cgroup_quota.h"

#include <gtest/gtest.h>

#include <sched.h>

#include <fstream>

#include "aicoder/model.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(CgroupQuota, VersionTwoQuotaIsTimePerPeriod) {
  test::TempDir dir;
  write(dir / "self", "0::/jobs/a\n");
  write(dir.path() / "cg/jobs/a/cpu.max", "150000 100000\n");
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota(dir / "self", dir / "cg").value(), 1.5);
}

TEST(CgroupQuota, AncestorsLimitTheirChildren) {
  test::TempDir dir;
  write(dir / "self", "0::/jobs/a\n");
  write(dir.path() / "cg/jobs/a/cpu.max", "max 100000\n");
  write(dir.path() / "cg/jobs/cpu.max", "400000 100000\n");
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota(dir / "self", dir / "cg").value(), 4.0);
}

TEST(CgroupQuota, ContainerSeesItsQuotaAtTheMount) {
  test::TempDir dir;
  write(dir / "self", "0::/docker/0123\n");  // this path does not exist inside the container
  write(dir.path() / "cg/cpu.max", "200000 100000\n");
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota(dir / "self", dir / "cg").value(), 2.0);
}

TEST(CgroupQuota, VersionOneUsesTheCpuController) {
  test::TempDir dir;
  write(dir / "self", "5:memory:/m\n4:cpu,cpuacct:/box\n0::/\n");
  write(dir.path() / "cg/cpu,cpuacct/box/cpu.cfs_quota_us", "300000\n");
  write(dir.path() / "cg/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota(dir / "self", dir / "cg").value(), 3.0);
}

TEST(CgroupQuota, NoLimitWhereNoneIsSetOrTextIsNoNumber) {
  test::TempDir dir;
  write(dir / "self", "4:cpu:/box\n0::/a\nno colons here\n");
  write(dir.path() / "cg/cpu/box/cpu.cfs_quota_us", "-1\n");
  write(dir.path() / "cg/cpu/box/cpu.cfs_period_us", "100000\n");
  write(dir.path() / "cg/a/cpu.max", "garbage garbage\n");
  EXPECT_FALSE(cgroup_cpu_quota(dir / "self", dir / "cg").has_value());
  EXPECT_FALSE(cgroup_cpu_quota(dir / "absent", dir / "cg").has_value());
}

TEST(UsableCores, AtLeastOneAndNotMoreThanTheProcessorsInTheMask) {
  cpu_set_t mask;
  ASSERT_EQ(sched_getaffinity(0, sizeof mask, &mask), 0);
  EXPECT_GE(usable_cores(), 1);
  EXPECT_LE(usable_cores(), CPU_COUNT(&mask));
}

TEST(UsableCores, FollowsTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
      break;
    }
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_cores(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
}  // namespace aicoder
