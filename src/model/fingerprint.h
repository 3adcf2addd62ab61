// Identity of a base model. Private to src/model.
#pragma once

#include <string>

#include "aicoder/gguf.h"

namespace aicoder {

/// SHA-256 over architecture, tensor names, types, shapes and a sample of each tensor's bytes (64 hex digits).
/// Reads about 12 KiB per tensor, so a 20 GB file takes milliseconds. Two quantizations of one model differ: a fragment is
/// made for the weights it was measured on.
std::string model_fingerprint(const GgufFile& file);

}  // namespace aicoder
