// What a LoRA file must hold before llama.cpp may load it. Private to src/adapter.
#pragma once

#include "aicoder/gguf.h"
#include "aicoder/model.h"

namespace aicoder {

/// \throws Error kInvalidArgument (no LoRA adapter), kFailedPrecondition (an adapter of another base; names both),
/// kDataLoss (a pair incomplete, shapes that do not fit each other, values that are not finite).
void check_lora_file(const GgufFile& file, const Model& base);

/// `aicoder.strength` of the file, else 1. \throws Error(kDataLoss) when it is not finite.
float lora_default_strength(const GgufFile& file);
/// `aicoder.active_from` of the file, else 0. \throws Error(kDataLoss) when it is negative.
size_t lora_active_from(const GgufFile& file);

}  // namespace aicoder
