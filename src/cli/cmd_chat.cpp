// chat and resume: a conversation, each turn routed on its own.
#include <fmt/format.h>

#include "cli/json_format.h"
#include "cli/line_editor.h"
#include "cli/run_view.h"

namespace aicoder::cli {
namespace {

constexpr const char* kHelp =
    "/direct TEXT   answer at once, this turn            /auto          let the router choose again\n"
    "/agent TEXT    plan, write, run, review, this turn  /why           reasons of the last route\n"
    "/fragment F    use fragment F[:STRENGTH], or none   /undo          take back the last applied changes\n"
    "/clear         forget the conversation              /quit          end (also Ctrl-D); Ctrl-C stops an answer\n";

struct Args {
  EngineArgs engine;
  AgentOptions agent;
  std::string dir, session_id;
  bool yes = false;
};

class Chat {
 public:
  Chat(Runtime& runtime, const Args& args, Engine engine, CodeRunner* box, Session session)
      : runtime_(runtime),
        args_(args),
        engine_(std::move(engine)),
        box_(box),
        session_(std::move(session)),
        history_(session_.messages()),
        options_(args.agent) {
    options_.limits = runtime.config.limits;
    options_.role_fragments = choose_role_fragments(runtime, *engine_.model, engine_.fragments);
  }

  /// False when the conversation is over.
  bool turn(const std::string& line) {
    const auto stop = runtime_.interrupt.renew();
    try {
      if (line.empty()) return true;
      if (line[0] == '/') return command(line, stop);
      answer(line, mode_, stop);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) {
        runtime_.terminal.warn("\n" + runtime_.terminal.paint(Colour::kYellow, "stopped"));
      } else {
        runtime_.terminal.warn(runtime_.terminal.paint(Colour::kRed, "error: ") + error.what());
        if (!error.fix().empty()) runtime_.terminal.warn("  fix: " + error.fix());
      }
      if (runtime_.json)
        turns_.push_back({{"error", {{"code", to_string(error.code())}, {"message", error.what()}, {"fix", error.fix()}}}});
    }
    return true;
  }

  Json json() const { return {{"session", session_.info().id}, {"turns", turns_}}; }
  const std::string& id() const { return session_.info().id; }

 private:
  bool command(const std::string& line, const std::stop_token& stop) {
    const size_t space = line.find(' ');
    const auto name = line.substr(0, space);
    const auto rest = space == std::string::npos ? std::string() : line.substr(space + 1);
    if (name == "/quit" || name == "/exit") return false;
    if (name == "/direct" || name == "/agent") {
      const auto mode = name == "/direct" ? Mode::kDirect : Mode::kAgent;
      if (rest.empty()) {
        mode_ = mode;
        runtime_.terminal.line(fmt::format("every turn goes the {} way; /auto lets the router choose", to_string(mode)));
      } else {
        answer(rest, mode, stop);
      }
    } else if (name == "/auto") {
      mode_ = Mode::kAuto;
    } else if (name == "/why") {
      for (const auto& reason : reasons_) runtime_.terminal.line("because " + reason);
    } else if (name == "/fragment") {
      choose_fragment(rest);
    } else if (name == "/undo") {
      if (args_.dir.empty())
        throw Error(ErrorCode::kFailedPrecondition, "[chat] no folder is open", "start with: aicoder chat --dir FOLDER");
      runtime_.terminal.line(fmt::format("restored: {}", fmt::join(undo_changes(args_.dir), ", ")));
    } else if (name == "/clear") {
      history_.clear();
    } else {
      runtime_.terminal.line(kHelp);
    }
    return true;
  }

  void choose_fragment(const std::string& text) {
    if (text == "none" || text.empty()) {
      options_.role_fragments.clear();
      runtime_.terminal.line("no fragment: the base answers");
      return;
    }
    options_.role_fragments = choose_role_fragments(runtime_, *engine_.model, {parse_fragment_choice(text)});
    runtime_.terminal.line("fragment " + text);
  }

  void answer(const std::string& task, Mode mode, const std::stop_token& stop) {
    const TaskRequest request{.task = task, .dir = args_.dir, .mode = mode, .history = history_};
    const bool stream = !runtime_.json && route(task, request.dir, mode).mode == Mode::kDirect;
    session_.append_message({"user", task});
    Agent agent(*engine_.generator, box_, options_);
    auto result = agent.run(request, make_observer(runtime_, stream), stop);
    result.session_id = id();
    reasons_ = result.reasons;
    session_.append_message({"assistant", result.answer});
    session_.append_result(result);
    history_.push_back({"user", task});
    history_.push_back({"assistant", result.answer});
    auto json = to_json(result);
    if (!runtime_.json) runtime_.terminal.out(describe(runtime_, result, stream, false));
    json["applied"] = offer_changes(runtime_, result, request.dir, args_.yes);
    if (runtime_.json) turns_.push_back(json);
  }

  Runtime& runtime_;
  const Args& args_;
  Engine engine_;
  CodeRunner* box_;
  Session session_;
  std::vector<ChatMessage> history_;
  AgentOptions options_;
  Mode mode_ = Mode::kAuto;
  std::vector<std::string> reasons_;
  Json turns_ = Json::array();
};

int run(Runtime& runtime, Args args) {
  std::optional<Session> session;
  if (!args.session_id.empty()) {
    session = Session::open(args.session_id);
    if (args.dir.empty()) args.dir = session->info().dir.string();
  }
  if (!args.dir.empty() && !std::filesystem::is_directory(args.dir))
    throw Error(ErrorCode::kNotFound, fmt::format("[chat] --dir {} is no folder", args.dir));
  std::unique_ptr<Sandbox> box;
  try {
    box = std::make_unique<Sandbox>();
  } catch (const Error& error) {
    runtime.terminal.warn(fmt::format("no sandbox: {}; code is shown, never run", error.what()));
  }
  auto engine = make_engine(runtime, args.engine, args.agent.n_candidates);
  const auto model_name = engine.generator->model_name();
  if (!session) session = Session::create("chat", "chat with " + model_name, args.dir, model_name);
  Chat chat(runtime, args, std::move(engine), box.get(), std::move(*session));
  const bool interactive = runtime.terminal.interactive() && !runtime.json;
  if (interactive) runtime.terminal.line(fmt::format("{} {}; /help lists the commands, Ctrl-D ends", model_name, args.dir));
  std::error_code ignored;
  std::filesystem::create_directories(data_dir(), ignored);
  LineEditor editor("> ", data_dir() / "history", interactive);
  while (auto line = editor.read()) {
    if (!chat.turn(*line)) break;
    (void)runtime.interrupt.renew();
  }
  runtime.terminal.line(fmt::format("go on later with: aicoder resume {}", chat.id()));
  return runtime.finish(chat.json(), "");
}

void add_chat_options(CLI::App& command, const std::shared_ptr<Args>& args, Runtime& runtime) {
  args->agent.n_candidates = runtime.config.n_candidates;
  args->agent.max_repairs = runtime.config.max_repairs;
  args->agent.max_tokens = runtime.config.max_tokens;
  add_engine_options(command, args->engine, runtime);
  command.add_option("-d,--dir", args->dir, "The project the agent may propose changes to");
  command.add_flag("-y,--yes", args->yes, "Apply changes without asking");
  command.callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace

void add_chat(CLI::App& app, Runtime& runtime) {
  const auto args = std::make_shared<Args>();
  add_chat_options(
      *app.add_subcommand("chat", "Talk: streaming, history, /direct, /agent, /fragment, /undo; from a pipe, one message a line"), args,
      runtime);
  const auto resumed = std::make_shared<Args>();
  auto* resume = app.add_subcommand("resume", "Go on with an earlier chat or run");
  add_chat_options(*resume, resumed, runtime);
  resume->add_option("id", resumed->session_id, "From `aicoder sessions`")->required();
}

}  // namespace aicoder::cli
