// core: what every module shares: the one error type, log, progress, cancellation, paths, atomic files, hashes, host processes.
//
//   aicoder::write_file_atomic(dir / "report.json", text);      // old file or new file, never half of one
//   throw aicoder::Error(ErrorCode::kNotFound, "[models] no model 'x'", "aicoder pull smollm2-135m");
//
// Does not print, exit or abort: the log goes where set_log_sink says, and errors are translated at the edges (cli, server, agent).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace aicoder {

inline constexpr std::string_view kVersion = "0.1.0";

// ---- errors ----------------------------------------------------------------------------------------------------------

/// What the caller can do next. kInvalidArgument: change the call. kNotFound: name something that exists.
/// kFailedPrecondition: change the state first (install, pull, commit). kResourceExhausted: free memory, disk or context.
/// kDeadlineExceeded: allow more time. kCancelled: the user stopped it. kPermissionDenied: get the right. kDataLoss: the
/// file is broken, get it again. kUnavailable: try again later. kUnimplemented: not built yet. kInternal: a bug here.
enum class ErrorCode {
  kInvalidArgument,
  kNotFound,
  kFailedPrecondition,
  kResourceExhausted,
  kDeadlineExceeded,
  kCancelled,
  kPermissionDenied,
  kDataLoss,
  kUnavailable,
  kUnimplemented,
  kInternal
};

/// The snake_case name used in JSON, e.g. "invalid_argument".
std::string_view to_string(ErrorCode code) noexcept;

/// The only exception type thrown by aicoder. Derive only where the catcher needs data.
class Error : public std::runtime_error {
 public:
  /// \param message  place, expected, found: "[lora_load] rank of blk.3.attn_q.A is 4, B has 8"
  /// \param fix      the one command or action that mends it; may be empty
  Error(ErrorCode code, const std::string& message, std::string fix = {}, std::source_location where = std::source_location::current());
  ErrorCode code() const noexcept { return code_; }
  const std::string& fix() const noexcept { return fix_; }
  const std::source_location& where() const noexcept { return where_; }

 private:
  ErrorCode code_;
  std::string fix_;
  std::source_location where_;
};

/// \throws Error(kCancelled) when a stop was requested.
void throw_if_stopped(const std::stop_token& stop);

// ---- log and progress ------------------------------------------------------------------------------------------------

enum class LogLevel { kDebug, kInfo, kWarn, kError };

/// Receives every message at or above the level. Called from any thread, one call at a time. Default: nothing is written.
using LogSink = std::function<void(LogLevel, std::string_view message)>;
void set_log_sink(LogSink sink, LogLevel at_least);
void log(LogLevel level, std::string_view message);

/// One step of a long task; `total` 0 means unknown. Sent at most a few times a second is the receiver's business, not the sender's.
struct Progress {
  std::string_view stage;  ///< what is being done, e.g. "download smollm2-135m"
  double done = 0;
  double total = 0;
  std::string_view unit;  ///< "B" is shown as bytes; else e.g. "tokens", "tasks"
};
using ProgressFn = std::function<void(const Progress&)>;

// ---- paths -----------------------------------------------------------------------------------------------------------

/// $AICODER_HOME, else $XDG_DATA_HOME/aicoder, else ~/.local/share/aicoder. Not created.
std::filesystem::path data_dir();
/// $AICODER_HOME/cache, else $XDG_CACHE_HOME/aicoder, else ~/.cache/aicoder. Not created.
std::filesystem::path cache_dir();
/// $AICODER_HOME/deps, else cache_dir()/deps: what scripts/setup keeps (llama.cpp, virtual environments, peers). Not created.
std::filesystem::path deps_dir();
/// $AICODER_HOME/config, else $XDG_CONFIG_HOME/aicoder, else ~/.config/aicoder. Not created.
std::filesystem::path config_dir();

// ---- files -----------------------------------------------------------------------------------------------------------

/// Whole file as bytes. \throws Error(kNotFound), Error(kResourceExhausted) above limit_bytes.
std::string read_file(const std::filesystem::path& path, size_t limit_bytes = size_t{1} << 30);

/// Writes beside the target, flushes to disk, renames. On any failure the old file stays and no temporary is left.
/// \throws Error(kResourceExhausted) on a full disk, kPermissionDenied, kNotFound when the folder is missing.
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

/// As write_file_atomic for content that arrives in pieces. Destroyed without commit(): nothing remains.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::string_view bytes);
  void commit();

 private:
  std::filesystem::path target_, temporary_;
  int fd_ = -1;
};

/// Lines of a text or .gz file, without line ends; CRLF accepted. \throws Error(kNotFound, kDataLoss on a bad gzip,
/// kResourceExhausted when a line passes limit_bytes).
void for_each_line(const std::filesystem::path& path, const std::function<void(size_t line_number, std::string_view line)>& fn,
                   size_t limit_bytes = size_t{64} << 20);

/// True where the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view bytes) noexcept;
/// Replaces each ill-formed sequence by U+FFFD.
std::string to_valid_utf8(std::string_view bytes);

// ---- hashes ----------------------------------------------------------------------------------------------------------

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  /// 64 lower-case hex digits. Call once.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
std::string sha256_hex(std::string_view bytes);
/// \throws Error(kNotFound, kCancelled).
std::string sha256_file(const std::filesystem::path& path, const ProgressFn& progress = {}, const std::stop_token& stop = {});

// ---- host processes --------------------------------------------------------------------------------------------------

/// A trusted helper program of the host (pip, a peer benchmark). Untrusted code goes through sandbox.h, never here.
struct HostProcess {
  std::vector<std::string> argv;  ///< argv[0] is searched in PATH
  std::filesystem::path cwd;      ///< empty: inherited
  std::map<std::string, std::string> extra_env;
  std::string stdin_text;
  std::chrono::milliseconds timeout{0};                   ///< 0: none
  std::function<void(std::string_view chunk)> on_output;  ///< stdout as it comes; may be empty
};
struct HostProcessResult {
  int exit_code = -1;  ///< 128 + signal when killed by one
  bool timed_out = false;
  std::string out, err;
};
/// Runs and waits; on stop or time-out the whole process group is killed.
/// \throws Error(kNotFound) when the program does not exist, kCancelled on stop.
HostProcessResult run_host_process(const HostProcess& process, const std::stop_token& stop = {});

}  // namespace aicoder
