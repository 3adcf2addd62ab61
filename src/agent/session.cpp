#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <random>

#include "aicoder/agent.h"

namespace aicoder {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string dump(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string utc(const char* format) {
  std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

std::string new_id() {
  std::random_device random;
  char tail[8];
  std::snprintf(tail, sizeof tail, "%04x", random() & 0xffffU);
  return utc("%Y%m%d-%H%M%S-") + tail;
}

bool is_id(std::string_view id) {
  // It becomes a file name.
  return !id.empty() && id.size() <= 64 &&
         std::all_of(id.begin(), id.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-'; });
}

fs::path sessions_dir() { return data_dir() / "sessions"; }

std::string text(const json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

json parse_line(std::string_view line) {
  json::parser_callback_t shallow = [](int depth, json::parse_event_t, json&) { return depth <= 64; };
  return json::parse(line, shallow, false);
}

SessionInfo read_header(const json& header) {
  SessionInfo info;
  info.id = text(header, "id");
  info.kind = text(header, "kind");
  info.title = text(header, "title");
  info.dir = text(header, "dir");
  info.model = text(header, "model");
  return info;
}

json to_json(const AgentResult& result) {
  json files = json::array(), steps = json::array();
  for (const FileChange& file : result.files) files.push_back({{"path", file.path}, {"diff", to_valid_utf8(file.diff)}});
  for (const AgentStep& step : result.steps) {
    steps.push_back({{"role", step.role},
                     {"fragment", step.fragment},
                     {"tokens", step.tokens},
                     {"seconds", step.seconds},
                     {"switch_ms", step.switch_ms},
                     {"verdict", step.verdict},
                     {"detail", to_valid_utf8(step.detail)},
                     {"drafts", step.drafts}});
  }
  return {{"type", "result"},
          {"answer", to_valid_utf8(result.answer)},
          {"mode", to_string(result.mode)},
          {"reasons", result.reasons},
          {"verification", to_string(result.verification)},
          {"verification_detail", result.verification_detail},
          {"files", files},
          {"steps", steps},
          {"findings", result.findings},
          {"tokens", result.tokens},
          {"seconds", result.seconds},
          {"sandbox_level", result.sandbox_level}};
}

}  // namespace

Session Session::create(std::string_view kind, std::string_view title, const fs::path& dir, std::string_view model) {
  Session session;
  fs::create_directories(sessions_dir());
  for (int attempt = 0;; ++attempt) {
    session.info_.id = new_id();
    session.path_ = sessions_dir() / (session.info_.id + ".jsonl");
    int fd = ::open(session.path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
      ::close(fd);
      break;
    }
    if (errno != EEXIST || attempt > 20) {
      throw Error(ErrorCode::kPermissionDenied, "[session] cannot make " + session.path_.string() + ": " + std::strerror(errno),
                  "set AICODER_HOME to a folder you may write");
    }
  }
  session.info_.kind = std::string(kind);
  session.info_.title = to_valid_utf8(title);
  session.info_.dir = dir;
  session.info_.model = std::string(model);
  session.append_line(dump({{"type", "session"},
                            {"version", 1},
                            {"id", session.info_.id},
                            {"kind", kind},
                            {"title", session.info_.title},
                            {"dir", dir.string()},
                            {"model", model},
                            {"created", utc("%Y-%m-%dT%H:%M:%SZ")}}));
  return session;
}

Session Session::open(std::string_view id) {
  Session session;
  session.path_ = sessions_dir() / (std::string(id) + ".jsonl");
  if (!is_id(id) || !fs::is_regular_file(session.path_)) {
    throw Error(ErrorCode::kNotFound, "[session] no session '" + to_valid_utf8(id) + "'", "aicoder sessions");
  }
  std::string content = read_file(session.path_);
  size_t number = 0, whole = 0;  // bytes of complete, readable lines
  for (size_t at = 0; at < content.size();) {
    ++number;
    size_t end = content.find('\n', at);
    bool torn = end == std::string::npos;
    json line = parse_line(std::string_view(content).substr(at, torn ? std::string::npos : end - at));
    if (torn && !line.is_object()) break;  // killed while writing: the line never was
    if (!line.is_object()) {
      throw Error(ErrorCode::kDataLoss, "[session] " + session.path_.string() + " line " + std::to_string(number) + " is no JSON object",
                  "remove that line, or the file");
    }
    std::string type = text(line, "type");
    if (number == 1) {
      if (type != "session")
        throw Error(ErrorCode::kDataLoss, "[session] " + session.path_.string() + " line 1 is no session header", "remove the file");
      session.info_ = read_header(line);
    } else if (type == "message") {
      session.messages_.push_back({text(line, "role"), text(line, "content")});
    }
    at = whole = torn ? content.size() : end + 1;
    if (torn) {
      session.append_line("");  // the line is good, only its end is missing
      break;
    }
  }
  if (session.info_.id.empty())
    throw Error(ErrorCode::kDataLoss, "[session] " + session.path_.string() + " line 1 is incomplete", "remove the file");
  if (whole < content.size()) fs::resize_file(session.path_, whole);
  session.info_.turns = static_cast<size_t>(
      std::count_if(session.messages_.begin(), session.messages_.end(), [](const ChatMessage& m) { return m.role == "user"; }));
  return session;
}

void Session::append_line(const std::string& json_line) {
  int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) throw Error(ErrorCode::kNotFound, "[session] cannot write " + path_.string() + ": " + std::strerror(errno));
  std::string line = json_line + "\n";
  size_t done = 0;
  int error = 0;
  while (done < line.size()) {
    ssize_t n = ::write(fd, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      error = errno;
      break;
    }
    done += static_cast<size_t>(n);
  }
  ::close(fd);
  if (error != 0) {
    throw Error(error == ENOSPC || error == EDQUOT ? ErrorCode::kResourceExhausted : ErrorCode::kInternal,
                "[session] cannot write " + path_.string() + ": " + std::strerror(error), "free space on that disk");
  }
}

void Session::append_message(const ChatMessage& message) {
  ChatMessage clean{message.role, to_valid_utf8(message.content)};
  append_line(dump({{"type", "message"}, {"role", clean.role}, {"content", clean.content}}));
  if (clean.role == "user") ++info_.turns;
  messages_.push_back(std::move(clean));
}

void Session::append_result(const AgentResult& result) { append_line(dump(to_json(result))); }

std::vector<SessionInfo> list_sessions() {
  std::vector<SessionInfo> found;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(sessions_dir(), error)) {
    if (item.path().extension() != ".jsonl") continue;
    SessionInfo info;
    try {
      for_each_line(item.path(), [&](size_t number, std::string_view line) {
        json j = parse_line(line);
        if (!j.is_object()) return;
        if (number == 1) info = read_header(j);
        if (text(j, "type") == "message" && text(j, "role") == "user") ++info.turns;
      });
    } catch (const Error& e) {
      log(LogLevel::kWarn, std::string("[session] left out: ") + e.what());
      continue;
    }
    if (info.id.empty()) {
      log(LogLevel::kWarn, "[session] left out, no header: " + item.path().string());
      continue;
    }
    found.push_back(std::move(info));
  }
  std::sort(found.begin(), found.end(), [](const SessionInfo& a, const SessionInfo& b) { return a.id > b.id; });
  return found;
}

}  // namespace aicoder
