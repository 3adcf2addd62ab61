#include "sandbox/sandbox_fix.h"

#include <gmock/gmock.h>

namespace aicoder::box {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(SandboxFix, UbuntuGetsAProfileForBubblewrapAlone) {
  const std::string fix = fix_for_namespaces({.apparmor_restricts = "1", .bwrap = "/opt/bin/bwrap"});
  EXPECT_THAT(fix, HasSubstr("profile aicoder-bwrap /opt/bin/bwrap"));
  EXPECT_THAT(fix, HasSubstr("userns,"));
  EXPECT_THAT(fix, HasSubstr("apparmor_parser -r"));
  EXPECT_THAT(fix, Not(HasSubstr("sysctl"))) << "that would open it to every program";
}

TEST(SandboxFix, AContainerComesBeforeTheMachineBelowIt) {
  EXPECT_THAT(fix_for_namespaces({.apparmor_restricts = "1", .docker = true}), HasSubstr("systempaths=unconfined"));
  EXPECT_THAT(fix_for_namespaces({.podman = true}), HasSubstr("podman run --security-opt seccomp=unconfined --security-opt unmask=ALL"));
  EXPECT_THAT(fix_for_namespaces({.docker = true, .kubernetes = true}), HasSubstr("procMount: Unmasked"));
  EXPECT_THAT(fix_for_namespaces({.lxc = true}), HasSubstr("security.nesting"));
}

TEST(SandboxFix, ElsewhereBubblewrapItselfSaysWhatIsMissing) {
  EXPECT_THAT(fix_for_namespaces({.apparmor_restricts = "0"}), HasSubstr("/usr/bin/bwrap --unshare-user"));
}

}  // namespace
}  // namespace aicoder::box
