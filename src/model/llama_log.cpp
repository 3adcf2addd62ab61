#include "model/llama_log.h"

#include <ggml.h>
#include <llama.h>

#include <mutex>
#include <string_view>

#include "aicoder/core.h"
#include "aicoder/model.h"
#include "model/llama_handles.h"

namespace aicoder {
namespace {

thread_local LlamaLogCapture* innermost_capture = nullptr;

/// A line that is still being written: ggml sends the rest with GGML_LOG_LEVEL_CONT.
struct PartialLine {
  std::string text;
  ggml_log_level level = GGML_LOG_LEVEL_INFO;
};
thread_local PartialLine partial;

LogLevel to_log_level(ggml_log_level level) {
  switch (level) {
    case GGML_LOG_LEVEL_ERROR:
      return LogLevel::kError;
    case GGML_LOG_LEVEL_WARN:
      return LogLevel::kWarn;
    // llama.cpp's info is about its own insides (hundreds of lines a load), so it is debug to our users.
    default:
      return LogLevel::kDebug;
  }
}

std::string_view without_function_prefix(std::string_view line) {
  // "llama_model_load: error loading model: ..." : the first word is a C++ function name.
  size_t colon = line.find(": ");
  if (colon == std::string_view::npos) return line;
  for (char c : line.substr(0, colon)) {
    bool name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '~';
    if (!name) return line;
  }
  return line.substr(colon + 2);
}

}  // namespace

struct LlamaLogAccess {
  static void line(std::string_view text, ggml_log_level level) {
    LogLevel ours = to_log_level(level);
    if (auto* capture = innermost_capture) {
      capture->lines_.emplace_back(text);
      if (level == GGML_LOG_LEVEL_ERROR) {
        capture->errors_.emplace_back(without_function_prefix(text));
        if (capture->quiet) ours = LogLevel::kDebug;
      }
      if (level == GGML_LOG_LEVEL_WARN && capture->quiet_warnings) ours = LogLevel::kDebug;
    }
    log(ours, text);
  }
};

namespace {

// Called by C: nothing may leave it, and a log line that cannot be stored is dropped.
void on_llama_log(ggml_log_level level, const char* text, void* /*user_data*/) noexcept {
  try {
    if (level != GGML_LOG_LEVEL_CONT) {
      if (!partial.text.empty()) LlamaLogAccess::line(partial.text, partial.level);
      partial.text.clear();
      partial.level = level;
    }
    partial.text += text;
    while (true) {
      size_t end = partial.text.find('\n');
      if (end == std::string::npos) break;
      if (end > 0) LlamaLogAccess::line(std::string_view(partial.text).substr(0, end), partial.level);
      partial.text.erase(0, end + 1);
    }
  } catch (...) {
  }
}

}  // namespace

LlamaLogCapture::LlamaLogCapture() : outer_(innermost_capture) { innermost_capture = this; }
LlamaLogCapture::~LlamaLogCapture() { innermost_capture = outer_; }

std::string LlamaLogCapture::errors() const {
  std::string joined;
  for (const auto& line : errors_) {
    if (!joined.empty()) joined += "; ";
    joined += line;
  }
  return joined;
}

void init_llama_backend() {
  static std::once_flag once;
  std::call_once(once, [] {
    llama_log_set(on_llama_log, nullptr);
    llama_backend_init();
  });
}

std::string engine_description() {
  init_llama_backend();
  return std::string("llama.cpp ") + llama_version() + "; " + llama_print_system_info();
}

}  // namespace aicoder
