#include "sandbox/process_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "sandbox/unique_fd.h"
#include "support/test_model.h"

namespace aicoder::box {
namespace {

constexpr char kLine[] =
    "42 (a) b (c)) S 1 42 42 0 -1 4194560 100 200 0 0 7 5 30 12 20 0 3 0 1000 10000000 250 18446744073709551615 1 1 0 0\n";

TEST(ParseStat, ReadsPastAnyProcessName) {
  ProcessStat stat;
  ASSERT_TRUE(parse_stat(kLine, stat));
  EXPECT_EQ(stat.own_ticks, 12U);
  EXPECT_EQ(stat.children_ticks, 42U);
  EXPECT_EQ(stat.threads, 3U);
  EXPECT_EQ(stat.resident_pages, 250U);
}

TEST(ParseStat, RefusesWhatIsNoStatLine) {
  ProcessStat stat;
  EXPECT_FALSE(parse_stat("", stat));
  EXPECT_FALSE(parse_stat("42 (x", stat));
  EXPECT_FALSE(parse_stat("42 (x) S 1 2 3", stat));
}

TEST(ParseSmapsRollup, AddsAnonymousSharedAndSwapped) {
  EXPECT_EQ(
      parse_smaps_rollup("Rss: 900 kB\nPss: 500 kB\nPss_Anon:             300 kB\nPss_File: 100 kB\nPss_Shmem:   20 kB\nSwapPss:  4 kB\n"),
      324U * 1024);
  EXPECT_EQ(parse_smaps_rollup(""), 0U);
}

TEST(ParseSockstat, ReadsTheCount) {
  EXPECT_EQ(parse_sockstat("sockets: used 12\nTCP: inuse 3\n"), 12U);
  EXPECT_EQ(parse_sockstat("TCP: inuse 3\n"), 0U);
  EXPECT_EQ(parse_sockstat(""), 0U);
}

/// A folder that looks like /proc.
class FakeProc {
 public:
  FakeProc() : fd_(::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  int fd() const { return fd_.get(); }
  void set(int pid, int own_ticks, int children_ticks, int threads = 1, int pages = 10, int file_pages = 0, int exact_kib = 0) {
    const auto folder = dir_ / std::to_string(pid);
    std::filesystem::create_directories(folder);
    char line[256];
    std::snprintf(line, sizeof line, "%d (p) S 1 1 1 0 -1 0 0 0 0 0 %d 0 %d 0 20 0 %d 0 5 1000 %d 0\n", pid, own_ticks, children_ticks,
                  threads, pages);
    std::ofstream(folder / "stat") << line;
    std::ofstream(folder / "statm") << "500 " << pages << " " << file_pages << " 0 0 0 0\n";
    std::ofstream(folder / "smaps_rollup") << "Pss_Anon: " << exact_kib << " kB\n";
    std::ofstream(folder / "status") << "Name: p\nVmPTE:\t       8 kB\n";
  }
  void remove(int pid) { std::filesystem::remove_all(dir_ / std::to_string(pid)); }

 private:
  test::TempDir dir_;
  UniqueFd fd_;
};

TEST(ProcessTree, SumsTasksAndCpuWithoutProcessOne) {
  FakeProc proc;
  proc.set(1, 500, 10);  // what process 1 itself used is ours, what it waited for is the program's
  proc.set(2, 20, 0, 3);
  proc.set(3, 30, 5, 1);
  ProcessTree tree(proc.fd(), 1 << 30);
  const TreeUsage usage = tree.sample();
  EXPECT_EQ(usage.tasks, 4U);
  EXPECT_DOUBLE_EQ(usage.cpu_ms, 650);
}

TEST(ProcessTree, ADeadProcessWithoutThreadsStillHoldsItsPlace) {
  FakeProc proc;
  proc.set(2, 0, 0, 0);
  EXPECT_EQ(ProcessTree(proc.fd(), 1 << 30).sample().tasks, 1U);
}

TEST(ProcessTree, CpuOfChildrenNobodyWaitedForStaysCounted) {
  FakeProc proc;
  proc.set(2, 10, 0);
  proc.set(3, 90, 0);
  ProcessTree tree(proc.fd(), 1 << 30);
  EXPECT_DOUBLE_EQ(tree.sample().cpu_ms, 1000);
  proc.remove(3);
  for (int i = 0; i < 4; ++i) EXPECT_GE(tree.sample().cpu_ms, 1000);
  proc.set(2, 30, 0);
  EXPECT_DOUBLE_EQ(tree.sample().cpu_ms, 1200);
}

TEST(ProcessTree, AChildCaughtBetweenTwoReadsIsNotCountedTwice) {
  FakeProc proc;
  proc.set(2, 10, 0);
  proc.set(3, 90, 0);
  ProcessTree tree(proc.fd(), 1 << 30);
  tree.sample();
  proc.remove(3);
  tree.sample();  // gone here, not yet with its parent
  proc.set(2, 10, 90);
  EXPECT_DOUBLE_EQ(tree.sample().cpu_ms, 1000);
}

TEST(ProcessTree, FilePagesAreNotMemoryOfTheProcess) {
  FakeProc proc;
  proc.set(2, 0, 0, 1, 100, 60);
  ProcessTree tree(proc.fd(), 1 << 30);
  EXPECT_EQ(tree.sample().memory_bytes, 40U * 4096);
  EXPECT_EQ(tree.peak_bytes(), 40U * 4096);
}

TEST(ProcessTree, AboveTheLimitTheExactSharesDecide) {
  FakeProc proc;  // two processes that share 300 KiB: resident twice, there once
  proc.set(2, 0, 0, 1, 100, 0, 150);
  proc.set(3, 0, 0, 1, 100, 0, 150);
  ProcessTree tree(proc.fd(), 512 << 10);
  EXPECT_EQ(tree.sample().memory_bytes, (300U + 2 * 8) * 1024) << "with page tables";
  EXPECT_EQ(tree.peak_bytes(), 316U * 1024);
}

TEST(ProcessTree, AVanishedBoxIsEmpty) {
  test::TempDir empty;
  const UniqueFd fd(::open(empty.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const TreeUsage usage = ProcessTree(fd.get(), 1 << 20).sample();
  EXPECT_EQ(usage.tasks, 0U);
  EXPECT_EQ(usage.memory_bytes, 0U);
}

}  // namespace
}  // namespace aicoder::box
