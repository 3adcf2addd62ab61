#include "agent/run_state.h"

#include <sstream>

namespace aicoder::agent {

bool is_korean(std::string_view text) {
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
    // Hangul syllables U+AC00..U+D7A3 are EA B0 80 .. ED 9E A3 in UTF-8.
    if (byte(i) < 0xEA || byte(i) > 0xED) continue;
    unsigned code = (byte(i) & 0x0FU) << 12 | (byte(i + 1) & 0x3FU) << 6 | (byte(i + 2) & 0x3FU);
    if (code >= 0xAC00 && code <= 0xD7A3) return true;
  }
  return false;
}

RunState::RunState(TextGenerator& generator_, CodeRunner* runner_, const AgentOptions& options_, const TaskRequest& request_,
                   const AgentObserver& observer, std::stop_token stop_)
    : generator(generator_),
      runner(runner_),
      options(options_),
      request(request_),
      stop(std::move(stop_)),
      korean(is_korean(request_.task)),
      observer_(observer),
      seed_(options_.seed) {}

std::optional<FragmentChoice> RunState::fragment_of(const std::string& role) const {
  const auto found = options.role_fragments.find(role);
  if (found == options.role_fragments.end()) return std::nullopt;
  const std::string& language = found->second.language;
  if (!language.empty() && (language == "ko") != korean) return std::nullopt;
  return found->second;
}

void RunState::begin_step(const std::string& role) {
  throw_if_stopped(stop);
  step_ = {};
  step_.role = role;
  if (const auto fragment = fragment_of(role)) {
    std::ostringstream text;
    text << fragment->name;
    if (fragment->strength) text << ":" << *fragment->strength;
    step_.fragment = text.str();
  }
  step_begin_ = std::chrono::steady_clock::now();
  if (observer_.on_step_begin) observer_.on_step_begin(step_);
}

void RunState::end_step(std::string verdict, std::string detail) {
  step_.verdict = std::move(verdict);
  step_.detail = std::move(detail);
  step_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - step_begin_).count();
  result.tokens += step_.tokens;
  result.steps.push_back(step_);
  if (observer_.on_step_end) observer_.on_step_end(step_);
  throw_if_stopped(stop);
}

std::vector<Draft> RunState::ask(const Ask& ask) {
  std::vector<GenerationRequest> requests;
  auto add = [&](size_t n, float temperature) {
    GenerationRequest generation;
    generation.messages = ask.prompt.messages;
    generation.assistant_prefix = ask.prompt.prefix;
    generation.stop_strings = ask.prompt.stop;
    generation.n = n;
    generation.max_tokens = ask.max_tokens;
    generation.sampling.temperature = temperature;
    if (temperature > 0) generation.sampling.top_p = 0.95f;
    generation.sampling.seed = seed_;
    seed_ += static_cast<uint32_t>(n);
    generation.sampling_of_fragments = temperature > 0;
    if (const auto fragment = fragment_of(ask.role)) generation.fragments.push_back(*fragment);
    bool shown = ask.stream && requests.empty() && observer_.on_text;
    generation.on_token = [this, shown](size_t sample, std::string_view text) {
      if (shown && sample == 0) observer_.on_text(text);
      return !stop.stop_requested();
    };
    requests.push_back(std::move(generation));
  };
  if (ask.greedy) add(1, 0.0f);
  if (ask.n_sampled > 0) add(ask.n_sampled, options.temperature);
  if (ask.stream && !ask.prompt.prefix.empty() && observer_.on_text) observer_.on_text(ask.prompt.prefix);
  std::vector<GenerationResult> results = generator.generate(requests, stop);
  throw_if_stopped(stop);
  std::vector<Draft> drafts;
  for (const GenerationResult& one : results) {
    step_.switch_ms += one.switch_ms;
    step_.tokens += one.output.prompt_tokens;
    for (const GenerateSample& sample : one.output.samples) {
      step_.tokens += sample.tokens.size();
      drafts.push_back({ask.prompt.prefix + to_valid_utf8(sample.text), sample.finish == FinishReason::kLength});
      step_.drafts.push_back(drafts.back().text);
    }
  }
  return drafts;
}

}  // namespace aicoder::agent
