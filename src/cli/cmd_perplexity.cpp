#include <fmt/format.h>

#include "cli/runtime.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  std::string file;
  size_t max_tokens = 0;
};

int run(Runtime& runtime, const Args& args) {
  const auto records = read_text_records(args.file);
  EngineArgs engine_args = args.engine;
  engine_args.n_ctx = 512;  // the window of the definition (design, section 12)
  auto engine = make_engine(runtime, engine_args, 1);
  const auto result =
      perplexity(engine.generator->lane(engine.fragments), records, 512, args.max_tokens, runtime.progress(), runtime.interrupt.token());
  return runtime.finish(
      {{"nll", result.nll}, {"perplexity", result.perplexity}, {"tokens", result.tokens}},
      fmt::format("perplexity {:.4f} (mean NLL {:.5f} over {} tokens, windows of 512)", result.perplexity, result.nll, result.tokens));
}

}  // namespace

void add_perplexity(CLI::App& app, Runtime& runtime) {
  auto* command = app.add_subcommand("perplexity", "exp(mean NLL) of a text under the model, with or without fragments");
  add_examples(*command, {"perplexity -m qwen2.5-coder-0.5b book.txt", "perplexity -f coder:0.1 --max-tokens 20000 code.jsonl"});
  const auto args = std::make_shared<Args>();
  add_engine_options(*command, args->engine, runtime);
  command->remove_option(command->get_option("--context"));
  command->add_option("--max-tokens", args->max_tokens, "Only the first N tokens; 0: all")->capture_default_str();
  command->add_option("file", args->file, ".txt, or .jsonl with text, prompt + completion, or messages; also .gz")->required();
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
