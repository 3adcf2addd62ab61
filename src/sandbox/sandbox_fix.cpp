#include "sandbox/sandbox_fix.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sandbox/bwrap_command.h"

namespace aicoder::box {

MachineFacts machine_facts() {
  MachineFacts facts;
  std::ifstream("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") >> facts.apparmor_restricts;
  facts.root = ::geteuid() == 0;
  std::error_code ignored;
  facts.docker = std::filesystem::exists("/.dockerenv", ignored);
  facts.podman = std::filesystem::exists("/run/.containerenv", ignored);
  facts.kubernetes = std::getenv("KUBERNETES_SERVICE_HOST") != nullptr;
  const char* container = std::getenv("container");
  facts.lxc = (container != nullptr && std::string(container) == "lxc") || std::filesystem::exists("/dev/lxd", ignored);
  if (const auto found = find_bwrap(); !found.empty()) facts.bwrap = found.string();
  return facts;
}

std::string fix_for_namespaces(const MachineFacts& facts) {
  // In a container its own rules come first, whatever the machine below allows. All three of Docker's are needed: the filter forbids new
  // namespaces, AppArmor forbids mounts in them, and masked paths forbid a fresh /proc.
  if (facts.kubernetes)
    return "in the pod: hostUsers: false, and securityContext: {seccompProfile: {type: Unconfined}, procMount: Unmasked}";
  if (facts.docker)
    return "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined ...";
  if (facts.podman) return "podman run --security-opt seccomp=unconfined --security-opt unmask=ALL --security-opt label=disable ...";
  if (facts.lxc) return "on the host: lxc config set NAME security.nesting true && lxc restart NAME";
  if (facts.apparmor_restricts == "1") {
    // For bubblewrap alone: the sysctl would open user namespaces to every program of the machine.
    return "printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile aicoder-bwrap " + facts.bwrap +
           " flags=(unconfined) {\\n  userns,\\n}\\n' | sudo tee /etc/apparmor.d/aicoder-bwrap && "
           "sudo apparmor_parser -r /etc/apparmor.d/aicoder-bwrap";
  }
  return facts.bwrap + " --unshare-user --disable-userns --uid 65534 --ro-bind / / true   (and mend what it says)";
}

}  // namespace aicoder::box
