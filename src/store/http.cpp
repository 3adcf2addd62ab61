#include "store/http.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "store/disk.h"

namespace aicoder::store {
namespace {

namespace fs = std::filesystem;

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct HeaderListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// What the last response said; a redirect starts a new one.
struct Response {
  long status = 0;
  std::string etag, last_modified;
  std::optional<uint64_t> content_length;
  std::optional<uint64_t> range_start, range_total;

  /// If-Range takes a strong ETag or a date.
  std::string validator() const { return !etag.empty() && !etag.starts_with("W/") ? etag : last_modified; }

  void read_header(std::string_view line) {
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {
      *this = Response();
      const auto space = line.find(' ');
      if (space != std::string_view::npos) status = static_cast<long>(parse_number(line.substr(space + 1, 3)).value_or(0));
      return;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (name == "etag") etag = value;
    if (name == "last-modified") last_modified = value;
    if (name == "content-length") content_length = parse_number(value);
    if (name == "content-range" && value.starts_with("bytes ")) {  // "bytes 5-9/10", or "bytes */10" beside 416
      value.remove_prefix(6);
      const auto slash = value.find('/');
      if (slash == std::string_view::npos) return;
      range_total = parse_number(value.substr(slash + 1));
      range_start = parse_number(value.substr(0, std::min(value.find('-'), slash)));
    }
  }
};

/// One request: where its bytes go and what went wrong in a callback.
class Transfer {
 public:
  Transfer(const HttpDownload& download, int fd, uint64_t have) : download_(download), fd_(fd), have_(have) {}

  Response response;
  std::exception_ptr failure;

  uint64_t have() const { return have_; }
  /// For an answer without a body, which never reached on_body.
  void finish() {
    if ((response.status == 200 || response.status == 206) && !started_) start();
  }
  fs::path state_file() const { return download_.target.string() + ".state"; }

  // No exception crosses libcurl: it is kept, and the short count makes libcurl stop.
  static size_t on_header(char* data, size_t, size_t count, void* self) noexcept {
    return static_cast<Transfer*>(self)->guarded(count, [&](Transfer& t) { t.response.read_header({data, count}); });
  }
  static size_t on_body(char* data, size_t, size_t count, void* self) noexcept {
    return static_cast<Transfer*>(self)->guarded(count, [&](Transfer& t) { t.body({data, count}); });
  }
  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    if (transfer->failure) return 1;
    return transfer->guarded(1, [](Transfer& t) { t.report(); }) == 1 ? 0 : 1;
  }

 private:
  template <typename Fn>
  size_t guarded(size_t count, Fn fn) noexcept {
    try {
      fn(*this);
      return count;
    } catch (...) {
      failure = std::current_exception();
      return 0;
    }
  }

  void report() {
    throw_if_stopped(download_.stop);
    if (!download_.progress || !started_) return;
    download_.progress({.stage = download_.stage, .done = static_cast<double>(have_), .total = static_cast<double>(total_), .unit = "B"});
  }

  void start() {
    started_ = true;
    if (response.status == 206) {
      if (response.range_start != have_) {
        throw Error(ErrorCode::kUnavailable, fmt::format("the server sent another range than was asked for (from {})", have_));
      }
      total_ = response.range_total.value_or(0);
    } else {  // 200: the whole file, from the start
      if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0) throw_disk_error();
      have_ = 0;
      total_ = response.content_length.value_or(0);
      write_file_atomic(state_file(), download_.url + "\n" + response.validator() + "\n");
    }
    if (download_.limit_bytes > 0 && total_ > download_.limit_bytes) refuse_size(total_);
    if (total_ > have_) require_free_space(download_.target.parent_path(), total_ - have_, download_.stage);
    if (total_ == 0) total_ = download_.expected_bytes;
  }

  void body(std::string_view bytes) {
    throw_if_stopped(download_.stop);
    if (response.status != 200 && response.status != 206) return;  // an error page
    if (!started_) start();
    if (download_.limit_bytes > 0 && bytes.size() > download_.limit_bytes - have_) refuse_size(have_ + bytes.size());
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw_disk_error();
      bytes.remove_prefix(static_cast<size_t>(n));
      have_ += static_cast<uint64_t>(n);
    }
  }

  [[noreturn]] void throw_disk_error() const {
    const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    throw Error(full ? ErrorCode::kResourceExhausted : ErrorCode::kPermissionDenied,
                fmt::format("[pull] cannot write {}: {}", download_.target.string(), std::strerror(errno)),
                full ? "free space on that disk, or point $AICODER_HOME at a larger one" : "");
  }
  [[noreturn]] void refuse_size(uint64_t bytes) const {
    throw Error(ErrorCode::kDataLoss, fmt::format("the server sends {} bytes, expected {}", bytes, download_.limit_bytes));
  }

  const HttpDownload& download_;
  int fd_;
  uint64_t have_;
  uint64_t total_ = 0;
  bool started_ = false;
};

class File {
 public:
  explicit File(const fs::path& path) : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)) {
    if (fd_ < 0) throw Error(ErrorCode::kPermissionDenied, fmt::format("[pull] cannot write {}: {}", path.string(), std::strerror(errno)));
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

/// The validator remembered for what lies at the target; nullopt when it came from another URL.
std::optional<std::string> remembered_validator(const HttpDownload& download) {
  const fs::path state = download.target.string() + ".state";
  if (!fs::exists(state)) return std::nullopt;
  const std::string text = read_file(state, 1 << 16);
  const auto line_end = text.find('\n');
  if (line_end == std::string::npos || text.substr(0, line_end) != download.url) return std::nullopt;
  const auto second_end = text.find('\n', line_end + 1);
  return text.substr(line_end + 1, second_end == std::string::npos ? second_end : second_end - line_end - 1);
}

enum class Outcome { kDone, kRetry, kStartOver };

/// One request. Failures worth another try come back as kRetry with the reason.
Outcome try_once(const HttpDownload& download, std::string& reason, bool& progressed) {
  static std::once_flag curl_started;
  std::call_once(curl_started, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });

  std::error_code none;
  uint64_t have = fs::exists(download.target) ? fs::file_size(download.target, none) : 0;
  const auto validator = remembered_validator(download);
  if (have > 0 && (!validator || (validator->empty() && !download.hash_known))) have = 0;

  const File file(download.target);
  if (::lseek(file.fd(), static_cast<off_t>(have), SEEK_SET) < 0) have = 0;
  Transfer transfer(download, file.fd(), have);

  const std::unique_ptr<CURL, CurlDeleter> curl(curl_easy_init());
  if (!curl) throw Error(ErrorCode::kResourceExhausted, "[pull] libcurl could not start");
  std::unique_ptr<curl_slist, HeaderListDeleter> headers;
  const auto add_header = [&headers](const std::string& line) {
    curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) throw Error(ErrorCode::kResourceExhausted, "[pull] no memory");
    (void)headers.release();
    headers.reset(longer);
  };
  if (have > 0 && validator) {
    // Not CURLOPT_RESUME_FROM: that fails where the server answers with the whole file, which is its right after a change.
    add_header(fmt::format("Range: bytes={}-", have));
    if (!validator->empty()) add_header("If-Range: " + *validator);
  }

  char error_text[CURL_ERROR_SIZE] = "";
  const auto set = [&curl](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
  set(CURLOPT_URL, download.url.c_str());
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_USERAGENT, "aicoder/0.1");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, 10L);
  const char* protocols = download.url.starts_with("https:") ? "https" : "http,https";
  set(CURLOPT_PROTOCOLS_STR, protocols);
  set(CURLOPT_REDIR_PROTOCOLS_STR, protocols);  // never from https down to http
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, 15L);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, 60L);
  set(CURLOPT_ERRORBUFFER, &error_text[0]);
  set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &Transfer::on_progress);
  set(CURLOPT_XFERINFODATA, &transfer);

  const CURLcode code = curl_easy_perform(curl.get());
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (code == CURLE_OK) transfer.finish();
  progressed = transfer.have() > have;
  const long status = transfer.response.status;
  if (code != CURLE_OK) {
    reason = error_text[0] != '\0' ? error_text : curl_easy_strerror(code);
    return Outcome::kRetry;
  }
  if (status == 200 || status == 206) return Outcome::kDone;
  if (status == 416) {
    if (transfer.response.range_total == have) return Outcome::kDone;
    return Outcome::kStartOver;
  }
  reason = fmt::format("HTTP status {}", status);
  const bool passing = status == 408 || status == 429 || status >= 500;
  if (!passing) throw Error(ErrorCode::kUnavailable, reason);
  return Outcome::kRetry;
}

void wait(std::chrono::milliseconds pause, const std::stop_token& stop) {
  const auto until = std::chrono::steady_clock::now() + pause;
  while (std::chrono::steady_clock::now() < until) {
    throw_if_stopped(stop);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void forget(const HttpDownload& download) {
  std::error_code none;
  fs::remove(download.target, none);
  fs::remove(download.target.string() + ".state", none);
}

}  // namespace

void http_download(const HttpDownload& download) {
  int failures = 0;
  bool started_over = false;
  auto pause = download.pause;
  std::string reason;
  while (true) {
    throw_if_stopped(download.stop);
    bool progressed = false;
    Outcome outcome = Outcome::kRetry;
    try {
      outcome = try_once(download, reason, progressed);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kDataLoss) forget(download);
      throw;
    }
    if (outcome == Outcome::kDone) return;
    if (outcome == Outcome::kStartOver && !std::exchange(started_over, true)) {
      forget(download);
      continue;
    }
    if (progressed) {
      failures = 0;
      pause = download.pause;
    }
    if (++failures > download.retries) {
      throw Error(ErrorCode::kUnavailable, reason.empty() ? "no usable answer" : reason);
    }
    wait(pause, download.stop);
    pause *= 2;
  }
}

}  // namespace aicoder::store
