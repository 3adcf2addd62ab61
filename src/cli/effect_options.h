// What `fragment eval` and `gate` share: a fragment measured ON against OFF on suites and texts.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "aicoder/eval.h"
#include "cli/runtime.h"

namespace aicoder::cli {

struct EffectArgs {
  EngineArgs engine;
  std::string fragment, prompt, convention = "qwen", out_dir;
  std::vector<std::string> suites, texts;
  size_t limit = 0, max_tokens = 768, text_tokens = 8192, n_parallel = 8;
  bool no_save = false;
};
struct MeasuredEffect {
  FragmentEffect effect;
  float strength = 0;
  bool saved = false;  ///< the evidence stands in the file
};
void add_effect_options(CLI::App& command, EffectArgs& args, const Runtime& runtime);
/// \param place  of the command, for messages. \throws as measure_fragment, and kInvalidArgument for nothing to measure on or strength 0.
MeasuredEffect measure_effect(Runtime& runtime, const EffectArgs& args, const std::string& place);

}  // namespace aicoder::cli
