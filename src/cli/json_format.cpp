#include "cli/json_format.h"

#include <fmt/format.h>

#include <cstdlib>

namespace aicoder::cli {

double decimal(float value) { return std::strtod(fmt::format("{}", value).c_str(), nullptr); }

Json to_json(const AgentStep& step) {
  return {{"role", step.role},           {"fragment", step.fragment}, {"tokens", step.tokens}, {"seconds", step.seconds},
          {"switch_ms", step.switch_ms}, {"verdict", step.verdict},   {"detail", step.detail}};
}

Json to_json(const AgentResult& result) {
  Json files = Json::array(), steps = Json::array();
  for (const auto& file : result.files) files.push_back({{"path", file.path}, {"diff", file.diff}});
  for (const auto& step : result.steps) steps.push_back(to_json(step));
  return {{"answer", result.answer},
          {"mode", to_string(result.mode)},
          {"reasons", result.reasons},
          {"verification", to_string(result.verification)},
          {"verification_detail", result.verification_detail},
          {"files", files},
          {"steps", steps},
          {"findings", result.findings},
          {"tokens", result.tokens},
          {"seconds", result.seconds},
          {"sandbox_level", result.sandbox_level},
          {"session", result.session_id}};
}

Json to_json(const ControlVector& vector) {
  return {{"layer", vector.layer}, {"norm", vector.norm}, {"relative", vector.relative}, {"shared", vector.shared}};
}

Json to_json(const FragmentSettings& s) {
  Json sampler = Json::object();
  const auto add = [&](const char* name, const auto& value) {
    if (value) sampler[name] = decimal(static_cast<float>(*value));
  };
  add("temperature", s.temperature);
  add("top_k", s.top_k);
  add("top_p", s.top_p);
  add("min_p", s.min_p);
  add("repeat_penalty", s.repeat_penalty);
  return {{"invocation", to_string(s.invocation)}, {"prompt_prefix", s.prompt_prefix}, {"language", s.language}, {"sampler", sampler}};
}

Json to_json(const FragmentInfo& info) {
  Json tensors = Json::array(), evidence = Json::array(), parents = Json::array(), vectors = Json::array();
  for (const auto& v : info.vectors) vectors.push_back(to_json(v));
  for (const auto& p : info.parents) parents.push_back({{"name", p.name}, {"weight", decimal(p.weight)}, {"hash", p.hash}});
  for (const auto& t : info.tensors) tensors.push_back({{"name", t.name}, {"rank", t.rank}, {"retained_energy", t.retained_energy}});
  for (const auto& e : info.evidence) {
    evidence.push_back({{"suite", e.suite},
                        {"n", e.n},
                        {"score_off", e.score_off},
                        {"score_on", e.score_on},
                        {"p_value", e.p_value},
                        {"strength", decimal(e.strength)}});
  }
  return {{"path", info.path.string()},
          {"name", info.name},
          {"role", info.role},
          {"recipe", info.recipe},
          {"base", info.base_name},
          {"base_fingerprint", info.base_fingerprint},
          {"keep", decimal(static_cast<float>(info.keep))},
          {"rank", info.rank},
          {"strength", decimal(info.strength)},
          {"bytes", info.bytes},
          {"foreign", info.foreign},
          {"calibration_hashes", info.calibration_hashes},
          {"parents", parents},
          {"donor", info.donor},
          {"prompt", info.prompt},
          {"against", info.against},
          {"vectors", vectors},
          {"tensors", tensors},
          {"settings", to_json(info.settings)},
          {"evidence", evidence},
          {"standing", to_string(standing(info))}};
}

Json to_json(const EvalReport& report) {
  Json items = Json::array(), fragments = Json::array();
  for (const auto& item : report.items) {
    items.push_back(
        {{"id", item.id}, {"passed", item.passed}, {"verdict", item.verdict}, {"tokens", item.tokens}, {"seconds", item.seconds}});
    if (!item.counts.empty()) items.back()["counts"] = item.counts;
  }
  for (const auto& f : report.fragments)
    fragments.push_back({{"name", f.name}, {"strength", f.strength ? Json(decimal(*f.strength)) : Json()}});
  return {{"suite", report.suite},      {"model", report.model},     {"fragments", fragments},    {"n", report.n},
          {"passed", report.passed},    {"score", report.score},     {"ci95", report.ci95},       {"items", items},
          {"tokens", report.tokens},    {"seconds", report.seconds}, {"resumed", report.resumed}, {"counts", report.counts},
          {"left_out", report.left_out}};
}

Json to_json(const Comparison& c) {
  return {{"n", c.n},         {"both", c.both},           {"only_a", c.only_a}, {"only_b", c.only_b},        {"neither", c.neither},
          {"delta", c.delta}, {"p_mcnemar", c.p_mcnemar}, {"ci95", c.ci95},     {"detectable", c.detectable}};
}

Json to_json(const SandboxResult& r) {
  return {{"verdict", to_string(r.verdict)},
          {"exit_code", r.exit_code},
          {"stdout", r.out},
          {"stderr", r.err},
          {"cpu_ms", r.cpu_ms},
          {"wall_ms", r.wall_ms},
          {"peak_bytes", r.peak_bytes},
          {"sandbox_level", r.level},
          {"detail", r.detail}};
}

Json to_json(const SessionInfo& s) {
  return {{"id", s.id}, {"kind", s.kind}, {"title", s.title}, {"dir", s.dir.string()}, {"model", s.model}, {"turns", s.turns}};
}

}  // namespace aicoder::cli
