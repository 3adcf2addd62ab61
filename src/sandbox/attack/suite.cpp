#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>

#include "aicoder/sandbox/attack.h"
#include "sandbox/attack/attacker_image.h"
#include "sandbox/attack/cases.h"

namespace aicoder {
namespace attack {
namespace {
namespace fs = std::filesystem;

/// Removed with what is in it. Everybody may go through it: the user of root's boxes is another one.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "aicoder-attack-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw Error(ErrorCode::kFailedPrecondition, "[sandbox attack] cannot make a folder in " + fs::temp_directory_path().string(),
                  "TMPDIR=/var/tmp aicoder sandbox attack");
    path_ = pattern;
    fs::permissions(path_, fs::perms(0755));
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

fs::path unpack_attacker(const fs::path& folder) {
  fs::create_directory(folder / "tools");
  fs::permissions(folder / "tools", fs::perms(0755));
  const fs::path program = folder / "tools/attacker";
  const std::string_view image = attacker_image();
  std::ofstream(program, std::ios::binary).write(image.data(), static_cast<std::streamsize>(image.size()));
  fs::permissions(program, fs::perms(0755));
  return program;
}

Firing loaded(const Case& one, bool inside, const std::stop_token& stop) {
  Firing firing;
  firing.inside = inside;
  firing.in_namespace = one.in_namespace;
  firing.code = one.code;
  firing.args = one.args;
  firing.stop = stop;
  auto& limits = firing.request.limits;
  limits.memory_bytes = uint64_t{128} << 20;
  limits.scratch_bytes = uint64_t{8} << 20;
  limits.file_bytes = uint64_t{4} << 20;
  limits.output_bytes = uint64_t{256} << 10;
  limits.processes = 16;
  return firing;
}

/// Arranges, fires, looks. \return whether the effect was there.
bool try_once(const Case& one, bool inside, const fs::path& folder, const fs::path& attacker, const std::stop_token& stop, Firing& firing) {
  Scene scene(folder / (inside ? "inside" : "outside"), attacker);
  firing = loaded(one, inside, stop);
  if (one.arrange) one.arrange(scene, firing);
  if (!firing.skipped.empty()) return false;
  one.shoot(scene, firing);
  throw_if_stopped(stop);
  const bool happened = firing.refused.empty() && (one.effect ? one.effect(scene, firing) : said_so(scene, firing));
  if (firing.group > 0) ::kill(-firing.group, SIGKILL);
  return happened;
}

AttackResult try_attack(const Case& one, const fs::path& folder, const fs::path& attacker, const std::stop_token& stop) {
  AttackResult result{.name = one.name, .about = one.about};
  const auto start = std::chrono::steady_clock::now();
  Firing firing;
  const bool works = try_once(one, false, folder, attacker, stop, firing);
  result.outside = describe(firing);
  if (!works) {
    result.outcome = AttackOutcome::kNotApplicable;
  } else {
    if (one.in_namespace) result.outside += ", in namespaces of its own";
    const bool escaped = try_once(one, true, folder, attacker, stop, firing);
    result.inside = describe(firing);
    const bool tried = firing.attempted || !firing.refused.empty();
    result.outcome = escaped ? AttackOutcome::kEscaped : tried ? AttackOutcome::kContained : AttackOutcome::kInconclusive;
    if (firing.box.verdict == Verdict::kSandboxErr && firing.refused.empty()) result.outcome = AttackOutcome::kInconclusive;
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

bool wanted(const Case& one, const std::vector<std::string>& only) {
  const auto matches = [&](const std::string& name) { return one.name == name || one.name.starts_with(name + "."); };
  return only.empty() || std::ranges::any_of(only, matches);
}

}  // namespace

bool said_so(Scene& scene, const Firing& firing) { return firing.out.find("effect " + scene.nonce) != std::string::npos; }
bool has_secret(Scene& scene, const Firing& firing) {
  return firing.out.find(scene.secret) != std::string::npos || firing.err.find(scene.secret) != std::string::npos;
}
bool has_output(Scene&, const Firing& firing) { return firing.out.size() > sizeof "attempt\n"; }
bool was_heard(Scene& scene, const Firing&) { return scene.heard(); }
bool victim_died(Scene& scene, const Firing&) { return !scene.victim_lives(); }
bool target_changed(Scene& scene, const Firing&) { return scene.read(scene.target_file()) != "original"; }
bool made_a_file(Scene& scene, const Firing&) { return fs::exists(scene.shared() / "made-by-attack"); }
bool left_a_process(Scene& scene, const Firing& firing) {
  // Outside it may still be on its way; in a box nothing is left to come.
  for (int i = 0; i < (firing.inside ? 2 : 200); ++i) {
    if (!scene.stayers().empty()) return true;
    ::usleep(10'000);
  }
  return false;
}

const Cases& all_cases() {
  static const Cases cases = [] {
    Cases all;
    add_file_cases(all);
    add_proc_cases(all);
    add_privilege_cases(all);
    add_kernel_cases(all);
    add_network_cases(all);
    add_ipc_cases(all);
    add_terminal_cases(all);
    add_resource_cases(all);
    add_time_cases(all);
    add_secret_cases(all);
    return all;
  }();
  return cases;
}

}  // namespace attack

std::string_view to_string(AttackOutcome outcome) noexcept {
  switch (outcome) {
    case AttackOutcome::kContained:
      return "contained";
    case AttackOutcome::kEscaped:
      return "escaped";
    case AttackOutcome::kNotApplicable:
      return "not_applicable";
    case AttackOutcome::kInconclusive:
      break;
  }
  return "inconclusive";
}

size_t AttackReport::count(AttackOutcome outcome) const {
  return static_cast<size_t>(std::ranges::count_if(attacks, [outcome](const AttackResult& one) { return one.outcome == outcome; }));
}

std::vector<AttackName> list_attacks() {
  std::vector<AttackName> names;
  for (const attack::Case& one : attack::all_cases()) names.push_back({one.name, one.about});
  return names;
}

AttackReport run_attacks(const AttackOptions& options) {
  const auto& cases = attack::all_cases();
  for (const std::string& name : options.only) {
    if (std::ranges::any_of(cases, [&](const attack::Case& one) { return attack::wanted(one, {name}); })) continue;
    throw Error(ErrorCode::kNotFound, "[sandbox attack] no attack and no group '" + name + "'", "aicoder sandbox attack --list");
  }
  const Sandbox needed;  // throws with the fix where there is none
  AttackReport report;
  report.user = ::geteuid() == 0 ? "root" : "uid " + std::to_string(::geteuid());
  utsname kernel{};
  if (::uname(&kernel) == 0) report.kernel = kernel.release;
  const attack::Folder folder;
  const auto attacker = attack::unpack_attacker(folder.path());
  size_t total = 0;
  for (const attack::Case& one : cases) total += attack::wanted(one, options.only) ? 1 : 0;
  for (const attack::Case& one : cases) {
    if (!attack::wanted(one, options.only)) continue;
    throw_if_stopped(options.stop);
    if (options.progress)
      options.progress({"attack the sandbox", static_cast<double>(report.attacks.size()), static_cast<double>(total), "attacks"});
    report.attacks.push_back(attack::try_attack(one, folder.path(), attacker, options.stop));
  }
  if (options.progress) options.progress({"attack the sandbox", static_cast<double>(total), static_cast<double>(total), "attacks"});
  return report;
}

}  // namespace aicoder
