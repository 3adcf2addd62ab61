// Rows of a JSONL data file, with every complaint naming file and line.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace aicoder::eval {

/// One JSON object and where it stands.
class TaskRow {
 public:
  /// \throws Error(kInvalidArgument) when the line is no JSON object, or nested deeper than 64.
  TaskRow(std::string_view line, std::string place);
  /// \throws Error(kInvalidArgument) naming the field, what was expected and what was found.
  std::string text(const char* field) const;
  int64_t integer(const char* field) const;
  std::vector<std::string> texts(const char* field, bool required) const;
  /// A list of any JSON values; an absent one is empty.
  std::vector<nlohmann::json> values(const char* field) const;
  bool selects() const { return has("use") && text("use") == "select"; }
  bool has(const char* field) const { return object_.contains(field); }
  [[noreturn]] void refuse(const std::string& why) const;

 private:
  nlohmann::json object_;
  std::string place_;  ///< "data.jsonl line 7"
};

/// Calls `fn` for each non-blank line. \throws Error(kInvalidArgument) when there is none, kNotFound.
void for_each_row(const std::filesystem::path& path, const std::function<void(const TaskRow&)>& fn);

}  // namespace aicoder::eval
