#include "store/pip.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <optional>
#include <string_view>
#include <vector>

#include "store/disk.h"

namespace aicoder::store {
namespace {

namespace fs = std::filesystem;

bool has_pip(const std::string& python, const std::stop_token& stop) {
  try {
    HostProcess process;
    process.argv = {python, "-m", "pip", "--version"};
    process.timeout = std::chrono::seconds(60);
    return run_host_process(process, stop).exit_code == 0;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
    return false;
  }
}

/// pip reports on many lines; the last that is an error says why. Without a network that error is "no matching distribution", and the
/// true reason stands in a warning before it: "... after connection broken by 'NewConnectionError('...: [Errno 111] Connection refused')'".
std::string complaint(const std::string& text) {
  if (const auto broken = text.find("connection broken by"); broken != std::string::npos) {
    std::string_view reason = std::string_view(text).substr(broken, text.find('\n', broken) - broken);
    reason = reason.substr(0, reason.rfind("')'"));
    if (const auto colon = reason.rfind(": "); colon != std::string_view::npos) reason = reason.substr(colon + 2);
    return fmt::format("the package index was not reached ({})", to_valid_utf8(reason.substr(0, 200)));
  }
  std::string last;
  size_t start = 0;
  while (start < text.size()) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line(text.data() + start, end - start);
    if (line.starts_with("ERROR: ")) last = line.substr(7);
    start = end + 1;
  }
  if (last.empty()) last = text.substr(0, text.find('\n'));
  return to_valid_utf8(std::string_view(last).substr(0, 300));
}

}  // namespace

fs::path find_pip_python(const fs::path& cache, const std::stop_token& stop) {
  if (const char* chosen = std::getenv("AICODER_PYTHON"); chosen != nullptr && *chosen != '\0') {
    if (has_pip(chosen, stop)) return chosen;
    throw Error(ErrorCode::kUnavailable, fmt::format("AICODER_PYTHON is {}, which has no pip", chosen), "unset AICODER_PYTHON");
  }
  if (has_pip("python3", stop)) return "python3";
  const fs::path venv = cache / "pip-venv";
  const std::string python = (venv / "bin" / "python3").string();
  if (has_pip(python, stop)) return python;
  try {
    std::error_code ignored;
    fs::create_directories(cache, ignored);
    fs::remove_all(venv, ignored);  // half of one, from an interrupted try
    HostProcess process;
    process.argv = {"python3", "-m", "venv", venv.string()};
    process.timeout = std::chrono::minutes(5);
    (void)run_host_process(process, stop);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
  }
  if (has_pip(python, stop)) return python;
  throw Error(ErrorCode::kUnavailable, "no Python with pip on this machine, and none could be made with venv",
              "sudo apt-get install python3-pip");
}

void pip_download(const fs::path& python, const std::string& requirement, const fs::path& wheel, const fs::path& scratch,
                  const std::function<void(uint64_t bytes)>& growing, const std::stop_token& stop) {
  fs::remove_all(scratch);
  const fs::path out = scratch / "out", temporary = scratch / "tmp";
  fs::create_directories(out);
  fs::create_directories(temporary);

  HostProcess process;
  // Only wheels: building a source distribution would run its code. pip compares each file with the hash its index gives.
  process.argv = {python.string(),
                  "-m",
                  "pip",
                  "download",
                  "--no-deps",
                  "--only-binary=:all:",
                  "--no-cache-dir",
                  "--disable-pip-version-check",
                  "--progress-bar=off",
                  "--no-input",
                  "--retries=2",
                  "--timeout=30",
                  "--dest",
                  out.string(),
                  requirement};
  process.extra_env["TMPDIR"] = temporary.string();  // the disk that was checked for space, where the growth can be seen

  // The progress receiver is called from this thread only; pip runs on another.
  std::stop_source pip_stop;
  const std::stop_callback forward(stop, [&pip_stop] { pip_stop.request_stop(); });
  auto running = std::async(std::launch::async, [&] { return run_host_process(process, pip_stop.get_token()); });
  try {
    while (running.wait_for(std::chrono::milliseconds(250)) != std::future_status::ready) {
      growing(std::max(folder_bytes(temporary), folder_bytes(out)));  // pip copies at the end: not the sum
    }
  } catch (...) {
    pip_stop.request_stop();
    running.wait();
    throw;
  }
  const HostProcessResult result = running.get();
  if (result.exit_code != 0) throw Error(ErrorCode::kUnavailable, fmt::format("{}: {}", requirement, complaint(result.err)));

  std::optional<fs::path> found;
  for (const auto& entry : fs::directory_iterator(out)) {
    if (entry.path().extension() == ".whl") found = entry.path();
  }
  if (!found) throw Error(ErrorCode::kUnavailable, fmt::format("{}: pip fetched no wheel", requirement));
  fs::rename(*found, wheel);
  fs::remove_all(scratch);
}

}  // namespace aicoder::store
