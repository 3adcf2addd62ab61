// Rows of training data: what a line may be, and what is wrong with it where it is not.
#include <nlohmann/json.hpp>
#include <optional>

#include "aicoder/train.h"

namespace aicoder {
namespace {

using nlohmann::json;

constexpr int kMaxJsonDepth = 64;

/// Says why a row is bad; caught in this file.
[[noreturn]] void refuse(const std::string& why) { throw Error(ErrorCode::kInvalidArgument, why); }

std::string kind_of(const std::filesystem::path& path) {
  std::filesystem::path name = path.filename();
  if (name.extension() == ".gz") name = name.stem();
  return name.extension().string();
}

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

json parse(std::string_view line) {
  if (!is_utf8(line)) refuse("not UTF-8");
  bool too_deep = false;  // a deep row would overflow the stack when it is destroyed
  json row = json::parse(
      line,
      [&](int depth, json::parse_event_t, json&) {
        too_deep = too_deep || depth > kMaxJsonDepth;
        return !too_deep;
      },
      false);
  if (too_deep) refuse("JSON nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
  if (row.is_discarded()) refuse("not valid JSON");
  if (!row.is_object()) refuse(std::string("expected a JSON object, found ") + row.type_name());
  return row;
}

std::string text_of(const json& row, const char* key) {
  const auto at = row.find(key);
  if (at == row.end()) refuse(std::string("'") + key + "' is missing");
  if (!at->is_string()) refuse(std::string("'") + key + "' is no string but " + at->type_name());
  return at->get<std::string>();
}

TextRecord exchange(std::string question, std::string answer) {
  return {.text = {}, .messages = {{"user", std::move(question)}, {"assistant", std::move(answer)}}};
}

TextRecord conversation(const json& row) {
  const json& list = row["messages"];
  if (!list.is_array() || list.empty()) refuse("'messages' is no list with entries");
  TextRecord record;
  for (const json& entry : list) {
    if (!entry.is_object()) refuse("an entry of 'messages' is no object");
    record.messages.push_back({text_of(entry, "role"), text_of(entry, "content")});
  }
  return record;
}

TextRecord plain(const json& row) {
  const json& value = row["text"];
  if (!value.is_array()) return {.text = text_of(row, "text"), .messages = {}};
  TextRecord record;
  for (const json& part : value) {
    if (!part.is_string()) refuse(std::string("an entry of 'text' is no string but ") + part.type_name());
    if (!record.text.empty()) record.text += "\n\n";
    record.text += part.get<std::string>();
  }
  return record;
}

TextRecord instruction(const json& row) {
  std::string question = text_of(row, "instruction");
  if (row.contains("input")) {
    const std::string input = text_of(row, "input");
    if (!blank(input)) question += "\n\n" + input;
  }
  return exchange(std::move(question), text_of(row, "output"));
}

TextRecord to_record(const json& row) {
  if (row.contains("messages")) return conversation(row);
  if (row.contains("prompt") && row.contains("completion")) return exchange(text_of(row, "prompt"), text_of(row, "completion"));
  if (row.contains("instruction") && row.contains("output")) return instruction(row);
  if (row.contains("question") && row.contains("answer")) return exchange(text_of(row, "question"), text_of(row, "answer"));
  if (row.contains("text")) return plain(row);
  refuse("expected messages, prompt + completion, instruction + output, question + answer or text");
}

void check(const TextRecord& record) {
  if (record.messages.empty()) {
    if (blank(record.text)) refuse("the text is empty");
    return;
  }
  for (const ChatMessage& message : record.messages) {
    if (message.role == "assistant" && !blank(message.content)) return;
  }
  refuse("no message of the assistant with text: there is nothing to learn from it");
}

}  // namespace

TrainingRows read_training_rows(const std::filesystem::path& path) {
  const std::string kind = kind_of(path);
  if (kind != ".jsonl" && kind != ".txt") {
    throw Error(ErrorCode::kInvalidArgument, "[train data] " + path.string() + ": expected .txt or .jsonl, either also .gz",
                "rename the file to what it holds");
  }
  TrainingRows rows;
  std::string whole;
  bool whole_is_utf8 = true;
  for_each_line(path, [&](size_t number, std::string_view line) {
    if (kind == ".txt") {
      whole_is_utf8 = whole_is_utf8 && is_utf8(line);
      if (number > 1) whole += '\n';
      whole += line;
      return;
    }
    if (blank(line)) return;
    try {
      TextRecord record = to_record(parse(line));
      check(record);
      rows.records.push_back(std::move(record));
      rows.lines.push_back(number);
    } catch (const Error& error) {
      rows.bad.push_back({number, error.what()});
    }
  });
  if (kind == ".txt" && !blank(whole)) {
    if (whole_is_utf8) {
      rows.records.push_back({.text = std::move(whole), .messages = {}});
      rows.lines.push_back(1);
    } else {
      rows.bad.push_back({1, "not UTF-8"});
    }
  }
  if (rows.records.empty()) {
    const std::string found = rows.bad.empty() ? "it holds no text"
                                               : std::to_string(rows.bad.size()) + " bad rows and no good one; line " +
                                                     std::to_string(rows.bad.front().line) + ": " + rows.bad.front().why;
    throw Error(ErrorCode::kInvalidArgument, "[train data] " + path.string() + ": " + found,
                "give rows of {\"messages\"}, {\"prompt\", \"completion\"}, {\"instruction\", \"output\"} or {\"text\"}");
  }
  return rows;
}

}  // namespace aicoder
