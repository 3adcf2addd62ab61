#include <unistd.h>

#include <fstream>

#include "sandbox/attack/cases.h"

namespace aicoder::attack {
namespace {

/// Works for a little outside; in a box it would go on for as long as `inside` says, well above its limit.
Case take_time(std::string name, std::string about, std::string code, const std::string& outside, const std::string& inside,
               const std::string& parts = "") {
  return {.name = std::move(name), .about = std::move(about), .code = std::move(code), .arrange = [=](Scene&, Firing& firing) {
            firing.args = {firing.inside ? inside : outside, parts};
            firing.request.limits.cpu = std::chrono::milliseconds(400);
            firing.request.limits.wall = std::chrono::seconds(firing.code == "sleep_long" || firing.code == "stop_itself" ? 1 : 20);
          }};
}

bool looks_like_success(Scene&, const Firing& firing) { return firing.inside ? firing.box.verdict == Verdict::kOk : firing.exit_code == 0; }

/// The first line of a file of the host that is not empty, in what was printed.
bool shows_file(Scene& scene, const Firing& firing, const char* path) {
  std::string text = scene.read(path);
  text = text.substr(0, text.find('\n'));
  return !text.empty() && firing.out.find(text) != std::string::npos;
}

Case identity_case(std::string name, std::string about, const char* path) {
  return {.name = std::move(name),
          .about = std::move(about),
          .code = "read_path",
          .args = {path},
          .effect = [path](Scene& scene, const Firing& firing) { return shows_file(scene, firing, path); }};
}

}  // namespace

void add_time_cases(Cases& cases) {
  const auto add = [&cases](Case one) { cases.push_back(std::move(one)); };
  add({"time.daemon", "leaves a daemon behind (double fork)", "daemon", {}, false, {}, left_a_process});
  add({"time.new_session", "leaves a process in a session of its own behind", "new_session", {}, false, {}, left_a_process});
  add({"time.ignore_signals", "leaves a process behind that ignores every signal", "ignore_signals", {}, false, {}, left_a_process});
  add({"time.outlive_host",
       "goes on after the program that started it was killed",
       "outlive",
       {},
       false,
       {},
       left_a_process,
       fire_and_die});
  add({"time.hold_output",
       "ends, and a grandchild keeps its output open, so that the reader waits",
       "hold_output",
       {},
       false,
       [](Scene&, Firing& firing) {
         firing.args = {firing.inside ? "30000" : "700"};
         firing.request.limits.wall = std::chrono::seconds(60);
       },
       [](Scene&, const Firing& firing) { return firing.seconds >= (firing.inside ? 30 : 0.7); }});
  add(take_time("time.sleep", "sleeps longer than it may take", "sleep_long", "500", "60000"));
  add(take_time("time.stopped", "stops itself, so that its end never comes", "stop_itself", "500", "60000"));
  add(take_time("time.burn", "computes on, whatever signal it gets", "burn_cpu", "300", "60000"));
  add(take_time("time.burn_tree", "computes in many processes at once", "burn_in_tree", "300", "60000", "4"));
  add(take_time("time.burn_unwaited", "computes in one short process after the other, for which nobody waits", "burn_in_children", "300",
                "12000", "60"));

  for (Case one : {take_time("success.flood", "prints too much in a child and exits with 0", "flood_and_succeed", "8", "8"),
                   take_time("success.burn", "computes too long in a child and exits with 0", "burn_and_succeed", "300", "60000"),
                   take_time("success.on_signal", "exits with 0 when it is asked to stop", "exit_on_signal", "1", "600")}) {
    one.effect = looks_like_success;
    add(std::move(one));
  }
  cases.back().arrange = [](Scene&, Firing& firing) {
    firing.args = {firing.inside ? "600" : "1"};
    firing.request.limits.wall = std::chrono::seconds(1);
  };
}

void add_secret_cases(Cases& cases) {
  const auto add = [&cases](Case one) { cases.push_back(std::move(one)); };
  add({"secrets.environment",
       "reads a token from its environment",
       "read_path",
       {"/proc/self/environ"},
       false,
       {},
       has_secret,
       [](Scene& scene, Firing& firing) {
         fire_in_child(scene, firing, [&scene] { ::setenv("AICODER_ATTACK_TOKEN", scene.secret.c_str(), 1); });
       }});
  add({"secrets.home", "lists the user's home folder", "list_folder", {}, false, [](Scene&, Firing& firing) {
         const char* home = std::getenv("HOME");
         if (home == nullptr || ::access(home, R_OK | X_OK) != 0) firing.skipped = "this user has no home folder";
         firing.args = {home != nullptr ? home : "/"};
       }});
  add(identity_case("secrets.user_names", "learns the names of the users", "/etc/passwd"));
  add(identity_case("secrets.passwords", "reads the passwords", "/etc/shadow"));
  add(identity_case("secrets.machine_id", "learns which machine this is", "/etc/machine-id"));
  add(identity_case("secrets.host_name", "learns the name of the machine", "/proc/sys/kernel/hostname"));
  add(identity_case("secrets.name_servers", "learns the network's name servers", "/etc/resolv.conf"));
  add(identity_case("secrets.file_systems", "learns where the disks of the machine are mounted", "/etc/fstab"));
}

}  // namespace aicoder::attack
