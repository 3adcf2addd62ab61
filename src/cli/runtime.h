// What every command gets, and what several of them share: the JSON switch, the terminal, the configuration, the engine.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "aicoder/adapter.h"
#include "aicoder/sandbox.h"
#include "cli/config.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

namespace aicoder::cli {

using Json = nlohmann::ordered_json;

inline constexpr char kExitCodes[] =
    "Exit codes: 0 ok, 1 task failed, 2 usage or bad input, 3 ran but unverified, 4 sandbox unavailable, 130 interrupted.";
enum ExitCode { kExitOk = 0, kExitFailed = 1, kExitUsage = 2, kExitUnverified = 3, kExitNoSandbox = 4, kExitInterrupted = 130 };

struct Runtime {
  bool json = false;
  Terminal& terminal;
  Interrupt& interrupt;
  Config config;
  std::string program;          ///< argv[0], for completion and hints
  std::function<int()> action;  ///< set by the chosen command's callback, run after parsing

  /// The one JSON object of --json, or the human text; returns `exit_code`.
  int finish(const Json& object, std::string_view human, int exit_code = kExitOk);
  /// {"error": {code, message, fix}} or "error: ..." and the fix; returns the exit code of the error.
  int fail(const Error& error);
  ProgressFn progress() { return terminal.progress_fn(); }
};

/// The options of every command that generates text.
struct EngineArgs {
  std::string model;
  std::vector<std::string> fragments;
  int n_threads = 0;
  size_t n_ctx = 0;
  int n_gpu_layers = 0;
  std::string backend = "inproc";
  bool deterministic = false;
  bool no_mmap = false;
  std::string kv_type = "f16", flash_attention = "auto";
  size_t lookup_tokens = 0;
};
void add_model_option(CLI::App& command, EngineArgs& args, const Runtime& runtime);
void add_engine_options(CLI::App& command, EngineArgs& args, const Runtime& runtime);

/// Example command lines below a command's help, before the exit codes.
void add_examples(CLI::App& command, std::initializer_list<std::string_view> lines);

struct Engine {
  std::shared_ptr<const Model> model;
  std::unique_ptr<LocalGenerator> generator;
  std::vector<FragmentChoice> fragments;
};
std::shared_ptr<const Model> load_model(Runtime& runtime, const EngineArgs& args);
/// The options of a context that the command line says; the length as far as the model was trained.
ContextOptions context_options(const EngineArgs& args, const Model& model, size_t n_seq_max);
/// \param n_seq_max sequences decoded together
Engine make_engine(Runtime& runtime, const EngineArgs& args, size_t n_seq_max);
std::vector<FragmentChoice> parse_fragments(const std::vector<std::string>& texts);

/// Folder of the shipped data: $AICODER_SHARE, beside the program's prefix, or the source tree it was built from.
std::filesystem::path share_dir();

std::string dump(const Json& json, int indent = -1);

// One function a file, cmd_*.cpp.
void add_doctor(CLI::App& app, Runtime& runtime);
void add_models(CLI::App& app, Runtime& runtime);
void add_run(CLI::App& app, Runtime& runtime);
void add_chat(CLI::App& app, Runtime& runtime);
void add_sessions(CLI::App& app, Runtime& runtime);
void add_fragment(CLI::App& app, Runtime& runtime);
void add_perplexity(CLI::App& app, Runtime& runtime);
void add_eval(CLI::App& app, Runtime& runtime);
void add_diagnose(CLI::App& app, Runtime& runtime);
void add_learn(CLI::App& app, Runtime& runtime);
void add_gate(CLI::App& app, Runtime& runtime);
void add_sandbox(CLI::App& app, Runtime& runtime);
void add_bench(CLI::App& app, Runtime& runtime);
void add_serve(CLI::App& app, Runtime& runtime);
void add_completion(CLI::App& app, Runtime& runtime);
void add_not_built_yet(CLI::App& app, Runtime& runtime);

}  // namespace aicoder::cli
