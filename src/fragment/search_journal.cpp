#include "fragment/search_journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

namespace aicoder::fragment {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;
constexpr std::string_view kHead = "{\"aicoder\":";
constexpr char kAnew[] = "--fresh starts anew, another --out keeps both";

[[noreturn]] void refuse(ErrorCode code, const std::string& message, std::string fix = {}) {
  throw Error(code, "[search] " + message, std::move(fix));
}

[[noreturn]] void refuse_io(const std::filesystem::path& path) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT;
  const bool denied = error == EACCES || error == EPERM || error == EROFS;
  refuse(full     ? ErrorCode::kResourceExhausted
         : denied ? ErrorCode::kPermissionDenied
                  : ErrorCode::kInternal,
         path.string() + ": " + std::strerror(error), full ? "free space there, then run the same command: it resumes" : "");
}

/// Bits decide, not digits: two points that print alike may be different ones.
std::string hash_of(std::span<const double> point) {
  const auto bytes = std::as_bytes(point);
  return sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).substr(0, 16);
}

/// Nothing of ours nests deeper than the settings do.
Json parse(const std::string& line) {
  const Json::parser_callback_t shallow = [](int depth, Json::parse_event_t, const Json&) { return depth <= 4; };
  Json parsed = Json::parse(line, shallow, /*allow_exceptions=*/false);
  if (!parsed.is_object()) throw Error(ErrorCode::kDataLoss, "expected a JSON object");
  return parsed;
}

void check_settings(const std::filesystem::path& path, const Json& head, const SearchJournal::Settings& settings) {
  if (head.value("format", 0) != kFormat || !head.contains("settings") || !head["settings"].is_object()) {
    refuse(ErrorCode::kFailedPrecondition, path.string() + " is no journal of format " + std::to_string(kFormat), kAnew);
  }
  const Json now = settings;
  for (const Json* one : {&head["settings"], &now}) {
    for (const auto& [name, unused] : one->items()) {
      const auto text = [&name](const Json& from) {
        return from.contains(name) ? from.at(name).dump(-1, ' ', false, Json::error_handler_t::replace) : std::string("not set");
      };
      const std::string there = text(head["settings"]), here = text(now);
      if (there == here) continue;
      refuse(ErrorCode::kInvalidArgument, path.string() + " is of a search with " + name + " " + there + ", this one has " + here, kAnew);
    }
  }
}

}  // namespace

SearchJournal::SearchJournal(std::filesystem::path path, const Settings& settings, bool fresh) : path_(std::move(path)) {
  if (path_.empty()) return;
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) refuse_io(path_);
  try {
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      refuse(ErrorCode::kFailedPrecondition, "another search writes to " + path_.string(), "wait for it, or give another --out");
    }
    read(settings, fresh);
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

SearchJournal::~SearchJournal() {
  if (fd_ >= 0) ::close(fd_);
}

void SearchJournal::read(const Settings& settings, bool fresh) {
  const std::string text = read_file(path_);
  // Also what a kill left of the first line; and `fresh` empties no file of others.
  if (!kHead.starts_with(std::string_view(text).substr(0, kHead.size()))) {
    refuse(ErrorCode::kFailedPrecondition, path_.string() + " is no journal of a search", "move it away, or give another --out");
  }
  const size_t whole = fresh || text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  if (whole < text.size() && ::ftruncate(fd_, static_cast<off_t>(whole)) != 0) refuse_io(path_);
  if (whole == 0) {
    append(Json({{"aicoder", kVersion}, {"format", kFormat}, {"settings", settings}}).dump());
    return;
  }
  size_t line_number = 0;
  for (size_t begin = 0; begin < whole;) {
    const size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    try {
      const Json parsed = parse(line);
      if (++line_number == 1) {
        check_settings(path_, parsed, settings);
        continue;
      }
      // A loss that is no number is written as null.
      const Json& value = parsed.at("value");
      earlier_.push_back({.what = parsed.at("what").get<std::string>(),
                          .point = parsed.at("point").get<std::string>(),
                          .value = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>()});
    } catch (const Json::exception& broken) {
      refuse(ErrorCode::kDataLoss, path_.string() + " line " + std::to_string(line_number) + ": " + broken.what(), kAnew);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDataLoss) throw;
      refuse(ErrorCode::kDataLoss, path_.string() + " line " + std::to_string(line_number + 1) + ": " + error.what(), kAnew);
    }
  }
}

double SearchJournal::value(const std::string& what, std::span<const double> point, const std::function<double()>& measure) {
  if (fd_ < 0) return measure();
  const std::string hash = hash_of(point);
  if (next_ < earlier_.size()) {
    const Entry& entry = earlier_[next_];
    if (entry.what != what || entry.point != hash) {
      refuse(ErrorCode::kDataLoss,
             path_.string() + " line " + std::to_string(next_ + 2) + " measured " + entry.what + " at " + entry.point + ", expected " +
                 what + " at " + hash,
             kAnew);
    }
    ++next_;
    return entry.value;
  }
  const double measured = measure();
  append(Json({{"what", what}, {"point", hash}, {"value", measured}}).dump());
  return measured;
}

void SearchJournal::append(std::string line) const {
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse_io(path_);
    rest.remove_prefix(static_cast<size_t>(n));
  }
  if (::fdatasync(fd_) != 0 && errno != EINVAL && errno != EROFS) refuse_io(path_);
}

}  // namespace aicoder::fragment
