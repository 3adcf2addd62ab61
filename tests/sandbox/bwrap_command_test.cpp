#include "sandbox/bwrap_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace aicoder::box {
namespace {

using testing::Contains;
using testing::Not;

std::vector<std::string> command(std::vector<BwrapPlan::Shown> read_only = {}) {
  return bwrap_command({"/usr/bin/bwrap", 4 << 20, std::move(read_only), 6});
}

size_t place(const std::vector<std::string>& argv, const std::vector<std::string>& words) {
  return static_cast<size_t>(std::search(argv.begin(), argv.end(), words.begin(), words.end()) - argv.begin());
}

TEST(BwrapCommand, AsksForEveryNamespaceAndNoCapability) {
  const auto argv = command();
  for (const char* option : {"--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
                             "--disable-userns", "--die-with-parent", "--new-session"}) {
    EXPECT_THAT(argv, Contains(option));
  }
  EXPECT_LT(place(argv, {"--cap-drop", "ALL"}), argv.size());
  EXPECT_LT(place(argv, {"--uid", "65534", "--gid", "65534"}), argv.size());
}

TEST(BwrapCommand, ShowsNoFolderOfUsersOrConfiguration) {
  for (const char* path : {"/", "/home", "/root", "/etc", "/var", "/run", "/sys"}) {
    EXPECT_EQ(place(command(), {"--ro-bind", path}), command().size()) << path;
    EXPECT_EQ(place(command(), {"--bind", path}), command().size()) << path;
  }
  EXPECT_THAT(command(), Not(Contains("--bind")));
}

TEST(BwrapCommand, TheRootIsMadeReadOnlyAfterEverythingIsInPlace) {
  const auto argv = command({{"/mnt/0", "/opt/tool"}});
  const size_t read_only_root = place(argv, {"--remount-ro", "/"});
  EXPECT_LT(place(argv, {"--ro-bind", "/mnt/0", "/opt/tool"}), read_only_root);
  EXPECT_LT(place(argv, {"--tmpfs", "/box"}), read_only_root);
  EXPECT_LT(place(argv, {"--remount-ro", "/dev"}), read_only_root);
  EXPECT_LT(read_only_root, argv.size());
}

TEST(BwrapCommand, TheSizeBelongsToTheScratchFolder) {
  EXPECT_LT(place(command(), {"--size", "4194304", "--tmpfs", "/box"}), command().size());
}

TEST(BwrapCommand, EtcFilesComeFromTheDescriptorsGiven) {
  EXPECT_LT(place(command(), {"--file", "6", "/etc/passwd"}), command().size());
  EXPECT_LT(place(command(), {"--file", "9", "/etc/nsswitch.conf"}), command().size());
}

}  // namespace
}  // namespace aicoder::box
