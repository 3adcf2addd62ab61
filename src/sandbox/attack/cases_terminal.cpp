#include "aicoder/sandbox/terminal.h"
#include "sandbox/attack/cases.h"

namespace aicoder::attack {
namespace {

void at_victim(Scene& scene, Firing& firing) { firing.args = {std::to_string(scene.victim())}; }

/// What a user of `sandbox run` sees: outside the bytes as they came, from a box as terminal_safe leaves them.
Case escape_case(std::string name, std::string about, std::string bytes) {
  return {.name = std::move(name),
          .about = std::move(about),
          .code = "print_text",
          .args = {bytes},
          .effect = [bytes](Scene&, const Firing& firing) {
            const std::string shown = firing.inside ? terminal_safe(firing.out) : firing.out;
            return shown.find(bytes) != std::string::npos;
          }};
}

}  // namespace

void add_terminal_cases(Cases& cases) {
  const auto add = [&cases](Case one) { cases.push_back(std::move(one)); };
  add({"terminal.type",
       "types a command on the user's terminal (TIOCSTI)",
       "type_on_terminal",
       {},
       false,
       {},
       [](Scene& scene, const Firing&) { return scene.terminal_typed.find(scene.nonce) != std::string::npos; },
       fire_on_terminal});
  add({"terminal.write",
       "writes to the user's terminal past what is captured",
       "write_to_terminal",
       {},
       false,
       {},
       [](Scene& scene, const Firing&) { return scene.terminal_screen.find(scene.nonce) != std::string::npos; },
       fire_on_terminal});
  add({"terminal.settings", "changes the settings of the user's terminal", "leave_terminal_raw", {}, false, {}, {}, fire_on_terminal});
  add(escape_case("terminal.clipboard", "sets the clipboard by what it prints (OSC 52)", "\033]52;c;cm0gLXJmIH4=\a"));
  add(escape_case("terminal.title", "sets and asks for the title, which some terminals then type", "\033]2;rm -rf ~\a\033[21t"));
  add(escape_case("terminal.colours", "hides what follows by colours", "\033[8m"));
  add(escape_case("terminal.cursor", "moves the cursor and writes over earlier lines", "\033[2J\033[1;1H"));
  add(escape_case("terminal.eight_bit", "the same by eight-bit control characters",
                  "\xC2\x9B"
                  "31m"));
  add(escape_case("terminal.return", "writes over its line, so that a failure looks like success", "FAILED\rPASSED"));
  add(escape_case("terminal.direction", "turns the direction of text around, so that it reads otherwise",
                  "\xE2\x80\xAE"
                  "txt.exe"));

  add({"signals.kill_all",
       "kills every process it can reach",
       "kill_everybody",
       {},
       true,
       [](Scene& scene, Firing& firing) {
         if (firing.inside) at_victim(scene, firing);
       },
       [](Scene& scene, const Firing& firing) { return firing.inside ? !scene.victim_lives() : said_so(scene, firing); }});
  add({"signals.kill", "kills a process of the host", "kill_process", {}, false, at_victim, victim_died});
  add({"signals.kill_group", "kills a group of processes of the host", "kill_group", {}, false, at_victim, victim_died});
  add({"signals.pidfd", "kills a process of the host by pidfd_send_signal", "kill_by_pidfd", {}, false, at_victim, victim_died});
  add({"signals.queue", "kills a process of the host by sigqueue and tgkill", "queue_signal", {}, false, at_victim, victim_died});
  add({"signals.owner",
       "lets a descriptor send a signal to a process of the host (F_SETOWN, F_SETSIG)",
       "signal_by_owner",
       {},
       false,
       at_victim,
       victim_died});
  add({"signals.stop_watcher", "stops the process that watches over it", "stop_process", {}, false, [](Scene& scene, Firing& firing) {
         firing.args = {firing.inside ? "1" : std::to_string(scene.victim())};
       }});
}

}  // namespace aicoder::attack
