// run: the main job.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <iterator>

#include "cli/json_format.h"
#include "cli/run_view.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  AgentOptions agent;
  std::string task, dir, mode = "auto";
  bool yes = false, why = false;
};

std::string read_task(const std::string& task) {
  if (task != "-") return task;
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

int exit_code(const AgentResult& result) {
  if (result.answer.empty() && result.files.empty()) return kExitFailed;
  return result.verification == Verification::kRan ? kExitUnverified : kExitOk;
}

int run(Runtime& runtime, Args args) {
  TaskRequest request{.task = read_task(args.task), .dir = args.dir, .mode = parse_mode(args.mode), .history = {}};
  if (!args.dir.empty() && !std::filesystem::is_directory(args.dir)) {
    throw Error(ErrorCode::kNotFound, fmt::format("[run] --dir {} is no folder", args.dir));
  }
  // Route first: a direct question needs no sandbox, everything else is refused without one before the model is loaded.
  const auto decision = route(request.task, request.dir, request.mode);
  std::unique_ptr<Sandbox> box;
  try {
    box = std::make_unique<Sandbox>();
  } catch (const Error&) {
    if (decision.mode == Mode::kAgent) throw;
    runtime.terminal.line("no sandbox here (see aicoder doctor): the answer's code will not be run");
  }
  auto engine = make_engine(runtime, args.engine, args.agent.n_candidates);
  AgentOptions options = args.agent;
  options.limits = runtime.config.limits;
  options.role_fragments = choose_role_fragments(runtime, *engine.model, engine.fragments);
  auto session = Session::create("run", request.task.substr(0, 80), request.dir, engine.generator->model_name());
  session.append_message({"user", request.task});
  Agent agent(*engine.generator, box.get(), options);
  const bool stream = !runtime.json && decision.mode == Mode::kDirect;
  auto result = agent.run(request, make_observer(runtime, stream), runtime.interrupt.token());
  result.session_id = session.info().id;
  session.append_message({"assistant", result.answer});
  session.append_result(result);
  auto json = to_json(result);
  if (!runtime.json) runtime.terminal.out(describe(runtime, result, stream, args.why));
  json["applied"] = offer_changes(runtime, result, request.dir, args.yes);
  return runtime.finish(json, "", exit_code(result));
}

}  // namespace

void add_run(CLI::App& app, Runtime& runtime) {
  auto* command = app.add_subcommand("run", "Do a task: answer, or plan, write, run in the sandbox, review, and show a diff");
  add_examples(*command, {"run \"Write is_prime(n). Example: is_prime(7) == True\"", "run --dir . --why \"make the failing test pass\"",
                          "run --mode direct -f coder:0.1 - < question.txt"});
  const auto args = std::make_shared<Args>();
  args->agent.n_candidates = runtime.config.n_candidates;
  args->agent.max_repairs = runtime.config.max_repairs;
  args->agent.max_tokens = runtime.config.max_tokens;
  add_engine_options(*command, args->engine, runtime);
  command->add_option("-d,--dir", args->dir, "The project; it is copied, and only approved changes are written back");
  command->add_option("--mode", args->mode, "auto, direct or agent")
      ->check(CLI::IsMember({"auto", "direct", "agent"}))
      ->capture_default_str();
  command->add_option("--candidates", args->agent.n_candidates, "Answers tried together in the agentic path")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--repairs", args->agent.max_repairs, "Rounds on the real error")->check(CLI::Range(0, 2))->capture_default_str();
  command->add_option("--max-tokens", args->agent.max_tokens, "Per answer")->check(CLI::Range(16, 1 << 16))->capture_default_str();
  command->add_option("--temperature", args->agent.temperature, "Of candidates after the first, which is greedy")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  command->add_option("--seed", args->agent.seed, "Of sampling")->capture_default_str();
  command->add_flag("-y,--yes", args->yes, "Apply the changes without asking");
  command->add_flag("--why", args->why, "Say why this path was chosen");
  command->add_option("task", args->task, "What you want done; - reads it from standard input")->required();
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
