// Second fence of the box: Landlock. Even if a mount were left writable by mistake, the program writes only below the scratch folder.
#pragma once

namespace aicoder::box {

/// Forbids the calling process and all it starts to write outside the scratch folder and the harmless devices, and to signal or
/// reach by abstract sockets what is outside. Uses what the running kernel offers; 0 when it offers nothing or all is in force,
/// else an errno.
int restrict_with_landlock();

}  // namespace aicoder::box
