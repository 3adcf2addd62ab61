// The suite of attacks judged: it finds a hole where there is one, and does not where there is none. The whole of it runs in the slow
// tests.
#include <set>

#include "aicoder/sandbox/attack.h"
#include "sandbox/box_test_support.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using test::table;

TEST(AttackSuite, CoversEveryClassUnderNamesOfItsOwn) {
  std::set<std::string> names, groups;
  for (const AttackName& attack : list_attacks()) {
    EXPECT_TRUE(names.insert(attack.name).second) << attack.name << " is there twice";
    EXPECT_NE(attack.about, "");
    groups.insert(attack.name.substr(0, attack.name.find('.')));
  }
  EXPECT_GE(names.size(), 150U);
  EXPECT_EQ(groups, (std::set<std::string>{"filesystem", "proc", "sysfs", "privilege", "kernel", "network", "ipc", "terminal", "signals",
                                           "resources", "time", "success", "secrets"}));
}

TEST(AttackSuite, FindsNoHoleInABox) {
  const AttackReport report = run_attacks({.only = {"network", "signals.kill", "filesystem.result_symlink", "terminal.type"}});
  EXPECT_TRUE(report.tight()) << table(report);
  EXPECT_GE(report.counted(), 10U) << table(report);
}

/// bubblewrap, but for one of the fences it is asked for.
class HolyBwrap {
 public:
  explicit HolyBwrap(const std::string& left_out) {
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    std::ofstream(folder_ / "bwrap") << "#!/bin/bash\nkept=()\nfor word in \"$@\"; do [ \"$word\" = " << left_out
                                     << " ] || kept+=(\"$word\"); done\nexec /usr/bin/bwrap \"${kept[@]}\"\n";
    std::filesystem::permissions(folder_ / "bwrap", std::filesystem::perms(0755));
    ::setenv("AICODER_BWRAP", (folder_ / "bwrap").c_str(), 1);
  }
  ~HolyBwrap() { ::unsetenv("AICODER_BWRAP"); }

 private:
  test::TempDir folder_;
};

TEST(AttackSuite, FindsTheHoleInABoxWithoutItsOwnNetwork) {
  const Sandbox
      known_good;  // what this machine offers is found out once, with the real bubblewrap: else this box would be refused, rightly
  const HolyBwrap bwrap("--unshare-net");
  const AttackReport report = run_attacks({.only = {"network.tcp_loopback", "network.http", "network.vsock", "ipc.path_socket"}});
  ASSERT_EQ(report.attacks.size(), 4U);
  EXPECT_EQ(report.attacks[0].outcome, AttackOutcome::kEscaped) << table(report);
  EXPECT_EQ(report.attacks[1].outcome, AttackOutcome::kEscaped) << table(report);
  EXPECT_NE(report.attacks[2].outcome, AttackOutcome::kEscaped) << "that is the filter's";
  EXPECT_NE(report.attacks[3].outcome, AttackOutcome::kEscaped) << "that is the mounts'";
  EXPECT_FALSE(report.tight());
}

TEST(AttackSuite, ABoxThatCannotBeHadIsNoContainment) {
  const Sandbox known_good;
  ::setenv("AICODER_BWRAP", "/bin/false", 1);
  const AttackReport report = run_attacks({.only = {"network.tcp_loopback"}});
  ::unsetenv("AICODER_BWRAP");
  EXPECT_EQ(report.attacks.at(0).outcome, AttackOutcome::kInconclusive) << table(report);
  EXPECT_FALSE(report.tight());
}

TEST(AttackSuite, AnUnknownNameIsRefused) {
  EXPECT_ERROR(run_attacks({.only = {"network", "nonsense"}}), ErrorCode::kNotFound, "nonsense");
}

TEST(AttackSuite, LeavesNothingBehind) {
  const auto before = test::entries_of(std::filesystem::temp_directory_path());
  run_attacks({.only = {"time.daemon", "ipc.shared_memory", "filesystem.result_swap"}});
  size_t ours = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::temp_directory_path())) {
    ours += entry.path().filename().string().starts_with("aicoder-attack-") ? 1 : 0;
  }
  EXPECT_EQ(ours, 0U) << before;
  EXPECT_TRUE(test::processes_with("tools/attacker").empty());
}

}  // namespace
}  // namespace aicoder
