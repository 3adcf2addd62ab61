// The program box_init, which this library carries as bytes, ready to be executed.
#pragma once

namespace aicoder::box {

/// A sealed memory file with the program, open for the life of this process; the same descriptor each time. Thread-safe.
/// \throws Error(kFailedPrecondition) when the kernel refuses memory files.
int box_image_fd();

}  // namespace aicoder::box
