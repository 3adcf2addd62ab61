// bench generate; the other benchmarks are not built yet.
#include <fmt/format.h>

#include "cli/runtime.h"

namespace aicoder::cli {

void add_bench(CLI::App& app, Runtime& runtime) {
  auto* bench = app.add_subcommand("bench", "Measure this machine, against llama.cpp's own tools in the same run");
  bench->require_subcommand(1);
  for (const char* planned : {"switch", "serve", "train", "sandbox", "retrieve"}) {
    auto* command = bench->add_subcommand(planned, "Not built yet");
    command->allow_extras();
    command->group("Not built yet");
    command->callback([&runtime, planned] {
      runtime.action = [planned]() -> int {
        throw Error(ErrorCode::kUnimplemented, std::string("[bench ") + planned + "] planned and not built yet", "aicoder bench generate");
      };
    });
  }
}

}  // namespace aicoder::cli
