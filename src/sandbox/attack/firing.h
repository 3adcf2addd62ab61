// One run of an attack, outside or in a box, and what could be seen of it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "aicoder/sandbox.h"
#include "sandbox/attack/scene.h"

namespace aicoder::attack {

struct Firing {
  bool inside = false;
  bool in_namespace = false;  ///< the control runs in namespaces of its own

  // what runs
  std::string code;               ///< entry of the attack program
  std::vector<std::string> args;  ///< after the nonce
  std::vector<std::string> argv;  ///< instead of the attack program: another one
  SandboxRequest request;         ///< of the box; argv and read_only are completed. `files` and `env` are given to the control too
  std::chrono::milliseconds patience{20'000};  ///< the control is killed after it
  std::stop_token stop;

  // what was seen
  std::string skipped;  ///< not empty: it cannot be tried here, and why
  std::string refused;  ///< not empty: the sandbox would not even start it
  bool attempted = false;
  std::string out, err;
  int exit_code = -1;
  double seconds = 0;
  pid_t group = -1;  ///< of the control; to be ended once its effect was looked at
  SandboxResult box;
};

/// Runs it and waits for its end.
void fire(Scene& scene, Firing& firing);
/// The same in a child process of ours that first does `prepare`: for what a process has and a thread has not.
void fire_in_child(Scene& scene, Firing& firing, const std::function<void()>& prepare);
/// The same in a child process with a terminal of its own.
void fire_on_terminal(Scene& scene, Firing& firing);
/// The child process that fired is killed in the middle of it.
void fire_and_die(Scene& scene, Firing& firing);

/// One line for the report.
std::string describe(const Firing& firing);

}  // namespace aicoder::attack
