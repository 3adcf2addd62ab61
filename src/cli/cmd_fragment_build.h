#pragma once

#include "cli/runtime.h"

namespace aicoder::cli {

struct BuildArgs {
  EngineArgs engine;
  std::string name, role, preset, recipe = "contrast", strength = "auto", out, tasks, task_suite, donor, prompt, against, layers;
  std::vector<std::string> calib, general, against_calib;
  double keep = 0.2, ridge = 0.01;
  size_t rank = 16, max_tokens = 30000, n_tasks = 40, seed = 0, pair_tokens = 2048;
  bool recapture = false;
};
struct BuiltFragment {
  std::filesystem::path path;
  Json json;
  std::string text;
};
/// What `fragment build` does. \throws as build_fragment and select_strength.
BuiltFragment build(Runtime& runtime, BuildArgs args);

void add_fragment_build(CLI::App& fragment, Runtime& runtime);

}  // namespace aicoder::cli
