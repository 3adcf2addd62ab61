// Points of a study as JSON lines, one as it ends, so that the same folder goes on where it was stopped.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "aicoder/core.h"

namespace aicoder::eval {

/// Finished points by their `key`. A last line cut off by a kill is measured again.
/// \param from  throws nlohmann::json::exception for a line that is no point
template <class Point>
std::map<std::string, Point> read_points(const std::filesystem::path& path, Point (*from)(const nlohmann::json&)) {
  std::map<std::string, Point> points;
  if (!std::filesystem::exists(path)) return points;
  for_each_line(path, [&](size_t number, std::string_view line) {
    const auto value = nlohmann::json::parse(line, nullptr, false);
    try {
      points[value.at("key").template get<std::string>()] = from(value);
    } catch (const nlohmann::json::exception&) {
      log(LogLevel::kWarn, fmt::format("[points] {} line {} is no point; it is measured again", path.string(), number));
    }
  });
  return points;
}

/// \throws Error(kResourceExhausted).
inline void append_point(const std::filesystem::path& path, nlohmann::json point, const std::string& key) {
  point["key"] = key;
  std::ofstream out(path, std::ios::app);
  out << point.dump() << "\n" << std::flush;
  if (!out) throw Error(ErrorCode::kResourceExhausted, "[points] cannot write " + path.string(), "free space on that disk");
}

}  // namespace aicoder::eval
