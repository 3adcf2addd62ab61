// Starts one program of the host with exactly the descriptors, identity and environment it is given.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "sandbox/unique_fd.h"

namespace aicoder::box {

/// The host user of every box that root starts. The kernel does not apply RLIMIT_NPROC to root, and files of root should not look like the
/// box's own. 65534 exists in every user namespace that maps the usual range.
inline constexpr uid_t kBoxUser = 65534;

/// The host user a box will have when started by this process: itself, or kBoxUser when it is root.
uid_t box_user();

/// Where folders lent to a box appear to the program started; nothing when this machine has no folder to use for it.
/// A box of root runs as another user, who cannot reach what lies below root's home (a toolchain in its cache, say). Root can show it such
/// a folder at another place, in a mount namespace that only the program started sees.
const char* lending_place();

struct Spawned {
  pid_t pid = -1;
  UniqueFd pidfd;
};

/// \param argv  argv[0] is a path
/// \param lent  folders that appear as lending_place()/0, /1, ...; needs root
/// \param fds   become 0, 1, 2, ... of the program, in this order; every other descriptor is closed for it
/// The program gets an empty environment, default signal handling, folder "/", and the identity of box_user().
/// Costs the same however large this process is (its memory is not copied). Thread-safe.
/// \throws Error(kFailedPrecondition) when it cannot be started.
Spawned spawn(const std::vector<std::string>& argv, const std::vector<int>& fds, const std::vector<std::string>& lent = {});

}  // namespace aicoder::box
