#include "server/access_log.h"

#include <fmt/format.h>

#include <ctime>

#include "server/json_body.h"

namespace aicoder::server {

std::string utc_text(std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                     parts.tm_min, parts.tm_sec, ms % 1000);
}

std::string access_line(const RequestRecord& r) {
  const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - r.start).count();
  Json line = {{"time", utc_text(r.time)},
               {"id", r.id},
               {"remote", r.remote},
               {"method", r.method},
               {"route", r.route},
               {"status", r.status},
               {"ms", static_cast<int64_t>(ms)},
               {"bytes_in", r.bytes_in}};
  if (!r.model.empty()) {
    line["model"] = r.model;
    line["prompt_tokens"] = r.prompt_tokens;
    line["reused_tokens"] = r.reused_tokens;
    line["completion_tokens"] = r.completion_tokens;
    line["stream"] = r.streamed;
  }
  if (r.cancelled) line["cancelled"] = true;
  if (!r.error.empty()) line["error"] = r.error;
  return dump(line);
}

}  // namespace aicoder::server
