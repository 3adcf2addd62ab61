#include "eval/task_rows.h"

#include "aicoder/core.h"
#include "eval/limited_json.h"

namespace aicoder::eval {

TaskRow::TaskRow(std::string_view line, std::string place) : object_(parse_limited_json(line)), place_(std::move(place)) {
  if (!object_.is_object()) refuse("expected a JSON object");
}

void TaskRow::refuse(const std::string& why) const {
  throw Error(ErrorCode::kInvalidArgument, "[eval data] " + place_ + ": " + why, "give a file in the suite's row format with --data FILE");
}

std::string TaskRow::text(const char* field) const {
  const auto found = object_.find(field);
  if (found == object_.end()) refuse(std::string("expected a string '") + field + "', found no such field");
  if (!found->is_string()) refuse(std::string("expected a string '") + field + "', found " + found->type_name());
  return found->get<std::string>();
}

int64_t TaskRow::integer(const char* field) const {
  const auto found = object_.find(field);
  if (found == object_.end()) refuse(std::string("expected an integer '") + field + "', found no such field");
  if (!found->is_number_integer()) refuse(std::string("expected an integer '") + field + "', found " + found->type_name());
  return found->get<int64_t>();
}

std::vector<std::string> TaskRow::texts(const char* field, bool required) const {
  const auto found = object_.find(field);
  if (found == object_.end() && !required) return {};
  if (found == object_.end() || !found->is_array()) refuse(std::string("expected a list of strings '") + field + "'");
  std::vector<std::string> result;
  for (const auto& element : *found) {
    if (!element.is_string()) refuse(std::string("expected only strings in '") + field + "', found " + element.type_name());
    result.push_back(element.get<std::string>());
  }
  if (required && result.empty()) refuse(std::string("'") + field + "' is empty");
  return result;
}

std::vector<nlohmann::json> TaskRow::values(const char* field) const {
  const auto found = object_.find(field);
  if (found == object_.end()) return {};
  if (!found->is_array()) refuse(std::string("expected a list '") + field + "', found " + found->type_name());
  return found->get<std::vector<nlohmann::json>>();
}

void for_each_row(const std::filesystem::path& path, const std::function<void(const TaskRow&)>& fn) {
  bool any = false;
  for_each_line(path, [&](size_t line_number, std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    any = true;
    fn(TaskRow(line, path.filename().string() + " line " + std::to_string(line_number)));
  });
  if (!any) {
    throw Error(ErrorCode::kInvalidArgument, "[eval data] " + path.string() + " holds no row", "give the suite's file with --data FILE");
  }
}

}  // namespace aicoder::eval
