#include "cli/cmd_fragment_search.h"

#include <fmt/format.h>

#include "aicoder/eval.h"
#include "cli/calibration.h"
#include "cli/json_format.h"
#include "cli/selection_options.h"

namespace aicoder::cli {
namespace {

struct SelfArgs {
  EngineArgs engine;
  std::string suite = "mbpp", tasks, prompt, out, failed, runs;
  size_t limit = 0, max_tokens = 512, n_parallel = 8, n_samples = 1;
  float temperature = 0.8f;
};

void write_records(const std::filesystem::path& path, const std::vector<TextRecord>& records) {
  std::string lines;
  for (const auto& record : records) {
    Json messages = Json::array();
    for (const auto& m : record.messages) messages.push_back({{"role", m.role}, {"content", m.content}});
    lines += dump({{"messages", messages}}) + "\n";
  }
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  write_file_atomic(path, lines);
}

int run_self(Runtime& runtime, const SelfArgs& args) {
  EvalOptions options;
  options.suite = args.suite;
  options.data = selection_file(args.suite, args.tasks);
  options.system_prompt = text_or_file(args.prompt);
  options.limit = args.limit;
  options.max_tokens = args.max_tokens;
  options.out_dir = args.runs;
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  Sandbox box;
  auto engine = make_engine(runtime, args.engine, args.n_parallel);
  options.model_fingerprint = engine.model->fingerprint();
  const auto answers = own_answers(*engine.generator, box, options, args.n_samples, args.temperature);
  write_records(args.out, answers.passed);
  if (!args.failed.empty()) write_records(args.failed, answers.failed);
  return runtime.finish(
      {{"path", args.out}, {"verified", answers.passed.size()}, {"failed", answers.failed.size()}},
      fmt::format("{}: {} answers that passed their checks; {} failed them\n", args.out, answers.passed.size(), answers.failed.size()));
}

struct SearchArgs {
  EngineArgs engine;
  std::string fragment, method = "spsa", out;
  std::vector<std::string> objective, guard;
  SearchOptions options;
};

int run_search(Runtime& runtime, const SearchArgs& args) {
  SearchOptions options = args.options;
  options.method = args.method == "spsa" ? SearchMethod::kSpsa : SearchMethod::kCmaEs;
  options.objective = read_all_records(args.objective);
  options.guard = read_all_records(args.guard);
  options.n_threads = args.engine.n_threads;
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  const auto model = load_model(runtime, args.engine);
  const auto source = resolve_fragment(args.fragment, model->fingerprint());
  const std::filesystem::path out = args.out;
  if (out.has_parent_path()) std::filesystem::create_directories(out.parent_path());
  // Named after the output, so that what a killed search left there goes when the same command runs again.
  options.scratch_dir = cache_dir() / ("search-" + sha256_hex(std::filesystem::absolute(out).string()).substr(0, 16));
  std::filesystem::remove_all(options.scratch_dir);
  options.journal = out.string() + ".search.jsonl";
  const auto result = search_strengths(model, source, options, out);
  Json strengths = Json::object();
  std::string text = fmt::format("{:<14} {:>9}\n", "GROUP", "STRENGTH");
  for (size_t i = 0; i < result.groups.size(); ++i) {
    strengths[result.groups[i]] = result.strengths[i];
    text += fmt::format("{:<14} {:>9.3f}\n", result.groups[i], result.strengths[i]);
  }
  text +=
      fmt::format("held-out loss {:.4f} off, {:.4f} on ({:+.2f} %), KL on the guard {:.4f}, {} evaluations{}\n{}: {}\n", result.loss_off,
                  result.loss_on, (result.loss_on / result.loss_off - 1) * 100, result.kl, result.evaluations,
                  result.replayed > 0 ? fmt::format(", {} values from {}", result.replayed, options.journal.string()) : "", out.string(),
                  result.accepted ? "written with these strengths" : "no better than the base within the bound, so its strength is 0");
  return runtime.finish({{"path", out.string()},
                         {"accepted", result.accepted},
                         {"loss_off", result.loss_off},
                         {"loss_on", result.loss_on},
                         {"kl", result.kl},
                         {"evaluations", result.evaluations},
                         {"replayed", result.replayed},
                         {"journal", options.journal.string()},
                         {"strengths", strengths}},
                        text);
}

}  // namespace

void add_fragment_search(CLI::App& fragment, Runtime& runtime) {
  auto* self = fragment.add_subcommand("self", "The model's own answers that passed their checks, as calibration text");
  add_examples(*self, {"fragment self -o own.jsonl", "fragment build -n coder --calib own.jsonl --general english.txt"});
  const auto self_args = std::make_shared<SelfArgs>();
  add_engine_options(*self, self_args->engine, runtime);
  self->add_option("--tasks", self_args->tasks,
                   "MBPP rows with ids of 601 and above, or rows that say \"use\": \"select\"; default: the shipped ones");
  add_task_suite(*self, self_args->suite);
  self->add_option("--prompt", self_args->prompt,
                   "System message, or a file of it, for the answers; it is not part of the conversations written");
  self->add_option("--limit", self_args->limit, "First N tasks; 0: all")->capture_default_str();
  self->add_option("--samples", self_args->n_samples, "Answers to each task: the first greedy, the others drawn; of equal ones one stays")
      ->check(CLI::Range(size_t{1}, size_t{64}))
      ->capture_default_str();
  self->add_option("--temperature", self_args->temperature, "Of the answers that are drawn")
      ->check(CLI::Range(0.01, 5.0))
      ->capture_default_str();
  self->add_option("--max-tokens", self_args->max_tokens, "Per answer")
      ->check(CLI::Range(size_t{16}, size_t{1} << 16))
      ->capture_default_str();
  self->add_option("--parallel", self_args->n_parallel, "Answers generated together")->check(CLI::Range(1, 64))->capture_default_str();
  self->add_option("--runs", self_args->runs, "Folder for raw outputs; the same folder resumes");
  self->add_option("-o,--out", self_args->out, "JSONL file to write")->required();
  self->add_option("--failed", self_args->failed, "JSONL file for those that failed, what the recipe steer takes as --against-calib");
  self->callback([=, &runtime] { runtime.action = [=, &runtime] { return run_self(runtime, *self_args); }; });

  auto* search = fragment.add_subcommand("search", "A strength for each layer's attention and feed-forward part, by forward passes only");
  add_examples(*search, {"fragment search coder --objective own.jsonl --guard english.txt -o coder-search.gguf"});
  const auto args = std::make_shared<SearchArgs>();
  search->add_option("fragment", args->fragment, "Name or path; the search starts from its strength")->required();
  add_model_option(*search, args->engine, runtime);
  search
      ->add_option("--objective", args->objective, "Text whose loss is lowered, best own verified answers; every second record is held out")
      ->required();
  search->add_option("--guard", args->guard, "Unrelated text on which the fragment must change nothing")->required();
  search->add_option("--method", args->method, "spsa or cma-es")->check(CLI::IsMember({"spsa", "cma-es"}))->capture_default_str();
  search->add_option("--iterations", args->options.iterations, "Two evaluations each with spsa, about 16 with cma-es")
      ->check(CLI::Range(size_t{1}, size_t{100000}))
      ->capture_default_str();
  search->add_option("--batch-tokens", args->options.batch_tokens, "Of the objective, for one evaluation")
      ->check(CLI::Range(size_t{1}, size_t{1} << 20))
      ->capture_default_str();
  search->add_option("--largest", args->options.largest, "Strengths stay within plus and minus this")
      ->check(CLI::Range(0.001, 8.0))
      ->capture_default_str();
  search->add_option("--max-kl", args->options.max_kl, "Mean KL to the base on the guard, in nats a token")
      ->check(CLI::Range(1e-6, 10.0))
      ->capture_default_str();
  search->add_option("--seed", args->options.seed)->capture_default_str();
  search->add_option("-o,--out", args->out, "Fragment file to write; FILE.search.jsonl beside it lets the same command go on after a stop")
      ->required();
  search->add_flag("--fresh", args->options.fresh, "Start anew, whatever FILE.search.jsonl holds");
  search->callback([=, &runtime] { runtime.action = [=, &runtime] { return run_search(runtime, *args); }; });
}

}  // namespace aicoder::cli
