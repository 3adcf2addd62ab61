// Which command lets boxes run on this machine, when one does not.
#pragma once

#include <string>

namespace aicoder::box {

/// What decides it.
struct MachineFacts {
  std::string apparmor_restricts;  ///< kernel.apparmor_restrict_unprivileged_userns: "1" on Ubuntu 23.10 and later
  bool root = false;
  bool docker = false;      ///< /.dockerenv
  bool podman = false;      ///< /run/.containerenv
  bool kubernetes = false;  ///< KUBERNETES_SERVICE_HOST is set
  bool lxc = false;         ///< container=lxc in the environment of process 1, or /dev/lxd
  std::string bwrap = "/usr/bin/bwrap";
};
MachineFacts machine_facts();

/// One command or setting. Never one that opens more than boxes need.
std::string fix_for_namespaces(const MachineFacts& facts);

}  // namespace aicoder::box
