// eval: how good is it: suites with checks, graded in the sandbox, resumable, compared in pairs.
//
//   auto report = aicoder::run_suite(generator, sandbox, {.suite = "humaneval", .data = "HumanEval.jsonl", .out_dir = "results"});
//   auto c = aicoder::compare(report_off, report_on);      // c.p_mcnemar
//
// Hidden tests grade after the answer is final; they never reach the prompt or the agent.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "aicoder/agent.h"
#include "aicoder/fragment.h"

namespace aicoder {

// ---- statistics --------------------------------------------------------------------------------------------------------

/// Wilson score interval for `passed` of `n`, 95 %. Source: Wilson 1927.
std::array<double, 2> wilson_interval(size_t passed, size_t n);
/// Two-sided exact McNemar: binomial test on the discordant pairs. 1 when there are none.
double mcnemar_exact(size_t only_a, size_t only_b);
/// Unbiased pass@k of one task, n samples, c correct. Source: Chen et al. 2021, arXiv 2107.03374, section 2.1.
double pass_at_k(size_t n, size_t c, size_t k);

// ---- suites ------------------------------------------------------------------------------------------------------------

struct EvalOptions {
  std::string suite;           ///< "humaneval" or "mbpp"
  std::filesystem::path data;  ///< empty: the file the suite finds in data_dir()/data; else an error with the option to give
  std::vector<FragmentChoice> fragments;
  Mode mode = Mode::kDirect;
  size_t limit = 0;  ///< first N; 0: all
  /// Inclusive task-id range for mbpp; 0: open. Selection uses 601.., evaluation stays below.
  int64_t first_id = 0, last_id = 0;
  std::filesystem::path out_dir;  ///< raw outputs as JSONL, one line an item as it ends; an existing one resumes. Empty: nothing is kept
  size_t max_tokens = 768;
  size_t n_workers = 2;  ///< sandboxes at once
  uint32_t seed = 0;
  AgentOptions agent;  ///< for mode agent
  ProgressFn progress;
  std::stop_token stop;
};
struct EvalItem {
  std::string id;
  bool passed = false;
  std::string verdict;     ///< of grading
  std::string completion;  ///< what the model wrote
  std::string solution;    ///< what was graded
  size_t tokens = 0;       ///< prompt and generated
  double seconds = 0;
};
struct EvalReport {
  std::string suite, model;
  std::vector<FragmentChoice> fragments;
  size_t n = 0, passed = 0;
  double score = 0;
  std::array<double, 2> ci95{};
  std::vector<EvalItem> items;
  size_t tokens = 0;
  double seconds = 0;
  size_t resumed = 0;  ///< items taken from an earlier run
};
/// \throws Error kNotFound (data), kInvalidArgument (a bad row by line, unknown suite, an out_dir of other settings), kCancelled
/// (finished items are on disk).
EvalReport run_suite(TextGenerator& generator, CodeRunner& runner, const EvalOptions& options);
/// A report written by run_suite (folder or its report.json).
EvalReport read_report(const std::filesystem::path& path);

struct Comparison {
  size_t n = 0, both = 0, only_a = 0, only_b = 0, neither = 0;
  double delta = 0;  ///< score b - score a over the shared items
  double p_mcnemar = 1;
  std::array<double, 2> ci95{};  ///< of delta, paired bootstrap, 10,000 resamples, fixed seed
};
/// Items are matched by id. \throws Error(kInvalidArgument) when no id is shared or the suites differ.
Comparison compare(const EvalReport& a, const EvalReport& b);

// ---- choosing a fragment's strength ------------------------------------------------------------------------------------

struct StrengthOptions {
  std::vector<float> grid = {0.0f, 0.05f, 0.15f, 0.3f};  ///< must hold 0
  std::filesystem::path mbpp;   ///< tasks with id >= 601 are used, nothing else
  size_t n_tasks = 40;
  ProgressFn progress;
  std::stop_token stop;
};
struct StrengthTrial {
  float strength = 0;
  size_t passed = 0, n = 0;
};
struct StrengthChoice {
  float strength = 0;  ///< 0 wins ties
  std::vector<StrengthTrial> trials;
  Evidence evidence;   ///< of the chosen strength against 0, paired
};
/// Greedy on MBPP ids 601 and above, verified in the sandbox (design, section 4). \throws as run_suite.
StrengthChoice select_strength(TextGenerator& generator, CodeRunner& runner, const std::filesystem::path& fragment,
                               const StrengthOptions& options);

}  // namespace aicoder
