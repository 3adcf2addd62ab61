// sandbox/attack: is the box of this machine tight? Attacks it in many ways and looks, from the host, whether any of them had its effect.
//
//   const auto report = aicoder::run_attacks({.progress = show});
//   if (!report.tight()) for (const auto& attack : report.attacks) ...
//
// Each attack runs twice, the same program with the same code: outside, where its effect must show (the positive control; dangerous ones in
// namespaces of their own), then in a box, where it must not. An attack that does not work outside on this kernel as this user proves
// nothing, is "not applicable" and is not counted. No exploit of a bug is in here: what is asked is which doors stand open, not whether one
// can be broken.
#pragma once

#include <string>
#include <vector>

#include "aicoder/core.h"

namespace aicoder {

enum class AttackOutcome {
  kContained,      ///< worked outside, had no effect from the box
  kEscaped,        ///< had its effect from the box
  kNotApplicable,  ///< does not work outside on this kernel as this user: not counted
  kInconclusive    ///< worked outside, and in the box never came to its decisive act: nothing is known; counts as a failure
};
std::string_view to_string(AttackOutcome outcome) noexcept;  ///< contained, escaped, not_applicable, inconclusive

struct AttackResult {
  std::string name;   ///< "filesystem.hard_link"
  std::string about;  ///< one line: what it tries
  AttackOutcome outcome = AttackOutcome::kInconclusive;
  std::string outside;  ///< how the control went, one line
  std::string inside;   ///< how it ended in the box: verdict and reason; empty when it was not tried
  double seconds = 0;   ///< both runs
  std::string group() const { return name.substr(0, name.find('.')); }
};

struct AttackReport {
  std::string user;    ///< "root" or "uid 1000"
  std::string kernel;  ///< release
  std::vector<AttackResult> attacks;
  size_t count(AttackOutcome outcome) const;
  /// Attacks that work outside: contained, escaped and inconclusive ones.
  size_t counted() const { return attacks.size() - count(AttackOutcome::kNotApplicable); }
  /// None escaped, none is in doubt, and at least one was tried.
  bool tight() const { return counted() > 0 && counted() == count(AttackOutcome::kContained); }
};

struct AttackOptions {
  /// Names or groups ("network", "network.tcp_loopback"); empty: all.
  std::vector<std::string> only;
  ProgressFn progress;
  std::stop_token stop;
};

struct AttackName {
  std::string name, about;
};
/// All of them, in the order they run.
std::vector<AttackName> list_attacks();

/// One attack after the other, on this machine as this user; half a minute on an idle machine. Leaves no process, file, System V object or
/// mount behind. Starts threads and child processes; call it from a program that does little else meanwhile.
/// \throws Error kFailedPrecondition with the fix when there is no sandbox here, kNotFound when `only` names none, kCancelled.
AttackReport run_attacks(const AttackOptions& options = {});

}  // namespace aicoder
