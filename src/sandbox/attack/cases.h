// The list of attacks: what each is fired at, and how the host tells that it had its effect.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sandbox/attack/firing.h"

namespace aicoder::attack {

struct Case {
  std::string name;  ///< "group.what"
  std::string about;
  std::string code;  ///< entry of the attack program; empty: arrange gives argv
  std::vector<std::string> args = {};
  bool in_namespace = false;  ///< where the control runs
  /// Before the firing; \param firing.inside tells which of the two. May be empty.
  std::function<void(Scene&, Firing&)> arrange = {};
  /// After it, on the host. Empty: the attack says so itself, with its nonce.
  std::function<bool(Scene&, const Firing&)> effect = {};
  std::function<void(Scene&, Firing&)> shoot = fire;
};

// What several effects have in common.
bool said_so(Scene& scene, const Firing& firing);
bool has_secret(Scene& scene, const Firing& firing);
bool has_output(Scene& scene, const Firing& firing);
bool was_heard(Scene& scene, const Firing& firing);
bool victim_died(Scene& scene, const Firing& firing);
bool target_changed(Scene& scene, const Firing& firing);
bool made_a_file(Scene& scene, const Firing& firing);  ///< shared()/made-by-attack
bool left_a_process(Scene& scene, const Firing& firing);

using Cases = std::vector<Case>;
void add_file_cases(Cases& cases);
void add_proc_cases(Cases& cases);
void add_privilege_cases(Cases& cases);
void add_kernel_cases(Cases& cases);
void add_network_cases(Cases& cases);
void add_ipc_cases(Cases& cases);
void add_terminal_cases(Cases& cases);
void add_resource_cases(Cases& cases);
void add_time_cases(Cases& cases);
void add_secret_cases(Cases& cases);
const Cases& all_cases();

}  // namespace aicoder::attack
