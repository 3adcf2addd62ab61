// What a GGUF file must hold before llama.cpp may load it as a model. Private to src/model.
#pragma once

#include "aicoder/gguf.h"

namespace aicoder {

/// Refuses files that llama.cpp would abort on or read out of bounds with, and files that are no model at all.
/// \throws Error kInvalidArgument (an adapter, an imatrix, a vocabulary), kDataLoss (a key or array that contradicts another).
void check_model_file(const GgufFile& file);

}  // namespace aicoder
