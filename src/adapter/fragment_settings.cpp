#include <algorithm>
#include <cmath>

#include "aicoder/adapter.h"

namespace aicoder {
namespace {

constexpr std::pair<Invocation, std::string_view> kInvocations[] = {
    {Invocation::kStart, "start"}, {Invocation::kUser, "user"}, {Invocation::kAnswer, "answer"}};

[[noreturn]] void broken(const GgufFile& file, const std::string& message) {
  throw Error(ErrorCode::kDataLoss, "[fragment_settings] " + file.path().string() + ": " + message, "build it again");
}

/// A sampler's value as its file has it, with the range that SamplingOptions takes.
std::optional<float> value_of(const GgufFile& file, const char* key, float low, float high) {
  const auto value = file.get_float(key);
  if (!value) return std::nullopt;
  const auto narrow = static_cast<float>(*value);
  if (!std::isfinite(narrow) || narrow < low || narrow > high) {
    broken(file, std::string(key) + ": expected a number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return narrow;
}

}  // namespace

std::string_view to_string(Invocation invocation) noexcept {
  for (const auto& [value, name] : kInvocations) {
    if (value == invocation) return name;
  }
  return "start";
}

Invocation parse_invocation(std::string_view text) {
  for (const auto& [value, name] : kInvocations) {
    if (name == text) return value;
  }
  throw Error(ErrorCode::kInvalidArgument,
              "[fragment_settings] invocation: expected start, user or answer, found '" + std::string(text) + "'");
}

size_t first_message(Invocation invocation, std::span<const ChatMessage> messages) {
  if (invocation == Invocation::kStart) return 0;
  if (invocation == Invocation::kAnswer) return messages.size();
  for (size_t i = messages.size(); i > 0; --i) {
    if (messages[i - 1].role == "user") return i - 1;
  }
  return messages.size();
}

FragmentSettings fragment_settings(const GgufFile& file) {
  FragmentSettings settings;
  try {
    settings.invocation = parse_invocation(file.get_string("aicoder.invocation").value_or("start"));
  } catch (const Error& error) {
    broken(file, error.what());
  }
  settings.prompt_prefix = file.get_string("aicoder.prompt.prefix").value_or("");
  settings.language = file.get_string("aicoder.gate.language").value_or("");
  if (!settings.language.empty() && settings.language != "ko" && settings.language != "en") {
    broken(file, "aicoder.gate.language: expected ko or en, found '" + settings.language + "'");
  }
  settings.temperature = value_of(file, "aicoder.sampler.temperature", 0, 5);
  settings.top_p = value_of(file, "aicoder.sampler.top_p", 0, 1);
  settings.min_p = value_of(file, "aicoder.sampler.min_p", 0, 1);
  settings.repeat_penalty = value_of(file, "aicoder.sampler.repeat_penalty", 0.1f, 5);
  if (const auto top_k = value_of(file, "aicoder.sampler.top_k", 0, 1e6f)) settings.top_k = static_cast<int>(*top_k);
  return settings;
}

void apply_settings(std::span<const FragmentSettings> settings, std::vector<ChatMessage>& messages) {
  std::string prefix;
  for (const auto& one : settings) {
    if (!one.prompt_prefix.empty()) prefix += (prefix.empty() ? "" : "\n\n") + one.prompt_prefix;
  }
  if (prefix.empty() || messages.empty()) return;
  if (messages.front().role == "system") {
    messages.front().content = prefix + "\n\n" + messages.front().content;
  } else {
    messages.insert(messages.begin(), {"system", prefix});
  }
}

void apply_settings(std::span<const FragmentSettings> settings, SamplingOptions& sampling) {
  for (const auto& one : settings) {
    sampling.temperature = one.temperature.value_or(sampling.temperature);
    sampling.top_k = one.top_k.value_or(sampling.top_k);
    sampling.top_p = one.top_p.value_or(sampling.top_p);
    sampling.min_p = one.min_p.value_or(sampling.min_p);
    sampling.repeat_penalty = one.repeat_penalty.value_or(sampling.repeat_penalty);
  }
}

}  // namespace aicoder
