// A line of input: edited with history on a terminal (libedit), plain from a pipe.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace aicoder::cli {

class LineEditor {
 public:
  /// \param history_file  kept between sessions, mode 0600; \param interactive  false: no prompt, no editing
  LineEditor(std::string prompt, std::filesystem::path history_file, bool interactive);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  /// nullopt at end of input (Ctrl-D). A line given up with Ctrl-C comes back empty.
  std::optional<std::string> read();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aicoder::cli
