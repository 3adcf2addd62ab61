// fragment capture: calibration text -> activation statistics in a file, to build many fragments from one pass.
#include "cli/cmd_fragment_capture.h"

#include <fmt/format.h>

#include <chrono>

#include "cli/calibration.h"
#include "cli/json_format.h"

namespace aicoder::cli {
namespace {

struct Args {
  EngineArgs engine;
  std::string preset, out;
  std::vector<std::string> calib;
  size_t max_tokens = 30000, sketch_size = kSketchSize;
  bool second_moments = false;
};

int run(Runtime& runtime, Args args) {
  if (!args.preset.empty()) args.calib.push_back(shipped_text(args.preset));
  if (args.calib.empty())
    throw Error(ErrorCode::kInvalidArgument, "[fragment capture] no calibration text", "give --calib FILE or --preset coder");
  const std::filesystem::path out = args.out;
  if (out.has_parent_path()) std::filesystem::create_directories(out.parent_path());
  const auto model = load_model(runtime, args.engine);
  const auto start = std::chrono::steady_clock::now();
  const auto stats =
      gather_statistics(runtime, model, args.calib, args.max_tokens, args.engine.n_threads, args.second_moments ? args.sketch_size : 0);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  write_imatrix(stats, out);
  const auto bytes = std::filesystem::file_size(out);
  return runtime.finish({{"path", out.string()},
                         {"bytes", bytes},
                         {"seconds", seconds},
                         {"tokens", stats.tokens},
                         {"layers", stats.layers.size()},
                         {"sketches", stats.sketches.size()},
                         {"dataset_hashes", stats.dataset_hashes}},
                        fmt::format("{}: {} layers over {} tokens, {}, {}\n", out.string(), stats.layers.size(), stats.tokens,
                                    human_bytes(static_cast<double>(bytes)), human_seconds(seconds)));
}

}  // namespace

void add_fragment_capture(CLI::App& fragment, Runtime& runtime) {
  auto* command = fragment.add_subcommand("capture", "Activation statistics of calibration text, in a file for fragment build --calib");
  add_examples(*command, {"fragment capture --calib sql.jsonl -o sql.imatrix.gguf"});
  const auto args = std::make_shared<Args>();
  add_model_option(*command, args->engine, runtime);
  command->add_option("--preset", args->preset, "A shipped set: coder, debugger, security, math, korean or general");
  command->add_option("--calib", args->calib, "Text (.txt, .jsonl, .gz), or statistics to merge (imatrix .gguf)");
  command->add_option("--max-tokens", args->max_tokens, "Calibration tokens in all; 0: all")->capture_default_str();
  command->add_flag("--second-moments", args->second_moments, "Also how inputs go together, which recipe actsvd needs: larger, slower");
  command->add_option("--sketch-size", args->sketch_size, "Directions of each input that second moments keep; memory and file grow with it")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("-o,--out", args->out, "imatrix GGUF file to write")->required();
  command->callback([=, &runtime] { runtime.action = [=, &runtime] { return run(runtime, *args); }; });
}

}  // namespace aicoder::cli
