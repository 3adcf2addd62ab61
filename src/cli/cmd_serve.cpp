// serve: the engine over HTTP until Ctrl-C or SIGTERM.
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>

#include "aicoder/server.h"
#include "cli/run_view.h"

namespace aicoder::cli {
namespace {

constexpr size_t kMaxTokenFile = 4096;
constexpr std::chrono::seconds kLastMoment{15};  // beyond the drain, for what was cancelled

struct Args {
  EngineArgs engine;
  ServerOptions server;
  std::string token_file, log_file;
  std::vector<std::string> dirs;
  bool token = false, no_log = false;
  size_t sequences = 4, lane_mb = 2048, queue = 64;
  size_t drain_seconds = 30, body_mb = 8;
};

/// --token-file, else $AICODER_TOKEN, else one made here when --token asks for one.
std::string read_token(const Args& args, bool& made) {
  if (!args.token_file.empty()) {
    auto text = read_file(args.token_file, kMaxTokenFile);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.pop_back();
    if (text.empty())
      throw Error(ErrorCode::kInvalidArgument, fmt::format("[serve] {} holds no token", args.token_file),
                  fmt::format("openssl rand -hex 32 > {}", args.token_file));
    return text;
  }
  if (const char* given = std::getenv("AICODER_TOKEN"); given != nullptr && *given != '\0') return given;
  made = args.token;
  return args.token ? random_token() : std::string();
}

/// Lines of the access log, whole, from many threads.
class LogFile {
 public:
  explicit LogFile(const std::string& path) {
    if (path.empty()) return;
    file_.open(path, std::ios::app);
    if (!file_)
      throw Error(ErrorCode::kPermissionDenied, fmt::format("[serve] cannot write the access log {}", path),
                  "--access-log FILE in a folder that can be written");
  }
  void write(std::string_view line) {
    const std::lock_guard lock(mutex_);
    std::ostream& out = file_.is_open() ? file_ : std::cerr;
    out << line << '\n' << std::flush;
  }

 private:
  std::mutex mutex_;
  std::ofstream file_;
};

/// A client that sends a byte of its request now and then could hold up the end for ever: after the limit the process ends without it.
class EndGuard {
 public:
  EndGuard(std::stop_token asked, std::chrono::seconds limit)
      : thread_([asked = std::move(asked), limit](const std::stop_token& done) {
          std::optional<std::chrono::steady_clock::time_point> end;
          while (!done.stop_requested()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            if (!asked.stop_requested()) continue;
            const auto now = std::chrono::steady_clock::now();
            if (!end) end = now + limit;
            if (now > *end) std::_Exit(kExitOk);
          }
        }) {}

 private:
  std::jthread thread_;
};

int run(Runtime& runtime, Args args) {
  if (args.engine.backend != "inproc") {
    throw Error(ErrorCode::kUnimplemented,
                fmt::format("[serve] --backend '{}': only the in-process engine is built so far", args.engine.backend),
                "leave out --backend");
  }
  bool token_made = false;
  args.server.token = read_token(args, token_made);
  for (const auto& dir : args.dirs) args.server.dirs.emplace_back(dir);
  args.server.limits.drain = std::chrono::seconds(args.drain_seconds);
  args.server.limits.body_bytes = args.body_mb << 20;
  LogFile log(args.log_file);
  if (!args.no_log) args.server.access_log = [&log](std::string_view line) { log.write(line); };

  check_server_options(args.server);  // before seconds of loading

  std::unique_ptr<Sandbox> box;
  try {
    box = std::make_unique<Sandbox>();
  } catch (const Error& error) {
    runtime.terminal.warn(fmt::format("no sandbox: {}; agent runs answer directly, code is never run", error.what()));
  }
  const auto model = load_model(runtime, args.engine);
  const auto fingerprint = model->fingerprint();
  EngineOptions options;
  options.max_queued = args.queue;
  options.lanes.budget_bytes = args.lane_mb << 20;
  options.lanes.context = context_options(args.engine, *model, args.sequences);
  aicoder::Engine engine(model, options, [fingerprint](std::string_view name) { return resolve_fragment(name, fingerprint); });
  for (const auto& name : args.engine.fragments) (void)engine.load_fragment(parse_fragment_choice(name).name);

  AgentOptions agent;
  agent.n_candidates = std::min(runtime.config.n_candidates, args.sequences);
  agent.max_repairs = runtime.config.max_repairs;
  agent.max_tokens = runtime.config.max_tokens;
  agent.limits = runtime.config.limits;
  agent.role_fragments = choose_role_fragments(runtime, *model, {});
  // A path is the operator's; clients name the model by its file.
  const bool is_path = args.engine.model.find('/') != std::string::npos || args.engine.model.ends_with(".gguf");
  const auto model_name = is_path ? std::filesystem::path(args.engine.model).stem().string() : args.engine.model;
  const auto backend = make_engine_backend(engine, {.model_name = model_name, .agent = agent, .runner = box.get()});
  Server server(*backend, args.server);
  runtime.terminal.clear_progress();
  if (runtime.json) {
    Json ready = {{"url", server.url()}, {"port", server.port()}, {"model", model_name}};
    if (token_made) ready["token"] = args.server.token;
    runtime.terminal.out(dump(ready) + "\n");
  } else {
    runtime.terminal.out(fmt::format("{} on {}/v1 (Ctrl-C ends)\n", model_name, server.url()));
    if (token_made) runtime.terminal.out(fmt::format("token: {}\n", args.server.token));
  }
  std::cout << std::flush;
  const EndGuard guard(runtime.interrupt.token(), args.server.limits.drain + kLastMoment);
  const bool all_ended = server.run(runtime.interrupt.token());
  runtime.terminal.line(all_ended ? "ended; every request was answered" : "ended; what was still running was cancelled");
  return kExitOk;
}

}  // namespace

void add_serve(CLI::App& app, Runtime& runtime) {
  auto* command = app.add_subcommand("serve", "OpenAI-compatible server with fragments and agent runs, until Ctrl-C");
  add_examples(*command, {"serve", "serve -m qwen2.5-coder-0.5b --port 0 --json", "serve --host 0.0.0.0 --token --dir ~/project"});
  const auto args = std::make_shared<Args>();
  add_engine_options(*command, args->engine, runtime);
  auto& server = args->server;
  command->add_option("--host", server.host, "Address to listen on; beyond loopback a token is needed")->capture_default_str();
  command->add_option("--port", server.port, "0: any free one")->check(CLI::Range(0, 65535))->capture_default_str();
  command->add_flag("--token", args->token, "Ask clients for a token: of --token-file, $AICODER_TOKEN, or made and printed");
  command->add_option("--token-file", args->token_file, "File that holds the bearer token")->check(CLI::ExistingFile);
  command->add_option("--allow-host", server.hosts, "Host name clients may use beside addresses and localhost; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--allow-origin", server.origins, "Web page that may call, https://NAME; may be repeated")->allow_extra_args(false);
  command->add_option("--alias", server.aliases, "Another name of the model, for clients that insist on one; may be repeated")
      ->allow_extra_args(false);
  command->add_option("-d,--dir", args->dirs, "Folder in or below which agent runs may work; may be repeated")->allow_extra_args(false);
  command->add_option("--sequences", args->sequences, "Answers made at once for one set of fragments")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_option("--queue", args->queue, "Requests that may wait for a sequence")->check(CLI::Range(1, 4096))->capture_default_str();
  command->add_option("--lane-memory", args->lane_mb, "MB for the contexts of all sets of fragments")
      ->check(CLI::Range(16, 1 << 22))
      ->capture_default_str();
  command->add_option("--temperature", server.temperature, "Where a request says none")->check(CLI::Range(0.0, 2.0))->capture_default_str();
  command->add_option("--max-requests", server.limits.requests, "Under way at once, waiting ones included")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--max-connections", server.limits.connections, "At once; one thread each")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--max-body", args->body_mb, "MB of one request")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--rate", server.limits.requests_per_minute, "Requests a minute of one address; 0: no limit")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command->add_option("--agent-runs", server.limits.agent_runs, "At once")->check(CLI::Range(1, 64))->capture_default_str();
  command->add_option("--drain", args->drain_seconds, "Seconds what runs may take to end after Ctrl-C or SIGTERM")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  command->add_option("--access-log", args->log_file, "File for one JSON line a request; standard error otherwise");
  command->add_flag("--no-access-log", args->no_log, "No line a request");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
