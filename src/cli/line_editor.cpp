#include "cli/line_editor.h"

#include <histedit.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <iostream>

namespace aicoder::cli {

struct LineEditor::State {
  std::string prompt;
  std::filesystem::path history_file;
  EditLine* editor = nullptr;
  History* history = nullptr;

  ~State() {
    if (history != nullptr) {
      HistEvent event;
      ::history(history, &event, H_SAVE, history_file.c_str());
      ::chmod(history_file.c_str(), 0600);  // prompts may hold secrets
      history_end(history);
    }
    if (editor != nullptr) el_end(editor);
  }
};

namespace {

char* prompt_of(EditLine* editor) {
  static char fallback[] = "> ";
  void* data = nullptr;
  if (el_get(editor, EL_CLIENTDATA, &data) != 0 || data == nullptr) return fallback;
  return static_cast<std::string*>(data)->data();
}

}  // namespace

LineEditor::LineEditor(std::string prompt, std::filesystem::path history_file, bool interactive) : state_(std::make_unique<State>()) {
  state_->prompt = std::move(prompt);
  state_->history_file = std::move(history_file);
  if (!interactive) return;
  state_->editor = el_init("aicoder", stdin, stdout, stderr);
  if (state_->editor == nullptr) return;
  el_set(state_->editor, EL_CLIENTDATA, &state_->prompt);
  el_set(state_->editor, EL_PROMPT, prompt_of);
  el_set(state_->editor, EL_EDITOR, "emacs");
  state_->history = history_init();
  if (state_->history != nullptr) {
    HistEvent event;
    ::history(state_->history, &event, H_SETSIZE, 1000);
    ::history(state_->history, &event, H_SETUNIQUE, 1);
    ::history(state_->history, &event, H_LOAD, state_->history_file.c_str());
    el_set(state_->editor, EL_HIST, ::history, state_->history);
  }
  el_source(state_->editor, nullptr);  // the user's ~/.editrc
}

LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::read() {
  if (state_->editor == nullptr) {
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  }
  int count = 0;
  errno = 0;
  const char* text = el_gets(state_->editor, &count);
  if (text == nullptr || count <= 0) {
    if (errno != EINTR) return std::nullopt;
    std::fputs("\n", stdout);
    el_reset(state_->editor);
    return std::string();
  }
  std::string line(text, static_cast<size_t>(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  if (!line.empty() && state_->history != nullptr) {
    HistEvent event;
    ::history(state_->history, &event, H_ENTER, line.c_str());
  }
  return line;
}

}  // namespace aicoder::cli
