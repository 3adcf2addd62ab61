// sandbox: runs untrusted code under limits, without network, in its own namespaces, and says exactly what happened.
//
//   aicoder::Sandbox box;                                           // throws when L3 cannot be had here
//   auto result = box.run({.argv = {"python3", "-m", "pytest", "-q"}, .dir = copy_of_project});
//   if (result.verdict == aicoder::Verdict::kOk) ...
//
// Does not judge answers: a verdict says how the process ended, not whether it was right.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "aicoder/core.h"

namespace aicoder {

enum class Verdict { kOk, kRe, kSig, kTleCpu, kTleWall, kMle, kOle, kPids, kFsize, kDenied, kSandboxErr };
std::string_view to_string(Verdict verdict) noexcept;  ///< OK RE SIG TLE_CPU TLE_WALL MLE OLE PIDS FSIZE DENIED SANDBOX_ERR

/// Of the whole process tree. 0 means unlimited only where said.
struct SandboxLimits {
  std::chrono::milliseconds cpu{10'000};
  std::chrono::milliseconds wall{20'000};
  uint64_t memory_bytes = uint64_t{512} << 20;
  size_t processes = 64;
  uint64_t file_bytes = uint64_t{16} << 20;     ///< one file
  uint64_t scratch_bytes = uint64_t{64} << 20;  ///< /tmp and the working folder together
  uint64_t output_bytes = uint64_t{1} << 20;    ///< stdout and stderr together; beyond: killed, OLE, the last output_bytes are returned
};
struct SandboxRequest {
  std::vector<std::string> argv;
  std::filesystem::path dir;  ///< a copy of it is the box's working folder; empty: an empty folder
  /// Files of the box's working folder to hand back after the run, relative; read with openat2(RESOLVE_BENEATH|NO_SYMLINKS).
  std::vector<std::string> outputs;
  std::map<std::string, std::string> files;  ///< written into the working folder after the copy: relative path -> content
  std::string stdin_text;
  std::map<std::string, std::string> env;        ///< the whole environment but for PATH, HOME, LANG, which the box sets where this does not
  std::vector<std::filesystem::path> read_only;  ///< more host folders visible read-only at the same path (a toolchain)
  /// Programs that argv[0] will start (node, go, cargo): shown like argv[0] where they are outside /usr. One that this machine lacks is no
  /// error.
  std::vector<std::string> programs;
  SandboxLimits limits;
};
struct SandboxResult {
  Verdict verdict = Verdict::kSandboxErr;
  int exit_code = -1;    ///< 128 + signal when killed by one
  std::string out, err;  ///< valid UTF-8
  double cpu_ms = 0, wall_ms = 0;
  uint64_t peak_bytes = 0;                     ///< of the tree, sampled or from the cgroup
  std::string level;                           ///< "L3"
  std::string detail;                          ///< why, for every verdict but OK: "killed after 10.0 s CPU"
  std::map<std::string, std::string> outputs;  ///< of those asked for, what is there: path -> content
  std::map<std::string, std::string> missing;  ///< of those asked for, what is not handed back: path -> why (absent, a symbolic link, ...)
};

/// Edge that tests may fake.
class CodeRunner {
 public:
  virtual ~CodeRunner() = default;
  /// \throws Error kInvalidArgument (empty argv, missing dir, a path leaving the folder), kCancelled.
  virtual SandboxResult run(const SandboxRequest& request, const std::stop_token& stop) = 0;
  virtual std::string level() const = 0;
};

struct SandboxCheck {
  std::string name;
  bool ok = false;
  std::string fix;       ///< the command or setting that mends it
  std::string found;     ///< what was seen; may be empty when ok
  bool required = true;  ///< false: boxes work without it, with one fence less
};
/// What this machine offers, by trying it ($AICODER_BWRAP names another bubblewrap than the one in PATH). Level "L3" or "none" (L2 and L1
/// are not built yet).
struct SandboxProbe {
  std::string level;
  std::vector<SandboxCheck> checks;
};
SandboxProbe probe_sandbox();

/// Thread-safe: runs are independent.
class Sandbox : public CodeRunner {
 public:
  /// \throws Error(kFailedPrecondition) with the fix when the level cannot be had: never a weaker box in silence.
  Sandbox();
  SandboxResult run(const SandboxRequest& request, const std::stop_token& stop = {}) override;
  std::string level() const override;
};

}  // namespace aicoder
