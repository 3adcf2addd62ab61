#include "eval/run_tasks.h"

#include <algorithm>
#include <atomic>

#include "eval/chat_prompt.h"
#include "eval/grader.h"
#include "eval/grading_pool.h"
#include "eval/report_io.h"
#include "eval/run_journal.h"
#include "eval/run_settings.h"

namespace aicoder::eval {
namespace {

/// A model's answer on its way to the grader.
struct Answer {
  std::string completion;  ///< kept as written
  std::string program;     ///< what is cleaned and graded
  std::string finish;
  size_t tokens = 0;
  double seconds = 0;
};

const char* finish_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kStopString:
      return "stop_string";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      break;
  }
  return "cancelled";
}

std::string expand_tabs(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\t') {
      result += "    ";  // as EvalPlus does before it parses
    } else {
      result += c;
    }
  }
  return result;
}

/// Collects graded items in the order of the tasks, on disk first.
class Run {
 public:
  Run(CodeRunner& runner, const std::vector<EvalTask>& tasks, const EvalOptions& options, const std::string& model,
      std::optional<Bandit> bandit)
      : tasks_(tasks),
        options_(options),
        journal_(options.out_dir, run_settings(options, model, tasks.front().kind, bandit ? bandit->version() : "")),
        grader_(runner, options.limits, std::move(bandit)),
        items_(tasks.size()),
        done_(tasks.size(), false) {
    for (size_t i = 0; i < tasks.size(); ++i) {
      const auto found = journal_.earlier().find(tasks[i].id);
      if (found == journal_.earlier().end()) {
        pending_.push_back(i);
        continue;
      }
      if (found->second.task_hash != tasks[i].hash()) {
        throw Error(ErrorCode::kInvalidArgument,
                    "[eval] " + tasks[i].id + " in " + options.out_dir.string() + " had another prompt or other tests",
                    "name another folder with --out, or the data file that run used with --data");
      }
      items_[i] = found->second;
      done_[i] = true;
    }
    n_done_ = tasks.size() - pending_.size();
    n_resumed_ = n_done_;
    report_progress();
  }

  const std::vector<size_t>& pending() const noexcept { return pending_; }

  /// Called from any thread.
  void grade(size_t task, const Answer& answer, const std::stop_token& stop) {
    const Grade grade = grader_.grade(tasks_[task], answer.program, stop);
    EvalItem item;
    item.id = tasks_[task].id;
    item.passed = grade.passed;
    item.verdict = grade.verdict;
    item.detail = grade.detail;
    item.completion = answer.completion;
    item.solution = grade.solution;
    item.finish = answer.finish;
    item.tokens = answer.tokens;
    item.seconds = answer.seconds;
    item.task_hash = tasks_[task].hash();
    item.counts = grade.counts;
    journal_.append(item);
    const std::scoped_lock lock(mutex_);
    items_[task] = std::move(item);
    done_[task] = true;
    ++n_done_;
    report_progress();
  }

  EvalReport report(const std::string& model, std::vector<std::string> left_out) {
    for (size_t i = 0; i < tasks_.size(); ++i) {
      if (!done_[i]) throw Error(ErrorCode::kInternal, "[eval] the engine returned no answer for " + tasks_[i].id);
    }
    EvalReport report;
    report.suite = options_.suite;
    report.model = model;
    report.mode = to_string(options_.mode);
    report.fragments = options_.fragments;
    report.n = items_.size();
    for (const auto& item : items_) {
      report.passed += item.passed ? 1 : 0;
      report.tokens += item.tokens;
      for (const auto& [name, count] : item.counts) report.counts[name] += count;
    }
    report.left_out = std::move(left_out);
    report.score = static_cast<double>(report.passed) / static_cast<double>(report.n);
    report.ci95 = wilson_interval(report.passed, report.n);
    report.items = std::move(items_);
    report.seconds = journal_.seconds();
    report.resumed = n_resumed_;
    if (!options_.out_dir.empty()) write_report(report, options_.out_dir);
    return report;
  }

 private:
  void report_progress() const {
    if (options_.progress) {
      options_.progress({options_.suite, static_cast<double>(n_done_), static_cast<double>(tasks_.size()), "tasks"});
    }
  }

  const std::vector<EvalTask>& tasks_;
  const EvalOptions& options_;
  RunJournal journal_;
  Grader grader_;
  std::vector<EvalItem> items_;
  std::vector<bool> done_;
  std::vector<size_t> pending_;
  size_t n_done_ = 0, n_resumed_ = 0;
  std::mutex mutex_;
};

void answer_directly(TextGenerator& generator, Run& run, GradingPool& pool, const std::vector<EvalTask>& tasks,
                     const EvalOptions& options) {
  std::vector<GenerationRequest> requests;
  for (const size_t task : run.pending()) requests.push_back(answer_request(tasks[task], options));
  if (requests.empty()) return;
  generator.generate(requests, pool.token(), [&](size_t request, const GenerationResult& result) {
    if (result.output.samples.empty()) return;
    const GenerateSample& sample = result.output.samples.front();
    if (sample.finish == FinishReason::kCancelled) return;  // half an answer is none
    Answer answer;
    answer.completion = to_valid_utf8(sample.text);
    answer.program = expand_tabs(answer.completion);
    answer.finish = finish_name(sample.finish);
    answer.tokens = result.output.prompt_tokens + sample.tokens.size();
    answer.seconds = result.output.prefill_seconds + result.output.decode_seconds;
    pool.submit(
        [&run, task = run.pending()[request], answer = std::move(answer)](const std::stop_token& stop) { run.grade(task, answer, stop); });
  });
}

/// The task as the agent sees it. A number is asked for in the agent's own words.
std::string agent_task(const EvalTask& task, Convention convention) {
  return task.kind == TaskKind::kNumber ? task.prompt : problem_message(task, convention);
}

void answer_one_by_agent(TextGenerator& generator, CodeRunner& runner, Run& run, GradingPool& pool, const EvalTask& task, size_t index,
                         const EvalOptions& options, const std::stop_token& stop) {
  AgentOptions agent_options = options.agent;
  agent_options.seed = options.seed;
  if (!options.fragments.empty())
    agent_options.role_fragments[task.kind == TaskKind::kNumber ? "math" : "coder"] = options.fragments.front();
  // A fresh agent for each task: nothing of one task, and no grade, can reach the next.
  Agent agent(generator, &runner, agent_options);
  TaskRequest request;
  request.task = agent_task(task, options.convention);
  request.mode = options.mode;
  const AgentResult result = agent.run(request, {}, stop);
  Answer answer;
  answer.completion = to_valid_utf8(result.answer);
  answer.program =
      task.kind == TaskKind::kNumber ? answer.completion : expand_tabs(extract_code(answer.completion).value_or(answer.completion));
  answer.finish = to_string(result.verification);
  answer.tokens = result.tokens;
  answer.seconds = result.seconds;
  pool.submit([&run, index, answer = std::move(answer)](const std::stop_token& ended) { run.grade(index, answer, ended); });
}

void answer_by_agents(TextGenerator& generator, CodeRunner& runner, Run& run, GradingPool& pool, const std::vector<EvalTask>& tasks,
                      const EvalOptions& options) {
  std::atomic<size_t> next = 0;
  const auto work = [&](TextGenerator& own, const std::stop_token& stop) {
    for (size_t i = next++; i < run.pending().size() && !stop.stop_requested(); i = next++) {
      const size_t task = run.pending()[i];
      answer_one_by_agent(own, runner, run, pool, tasks[task], task, options, stop);
    }
  };
  if (!options.agent_generator || options.n_agents <= 1) return work(generator, pool.token());
  // Agents are jobs of a pool of their own: it ends the others when one fails, and hands that error on.
  GradingPool agents(std::min(options.n_agents, run.pending().size()), pool.token());
  for (size_t i = 0; i < std::min(options.n_agents, run.pending().size()); ++i) {
    agents.submit([&work, &options](const std::stop_token& stop) {
      const auto own = options.agent_generator();
      work(*own, stop);
    });
  }
  agents.finish();
}

void check_options(const std::vector<EvalTask>& tasks, const EvalOptions& options) {
  if (tasks.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "[eval] no task is left to run", "widen the id range, or give other rows with --data FILE");
  }
  if (options.n_workers == 0) throw Error(ErrorCode::kInvalidArgument, "[eval] n_workers is 0, expected at least 1");
  if (options.max_tokens == 0) throw Error(ErrorCode::kInvalidArgument, "[eval] max_tokens is 0, expected at least 1");
  if (options.mode != Mode::kDirect && is_program(tasks.front().kind)) {
    throw Error(ErrorCode::kInvalidArgument,
                "[eval] " + options.suite + " runs in mode direct, found " + std::string(to_string(options.mode)),
                "aicoder eval " + options.suite);
  }
  if (options.mode != Mode::kDirect && options.fragments.size() > 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "[eval] mode " + std::string(to_string(options.mode)) + " takes one fragment (of the coder, for gsm8k of math), found " +
                    std::to_string(options.fragments.size()),
                "aicoder eval --mode direct, or one --fragment");
  }
}

}  // namespace

std::optional<Bandit> find_bandit(const std::vector<EvalTask>& tasks, const EvalOptions& options) {
  const bool needed =
      std::any_of(tasks.begin(), tasks.end(), [](const EvalTask& task) { return is_program(task.kind) && task.tests.empty(); });
  if (!needed) return std::nullopt;
  return Bandit(options.bandit);
}

EvalReport run_tasks(TextGenerator& generator, CodeRunner& runner, const std::vector<EvalTask>& tasks, const EvalOptions& options,
                     std::vector<std::string> left_out) {
  check_options(tasks, options);
  throw_if_stopped(options.stop);
  const std::string model = generator.model_name();
  Run run(runner, tasks, options, model, find_bandit(tasks, options));
  GradingPool pool(options.n_workers, options.stop);
  try {
    if (options.mode == Mode::kDirect) {
      answer_directly(generator, run, pool, tasks, options);
    } else {
      answer_by_agents(generator, runner, run, pool, tasks, options);
    }
  } catch (const Error& error) {
    // The engine was stopped because grading failed or the user asked: the reason is told below, not its echo here.
    if (error.code() != ErrorCode::kCancelled || !pool.token().stop_requested()) throw;
  }
  pool.finish();
  throw_if_stopped(options.stop);
  return run.report(model, std::move(left_out));
}

}  // namespace aicoder::eval
