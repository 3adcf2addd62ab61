// eval: how good is it: suites with checks, graded in the sandbox, resumable, compared in pairs.
//
//   auto report = aicoder::run_suite(generator, sandbox, {.suite = "humaneval", .data = "HumanEval.jsonl", .out_dir = "results"});
//   auto c = aicoder::compare(report_off, report_on);      // c.p_mcnemar
//
// Hidden tests grade after the answer is final; they never reach the prompt or the agent. Prompt, stop strings and the cleaning of
// answers are those of EvalPlus for chat models; docs/formats/eval-run.md says where we differ and what a run leaves on disk.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aicoder/agent.h"
#include "aicoder/fragment.h"

namespace aicoder {

// ---- statistics --------------------------------------------------------------------------------------------------------

/// Wilson score interval for `passed` of `n`, 95 %; {0, 1} for n = 0. Source: Wilson 1927.
/// \throws Error(kInvalidArgument) when passed > n.
std::array<double, 2> wilson_interval(size_t passed, size_t n);
/// Two-sided exact McNemar: binomial test on the discordant pairs. 1 when there are none.
double mcnemar_exact(size_t only_a, size_t only_b);
/// Pairs that McNemar's test (two-sided, 5 %) needs to find a difference of `effect` between two paired shares with this power, where
/// `discordant` of the pairs differ. Source: Connor 1987, Biometrics 43, 207-211, equation 3 (normal approximation).
/// \throws Error(kInvalidArgument) unless 0 < effect <= discordant <= 1 and 0.5 <= power < 1.
size_t paired_sample_size(double effect, double discordant, double power = 0.8);
/// The smallest difference that n pairs find with this power; 1 where not even one in which all discordant pairs agree would be found.
/// \throws Error(kInvalidArgument) as above.
double detectable_effect(size_t n, double discordant, double power = 0.8);
/// Unbiased pass@k of one task, n samples, c correct. Source: Chen et al. 2021, arXiv 2107.03374, section 2.1.
/// \throws Error(kInvalidArgument) unless 1 <= k <= n and c <= n.
double pass_at_k(size_t n, size_t c, size_t k);
/// 95 % percentile interval of the mean of paired differences (each -1, 0 or 1): 10,000 resamples of the pairs, fixed seed, the
/// same numbers on every machine. {0, 0} for no pairs. Source: Efron and Tibshirani 1993, chapter 13.
std::array<double, 2> paired_bootstrap_interval(std::span<const int> differences, size_t n_resamples = 10'000, uint64_t seed = 1);

/// Rank correlation of Spearman, equal values sharing their mean rank; 0 where one side does not vary.
/// \throws Error(kInvalidArgument) when the sides differ in length or a value is not finite.
double spearman(std::span<const double> x, std::span<const double> y);
struct Correlation {
  size_t n = 0;
  double rho = 0;                ///< Spearman
  std::array<double, 2> ci95{};  ///< percentile bootstrap over the pairs, 10,000 resamples, fixed seed
  double p_value = 1;            ///< two-sided, by 10,000 permutations, fixed seed
};
/// \throws as spearman.
Correlation correlate(std::span<const double> x, std::span<const double> y);

// ---- suites ------------------------------------------------------------------------------------------------------------

/// Whose prompt a chat model gets in mode direct (docs/formats/eval-run.md). Scores of two conventions do not compare.
enum class Convention {
  kEvalPlus,  ///< EvalPlus 0.3: the model's own system message, "Please provide a self-contained Python script ..."
  kQwen,      ///< the Qwen2.5-Coder report: a system message of its own, "Can you complete the following Python function?"
};
std::string_view to_string(Convention convention);
/// "evalplus" or "qwen". \throws Error(kInvalidArgument) for anything else.
Convention parse_convention(std::string_view text);

struct EvalOptions {
  std::string suite;  ///< "humaneval", "mbpp", "gsm8k", "quixbugs" or "security"
  std::filesystem::path
      data;  ///< .jsonl or .jsonl.gz; empty: HumanEval.jsonl, mbpp.jsonl, ... in data_dir()/data, else an error with the option
  /// Mode direct: active for every answer. Modes auto and agent: one at most, and it takes the role "coder", for gsm8k "math".
  std::vector<FragmentChoice> fragments;
  Mode mode = Mode::kDirect;                  ///< security takes direct only
  Convention convention = Convention::kQwen;  ///< of humaneval and mbpp
  std::string system_prompt;                  ///< mode direct: instead of the convention's; empty: that one
  size_t limit = 0;                           ///< first N of the range below; 0: all
  /// Inclusive task-id range for mbpp; 0: open. Selection uses 601.., evaluation stays below.
  int64_t first_id = 0, last_id = 0;
  size_t n_shots = 0;                ///< gsm8k: worked examples before the question, the first rows of shots_data
  std::filesystem::path shots_data;  ///< GSM8K rows that are not in `data`: the training set
  std::filesystem::path bandit;      ///< security: the program; empty: as find_bandit
  std::filesystem::path out_dir;     ///< raw outputs as JSONL, one line an item as it ends; an existing one resumes. Empty: nothing is kept
  size_t max_tokens = 768;
  size_t n_workers = 2;  ///< sandboxes at once, at least 1
  uint32_t seed = 0;
  float temperature = 0;  ///< mode direct; 0: greedy
  /// Identity of the weights, e.g. Model::fingerprint(): kept with the run, so that a run resumes on the same model only. May be empty.
  std::string model_fingerprint;
  std::vector<std::string>
      fragment_hashes;   ///< fragment_tensor_hash of each fragment's file, in the order of `fragments`, for the same purpose. May be empty
  SandboxLimits limits;  ///< of grading one answer
  AgentOptions agent;    ///< for modes auto and agent
  /// Modes auto and agent: so many tasks at once, each agent with a generator of its own from agent_generator, which is called from
  /// several threads. Empty or 1: one task after the other with the generator of the run.
  size_t n_agents = 1;
  std::function<std::unique_ptr<TextGenerator>()> agent_generator;
  ProgressFn progress;
  std::stop_token stop;
};
struct EvalItem {
  std::string id;  ///< "HumanEval/0", "Mbpp/602"
  bool passed = false;
  std::string verdict;  ///< of grading: "OK" passed, "RE" a test or the answer failed, "NO_PROOF" it ended before the tests did, "WRONG" or
                        ///< "NO_ANSWER" (gsm8k), "INSECURE", "NO_PARSE" or "EMPTY" (security), else the sandbox's
  std::string detail;   ///< why it failed: "AssertionError", "killed after 10.0 s CPU"
  std::string completion;  ///< what the model wrote
  std::string solution;    ///< what was graded
  std::string finish;      ///< "stop", "stop_string", "length"; of the agent: its verification
  size_t tokens = 0;       ///< prompt and generated
  double seconds = 0;      ///< of generation; items of one batch overlap
  std::string task_hash;   ///< of prompt and tests, so that only equal tasks are compared
  /// What the suite counts beside `passed` (docs/formats/eval-run.md): gsm8k strict and flexible, security parses, insecure, ...
  std::map<std::string, size_t> counts;
};
struct EvalReport {
  std::string suite, model;
  std::string mode;  ///< "direct", "auto", "agent"
  std::vector<FragmentChoice> fragments;
  size_t n = 0, passed = 0;
  double score = 0;  ///< passed / n
  std::array<double, 2> ci95{};
  std::vector<EvalItem> items;  ///< in the order of the data
  size_t tokens = 0;
  double seconds = 0;                    ///< wall time, earlier parts of a resumed run included
  size_t resumed = 0;                    ///< items taken from an earlier run
  std::map<std::string, size_t> counts;  ///< sums over the items
  std::vector<std::string> left_out;     ///< rows that cannot be graded here and why: "cwe_326_0_py (needs Crypto)"; not among the n
};
/// All answers of mode direct are asked for in one call of generate(), so the engine batches them; grading runs beside it.
/// Writes out_dir/{run.json, items.jsonl, report.json}.
/// \throws Error kNotFound (data, bandit), kInvalidArgument (a bad row by line, unknown suite, an out_dir of other settings), kDataLoss (a
/// broken line in items.jsonl), kFailedPrecondition (another process writes to out_dir), kUnavailable (the sandbox itself failed),
/// kCancelled (finished items are on disk).
EvalReport run_suite(TextGenerator& generator, CodeRunner& runner, const EvalOptions& options);
/// What can be known before a model is loaded: the data is there and well formed, and so is what else the suite needs.
/// \returns the number of tasks. \throws Error kNotFound (data, bandit), kInvalidArgument, as run_suite would.
size_t check_suite(const EvalOptions& options);
/// A report written by run_suite (folder or its report.json). Completions and solutions stay in items.jsonl.
/// \throws Error kNotFound, kFailedPrecondition (a run that has not finished), kDataLoss.
EvalReport read_report(const std::filesystem::path& path);

struct Comparison {
  size_t n = 0, both = 0, only_a = 0, only_b = 0, neither = 0;
  double delta = 0;  ///< score b - score a over the shared items
  double p_mcnemar = 1;
  std::array<double, 2> ci95{};  ///< of delta, paired bootstrap, 10,000 resamples, fixed seed
  /// What so many pairs with this many discordant ones could have shown with a power of 80 %: below it, "no difference" says little.
  double detectable = 1;
};
/// Items are matched by id. \throws Error(kInvalidArgument) when no id is shared, the suites differ, or one id names different tasks.
Comparison compare(const EvalReport& a, const EvalReport& b);

struct OwnAnswers {
  std::vector<TextRecord> passed, failed;  ///< failed: graded and wrong (or insecure); neither: empty, unreadable or cut off by a limit
};
/// The model's own answers by what their checks said, each as the conversation it came from: calibration text for a fragment. The first
/// of `n_samples` answers to a task is greedy, the others are drawn at `temperature`; of equal answers one stays.
/// Only tasks that choose and never judge: those of StrengthOptions::tasks. Answers may be made with options.system_prompt; the
/// conversations come without it, so that distill and steer can compare. \throws as run_suite, and kInvalidArgument for other tasks.
OwnAnswers own_answers(TextGenerator& generator, CodeRunner& runner, const EvalOptions& options, size_t n_samples = 1,
                       float temperature = 0.8f);

// ---- choosing a fragment's strength ------------------------------------------------------------------------------------

struct StrengthOptions {
  std::vector<float> grid = {0.0f, 0.05f, 0.15f, 0.3f};  ///< must hold 0
  std::string suite = "mbpp";                            ///< or gsm8k, security
  /// Rows of MBPP, every id >= 601 (lower ids are for evaluation and refused); of another suite, rows that say "use": "select".
  std::filesystem::path tasks;
  size_t n_tasks = 40;  ///< the first so many after a shuffle with a fixed seed; 0: all
  size_t max_tokens = 512;
  size_t n_workers = 2;
  std::filesystem::path out_dir;  ///< one folder a strength, resumable; empty: nothing is kept
  std::string model_fingerprint;  ///< as in EvalOptions
  ProgressFn progress;
  std::stop_token stop;
};
struct StrengthTrial {
  float strength = 0;
  size_t passed = 0, n = 0;
};
struct StrengthChoice {
  float strength = 0;  ///< 0 wins ties, then the smaller magnitude
  std::vector<StrengthTrial> trials;
  /// Of the chosen strength against 0, paired, on the very tasks it was chosen on: p is optimistic, a benchmark judges.
  Evidence evidence;
};
/// Greedy on MBPP ids 601 and above, verified in the sandbox (design, section 4). Strength 0 runs first.
/// \throws as run_suite, and kInvalidArgument for a grid without 0 or a row with an id below 601.
StrengthChoice select_strength(TextGenerator& generator, CodeRunner& runner, const std::filesystem::path& fragment,
                               const StrengthOptions& options);

// ---- choosing among fragments ------------------------------------------------------------------------------------------

struct SelectionOptions {
  std::vector<FragmentChoice> candidates;  ///< each with a strength other than 0
  std::string suite = "mbpp";              ///< as StrengthOptions
  std::filesystem::path tasks;             ///< likewise
  size_t first_tasks = 15;                 ///< of the first round; each round has `eta` times as many
  size_t eta = 2;                          ///< and keeps one candidate in so many, at least 2
  size_t max_tasks = 0;                    ///< of the last round; 0: all there are
  std::vector<TextRecord> guard;           ///< unrelated text; empty: no bound on the KL
  size_t guard_tokens = 256;
  double max_kl = 0.05;  ///< candidates beyond it do not take part
  size_t max_tokens = 512;
  size_t n_workers = 2;
  ProgressFn progress;
  std::stop_token stop;
};
struct SelectionTrial {
  size_t candidate = 0;
  double kl = 0;  ///< 0 where there is no guard
  bool in_bound = true;
  size_t n = 0, passed = 0;  ///< over all its rounds
  size_t base_passed = 0;    ///< of the base on the same tasks
};
struct Selection {
  std::optional<size_t> winner;        ///< index of the candidate; nullopt: the base, which wins ties
  std::vector<SelectionTrial> trials;  ///< one per candidate, in order
  std::vector<size_t> rounds;          ///< tasks of each, in all
  /// Of the winner against the base on the tasks it was chosen on: optimistic, a suite judges. Meaningless without a winner.
  Evidence evidence;
};
/// Successive halving: every candidate on a few verified tasks, the better part of them on more. The base runs on all. Greedy.
/// Source: Jamieson and Talwalkar 2016, arXiv 1502.07943, section 3. \throws as select_strength.
Selection select_fragment(LocalGenerator& generator, CodeRunner& runner, const SelectionOptions& options);

// ---- what a fragment changes -------------------------------------------------------------------------------------------

/// 95 % percentile interval of sum(on) / sum(off) - 1 over paired windows of a text, by resampling windows; as
/// paired_bootstrap_interval. {0, 0} for no windows. \throws Error(kInvalidArgument) when the sides differ in length.
std::array<double, 2> paired_ratio_interval(std::span<const double> off, std::span<const double> on, size_t n_resamples = 10'000,
                                            uint64_t seed = 1);

struct FragmentEffectOptions {
  struct Suite {
    std::string name;            ///< as EvalOptions::suite
    std::filesystem::path data;  ///< likewise
  };
  std::vector<Suite> suites;
  std::vector<std::filesystem::path> texts;  ///< held-out text for the loss
  size_t text_tokens = 8192;                 ///< of each text; 0: all
  std::string prompt;                        ///< a system message as a third arm: what a fragment has to beat. Empty: no such arm
  /// What the suites share: convention, limit, max_tokens, n_workers, model_fingerprint, limits, progress, stop. With an out_dir
  /// each run keeps its outputs in out_dir/SUITE-{off,on,prompt} and resumes; the off runs of one folder serve every fragment.
  EvalOptions run;
};
struct SuiteEffect {
  std::string suite;
  EvalReport off, on;
  Comparison on_vs_off;
  std::optional<EvalReport> prompt;
  std::optional<Comparison> on_vs_prompt;
};
struct TextEffect {
  std::filesystem::path text;
  size_t tokens = 0;
  double nll_off = 0, nll_on = 0;
  double relative = 0;  ///< nll_on / nll_off - 1
  std::array<double, 2> ci95{};
};
struct FragmentEffect {
  FragmentChoice fragment;
  std::vector<SuiteEffect> suites;
  std::vector<TextEffect> texts;
};
/// The model without and with the fragment on the same items and the same text, in pairs; greedy.
/// \param generator  its lane() gives the contexts for the texts, so their window is at most its context
/// \throws as run_suite and perplexity.
FragmentEffect measure_fragment(LocalGenerator& generator, CodeRunner& runner, const std::filesystem::path& fragment, float strength,
                                const FragmentEffectOptions& options);
/// The evidence of `info` with the suites of `effect` in place of earlier ones of the same suite and strength.
std::vector<Evidence> add_evidence(const FragmentInfo& info, const FragmentEffect& effect);

// ---- sweeps ------------------------------------------------------------------------------------------------------------

/// One axis at a time around a centre. An empty axis is left out. Held-out loss is a cheap proxy and no measure of skill (design,
/// section 4): a sweep says what moves it and how much, a suite says whether it matters.
struct AblationOptions {
  std::vector<TextRecord> task, general;   ///< calibration, shared by all points
  std::vector<TextRecord> held_out_task;   ///< the skill, text the calibration does not hold
  std::vector<TextRecord> held_out_other;  ///< something else: what the fragment should leave alone
  size_t calib_tokens = 30000;             ///< of each calibration set
  size_t text_tokens = 4096;               ///< of each held-out set
  Recipe recipe = Recipe::kContrast;       ///< the centre
  double keep = 0.2;
  size_t rank = 64;
  float strength = 0.15f;
  std::vector<Recipe> recipes;
  std::vector<double> keeps;
  std::vector<size_t> ranks;
  std::vector<size_t> samples;  ///< records of the task text used; 0: all
  std::vector<float> strengths;
  /// Other files of the same model, as of another quantization. Each captures, builds and is compared with itself, at the centre.
  std::vector<std::filesystem::path> bases;
  std::filesystem::path out_dir;  ///< points.jsonl, one line a point as it ends: the same folder resumes; stats/, fragments/. Required
  int n_threads = 0;
  ProgressFn progress;
  std::stop_token stop;
};
struct AblationPoint {
  std::string axis;  ///< "recipe", "keep", "rank", "samples", "strength", "base"
  std::string base;  ///< file name of the model
  std::string recipe;
  double keep = 0;
  size_t rank = 0, samples = 0;
  float strength = 0;
  size_t calib_tokens = 0;
  double retained_energy = 0, build_seconds = 0;
  double loss_task_off = 0, loss_task_on = 0, loss_other_off = 0, loss_other_on = 0;  ///< mean NLL a token
  std::array<double, 2> task_ci95{}, other_ci95{};                                    ///< of on / off - 1
};
struct Ablation {
  std::string model, model_fingerprint, engine;
  size_t tokens_task = 0, tokens_other = 0;  ///< held-out tokens of a point
  std::vector<AblationPoint> points;
};
/// \throws Error kInvalidArgument (no text, a recipe that needs other statistics, no out_dir), and as capture, build_fragment,
/// perplexity. What is finished stays on disk.
Ablation run_ablation(LocalGenerator& generator, const std::shared_ptr<const Model>& model, const AblationOptions& options);
/// One self-contained page, light and dark: a plot with intervals for each axis, the table, what was run.
std::string ablation_page(const Ablation& ablation, const std::string& command);

// ---- which cheap measure foretells success ---------------------------------------------------------------------------------

struct ProxyOptions {
  std::vector<FragmentChoice> candidates;  ///< each with a strength other than 0; at least 4
  std::string suite = "mbpp";              ///< tasks that choose, as StrengthOptions
  std::filesystem::path tasks;
  size_t n_tasks = 60;                       ///< 0: all
  std::vector<std::filesystem::path> texts;  ///< their loss is a proxy each: own verified answers, text of others
  size_t text_tokens = 4096;                 ///< of each
  std::vector<TextRecord> guard;             ///< for the KL to the base; may be empty
  size_t guard_tokens = 256;
  size_t max_tokens = 512;
  size_t n_workers = 2;
  std::filesystem::path out_dir;  ///< points.jsonl and the runs: the same folder resumes. Required
  std::string model_fingerprint;
  ProgressFn progress;
  std::stop_token stop;
};
struct ProxyPoint {
  FragmentChoice candidate;
  std::string recipe;
  size_t rank = 0;
  double retained_energy = 0;
  double kl = 0;                     ///< on the guard, nats a token
  std::vector<double> loss_changes;  ///< of each text: on / off - 1
  size_t n = 0, passed = 0, base_passed = 0;
  double gain = 0;  ///< (passed - base_passed) / n
  std::array<double, 2> gain_ci95{};
  double p_mcnemar = 1;
};
struct ProxyStudy {
  std::string model, model_fingerprint, engine, suite;
  std::vector<std::string> texts;
  std::vector<ProxyPoint> points;  ///< in the order of the candidates
  /// Of each proxy with the gain: "loss of NAME", "KL on the guard", "energy kept", "strength".
  std::vector<std::pair<std::string, Correlation>> correlations;
};
/// Every candidate on the same tasks and the same texts. No candidate is chosen: this asks what could have chosen one.
/// \throws Error kInvalidArgument (candidates, no out_dir), and as run_suite and perplexity. What is finished stays on disk.
ProxyStudy run_proxy_study(LocalGenerator& generator, CodeRunner& runner, const ProxyOptions& options);
/// One self-contained page, light and dark: a plot for each proxy, the table, what was run.
std::string proxy_page(const ProxyStudy& study, const std::string& command);

}  // namespace aicoder
