#include <unistd.h>

#include <cstdio>

#include "sandbox/attack/cases.h"

namespace aicoder::attack {
namespace {

/// A file of the victim's folder in /proc.
std::function<void(Scene&, Firing&)> of_victim(std::string file, bool with_path = false) {
  return [file = std::move(file), with_path](Scene& scene, Firing& firing) {
    firing.args = {"/proc/" + std::to_string(scene.victim()) + "/" + file + (with_path ? scene.secret_file().string() : "")};
  };
}

void of_parent(Scene& scene, Firing& firing) {
  firing.args = {"/proc/" + std::to_string(::getpid()) + "/root" + scene.secret_file().string()};
}

}  // namespace

void add_proc_cases(Cases& cases) {
  const auto add = [&cases](Case one) { cases.push_back(std::move(one)); };
  add({"proc.environ", "reads the environment of a process of the host", "read_path", {}, false, of_victim("environ"), has_secret});
  add({"proc.cmdline", "reads the arguments of a process of the host", "read_path", {}, false, of_victim("cmdline"), has_secret});
  add({"proc.every_environ",
       "reads every environment there is",
       "scan_environ",
       {},
       false,
       [](Scene& scene, Firing&) { scene.victim(); },
       has_secret});
  add({"proc.every_cmdline",
       "reads all command lines",
       "scan_cmdline",
       {},
       false,
       [](Scene& scene, Firing&) { scene.victim(); },
       has_secret});
  add({"proc.descriptor", "opens a file that a process of the host holds open", "read_path", {}, false, of_victim("fd/3"), has_secret});
  add({"proc.root", "goes through the root folder of a process of the host", "read_path", {}, false, of_victim("root", true), has_secret});
  add({"proc.root_of_parent", "goes through the root folder of who started it", "read_path", {}, false, of_parent, has_secret});
  add({"proc.memory",
       "reads the memory of a process of the host",
       "read_memory",
       {},
       false,
       [](Scene& scene, Firing& firing) { firing.args = {std::to_string(scene.victim()), scene.victim_address()}; },
       has_secret});
  add({"proc.overwrite_program",
       "overwrites the program that watches over it, through /proc/PID/exe",
       "overwrite_program",
       {},
       false,
       [](Scene& scene, Firing& firing) {
         scene.victim_program = scene.shared() / "victim";
         std::filesystem::copy_file(scene.attacker, scene.victim_program);
         firing.args = {firing.inside ? "1" : std::to_string(scene.victim())};
       }});
  add({"proc.core_pattern",
       "sets the program that the kernel starts as root after a crash",
       "write_same",
       {"/proc/sys/kernel/core_pattern"}});
  add({"proc.network_option", "changes a setting of the network", "set_network_option", {}, true});
  add({"proc.sysrq", "opens the key that restarts the machine", "open_for_writing", {"/proc/sysrq-trigger"}});
  add({"proc.kernel_memory", "reads the memory of the kernel", "read_kernel_core"});
  add({"proc.oom_score", "is no longer what the kernel ends first when memory runs out", "lower_oom_score"});
  add({"proc.connections",
       "lists the connections of the machine",
       "read_path",
       {"/proc/net/tcp"},
       false,
       [](Scene& scene, Firing& firing) {
         char port[8];
         std::snprintf(port, sizeof port, ":%04X", scene.listen_tcp("127.0.0.1") & 0xffff);
         firing.request.env["WANTED"] = port;  // kept here for the look afterwards
       },
       [](Scene&, const Firing& firing) { return firing.out.find(firing.request.env.at("WANTED")) != std::string::npos; }});
  add({"sysfs.devices", "lists the devices of the machine", "list_folder", {"/sys/class"}});
  add({"sysfs.kernel", "lists the kernel's own objects", "list_folder", {"/sys/kernel"}});
  add({"sysfs.cgroup", "makes a control group of its own", "mkdir_path", {}, false, [](Scene& scene, Firing& firing) {
         firing.args = {(::access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup/" : "/sys/fs/cgroup/cpu/") + scene.nonce};
       }});
  add({"sysfs.cgroup_control", "writes to the control groups it is in", "open_for_writing", {}, false, [](Scene&, Firing& firing) {
         firing.args = {::access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup/cgroup.procs"
                                                                           : "/sys/fs/cgroup/cpu/cgroup.procs"};
       }});
}

}  // namespace aicoder::attack
