// What a Model holds. Private to src/model.
#pragma once

#include <mutex>
#include <string>
#include <utility>

#include "aicoder/model.h"
#include "model/control_text.h"
#include "model/llama_handles.h"

namespace aicoder {

struct Model::Impl {
  explicit Impl(GgufFile checked_file) : file(std::move(checked_file)) {}

  std::filesystem::path path;
  GgufFile file;
  LlamaModelHandle handle;
  const llama_vocab* vocab = nullptr;  ///< owned by handle

  mutable std::once_flag control_texts_once;
  mutable ControlTexts control_texts;
  mutable std::once_flag fingerprint_once;
  mutable std::string fingerprint;
};

}  // namespace aicoder
