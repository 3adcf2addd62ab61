#include "cli/runtime.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "aicoder/fragment.h"

namespace aicoder::cli {
namespace {

int exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kDataLoss:
      return kExitUsage;
    case ErrorCode::kCancelled:
      return kExitInterrupted;
    default:
      return kExitFailed;
  }
}

}  // namespace

std::string dump(const Json& json, int indent) { return json.dump(indent, ' ', false, Json::error_handler_t::replace); }

int Runtime::finish(const Json& object, std::string_view human, int exit_code) {
  if (json) {
    terminal.out(dump(object) + "\n");
  } else if (!human.empty()) {
    terminal.out(human.ends_with('\n') ? std::string(human) : std::string(human) + "\n");
  }
  return exit_code;
}

int Runtime::fail(const Error& error) {
  // A missing sandbox has an exit code of its own, so that a script can tell it from a wrong flag.
  const bool no_sandbox = error.code() == ErrorCode::kFailedPrecondition && std::string_view(error.what()).starts_with("[sandbox]");
  const int code = no_sandbox ? static_cast<int>(kExitNoSandbox) : exit_code_of(error.code());
  if (json) {
    terminal.out(dump({{"error", {{"code", to_string(error.code())}, {"message", error.what()}, {"fix", error.fix()}}}}) + "\n");
    return code;
  }
  if (error.code() == ErrorCode::kCancelled) {
    terminal.warn(terminal.paint(Colour::kYellow, "stopped"));
    return code;
  }
  terminal.warn(terminal.paint(Colour::kRed, "error: ") + error.what());
  if (!error.fix().empty()) terminal.warn(terminal.paint(Colour::kBold, "  fix: ") + error.fix());
  log(LogLevel::kDebug, fmt::format("thrown at {}:{}", error.where().file_name(), error.where().line()));
  return code;
}

void add_examples(CLI::App& command, std::initializer_list<std::string_view> lines) {
  std::string footer = "Examples:\n";
  for (const auto line : lines) footer += fmt::format("  aicoder {}\n", line);
  command.footer(footer + kExitCodes);
}

void add_model_option(CLI::App& command, EngineArgs& args, const Runtime& runtime) {
  args.model = runtime.config.model;
  args.n_threads = runtime.config.n_threads;
  args.n_ctx = runtime.config.n_ctx;
  args.n_gpu_layers = runtime.config.n_gpu_layers;
  command.add_option("-m,--model", args.model, "Catalog name or path of a GGUF file")->capture_default_str();
  command.add_option("-t,--threads", args.n_threads, "Threads, at most; 0: the physical cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command.add_option("--gpu-layers", args.n_gpu_layers, "Layers on the GPU; -1: all")->check(CLI::Range(-1, 1000))->capture_default_str();
}

void add_engine_options(CLI::App& command, EngineArgs& args, const Runtime& runtime) {
  add_model_option(command, args, runtime);
  command.add_option("-f,--fragment", args.fragments, "Fragment name or path, NAME[:STRENGTH]; may be repeated")->allow_extra_args(false);
  command.add_option("--context", args.n_ctx, "Tokens a conversation can hold")->check(CLI::Range(256, 1 << 22))->capture_default_str();
  command.add_option("--backend", args.backend, "inproc, an OpenAI-compatible URL, or rpc:HOST:PORT")->capture_default_str();
  command.add_option("--lookup", args.lookup_tokens, "Tokens drafted from what the conversation already says, for one user; 0: none")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  command.add_option("--kv-type", args.kv_type, "Keys and values in memory as f16, q8_0 (about half) or q4_0 (about a quarter)")
      ->check(CLI::IsMember({"f16", "q8_0", "q4_0"}))
      ->capture_default_str();
  command.add_option("--flash-attention", args.flash_attention, "auto (off without a GPU, where it is slower), on or off")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str();
  command.add_flag("--no-mmap", args.no_mmap, "Read the weights into memory instead of mapping the file");
  command.add_flag("--deterministic", args.deterministic, "One sequence at a time: output does not depend on what runs beside it (slower)");
}

std::vector<FragmentChoice> parse_fragments(const std::vector<std::string>& texts) {
  std::vector<FragmentChoice> out;
  for (const auto& text : texts) out.push_back(parse_fragment_choice(text));
  return out;
}

std::shared_ptr<const Model> load_model(Runtime& runtime, const EngineArgs& args) {
  const auto path = ModelStore().resolve(args.model);
  return Model::load(
      path, {.n_gpu_layers = args.n_gpu_layers, .mmap = !args.no_mmap, .progress = runtime.progress(), .stop = runtime.interrupt.token()});
}

ContextOptions context_options(const EngineArgs& args, const Model& model, size_t n_seq_max) {
  ContextOptions options;
  options.n_ctx_seq = std::min(args.n_ctx, model.n_ctx_train());
  options.n_seq_max = n_seq_max;
  options.n_threads = args.n_threads;
  options.deterministic = args.deterministic;
  options.kv_type = parse_kv_type(args.kv_type);
  options.flash_attention = parse_flash_attention(args.flash_attention);
  options.lookup_tokens = args.lookup_tokens;
  return options;
}

Engine make_engine(Runtime& runtime, const EngineArgs& args, size_t n_seq_max) {
  if (args.backend != "inproc") {
    throw Error(ErrorCode::kUnimplemented, fmt::format("[backend] '{}': only the in-process engine is built so far", args.backend),
                "leave out --backend");
  }
  Engine engine;
  engine.fragments = parse_fragments(args.fragments);
  engine.model = load_model(runtime, args);
  const auto fingerprint = engine.model->fingerprint();
  LaneOptions lanes;
  lanes.context = context_options(args, *engine.model, n_seq_max);
  engine.generator = std::make_unique<LocalGenerator>(engine.model, lanes,
                                                      [fingerprint](std::string_view name) { return resolve_fragment(name, fingerprint); });
  for (const auto& fragment : engine.fragments) (void)resolve_fragment(fragment.name, fingerprint);  // fail before any work is done
  runtime.terminal.clear_progress();
  return engine;
}

std::filesystem::path share_dir() {
  if (const char* given = std::getenv("AICODER_SHARE"); given != nullptr && *given != '\0') return given;
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  if (!program.empty()) {
    const auto installed = program.parent_path().parent_path() / "share" / "aicoder";
    if (std::filesystem::is_directory(installed, ignored)) return installed;
  }
  return AICODER_SOURCE_DATA_DIR;
}

}  // namespace aicoder::cli
