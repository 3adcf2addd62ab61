// POST /v1/agent/runs: an agent run as server-sent events, in a folder that the operator allowed.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "server/api.h"
#include "server/piece_queue.h"

namespace aicoder::server {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeptRuns = 16;
constexpr size_t kMaxTaskBytes = size_t{256} << 10;
constexpr std::chrono::milliseconds kWaitForEvent{50};
constexpr std::chrono::seconds kKeepAlive{10};

Json step_json(const AgentStep& step) {
  return {{"role", step.role},           {"fragment", step.fragment}, {"tokens", step.tokens}, {"seconds", step.seconds},
          {"switch_ms", step.switch_ms}, {"verdict", step.verdict},   {"detail", step.detail}};
}

Json result_json(const std::string& id, const AgentResult& result) {
  Json files = Json::array();
  for (const auto& file : result.files) files.push_back(file.path);
  return {{"id", id},
          {"answer", result.answer},
          {"mode", to_string(result.mode)},
          {"reasons", result.reasons},
          {"verification", to_string(result.verification)},
          {"verification_detail", result.verification_detail},
          {"files", files},
          {"findings", result.findings},
          {"tokens", result.tokens},
          {"seconds", result.seconds},
          {"sandbox_level", result.sandbox_level}};
}

bool lies_in(const fs::path& path, const fs::path& dir) {
  return std::mismatch(dir.begin(), dir.end(), path.begin(), path.end()).first == dir.end();
}

/// One run on a thread of its own; it ends when this goes.
struct AgentRun {
  explicit AgentRun(size_t unread_bytes) : events(unread_bytes) {}
  PieceQueue events;
  std::atomic<bool> ended{false};
  std::shared_ptr<Gate::Ticket> ticket;
  std::jthread thread;  // last: joined before what it uses goes
};

}  // namespace

std::filesystem::path Api::allowed_dir(const std::string& asked) const {
  const auto refused = [] {
    return ApiError(403, "invalid_request_error", "dir_not_allowed",
                    "Agent runs may not work in this folder; the operator can allow it with --dir FOLDER.", "dir");
  };
  std::error_code error;
  const fs::path path(asked);
  if (!path.is_absolute()) throw bad_request("dir", "expected an absolute path");
  // Links are followed first: one inside an allowed folder must not lead out of it.
  const auto real = fs::canonical(path, error);
  if (error || !fs::is_directory(real, error)) throw refused();  // the same answer, so that nobody learns what exists
  for (const auto& dir : options_.dirs) {
    if (lies_in(real, dir)) return real;
  }
  throw refused();
}

void Api::run_agent(Exchange& exchange) {
  auto ticket = enter(agent_gate_);
  const auto body = parse_body(exchange.body);
  const Fields fields(body);
  TaskRequest task{.task = fields.required_text("task"), .dir = {}, .mode = Mode::kAuto, .history = {}};
  if (task.task.empty() || task.task.size() > kMaxTaskBytes)
    throw bad_request("task", fmt::format("expected 1 to {} bytes", kMaxTaskBytes));
  if (const auto dir = fields.text("dir")) task.dir = allowed_dir(*dir);
  const auto mode = fields.text("mode").value_or("auto");
  if (mode != "auto" && mode != "direct" && mode != "agent") throw bad_request("mode", "expected auto, direct or agent");
  task.mode = parse_mode(mode);
  if (!fields.boolean("stream").value_or(true)) throw unsupported("stream", "an agent run is always a stream");
  const auto fragments = read_fragments(fields, backend_.model().name, options_.aliases);
  check_fragments(fragments);
  exchange.record->model = model_text(backend_.model().name, fragments);

  const auto id = new_id("run-");
  auto run = std::make_shared<AgentRun>(options_.limits.unread_bytes * 4);
  run->ticket = std::move(ticket);
  // The run borrows itself by plain pointer: its thread is joined before it goes.
  run->thread = std::jthread([this, run = run.get(), id, task, fragments, record = exchange.record](const std::stop_token& stop) {
    const auto send = [run](const char* name, const Json& data) { run->events.push({0, event_text(data, name)}); };
    try {
      AgentObserver observer;
      observer.on_step_begin = [&](const AgentStep& step) { send("step_begin", {{"role", step.role}, {"fragment", step.fragment}}); };
      observer.on_step_end = [&](const AgentStep& step) { send(step.role == "plan" ? "plan" : "step", step_json(step)); };
      observer.on_text = [&](std::string_view text) { send("text", {{"text", text}}); };
      send("run", {{"id", id}, {"dir", task.dir.string()}, {"mode", to_string(task.mode)}});
      auto result = backend_.run_agent(task, fragments, observer, stop);
      for (const auto& file : result.files) send("diff", {{"path", file.path}, {"diff", file.diff}});
      send("result", result_json(id, result));
      record->completion_tokens = result.tokens;
      if (!task.dir.empty()) {
        const std::lock_guard lock(runs_mutex_);
        runs_.push_back({id, task.dir, std::move(result)});
        if (runs_.size() > kKeptRuns) runs_.pop_front();
      }
    } catch (const std::exception& error) {
      const auto api = to_api_error(error);
      record->error = dynamic_cast<const ApiError*>(&error) != nullptr ? api.name() : error.what();
      send("error", error_json(api));
    }
    run->ended = true;
  });

  exchange.content_type = "text/event-stream";
  exchange.stream = [this, run, record = exchange.record](const Exchange::Write& write, const std::function<bool()>& gone) {
    auto last_sent = std::chrono::steady_clock::now();
    const auto stop_all = stop_all_.get_token();
    while (true) {
      if (stop_all.stop_requested()) run->thread.request_stop();  // it says so itself, as its last event
      const bool ended = run->ended;                              // asked before the queue: what came before the end is in it
      if (auto piece = run->events.pop(kWaitForEvent)) {
        if (!write(piece->text)) break;
        last_sent = std::chrono::steady_clock::now();
        continue;
      }
      if (ended) return;
      if (gone() || run->events.closed()) break;
      if (std::chrono::steady_clock::now() - last_sent > kKeepAlive) {
        if (!write(": still working\n\n")) break;
        last_sent = std::chrono::steady_clock::now();
      }
    }
    record->cancelled = true;
    run->events.close();
    run->thread.request_stop();
  };
}

void Api::apply_run(Exchange& exchange) {
  if (draining_) throw overloaded("The server is ending.", std::chrono::seconds(5));
  std::optional<FinishedRun> run;
  {
    const std::lock_guard lock(runs_mutex_);
    for (const auto& one : runs_) {
      if (one.id == exchange.path_param) run = one;
    }
  }
  if (!run)
    throw ApiError(404, "invalid_request_error", "run_not_found",
                   fmt::format("There is no such run with a folder among the last {}.", kKeptRuns), "id");
  if (run->result.files.empty()) throw ApiError(409, "invalid_request_error", "nothing_to_apply", "This run changed nothing.");
  apply_changes(run->result, allowed_dir(run->dir.string()));
  Json files = Json::array();
  for (const auto& file : run->result.files) files.push_back(file.path);
  exchange.reply({{"id", run->id}, {"applied", true}, {"files", files}});
}

}  // namespace aicoder::server
