// sandbox run: one command in the box, with its verdict.
#include <fmt/format.h>

#include "aicoder/sandbox.h"
#include "aicoder/sandbox/terminal.h"
#include "cli/cmd_sandbox_attack.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  std::vector<std::string> command;
  std::string dir;
  double cpu_s, wall_s;
  uint64_t memory_mb, file_mb, scratch_mb, output_kb;
  size_t processes;
  std::vector<std::string> env;
};

std::chrono::milliseconds to_ms(double seconds) { return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)); }

int run(Runtime& runtime, const Args& args) {
  SandboxRequest request;
  request.argv = args.command;
  request.dir = args.dir;
  for (const auto& entry : args.env) {
    const size_t equal = entry.find('=');
    if (equal == std::string::npos || equal == 0)
      throw Error(ErrorCode::kInvalidArgument, "[sandbox run] --env wants NAME=VALUE, got '" + entry + "'");
    request.env[entry.substr(0, equal)] = entry.substr(equal + 1);
  }
  request.limits.cpu = to_ms(args.cpu_s);
  request.limits.wall = to_ms(args.wall_s);
  request.limits.memory_bytes = args.memory_mb << 20;
  request.limits.file_bytes = args.file_mb << 20;
  request.limits.scratch_bytes = args.scratch_mb << 20;
  request.limits.output_bytes = args.output_kb << 10;
  request.limits.processes = args.processes;
  Sandbox box;
  const auto result = box.run(request, runtime.interrupt.token());
  if (!runtime.json) {
    // On a terminal as text; in a pipe or a file as it came.
    runtime.terminal.out(runtime.terminal.stdout_is_terminal() ? terminal_safe(result.out) : result.out);
    if (!result.err.empty()) runtime.terminal.warn(runtime.terminal.stderr_is_terminal() ? terminal_safe(result.err) : result.err);
    auto& t = runtime.terminal;
    const bool ok = result.verdict == Verdict::kOk;
    t.line(fmt::format("{} exit {}, {:.0f} ms CPU, {:.0f} ms wall, {} peak, {}{}",
                       t.paint(ok ? Colour::kGreen : Colour::kRed, to_string(result.verdict)), result.exit_code, result.cpu_ms,
                       result.wall_ms, human_bytes(static_cast<double>(result.peak_bytes)), result.level,
                       result.detail.empty() ? "" : ": " + result.detail));
  }
  return runtime.finish(to_json(result), "", result.verdict == Verdict::kOk ? kExitOk : kExitFailed);
}

}  // namespace

void add_sandbox(CLI::App& app, Runtime& runtime) {
  auto* sandbox = app.add_subcommand("sandbox", "Run untrusted code");
  sandbox->require_subcommand(1);
  auto* command = sandbox->add_subcommand("run", "Run a command in the sandbox: no network, no home, limits on the whole process tree");
  add_examples(*command, {"sandbox run -- python3 -c \"print(1 + 1)\"", "sandbox run --dir project --wall 60 -- python3 -m unittest"});
  const auto args = std::make_shared<Args>();
  const auto& limits = runtime.config.limits;
  args->cpu_s = std::chrono::duration<double>(limits.cpu).count();
  args->wall_s = std::chrono::duration<double>(limits.wall).count();
  args->memory_mb = limits.memory_bytes >> 20;
  args->file_mb = limits.file_bytes >> 20;
  args->scratch_mb = limits.scratch_bytes >> 20;
  args->output_kb = limits.output_bytes >> 10;
  args->processes = limits.processes;
  constexpr uint64_t kMaxMegabytes = 1 << 20;
  command->add_option("--dir", args->dir, "A copy of this folder is the box's working folder; the folder itself is never written");
  command->add_option("--cpu", args->cpu_s, "CPU seconds of the whole tree")->check(CLI::Range(0.1, 86400.0))->capture_default_str();
  command->add_option("--wall", args->wall_s, "Seconds on the clock")->check(CLI::Range(0.1, 86400.0))->capture_default_str();
  command->add_option("--memory", args->memory_mb, "MiB of the whole tree")
      ->check(CLI::Range(uint64_t{8}, kMaxMegabytes))
      ->capture_default_str();
  command->add_option("--processes", args->processes, "Processes and threads")
      ->check(CLI::Range(size_t{1}, size_t{4096}))
      ->capture_default_str();
  command->add_option("--file", args->file_mb, "MiB a file")->check(CLI::Range(uint64_t{1}, kMaxMegabytes))->capture_default_str();
  command->add_option("--scratch", args->scratch_mb, "MiB written in all")
      ->check(CLI::Range(uint64_t{1}, kMaxMegabytes))
      ->capture_default_str();
  command->add_option("--output", args->output_kb, "KiB printed")->check(CLI::Range(uint64_t{1}, kMaxMegabytes))->capture_default_str();
  command->add_option("--env", args->env, "NAME=VALUE inside; may be repeated")->allow_extra_args(false);
  command->add_option("command", args->command, "After --: the program and its arguments")->required();
  command->positionals_at_end();
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
  add_sandbox_attack(*sandbox, runtime);
}

}  // namespace aicoder::cli
