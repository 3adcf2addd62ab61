#include "aicoder/cli.h"

#include <fmt/format.h>

#include <clocale>
#include <cstdio>
#include <cstring>

#include "cli/cmd_rag.h"
#include "cli/cmd_train.h"
#include "cli/runtime.h"

namespace aicoder {
namespace {

using cli::Runtime;
using cli::Terminal;

constexpr const char* kStartWith =
    "Start with: aicoder doctor; aicoder pull qwen2.5-coder-1.5b; aicoder run --dir . \"what you want done\"\n";

/// --json may stand anywhere before "--", also after a subcommand: taken out before CLI11 sees the arguments.
bool take_json_flag(std::vector<std::string>& arguments) {
  bool found = false;
  for (auto it = arguments.begin(); it != arguments.end() && *it != "--";) {
    if (*it == "--json") {
      found = true;
      it = arguments.erase(it);
    } else {
      ++it;
    }
  }
  return found;
}

Terminal::ColourMode parse_colour(const std::string& text) {
  if (text == "always") return Terminal::ColourMode::kAlways;
  if (text == "never") return Terminal::ColourMode::kNever;
  return Terminal::ColourMode::kAuto;
}

struct GlobalFlags {
  std::string colour;
  bool quiet = false, verbose = false;
};

/// Colour and verbosity are needed before parsing, for parse errors and the configuration's own errors.
GlobalFlags scan_global_flags(const std::vector<std::string>& arguments) {
  GlobalFlags flags;
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const auto& a = arguments[i];
    if (a == "-q" || a == "--quiet") flags.quiet = true;
    if (a == "-v" || a == "--verbose") flags.verbose = true;
    if (a.starts_with("--color=")) flags.colour = a.substr(8);
    if (a == "--color" && i + 1 < arguments.size()) flags.colour = arguments[i + 1];
  }
  return flags;
}

const CLI::App& chosen_command(const CLI::App& app) {
  const CLI::App* chosen = &app;
  while (!chosen->get_subcommands().empty()) chosen = chosen->get_subcommands().front();
  return *chosen;
}

int parse_and_run(CLI::App& app, Runtime& runtime, std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes a vector back to front
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    runtime.terminal.out(app.help());  // of the command that was named
    return cli::kExitOk;
  } catch (const CLI::CallForVersion& version) {
    return runtime.finish({{"version", kVersion}}, version.what());
  } catch (const CLI::ParseError& error) {
    std::string path;
    for (const CLI::App* command = &chosen_command(app); command != nullptr; command = command->get_parent()) {
      path = command->get_name() + (path.empty() ? "" : " ") + path;
    }
    return runtime.fail(Error(ErrorCode::kInvalidArgument, error.what(), path + " --help"));
  }
  if (!runtime.action) {
    runtime.terminal.out(app.help());
    return cli::kExitUsage;
  }
  return runtime.action();
}

int run(std::vector<std::string> arguments, const char* program) {
  const bool json = take_json_flag(arguments);
  const auto flags = scan_global_flags(arguments);
  cli::Interrupt interrupt;
  Terminal terminal(parse_colour(flags.colour), flags.quiet);
  Runtime runtime{.json = json, .terminal = terminal, .interrupt = interrupt, .config = {}, .program = program, .action = {}};
  set_log_sink(
      [&](LogLevel level, std::string_view message) {
        static constexpr const char* names[] = {"debug", "info", "warning", "error"};
        terminal.warn(terminal.paint(cli::Colour::kDim, fmt::format("{}: {}", names[static_cast<int>(level)], message)));
      },
      flags.verbose ? LogLevel::kDebug : LogLevel::kError);
  int exit_code = cli::kExitFailed;
  try {
    runtime.config = cli::load_config(config_dir() / "config.toml");

    CLI::App app("aicoder: a local language model that plans, writes, runs and checks code on your own machine.", "aicoder");
    app.footer(cli::kExitCodes);  // what commands inherit
    app.set_help_flag("-h,--help", "Show this help");
    app.set_version_flag("--version", fmt::format("aicoder {}\n{}", kVersion, engine_description()));
    app.require_subcommand(0, 1);
    app.fallthrough();
    bool ignored_flag = false;
    std::string ignored_text;
    app.add_flag("--json", ignored_flag, "One JSON object on stdout; progress and logs on stderr");
    app.add_option("--color", ignored_text, "auto, always or never")->check(CLI::IsMember({"auto", "always", "never"}));
    app.add_flag("-q,--quiet", ignored_flag, "No progress, no notes");
    app.add_flag("-v,--verbose", ignored_flag, "The log, llama.cpp's included, on stderr");

    cli::add_run(app, runtime);
    cli::add_chat(app, runtime);
    cli::add_sessions(app, runtime);
    cli::add_models(app, runtime);
    cli::add_fragment(app, runtime);
    cli::add_train(app, runtime);
    cli::add_eval(app, runtime);
    cli::add_perplexity(app, runtime);
    cli::add_diagnose(app, runtime);
    cli::add_learn(app, runtime);
    cli::add_gate(app, runtime);
    cli::add_sandbox(app, runtime);
    cli::add_rag(app, runtime);
    cli::add_bench(app, runtime);
    cli::add_serve(app, runtime);
    cli::add_doctor(app, runtime);
    cli::add_completion(app, runtime);
    cli::add_not_built_yet(app, runtime);
    app.footer(std::string(kStartWith) + cli::kExitCodes);
    exit_code = parse_and_run(app, runtime, std::move(arguments));
  } catch (const Error& error) {
    exit_code = runtime.fail(error);
  } catch (const std::bad_alloc&) {
    exit_code = runtime.fail(Error(ErrorCode::kResourceExhausted, "out of memory", "use a smaller model, or a smaller --context"));
  } catch (const std::exception& error) {
    exit_code = runtime.fail(
        Error(ErrorCode::kInternal, std::string("unexpected: ") + error.what(), "please report this with the command you ran"));
  }
  set_log_sink({}, LogLevel::kError);  // the terminal goes away
  return exit_code;
}

}  // namespace

int cli_main(int argc, char** argv) {
  std::setlocale(LC_ALL, "");
  std::setlocale(LC_NUMERIC, "C");
  return run({argv + std::min(argc, 1), argv + argc}, argc > 0 ? argv[0] : "aicoder");
}

}  // namespace aicoder
