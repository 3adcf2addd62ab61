#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/attack/cases.h"

namespace aicoder::attack {
namespace {

/// For root: our program, owned by another user. Else a program of the machine that belongs to root and waits for a password.
void setuid_target(Scene& scene, Firing& firing) {
  if (::geteuid() == 0) {
    const auto copy = scene.shared() / "setuid";
    std::filesystem::copy_file(scene.attacker, copy);
    if (::chown(copy.c_str(), 12345, 12345) != 0 || ::chmod(copy.c_str(), 04755) != 0)
      firing.skipped = "no set-user-id program can be made";
    firing.args = {copy.string(), "wait_for_stdin", scene.nonce};
    firing.request.read_only.push_back(scene.shared());
    return;
  }
  for (const char* path : {"/usr/bin/su", "/bin/su", "/usr/bin/passwd", "/usr/bin/sudo"}) {
    struct stat info{};
    if (::stat(path, &info) != 0 || (info.st_mode & S_ISUID) == 0 || info.st_uid != 0) continue;
    firing.args = {path};
    return;
  }
  firing.skipped = "no set-user-id program found";
}

}  // namespace

void add_privilege_cases(Cases& cases) {
  const auto add = [&cases](Case one) { cases.push_back(std::move(one)); };
  add({"privilege.user_namespace", "becomes root of a new user namespace by unshare", "new_user_namespace"});
  add({"privilege.user_namespace_clone", "the same by clone", "cloned_user_namespace"});
  add({"privilege.user_namespace_clone3", "the same by clone3, whose flags no filter can read", "clone3_user_namespace"});
  add({"privilege.network_namespace", "makes a network of its own", "new_network_namespace", {}, true});
  add({"privilege.setns", "enters another namespace", "join_namespace", {}, true});
  add({"privilege.setns_pidfd", "enters the namespaces of another process", "join_by_pidfd", {}, true});
  add({"privilege.become_root", "asks to be user 0", "become_root", {}, true});
  add({"privilege.other_user", "asks to be another user", "other_user"});
  add({"privilege.groups", "joins other groups", "drop_groups"});
  add({"privilege.capabilities", "raises its capabilities", "raise_capabilities", {}, true});
  add({"privilege.bounding_set", "keeps a capability it could get back", "keep_capabilities"});
  add({"privilege.new_privileges", "may gain by executing a program", "gain_by_exec"});
  add({"privilege.setuid_program", "executes a set-user-id program", "setuid_program", {}, false, setuid_target});
  add({"privilege.host_name", "renames the machine", "host_name", {}, true});
  add({"privilege.priority", "takes precedence over all others", "better_priority"});
  add({"privilege.real_time", "becomes a real-time process", "real_time"});
  add({"privilege.process_limit", "raises the number of processes it may have", "many_processes_allowed"});
  add({"privilege.limit_of_another",
       "changes the limits of another process",
       "limit_of_another",
       {},
       false,
       [](Scene& scene, Firing& firing) { firing.args = {firing.inside ? "1" : std::to_string(scene.victim())}; }});
  add({"privilege.clock", "sets the clock", "set_clock"});
  add({"privilege.ports", "reaches the ports of the hardware", "port_access"});
  add({"privilege.kernel_module", "loads a module into the kernel", "load_module"});
  add({"privilege.personality", "makes all that it reads executable", "change_personality"});
  add({"privilege.core_dump", "allows itself core dumps, which a program of the host handles", "core_dump"});
}

}  // namespace aicoder::attack
