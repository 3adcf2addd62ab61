// train: tunes a LoRA on the user's rows and leaves a fragment.
#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "aicoder/fragment.h"
#include "aicoder/train.h"
#include "cli/cmd_train.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  TrainOptions options;
  std::vector<std::string> data, held_out, general, replay;
  std::string phases, regularizer = "none", recompute = "cheap", out, curve;
  bool skip_bad = false;
};

struct DataFile {
  std::string path;
  double weight = 1;
};

/// "chat.jsonl", "chat.jsonl:0.5". A part after the last colon that is no number belongs to the path.
DataFile parse_data_file(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size()) return {text};
  DataFile file{text.substr(0, colon)};
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + colon + 1, end, file.weight);
  return error == std::errc() && last == end ? file : DataFile{text};
}

class RowReader {
 public:
  RowReader(Runtime& runtime, bool skip_bad) : runtime_(runtime), skip_bad_(skip_bad) {}

  std::vector<TextRecord> read(const std::string& path) {
    TrainingRows rows = read_training_rows(path);
    if (!rows.bad.empty()) report(path, rows);
    return std::move(rows.records);
  }
  std::vector<TextRecord> read(const std::vector<std::string>& paths) {
    std::vector<TextRecord> all;
    for (const auto& path : paths) {
      auto records = read(path);
      std::move(records.begin(), records.end(), std::back_inserter(all));
    }
    return all;
  }
  const Json& bad() const noexcept { return bad_; }

 private:
  void report(const std::string& path, const TrainingRows& rows) {
    constexpr size_t kNamed = 5;
    std::string named;
    for (size_t i = 0; i < rows.bad.size(); ++i) {
      bad_.push_back({{"file", path}, {"line", rows.bad[i].line}, {"why", rows.bad[i].why}});
      if (i < kNamed) named += fmt::format("{}line {}: {}", i == 0 ? "" : "; ", rows.bad[i].line, rows.bad[i].why);
    }
    if (rows.bad.size() > kNamed) named += fmt::format("; and {} more", rows.bad.size() - kNamed);
    if (!skip_bad_) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("[train data] {}: {} of {} rows are bad: {}", path, rows.bad.size(), rows.bad.size() + rows.records.size(), named),
          "correct them, or leave them out with --skip-bad");
    }
    runtime_.terminal.warn(fmt::format("{}: {} bad rows are left out: {}", path, rows.bad.size(), named));
  }

  Runtime& runtime_;
  bool skip_bad_;
  Json bad_ = Json::array();
};

/// A line a few times a minute and at each measurement; the bar shows the rest.
class StepLines {
 public:
  explicit StepLines(Terminal& terminal) : terminal_(terminal) {}
  void operator()(const TrainingStep& step) {
    const auto now = std::chrono::steady_clock::now();
    const bool measured = step.target_loss >= 0 || step.general_loss >= 0;
    if (step.step != 1 && !measured && now - last_ < std::chrono::seconds(10)) return;
    last_ = now;
    std::string text = fmt::format("step {:>5}  loss {:.4f}  |g| {:.3g}  rate {:.2g}  {:.0f} tokens/s", step.step, step.loss,
                                   step.gradient_norm, step.rate, step.tokens_per_s);
    if (step.penalty > 0) text += fmt::format("  penalty {:.3g}", step.penalty);
    if (step.target_loss >= 0) text += fmt::format("  held-out {:.4f}", step.target_loss);
    if (step.general_loss >= 0) text += fmt::format("  general {:.4f}", step.general_loss);
    terminal_.line(text);
  }

 private:
  Terminal& terminal_;
  std::chrono::steady_clock::time_point last_{};
};

Json loss_json(double loss) { return loss < 0 ? Json() : Json(loss); }

std::string describe(const TrainResult& r) {
  std::string text = fmt::format("{}: {} steps, {} tokens in {}, {:.0f} tokens/s, peak {}\n", r.path.string(), r.steps, r.tokens,
                                 human_seconds(r.seconds), r.tokens_per_s, human_bytes(static_cast<double>(r.peak_bytes)));
  text += fmt::format("  training loss {:.4f} to {:.4f}\n", r.first_loss, r.train_loss);
  if (r.target_loss >= 0) text += fmt::format("  held-out loss {:.4f} to {:.4f}\n", r.target_loss_before, r.target_loss);
  if (r.general_loss >= 0) {
    text += fmt::format("  general loss  {:.4f} to {:.4f} ({:+.2f} %)\n", r.general_loss_before, r.general_loss,
                        100 * (r.general_loss / r.general_loss_before - 1));
  }
  if (r.penalty_share > 0) text += fmt::format("  the regularizer's share of the loss: {:.2f} %\n", 100 * r.penalty_share);
  if (r.cut + r.dropped > 0) {
    text += fmt::format("  {} rows were longer than the context; {} left nothing to train on\n", r.cut, r.dropped);
  }
  if (r.end != TrainingEnd::kDone) text += fmt::format("  stopped early ({}); step {} was kept\n", to_string(r.end), r.kept_step);
  return text;
}

int run(Runtime& runtime, Args args) {
  if (!args.phases.empty()) {
    throw Error(ErrorCode::kUnimplemented, "[train] --phases: phases from a file are planned and not built yet",
                "give --data FILE:WEIGHT for each file");
  }
  TrainOptions& options = args.options;
  options.regularizer = parse_regularizer(args.regularizer);
  options.full_recompute = args.recompute == "full";
  RowReader reader(runtime, args.skip_bad);
  for (const auto& text : args.data) {
    const DataFile file = parse_data_file(text);
    options.target.push_back({.name = file.path, .records = reader.read(file.path), .weight = file.weight});
  }
  options.held_out = reader.read(args.held_out);
  options.general = reader.read(args.general);
  options.replay = reader.read(args.replay);
  // Without repacking: the weights are used for tokens and metadata only, training has its own copies.
  const auto model = Model::load(ModelStore().resolve(args.engine.model),
                                 {.repack = false, .progress = runtime.progress(), .stop = runtime.interrupt.token()});
  if (options.name.empty()) throw Error(ErrorCode::kInvalidArgument, "[train] no name", "give --name NAME");
  const std::filesystem::path out =
      args.out.empty() ? fragments_dir() / model->path().stem() / (options.name + ".gguf") : std::filesystem::path(args.out);
  if (args.out.empty()) std::filesystem::create_directories(out.parent_path());
  options.curve = args.curve;
  options.n_threads = args.engine.n_threads;
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  options.on_step = StepLines(runtime.terminal);
  TrainResult result;
  try {
    result = train_lora(model, options, out);
  } catch (const Error& error) {
    std::error_code ignored;
    const std::filesystem::path checkpoint = out.string() + ".checkpoint";
    if (error.code() == ErrorCode::kCancelled && std::filesystem::exists(checkpoint, ignored)) {
      runtime.terminal.warn(fmt::format("stopped; {} holds what was learned: give the same command with --resume", checkpoint.string()));
    }
    throw;
  }
  const Json json = {{"steps", result.steps},
                     {"kept_step", result.kept_step},
                     {"end", to_string(result.end)},
                     {"tokens", result.tokens},
                     {"trained_tokens", result.trained_tokens},
                     {"examples", result.examples},
                     {"cut", result.cut},
                     {"dropped", result.dropped},
                     {"bad_rows", reader.bad()},
                     {"seconds", result.seconds},
                     {"first_loss", result.first_loss},
                     {"train_loss", result.train_loss},
                     {"target_loss_before", loss_json(result.target_loss_before)},
                     {"target_loss", loss_json(result.target_loss)},
                     {"general_loss_before", loss_json(result.general_loss_before)},
                     {"general_loss", loss_json(result.general_loss)},
                     {"penalty_share", result.penalty_share},
                     {"tokens_per_s", result.tokens_per_s},
                     {"peak_bytes", result.peak_bytes},
                     {"path", result.path.string()}};
  return runtime.finish(json, describe(result));
}

}  // namespace

void add_train(CLI::App& app, Runtime& runtime) {
  auto* command = app.add_subcommand("train", "Tune a LoRA on a frozen base; the result is a fragment");
  add_examples(*command,
               {"train --name novel --data novels.jsonl --held-out-share 0.05 --general english.txt",
                "train --name novel --data novels.jsonl:2 --data chat.jsonl --reg hierarchical --reg-strength 0.01 --general english.txt"});
  const auto args = std::make_shared<Args>();
  TrainOptions& o = args->options;
  add_model_option(*command, args->engine, runtime);
  command->remove_option(command->get_option("--gpu-layers"));
  command->add_option("-n,--name", o.name, "Its name");
  command->add_option("--role", o.role, "coder, debugger, security, math, korean or your own");
  command
      ->add_option(
          "--data", args->data,
          "FILE[:WEIGHT], may be repeated: .jsonl with messages, prompt + completion, instruction + output or text; or .txt; also .gz")
      ->required();
  command->add_option("--phases", args->phases, "Phases from a TOML file (not built yet)");
  command->add_option("--held-out", args->held_out, "Rows that are measured and never trained on");
  command->add_option("--held-out-share", o.held_out_share, "Of the rows of --data, chosen by a hash of their text")
      ->check(CLI::Range(0.0, 0.9));
  command->add_option("--general", args->general, "Text whose loss must not rise; importance is measured on it too");
  command->add_option("--replay", args->replay, "General text mixed into training");
  command->add_option("--replay-share", o.replay_share, "Of the tokens")->check(CLI::Range(0.0, 0.9));
  command->add_flag("--skip-bad", args->skip_bad, "Leave out bad rows instead of refusing the file");
  command->add_option("--reg", args->regularizer, "none, l2, ewc or hierarchical")->capture_default_str();
  command->add_option("--reg-strength", o.regularizer_strength, "Of the regularizer");
  command->add_option("--importance-steps", o.importance_steps, "On general text, for ewc and hierarchical")->capture_default_str();
  command->add_option("--rank", o.rank, "Of the factors")->check(CLI::Range(1, 4096))->capture_default_str();
  command->add_option("--alpha", o.alpha, "The update is alpha / rank * B A; 0: twice the rank")->capture_default_str();
  command->add_option("--context", o.n_ctx, "Tokens of one pass; longer text is cut into windows")
      ->check(CLI::Range(32, 1 << 17))
      ->capture_default_str();
  command->add_option("--batch", o.batch, "Passes to one step")->check(CLI::Range(1, 4096))->capture_default_str();
  command->add_option("--epochs", o.epochs, "Passes over the data")->capture_default_str();
  command->add_option("--max-steps", o.max_steps, "0: as many as the epochs take")->capture_default_str();
  command->add_option("--rate", o.rate, "Largest learning rate")->capture_default_str();
  command->add_option("--rate-floor", o.rate_floor, "Share of it at the end")->capture_default_str();
  command->add_option("--warmup", o.warmup, "Share of the steps")->capture_default_str();
  command->add_option("--weight-decay", o.weight_decay, "Of AdamW")->capture_default_str();
  command->add_option("--clip", o.clip, "Largest norm of a gradient; 0: off")->capture_default_str();
  command->add_option("--seed", o.seed, "Of the factors and the order of the rows")->capture_default_str();
  command->add_option("--measure-every", o.measure_every, "Steps between losses on --held-out and --general; 0: at the end")
      ->capture_default_str();
  command->add_option("--measure-tokens", o.measure_tokens, "Of each")->capture_default_str();
  command->add_option("--patience", o.patience, "Stop after so many measurements without a better held-out loss, keep the best; 0: off")
      ->capture_default_str();
  command->add_option("--max-rise", o.max_general_rise, "Stop when the general loss has risen by this share, keep what was before; 0: off")
      ->capture_default_str();
  command->add_option("--checkpoint-every", o.checkpoint_every, "Steps; 0: only when stopped")->capture_default_str();
  command->add_option("--recompute", args->recompute, "cheap, or full: a third slower, far less memory")
      ->check(CLI::IsMember({"cheap", "full"}))
      ->capture_default_str();
  command->add_flag("--gpu", o.gpu, "Train on the GPU of this build of llama.cpp");
  command->add_flag("--resume", o.resume, "Go on from the checkpoint");
  command->add_flag("--force", o.force, "Replace the file; forget a checkpoint");
  command->add_option("--curve", args->curve, "CSV of the loss, step by step");
  command->add_option("-o,--out", args->out, "File; default: the fragment folder of this base");
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
