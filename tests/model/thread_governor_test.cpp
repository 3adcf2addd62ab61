#include "model/thread_governor.h"

#include <gtest/gtest.h>

namespace aicoder {
namespace {

/// A machine whose other programs take `others` of its processors.
class Machine {
 public:
  Machine(int processors, double others) : processors_(processors), others_(others) {}
  double others() const { return others_; }
  void set_others(double others) { others_ = others; }

  ThreadGovernor governor(int most) {
    return ThreadGovernor(most, [this] { return std::optional(idle_); });
  }
  /// Decodes for `seconds`, `decode` seconds each.
  void run(ThreadGovernor& governor, double seconds, double decode = 0.02) {
    const double end = now_.seconds + seconds;
    while (now_.seconds < end - decode / 2) {
      const LoadSample before = now_;
      const double got = std::min<double>(governor.threads(), processors_ - others_);
      now_.seconds += decode;
      now_.cpu_seconds += got * decode;
      preempted_ += (got < governor.threads() ? 150 : 30) * decode;
      now_.preemptions = static_cast<int64_t>(preempted_);
      idle_ += std::max(0.0, processors_ - others_ - got) * decode;
      changes_ += governor.after_decode(before, now_);
    }
  }
  int changes() const { return changes_; }

 private:
  int processors_;
  double others_;
  LoadSample now_{.seconds = 1000, .cpu_seconds = 5};
  double preempted_ = 0, idle_ = 7;
  int changes_ = 0;
};

TEST(ThreadGovernor, QuietMachineKeepsAllThreads) {
  Machine machine(2, 0.1);
  auto governor = machine.governor(2);
  machine.run(governor, 10);
  EXPECT_EQ(governor.threads(), 2);
  EXPECT_EQ(machine.changes(), 0);
}

// Another program that works for a tenth of a second now and then costs that tenth, not a thread for a second and more.
TEST(ThreadGovernor, BurstsOfOthersCostNoThread) {
  Machine machine(2, 0.1);
  auto governor = machine.governor(2);
  for (int i = 0; i < 50; ++i) {
    machine.set_others(1);
    machine.run(governor, 0.1);
    machine.set_others(0.1);
    machine.run(governor, 0.4);
  }
  EXPECT_EQ(machine.changes(), 0);
}

TEST(ThreadGovernor, AThreadGivenUpOnceIsSoonBack) {
  Machine machine(2, 1);
  auto governor = machine.governor(2);
  machine.run(governor, 0.5);
  ASSERT_EQ(governor.threads(), 1);
  machine.set_others(0.2);
  machine.run(governor, 0.6);
  EXPECT_EQ(governor.threads(), 2);
}

TEST(ThreadGovernor, GivesUpTheThreadsWhoseCoresAreTaken) {
  Machine machine(2, 1);
  auto governor = machine.governor(2);
  machine.run(governor, 0.3);
  EXPECT_EQ(governor.threads(), 1);

  Machine large(16, 3);
  auto of_large = large.governor(16);
  large.run(of_large, 0.3);
  EXPECT_EQ(of_large.threads(), 13);
}

TEST(ThreadGovernor, NoneIsTakenBackWhileNoProcessorIsIdle) {
  Machine machine(2, 1);
  auto governor = machine.governor(2);
  machine.run(governor, 60);
  EXPECT_EQ(governor.threads(), 1);
  EXPECT_EQ(machine.changes(), 1);
}

TEST(ThreadGovernor, TakesThreadsBackWhenProcessorsAreIdle) {
  Machine machine(16, 8);
  auto governor = machine.governor(16);
  machine.run(governor, 0.3);
  ASSERT_EQ(governor.threads(), 8);
  machine.set_others(3);
  machine.run(governor, 2.5);
  EXPECT_EQ(governor.threads(), 13);
  machine.set_others(0);
  machine.run(governor, 2.5);
  EXPECT_EQ(governor.threads(), 16);
}

TEST(ThreadGovernor, WhereIdleTimeIsUnknownItTriesLessAndLessOften) {
  Machine machine(2, 1);
  ThreadGovernor governor(2, [] { return std::optional<double>(); });
  machine.run(governor, 120);
  // Each try is a raise and a fall. At two a second there would be 480 changes.
  EXPECT_GE(machine.changes(), 10);
  EXPECT_LE(machine.changes(), 40);
  machine.set_others(0);
  machine.run(governor, 35);
  EXPECT_EQ(governor.threads(), 2);
}

TEST(ThreadGovernor, WaitingForAnAcceleratorIsNotDisplacement) {
  ThreadGovernor governor(8, [] { return std::optional(0.0); });
  LoadSample now;
  for (int i = 0; i < 1000; ++i) {
    const LoadSample before = now;
    now.seconds += 0.02;
    now.cpu_seconds += 0.01;  // half a CPU, and nobody preempted it
    EXPECT_FALSE(governor.after_decode(before, now));
  }
}

TEST(ThreadGovernor, OneSlowDecodeIsEnough) {
  Machine machine(2, 1);
  auto governor = machine.governor(2);
  machine.run(governor, 0.5, 0.5);
  EXPECT_EQ(governor.threads(), 1);
}

TEST(ThreadGovernor, CountersOfThisMachineAreRead) {
  const LoadSample load = read_load();
  EXPECT_GT(load.seconds, 0);
  EXPECT_GT(load.cpu_seconds, 0);
  const auto idle = idle_processor_seconds();
  ASSERT_TRUE(idle.has_value());
  EXPECT_GE(*idle, 0);
}

}  // namespace
}  // namespace aicoder
