#include "aicoder/learn.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "learn/deploy.h"
#include "learn/pick_answers.h"
#include "learn/split_tasks.h"

namespace aicoder {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

[[noreturn]] void refuse(const std::string& what, const std::string& fix = {}) {
  throw Error(ErrorCode::kInvalidArgument, "[learn] " + what, fix);
}

void check(const LearnOptions& options) {
  if (options.name.empty()) refuse("no name", "give --name NAME");
  if (options.work_dir.empty()) refuse("no work folder", "give --work DIR");
  if (options.out.empty()) refuse("no place for the fragment", "give --out FILE");
  if (options.suite != "mbpp" && options.suite != "gsm8k")
    refuse("suite is '" + options.suite + "', expected mbpp or gsm8k", "--task-suite mbpp");
  if (options.per_task == 0) refuse("per_task is 0: no answer would be kept");
  if (options.n_samples == 0) refuse("n_samples is 0: no answer would be made");
}

/// What decides the content of the work folder. Another content in the same folder would be measured as if it were this one's.
std::string settings_of(const LearnOptions& o) {
  return ordered_json{{"name", o.name},
                      {"suite", o.suite},
                      {"tasks", sha256_file(o.tasks)},
                      {"base", o.model_fingerprint},
                      {"held_out_share", o.held_out_share},
                      {"n_samples", o.n_samples},
                      {"temperature", o.temperature},
                      {"per_task", o.per_task},
                      {"max_tokens", o.max_tokens},
                      {"rank", o.train.rank},
                      {"alpha", o.train.alpha},
                      {"rate", o.train.rate},
                      {"epochs", o.train.epochs},
                      {"max_steps", o.train.max_steps},
                      {"n_ctx", o.train.n_ctx},
                      {"batch", o.train.batch},
                      {"regularizer", to_string(o.train.regularizer)},
                      {"regularizer_strength", o.train.regularizer_strength},
                      {"replay_share", o.train.replay_share},
                      {"seed", o.train.seed}}
             .dump(2) +
         "\n";
}

void open_work_dir(const LearnOptions& options) {
  fs::create_directories(options.work_dir);
  const fs::path file = options.work_dir / "settings.json";
  const std::string settings = settings_of(options);
  if (fs::exists(file) && read_file(file) != settings) {
    throw Error(ErrorCode::kFailedPrecondition, "[learn] " + options.work_dir.string() + " holds work of other options (settings.json)",
                "name another folder with --work, or give the options that stand there");
  }
  if (!fs::exists(file)) write_file_atomic(file, settings);
}

EvalOptions suite_options(const LearnOptions& options, const fs::path& data) {
  EvalOptions eval;
  eval.suite = options.suite;
  eval.data = data;
  eval.max_tokens = options.max_tokens;
  eval.n_workers = options.n_workers;
  eval.model_fingerprint = options.model_fingerprint;
  eval.progress = options.progress;
  eval.stop = options.stop;
  return eval;
}

void write_records(const fs::path& path, const std::vector<TextRecord>& records) {
  std::string lines;
  for (const TextRecord& record : records) {
    ordered_json messages = ordered_json::array();
    for (const ChatMessage& message : record.messages) messages.push_back({{"role", message.role}, {"content", message.content}});
    lines += ordered_json{{"messages", messages}}.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  }
  write_file_atomic(path, lines);
}

/// train.json says that the fragment is whole and holds what a resumed run needs of the result.
TrainResult tune(const std::shared_ptr<const Model>& model, const LearnOptions& options, std::vector<TextRecord> kept,
                 const fs::path& fragment) {
  const fs::path done = options.work_dir / "train.json";
  TrainResult result;
  if (fs::exists(done) && fs::exists(fragment)) {
    const auto json = nlohmann::json::parse(read_file(done), nullptr, false);
    if (json.is_object() && json.value("tensors", "") == fragment_tensor_hash(fragment)) {
      result.path = fragment;
      result.steps = json.value("steps", size_t{0});
      result.tokens = json.value("tokens", size_t{0});
      result.seconds = json.value("seconds", 0.0);
      result.first_loss = json.value("first_loss", 0.0);
      result.train_loss = json.value("train_loss", 0.0);
      result.general_loss_before = json.value("general_loss_before", -1.0);
      result.general_loss = json.value("general_loss", -1.0);
      return result;
    }
  }
  TrainOptions train = options.train;
  train.name = options.name;
  train.role = options.role;
  train.target = {{.name = "own verified answers", .records = std::move(kept)}};
  train.general = options.general;
  train.resume = fs::exists(fragment.string() + ".checkpoint");
  train.force = !train.resume;  // what lies there without train.json was cut off
  train.progress = options.progress;
  train.stop = options.stop;
  result = train_lora(model, train, fragment);
  write_file_atomic(done, ordered_json{{"tensors", fragment_tensor_hash(fragment)},
                                       {"steps", result.steps},
                                       {"tokens", result.tokens},
                                       {"seconds", result.seconds},
                                       {"first_loss", result.first_loss},
                                       {"train_loss", result.train_loss},
                                       {"general_loss_before", result.general_loss_before},
                                       {"general_loss", result.general_loss}}
                                  .dump(2) +
                              "\n");
  return result;
}

void write_lineage(const LearnOptions& options, const LearnResult& result) {
  ordered_json checks = ordered_json::array();
  for (const GateCheck& c : result.checks)
    checks.push_back({{"name", c.name}, {"passed", c.passed}, {"found", c.found}, {"expected", c.expected}});
  const fs::path earlier = options.out;
  const ordered_json json = {{"name", options.name},
                             {"base", options.model_fingerprint},
                             {"tasks", sha256_file(options.tasks)},
                             {"replaces", fs::exists(earlier) ? ordered_json(sha256_file(earlier)) : ordered_json()},
                             {"sampled", result.sampled},
                             {"verified", result.verified},
                             {"kept", result.kept},
                             {"held_out", result.held_out},
                             {"before", result.before.passed},
                             {"after", result.after.passed},
                             {"p_mcnemar", result.comparison.p_mcnemar},
                             {"general_loss_before", result.train.general_loss_before},
                             {"general_loss", result.train.general_loss},
                             {"checks", checks},
                             {"passed", all_passed(result.checks)}};
  write_file_atomic(options.work_dir / "learn.json", json.dump(2) + "\n");
}

}  // namespace

LearnResult learn(const std::shared_ptr<const Model>& model, TextGenerator& generator, CodeRunner& runner, const LearnOptions& options) {
  check(options);
  open_work_dir(options);
  const learning::TaskSplit split = learning::split_tasks(options.tasks, options.held_out_share, options.work_dir);
  LearnResult result;
  result.tasks = split.n_fit;
  result.held_out = split.n_held_out;

  EvalOptions sampling = suite_options(options, split.fit);
  sampling.out_dir = options.work_dir / "answers";
  const OwnAnswers answers = own_answers(generator, runner, sampling, options.n_samples, options.temperature);
  result.sampled = split.n_fit * options.n_samples;
  result.verified = answers.passed.size();
  const auto kept = learning::pick_answers(answers.passed, options.per_task);
  result.kept = kept.size();
  if (kept.empty()) {
    throw Error(ErrorCode::kFailedPrecondition,
                fmt::format("[learn] none of {} answers passed its checks: there is nothing to learn from", result.sampled),
                "give easier tasks with --tasks, more --samples, or a larger model");
  }
  write_records(options.work_dir / "kept.jsonl", kept);

  EvalOptions judging = suite_options(options, split.held_out);
  judging.out_dir = options.work_dir / "before";
  result.before = run_suite(generator, runner, judging);

  const fs::path fragment = options.work_dir / (options.name + ".gguf");
  result.train = tune(model, options, kept, fragment);

  judging.out_dir = options.work_dir / "after";
  judging.fragments = {{fragment.string(), 1.0f}};
  judging.fragment_hashes = {fragment_tensor_hash(fragment)};
  result.after = run_suite(generator, runner, judging);
  result.comparison = compare(result.before, result.after);
  result.checks = gate_checks(result.comparison, result.train, options.max_general_rise, options.max_p);

  const float strength = 1.0f;
  const Evidence evidence{.suite = options.suite + " held out",
                          .n = result.comparison.n,
                          .score_off = result.before.score,
                          .score_on = result.after.score,
                          .p_value = result.comparison.p_mcnemar,
                          .strength = strength};
  update_fragment(fragment, strength, {evidence});
  write_lineage(options, result);
  result.path = fragment;
  if (all_passed(result.checks)) {
    learning::deploy(fragment, options.out);
    result.path = options.out;
    result.deployed = true;
  }
  return result;
}

}  // namespace aicoder
