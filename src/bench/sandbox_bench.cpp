#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "aicoder/bench/sandbox.h"
#include "aicoder/sandbox.h"
#include "bench/statistics.h"

namespace aicoder {
namespace {
namespace fs = std::filesystem;

constexpr uid_t kUserOfRootsBoxes = 65534;  // docs/decisions/0005-sandbox.md

double ms_of(const timeval& time) { return static_cast<double>(time.tv_sec) * 1000 + static_cast<double>(time.tv_usec) / 1000; }

double cpu_ms() {
  double sum = 0;
  for (auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used{};
    ::getrusage(who, &used);
    sum += ms_of(used.ru_utime) + ms_of(used.ru_stime);
  }
  return sum;
}

struct Cost {
  double clock_ms, cpu_ms;
};

template <typename Work>
Cost cost_of(Work&& work) {
  const double cpu = cpu_ms();
  const auto start = std::chrono::steady_clock::now();
  work();
  return {std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count(), cpu_ms() - cpu};
}

void run_bare() {
  pid_t pid = -1;
  int status = -1;
  std::string program = "/bin/true";
  char* argv[] = {program.data(), nullptr};
  char* env[] = {nullptr};
  if (::posix_spawn(&pid, argv[0], nullptr, nullptr, argv, env) != 0 || ::waitpid(pid, &status, 0) != pid || status != 0) {
    throw Error(ErrorCode::kInternal, "[bench sandbox] /bin/true did not run");
  }
}

void run_boxed(Sandbox& box, const SandboxRequest& request, const std::stop_token& stop) {
  const SandboxResult result = box.run(request, stop);
  if (result.verdict == Verdict::kOk) return;
  throw Error(ErrorCode::kInternal, "[bench sandbox] expected OK, found " + std::string(to_string(result.verdict)) + ": " + result.detail,
              "aicoder doctor");
}

size_t lines_of(const fs::path& path) {
  std::ifstream file(path);
  size_t count = 0;
  for (std::string line; std::getline(file, line);) ++count;
  return count;
}

size_t entries_of(const fs::path& folder) {
  std::error_code error;
  size_t count = 0;
  for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::directory_iterator(); entry.increment(error)) ++count;
  return count;
}

/// What the user of the boxes has in the folders where programs leave things.
std::set<std::string> files_of_boxes() {
  const uid_t user = ::geteuid() == 0 ? kUserOfRootsBoxes : ::geteuid();
  std::set<std::string> found;
  for (const char* folder : {"/tmp", "/var/tmp", "/dev/shm", "/run"}) {
    std::error_code error;
    for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
      struct stat info{};
      if (::lstat(entry->path().c_str(), &info) == 0 && info.st_uid == user) found.insert(entry->path());
    }
  }
  return found;
}

/// Processes of this machine with the word in their command line, and children of ours.
size_t processes_left(const std::string& word) {
  size_t count = 0;
  std::error_code error;
  for (auto entry = fs::directory_iterator("/proc", error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::ifstream file(entry->path() / "cmdline", std::ios::binary);
    std::stringstream line;
    line << file.rdbuf();
    count += line.str().find(word) != std::string::npos ? 1 : 0;
  }
  while (::waitpid(-1, nullptr, WNOHANG) > 0) ++count;  // every box was waited for: nothing may be left to wait for
  return count;
}

}  // namespace

SandboxBench run_sandbox_bench(const SandboxBenchOptions& options) {
  if (options.runs == 0) throw Error(ErrorCode::kInvalidArgument, "[bench sandbox] expected at least 1 run, found 0", "--runs 200");
  Sandbox box;
  SandboxRequest plain, leaving;
  plain.argv = {"/bin/true"};
  const std::string seconds = std::to_string(100'000'000L + ::getpid());  // nobody else sleeps as long
  leaving.argv = {"/bin/sh", "-c", "sleep " + seconds + " >/dev/null 2>&1 & true"};
  run_boxed(box, plain, options.stop);  // what is made once in a process: the filter, the image of process 1

  const size_t mounts = lines_of("/proc/self/mountinfo"), descriptors = entries_of("/proc/self/fd");
  const auto files = files_of_boxes();
  std::vector<double> bare, boxed, difference, bare_cpu, boxed_cpu;
  for (size_t i = 0; i < options.runs; ++i) {
    throw_if_stopped(options.stop);
    if (options.progress) options.progress({"boxes", static_cast<double>(i), static_cast<double>(options.runs), "runs"});
    const Cost without = cost_of(run_bare);
    const Cost with = cost_of([&] { run_boxed(box, plain, options.stop); });
    bare.push_back(without.clock_ms);
    boxed.push_back(with.clock_ms);
    difference.push_back(with.clock_ms - without.clock_ms);
    bare_cpu.push_back(without.cpu_ms);
    boxed_cpu.push_back(with.cpu_ms);
    if (options.leave_every > 0 && i % options.leave_every == 0) run_boxed(box, leaving, options.stop);
  }

  SandboxBench result;
  result.runs = options.runs;
  result.bare_ms = median(bare);
  result.box_ms = median(boxed);
  result.overhead_ms = median(difference);
  std::ranges::sort(difference);
  result.overhead_p95_ms = difference[std::min(difference.size() - 1, difference.size() * 95 / 100)];
  result.bare_cpu_ms = median(bare_cpu);
  result.box_cpu_ms = median(boxed_cpu);
  ::getloadavg(&result.load, 1);
  const auto more = [](size_t after, size_t before) { return after > before ? after - before : 0; };
  result.left_processes = processes_left("sleep" + std::string(1, '\0') + seconds);
  result.left_mounts = more(lines_of("/proc/self/mountinfo"), mounts);
  result.left_descriptors = more(entries_of("/proc/self/fd"), descriptors);
  for (const std::string& path : files_of_boxes()) result.left_files += files.contains(path) ? 0 : 1;
  return result;
}

}  // namespace aicoder
