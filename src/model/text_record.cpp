// Text data from files: plain text, or JSON rows of the few shapes that corpora come in.
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "aicoder/model.h"

namespace aicoder {

namespace {

using nlohmann::json;

constexpr int kMaxJsonDepth = 64;

[[noreturn]] void fail_row(const std::filesystem::path& path, size_t line, const std::string& found) {
  throw Error(ErrorCode::kInvalidArgument, "[text data] " + path.string() + " line " + std::to_string(line) + ": " + found,
              "correct that line: rows are {\"text\"}, {\"prompt\", \"completion\"} or {\"messages\"}");
}

/// The name without .gz, to tell the kind of file by its last extension.
std::string kind_of(const std::filesystem::path& path) {
  std::filesystem::path name = path.filename();
  if (name.extension() == ".gz") name = name.stem();
  return name.extension().string();
}

/// Depth is limited while parsing: a deep row would overflow the stack of the parser's result when it is destroyed.
json parse_row(const std::filesystem::path& path, size_t line, std::string_view text) {
  bool too_deep = false;
  const auto watch = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMaxJsonDepth;
    return !too_deep;
  };
  json row = json::parse(text, watch, false);
  if (too_deep) fail_row(path, line, "JSON nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
  if (row.is_discarded()) fail_row(path, line, "not valid JSON");
  if (!row.is_object()) fail_row(path, line, std::string("expected a JSON object, found ") + row.type_name());
  return row;
}

class Row {
 public:
  Row(const std::filesystem::path& path, size_t line, json row) : path_(path), line_(line), row_(std::move(row)) {}

  bool has(const char* key) const { return row_.contains(key); }
  std::string text(const char* key) const {
    const auto it = row_.find(key);
    if (it == row_.end()) fail_row(path_, line_, std::string("'") + key + "' is missing");
    if (!it->is_string()) fail_row(path_, line_, std::string("'") + key + "' is no string but " + it->type_name());
    return it->get<std::string>();
  }
  /// A question and its answer as a conversation of two.
  TextRecord exchange(const char* question, const char* answer) const {
    return {.text = {}, .messages = {{"user", text(question)}, {"assistant", text(answer)}}};
  }
  TextRecord messages() const {
    TextRecord record;
    const json& list = row_["messages"];
    if (!list.is_array() || list.empty()) fail_row(path_, line_, "'messages' is no list with entries");
    for (const json& entry : list) {
      if (!entry.is_object()) fail_row(path_, line_, "an entry of 'messages' is no object");
      const Row message(path_, line_, entry);
      record.messages.push_back({message.text("role"), message.text("content")});
    }
    return record;
  }
  std::string keys() const {
    std::string names;
    for (const auto& [key, value] : row_.items()) names += (names.empty() ? "" : ", ") + key.substr(0, 40);
    return names.empty() ? "no keys" : names;
  }

 private:
  const std::filesystem::path& path_;
  size_t line_;
  json row_;
};

/// The three documented shapes first, then those of well-known calibration sets: question + answer (GSM8K), instruction + code,
/// instruction + output.
TextRecord to_record(const std::filesystem::path& path, size_t line, const Row& row) {
  if (row.has("messages")) return row.messages();
  if (row.has("prompt") && row.has("completion")) return row.exchange("prompt", "completion");
  if (row.has("text")) return {.text = row.text("text"), .messages = {}};
  if (row.has("question") && row.has("answer")) return row.exchange("question", "answer");
  if (row.has("instruction") && row.has("code")) return row.exchange("instruction", "code");
  if (row.has("instruction") && row.has("output")) return row.exchange("instruction", "output");
  fail_row(path, line, "expected text, prompt + completion or messages, found " + row.keys());
}

}  // namespace

std::vector<TextRecord> read_text_records(const std::filesystem::path& path) {
  const std::string kind = kind_of(path);
  const bool rows = kind == ".jsonl";
  if (!rows && kind != ".txt") {
    throw Error(ErrorCode::kInvalidArgument, "[text data] " + path.string() + ": expected .txt or .jsonl, either also .gz",
                "rename the file to what it holds");
  }
  std::vector<TextRecord> records;
  std::string whole;
  for_each_line(path, [&](size_t number, std::string_view line) {
    if (!is_utf8(line)) fail_row(path, number, "not UTF-8");
    if (!rows) {
      if (number > 1) whole += '\n';
      whole += line;
    } else if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      records.push_back(to_record(path, number, Row(path, number, parse_row(path, number, line))));
    }
  });
  if (!rows && whole.find_first_not_of(" \t\r\n") != std::string::npos) records.push_back({.text = std::move(whole), .messages = {}});
  if (records.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "[text data] " + path.string() + " holds no text", "give a file with content");
  }
  return records;
}

std::vector<Token> tokenize_record(const Model& model, const TextRecord& record) {
  if (record.messages.empty()) return model.tokenize(record.text, {.add_special = true, .parse_special = false});
  // The template writes the control tokens itself, the one at the beginning included.
  return model.chat_tokens(record.messages, false);
}

}  // namespace aicoder
