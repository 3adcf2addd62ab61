#include "eval/run_journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "eval/limited_json.h"
#include "eval/report_io.h"

namespace aicoder::eval {
namespace {

using nlohmann::json;

json item_to_json(const EvalItem& item) {
  json line = item_summary(item);
  line["completion"] = item.completion;
  line["solution"] = item.solution;
  return line;
}

EvalItem item_from_json(const json& line) {
  EvalItem item;
  item.id = line.at("id").get<std::string>();
  item.passed = line.at("passed").get<bool>();
  item.verdict = line.at("verdict").get<std::string>();
  item.detail = line.value("detail", "");
  item.finish = line.value("finish", "");
  item.tokens = line.value("tokens", size_t{0});
  item.seconds = line.value("seconds", 0.0);
  item.task_hash = line.value("task_hash", "");
  item.completion = line.at("completion").get<std::string>();
  item.solution = line.at("solution").get<std::string>();
  item.counts = line.value("counts", item.counts);
  return item;
}

[[noreturn]] void throw_io(const std::filesystem::path& path) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT;
  const bool denied = error == EACCES || error == EPERM || error == EROFS;
  throw Error(full     ? ErrorCode::kResourceExhausted
              : denied ? ErrorCode::kPermissionDenied
                       : ErrorCode::kInternal,
              "[eval] " + path.string() + ": " + std::strerror(error),
              full ? "free space there, then run the same command: it resumes" : "");
}

void write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_io(path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

std::string hash_of(const RunSettings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) text += name + "=" + std::to_string(value.size()) + ":" + value + "\n";
  return sha256_hex(text);
}

}  // namespace

RunJournal::RunJournal(const std::filesystem::path& folder, const RunSettings& settings) : folder_(folder) {
  if (folder_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (!std::filesystem::is_directory(folder_)) {
    throw Error(ErrorCode::kInvalidArgument, "[eval] --out " + folder_.string() + " is no folder and cannot be made: " + error.message(),
                "name another folder with --out");
  }
  const auto items = folder_ / "items.jsonl";
  fd_ = ::open(items.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) throw_io(items);
  try {
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      throw Error(ErrorCode::kFailedPrecondition, "[eval] another process writes to " + folder_.string(),
                  "wait for it, or name another folder with --out");
    }
    if (std::filesystem::exists(folder_ / "run.json")) {
      check_settings(settings);
    } else {
      if (::lseek(fd_, 0, SEEK_END) > 0) {
        throw Error(ErrorCode::kDataLoss, "[eval] " + folder_.string() + " has items.jsonl but no run.json that says how they were made",
                    "name another folder with --out");
      }
      const json run = {{"format", 1}, {"aicoder", kVersion}, {"settings", settings}, {"settings_sha256", hash_of(settings)}};
      write_file_atomic(folder_ / "run.json", dump_json(run, 2) + "\n");
    }
    read_items();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

RunJournal::~RunJournal() {
  if (fd_ >= 0) ::close(fd_);
}

void RunJournal::check_settings(const RunSettings& settings) const {
  const auto path = folder_ / "run.json";
  const auto run = parse_limited_json(read_file(path, size_t{16} << 20));
  if (!run.is_object() || !run.contains("settings") || !run["settings"].is_object()) {
    throw Error(ErrorCode::kDataLoss, "[eval] " + path.string() + " is not a run's settings", "name another folder with --out");
  }
  const json now = settings;
  for (const auto* one : {&run["settings"], &now}) {
    for (const auto& [name, unused] : one->items()) {
      const auto text = [&name](const json& from) { return from.contains(name) ? dump_json(from.at(name)) : std::string("not set"); };
      const std::string there = text(run["settings"]), here = text(now);
      if (there == here) continue;
      throw Error(ErrorCode::kInvalidArgument,
                  "[eval] " + folder_.string() + " holds a run with " + name + " " + there + ", this one has " + here,
                  "name another folder with --out, or remove that one");
    }
  }
}

void RunJournal::read_items() {
  const auto path = folder_ / "items.jsonl";
  const std::string text = read_file(path);
  const size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  if (whole < text.size() && ::ftruncate(fd_, static_cast<off_t>(whole)) != 0) throw_io(path);

  std::map<size_t, double> last_of_session;
  size_t line_number = 0;
  for (size_t begin = 0; begin < whole;) {
    const size_t end = text.find('\n', begin);
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++line_number;
    try {
      const auto parsed = parse_limited_json(line);
      if (!parsed.is_object()) throw Error(ErrorCode::kDataLoss, "expected a JSON object");
      EvalItem item = item_from_json(parsed);
      const size_t session = parsed.value("session", size_t{0});
      double& last = last_of_session[session];
      last = std::max(last, parsed.value("elapsed", 0.0));
      session_ = std::max(session_, session + 1);
      earlier_[item.id] = std::move(item);
    } catch (const std::exception& broken) {
      throw Error(ErrorCode::kDataLoss, "[eval] " + path.string() + " line " + std::to_string(line_number) + ": " + broken.what(),
                  "remove that line: its item is then run again");
    }
  }
  for (const auto& [session, last] : last_of_session) earlier_seconds_ += last;
}

double RunJournal::seconds() const {
  return earlier_seconds_ + std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void RunJournal::append(const EvalItem& item) {
  if (fd_ < 0) return;
  json line = item_to_json(item);
  line["session"] = session_;
  line["elapsed"] = seconds() - earlier_seconds_;
  const std::string text = dump_json(line) + "\n";
  const std::scoped_lock lock(mutex_);
  write_all(fd_, text, folder_ / "items.jsonl");
  if (::fdatasync(fd_) != 0 && errno != EINVAL && errno != EROFS) throw_io(folder_ / "items.jsonl");
}

}  // namespace aicoder::eval
