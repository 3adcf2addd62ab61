// A problem whose answer is a number: reasoning in words and a program that computes it, each once; where the two disagree, samples of
// both and a vote. Sources: program-aided answers (Gao et al. 2023, arXiv 2211.10435), self-consistency (Wang et al. 2023, arXiv
// 2203.11171), stopping as soon as the votes agree (Aggarwal et al. 2023, arXiv 2305.11860).
#include <algorithm>
#include <cmath>
#include <optional>

#include "agent/code_blocks.h"
#include "agent/run_state.h"
#include "aicoder/text.h"

namespace aicoder::agent {
namespace {

constexpr size_t kLead = 2;  // votes that the first value is ahead when sampling ends

struct Attempt {
  bool program = false;
  std::string text;  ///< what the model wrote: the words, or the code without its fence
  double value = 0;
};

struct Candidate {
  double value = 0;
  size_t votes = 0, programs = 0;
};

bool same_value(double a, double b) {
  // A program's 0.1 + 0.2 is the 0.3 of the words; cents are as fine as such answers get.
  return std::abs(a - b) <= 1e-6 * std::max({1.0, std::abs(a), std::abs(b)});
}

std::string trimmed_last_line(std::string_view text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return {};
  const size_t line = text.rfind('\n', end);
  return std::string(text.substr(line == std::string_view::npos ? 0 : line + 1, end - (line == std::string_view::npos ? 0 : line + 1) + 1));
}

class ProblemTask {
 public:
  explicit ProblemTask(RunState& state) : state_(state) {}

  void run() {
    in_words(true, 0);
    if (state_.runner != nullptr) by_program(true, 0);
    for (size_t round = 0; round < state_.options.max_repairs && state_.options.n_candidates > 1 && !settled(); ++round) {
      const size_t n_programs = state_.runner == nullptr ? 0 : state_.options.n_candidates / 2;
      in_words(false, state_.options.n_candidates - n_programs);
      if (n_programs > 0) by_program(false, n_programs);
    }
    finish();
  }

 private:
  size_t max_tokens() const { return std::min(state_.options.max_tokens, state_.generator.n_ctx_seq() / 2); }

  void in_words(bool greedy, size_t n_sampled) {
    // The words these models were taught; "alone on the last line" made a 0.5B leave out the steps and write the number at once.
    PromptPart part{
        state_.request.task + "\n\nPlease reason step by step, and put your final answer within \\boxed{}.", {}, "the problem", 0};
    const Prompt prompt =
        fit_prompt(state_.generator, system_prompt(Role::kAssistant, state_.korean), state_.request.history, {part}, max_tokens());
    state_.begin_step("math");
    size_t read = 0;
    const auto drafts = state_.ask(
        {.role = "math", .prompt = prompt, .greedy = greedy, .n_sampled = n_sampled, .max_tokens = max_tokens(), .stream = greedy});
    for (const Draft& draft : drafts) {
      if (first_words_.empty()) first_words_ = draft.text;
      if (draft.cut) continue;  // its last number is one of the way there
      const auto value = answer_number(draft.text);
      if (!value || !std::isfinite(value->value)) continue;
      attempts_.push_back({false, draft.text, value->value});
      ++read;
    }
    end_step(drafts.size(), read);
  }

  void by_program(bool greedy, size_t n_sampled) {
    PromptPart part{state_.request.task +
                        "\n\nWrite a Python function solution() without parameters that computes the answer, with one variable for each "
                        "quantity, and returns the number.",
                    {},
                    "the problem",
                    0};
    Prompt prompt = fit_prompt(state_.generator, system_prompt(Role::kCoder, false), {}, {part}, max_tokens());
    prompt.prefix = "```python\ndef solution():\n";
    prompt.stop = {"\n```"};
    state_.begin_step("coder");
    const auto drafts =
        state_.ask({.role = "coder", .prompt = prompt, .greedy = greedy, .n_sampled = n_sampled, .max_tokens = max_tokens()});
    size_t read = 0;
    for (const Draft& draft : drafts) {
      const auto code = extract_code(draft.text);
      if (!code) continue;
      const auto value = run_program(*code);
      if (!value) continue;
      attempts_.push_back({true, *code, *value});
      ++read;
    }
    end_step(drafts.size(), read);
  }

  /// What solution() returns, run in the sandbox. nullopt where it fails or returns no number.
  std::optional<double> run_program(const std::string& code) {
    SandboxRequest request;
    request.argv = {"python3", "-I", "-B", "-X", "utf8", "answer.py"};
    // What the code prints by itself stands before; the answer is the last line.
    request.files["answer.py"] = code + "\n\nprint()\nprint(solution())\n";
    request.limits = state_.options.limits;
    const SandboxResult result = state_.runner->run(request, state_.stop);
    if (result.verdict != Verdict::kOk) return std::nullopt;
    const auto number = last_number(trimmed_last_line(result.out));
    if (!number || !std::isfinite(number->value)) return std::nullopt;
    return number->value;
  }

  void end_step(size_t n_drafts, size_t n_read) {
    const auto order = tally();
    std::string detail = std::to_string(n_read) + " of " + std::to_string(n_drafts) + " gave a number";
    if (!order.empty())
      detail += "; so far " + std::to_string(order.front().votes) + " of " + std::to_string(attempts_.size()) + " say " +
                number_text(order.front().value);
    state_.end_step(settled() ? "agreed" : "open", detail);
  }

  /// Values by votes, the most first; of equal ones the one that came first, which the greedy words lead.
  std::vector<Candidate> tally() const {
    std::vector<Candidate> found;
    for (const Attempt& attempt : attempts_) {
      auto same = std::find_if(found.begin(), found.end(), [&](const Candidate& c) { return same_value(c.value, attempt.value); });
      if (same == found.end()) same = found.insert(found.end(), {attempt.value, 0, 0});
      ++same->votes;
      same->programs += attempt.program ? 1 : 0;
    }
    std::stable_sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) { return a.votes > b.votes; });
    return found;
  }

  bool settled() const {
    const auto order = tally();
    if (order.empty()) return false;
    return order.front().votes >= (order.size() > 1 ? order[1].votes : 0) + kLead;
  }

  static std::string number_text(double value) {
    if (value == std::rint(value) && std::abs(value) < 1e15) return std::to_string(static_cast<long long>(value));
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    return text;
  }

  void finish() {
    AgentResult& result = state_.result;
    const auto order = tally();
    if (order.empty()) {
      result.answer = first_words_;
      result.verification_detail = "no answer gave a number";
      return;
    }
    const Candidate& best = order.front();
    const auto spoken =
        std::find_if(attempts_.begin(), attempts_.end(), [&](const Attempt& a) { return !a.program && same_value(a.value, best.value); });
    if (spoken != attempts_.end()) {
      result.answer = spoken->text;
    } else {
      const auto program =
          std::find_if(attempts_.begin(), attempts_.end(), [&](const Attempt& a) { return same_value(a.value, best.value); });
      const std::string fence = fence_for(program->text);
      result.answer = fence + "python\n" + program->text + (program->text.ends_with('\n') ? "" : "\n") + fence + "\n\nThe answer is " +
                      number_text(best.value) + "\n";
    }
    result.verification = best.programs > 0 ? Verification::kRan : Verification::kNotRun;
    result.verification_detail =
        std::to_string(best.votes) + " of " + std::to_string(attempts_.size()) + " answers say " + number_text(best.value);
    if (best.programs > 0) result.verification_detail += ", " + std::to_string(best.programs) + " of them computed by a program";
  }

  RunState& state_;
  std::vector<Attempt> attempts_;
  std::string first_words_;
};

}  // namespace

void solve_problem(RunState& state) { ProblemTask(state).run(); }

}  // namespace aicoder::agent
