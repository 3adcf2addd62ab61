// The program that attacks: a small static one that the library carries inside itself. The same bytes run outside, as the positive control,
// and in a box. Without the C++ library, as box_init is.
//
// It says "attempt" just before the act that decides, and "effect NONCE" once that act had its effect. An attack that never came to its
// attempt proves nothing, whatever happened then.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aicoder::attack {

struct Args {
  int count;
  char** values;
  const char* nonce;
  bool control;  ///< in namespaces of its own: may first put there what it then attacks
  /// "" when there is none.
  const char* text(int i) const { return i < count ? values[i] : ""; }
  long number(int i) const;
};

struct Entry {
  const char* name;
  int (*run)(const Args& args);
};
struct Entries {
  const Entry* first;
  size_t count;
};
Entries file_attacks();
Entries mount_attacks();
Entries proc_attacks();
Entries privilege_attacks();
Entries kernel_attacks();
Entries memory_call_attacks();
Entries network_attacks();
Entries ipc_attacks();
Entries terminal_attacks();
Entries resource_attacks();
Entries time_attacks();

void attempt();
/// Prints "effect NONCE" when `happened`. \return the exit code of the attack: 0 or 1.
int effect_if(const Args& args, bool happened);
/// Prints bytes as they are.
void show(const void* data, size_t size);
void show(const char* text);
/// Prints what can be read of the descriptor, at most 64 KiB.
int show_all(int fd);
/// Opens and shows. \return 0 when something was read.
int show_file(int folder, const char* path);
bool write_file(const char* path, const char* text, int flags);
void sleep_ms(long ms);
/// The number after "Name:" in /proc/PID/status, read in `base`; -1 when there is none.
long status_number(const char* path, const char* name, int base);
/// A child that waits until it is killed; *word is in its memory at the same address as in ours.
int waiting_child();
void end_child(int pid);

}  // namespace aicoder::attack
