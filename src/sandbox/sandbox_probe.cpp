#include <linux/landlock.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "aicoder/sandbox.h"
#include "sandbox/box_run.h"
#include "sandbox/box_wire.h"
#include "sandbox/bwrap_command.h"
#include "sandbox/sandbox_fix.h"
#include "sandbox/seccomp_filter.h"

namespace aicoder {
namespace {
namespace fs = std::filesystem;

constexpr char kInstall[] = "sudo apt-get install -y bubblewrap";

SandboxCheck check_bwrap() {
  SandboxCheck check{.name = "bubblewrap 0.8 or newer", .fix = kInstall};
  const fs::path bwrap = box::find_bwrap();
  if (bwrap.empty()) {
    check.found = "not installed";
    return check;
  }
  const HostProcessResult help = run_host_process({.argv = {bwrap.string(), "--help"}, .timeout = std::chrono::seconds(10)});
  check.ok = true;
  for (const char* option : {"--disable-userns", "--as-pid-1", "--size", "--perms", "--cap-drop"}) {
    if (help.out.find(option) != std::string::npos || help.err.find(option) != std::string::npos) continue;
    check.ok = false;
    check.found = bwrap.string() + " does not know " + option;
    break;
  }
  if (check.ok) check.fix.clear();
  return check;
}

SandboxCheck check_kernel() {
  // 5.14 counts processes per user namespace; before it the limit of a box would be shared with all else its user runs.
  SandboxCheck check{.name = "Linux 5.14 or newer"};
  utsname name{};
  int major = 0, minor = 0;
  if (::uname(&name) == 0) {
    std::istringstream release(name.release);
    char dot = 0;
    release >> major >> dot >> minor;
    check.found = name.release;
  }
  check.ok = major > 5 || (major == 5 && minor >= 14);
  if (!check.ok) check.fix = "boot a newer kernel";
  return check;
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The settings by which distributions forbid user namespaces, each with the command that allows them.
SandboxCheck check_user_namespaces() {
  SandboxCheck check{.name = "user namespaces", .ok = true};
  const auto bad = [&check](const char* found, const char* fix) {
    check.ok = false;
    check.found = found;
    check.fix = fix;
  };
  if (!fs::exists("/proc/self/ns/user")) bad("the kernel has none", "boot a kernel with CONFIG_USER_NS=y");
  if (first_line("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
    bad("kernel.unprivileged_userns_clone = 0", "sudo sysctl -w kernel.unprivileged_userns_clone=1");
  }
  if (first_line("/proc/sys/user/max_user_namespaces") == "0") {
    bad("user.max_user_namespaces = 0", "sudo sysctl -w user.max_user_namespaces=15000");
  }
  return check;
}

SandboxCheck check_seccomp() {
  SandboxCheck check{.name = "seccomp filter"};
  try {
    check.ok = !box::seccomp_program().empty();
  } catch (const Error& error) {
    check.found = error.what();
    check.fix = error.fix();
  }
  return check;
}

/// The value after "name:" at the start of a line, without blanks around it.
std::string field(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + ":")) continue;
    const size_t from = line.find_first_not_of(" \t", name.size() + 1);
    return from == std::string::npos ? "" : line.substr(from);
  }
  return "";
}

constexpr const char* kNamespaces[] = {"user", "mnt", "pid", "net", "ipc", "uts"};
constexpr size_t kProbeProcesses = 7;

SandboxResult run_probe(std::string script) {
  SandboxRequest request;
  request.argv = {"/bin/sh", "-c", std::move(script)};
  request.limits.processes = kProbeProcesses;
  request.limits.scratch_bytes = 1 << 20;
  return box::run_in_box(request, {});
}

SandboxCheck check_box_runs(std::string& facts) {
  SandboxCheck check{.name = "a box runs"};
  std::string script =
      "cat /proc/self/status; echo 'processes:' $(ulimit -p); echo 'interfaces:' $(tail -n +3 /proc/net/dev | cut -d: -f1)";
  for (const char* name : kNamespaces) script += std::string("; echo ns_") + name + ": $(readlink /proc/self/ns/" + name + ")";
  const SandboxResult result = run_probe(script);
  facts = result.out;
  check.ok = result.verdict == Verdict::kOk;
  if (check.ok) return check;
  check.found = std::string(to_string(result.verdict)) + ": " + result.detail + " " + result.err;
  check.fix = box::fix_for_namespaces(box::machine_facts());
  return check;
}

/// What a program in a box says of itself: each fence really stands.
void check_fences(const std::string& facts, std::vector<SandboxCheck>& checks) {
  std::string shared;
  for (const char* name : kNamespaces) {
    std::error_code error;
    const std::string ours = fs::read_symlink(fs::path("/proc/self/ns") / name, error).string();
    const std::string theirs = field(facts, std::string("ns_") + name);
    if (error || theirs.empty() || theirs == ours) shared += std::string(shared.empty() ? "" : " ") + name;
  }
  const auto add = [&checks](const char* name, bool ok, const std::string& found) {
    checks.push_back({.name = name,
                      .ok = ok,
                      .fix = ok ? "" : "report this as a bug of aicoder, with the output of aicoder doctor --json",
                      .found = ok ? "" : found});
  };
  add("own namespaces", shared.empty(), "not its own: " + shared);
  add("seccomp in force", field(facts, "Seccomp") == "2", "Seccomp: " + field(facts, "Seccomp"));
  add("no new privileges", field(facts, "NoNewPrivs") == "1", "NoNewPrivs: " + field(facts, "NoNewPrivs"));
  bool none = true;
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) none = none && field(facts, set) == "0000000000000000";
  add("no capabilities", none, "CapEff: " + field(facts, "CapEff") + " CapBnd: " + field(facts, "CapBnd"));
  add("no network", field(facts, "interfaces") == "lo", "interfaces: " + field(facts, "interfaces"));
  add("process limit in force", field(facts, "processes") == std::to_string(kProbeProcesses + box::kTaskSlack),
      "processes: " + field(facts, "processes"));
}

SandboxCheck check_landlock() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  SandboxCheck check{.name = "landlock, a second fence", .ok = abi > 0, .required = false};
  check.found = abi > 0 ? "ABI " + std::to_string(abi) : "not offered by this kernel";
  if (!check.ok) check.fix = "boot with lsm=landlock,... (boxes work without it)";
  return check;
}

}  // namespace

SandboxProbe probe_sandbox() {
  SandboxProbe probe;
  probe.checks = {check_bwrap(), check_kernel(), check_user_namespaces(), check_seccomp()};
  const auto fine = [&probe] {
    for (const SandboxCheck& check : probe.checks) {
      if (check.required && !check.ok) return false;
    }
    return true;
  };
  if (fine()) {
    std::string facts;
    try {
      probe.checks.push_back(check_box_runs(facts));
    } catch (const Error& error) {
      probe.checks.push_back({.name = "a box runs", .fix = error.fix(), .found = error.what()});
    }
    if (fine()) check_fences(facts, probe.checks);
  }
  probe.checks.push_back(check_landlock());
  probe.level = fine() ? "L3" : "none";
  return probe;
}

}  // namespace aicoder
