// The system calls a boxed program may make.
#pragma once

#include <string>

namespace aicoder::box {

/// The filter as seccomp instructions (8 bytes each, native order) for this machine's architecture. Made once, then shared; thread-safe.
///
/// Allowed: what compilers, Python, Node and Go use. Killed (verdict DENIED): calls that only an attack makes (mounts, kernel modules,
/// other namespaces, keys). EPERM: what programs try and survive without (new namespaces, tracing). All else: ENOSYS, because C libraries
/// fall back to an older call on ENOSYS but not on EPERM.
/// \throws Error(kFailedPrecondition) when libseccomp cannot build it.
const std::string& seccomp_program();

}  // namespace aicoder::box
