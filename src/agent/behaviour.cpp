#include "agent/behaviour.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/box_python.h"
#include "agent/runner_source.h"
#include "aicoder/agent.h"

namespace aicoder::agent {
namespace {

using nlohmann::json;

/// The last function whose head the task shows: helpers stand before the one that is asked for. Empty where it shows none. By lines,
/// because the prose around the code is no Python.
std::string shown_function(std::string_view task) {
  constexpr std::string_view kDef = "def ";
  std::string name;
  for (size_t at = 0; at < task.size();) {
    const std::string_view line = task.substr(at, std::min(task.find('\n', at), task.size()) - at);
    at += line.size() + 1;
    if (!line.starts_with(kDef)) continue;
    const size_t open = line.find('(');
    if (open != std::string_view::npos) name = line.substr(kDef.size(), open - kDef.size());
  }
  return name;
}

BehaviourGroups read_groups(const std::string& out, const std::string& nonce, size_t n_codes) {
  BehaviourGroups result;
  const std::string mark = "\n@" + nonce + " ";
  const size_t at = out.rfind(mark);
  if (at == std::string::npos) return result;
  const std::string line = out.substr(at + mark.size(), out.find('\n', at + mark.size()) - at - mark.size());
  const json::parser_callback_t shallow = [](int depth, json::parse_event_t, json&) { return depth <= 4; };
  const json object = json::parse(line, shallow, false);
  if (!object.is_object() || !object.contains("groups") || !object["groups"].is_array() || !object.contains("inputs") ||
      !object["inputs"].is_number_unsigned()) {
    return result;
  }
  result.n_inputs = object["inputs"].get<size_t>();
  std::vector<bool> seen(n_codes, false);
  for (const json& group : object["groups"]) {
    if (!group.is_array()) return {};
    auto& members = result.groups.emplace_back();
    for (const json& index : group) {
      // Untrusted code ran beside the one that wrote this.
      if (!index.is_number_unsigned() || index.get<size_t>() >= n_codes || seen[index.get<size_t>()]) return {};
      seen[index.get<size_t>()] = true;
      members.push_back(index.get<size_t>());
    }
    if (members.empty()) return {};
  }
  return result;
}

}  // namespace

BehaviourGroups group_by_behaviour(CodeRunner& runner, const BoxJob& job, const std::vector<std::string>& codes, std::string_view task,
                                   const std::stop_token& stop) {
  json calls = json::array();
  for (const Example& example : read_examples(task)) calls.push_back(example.check);
  const json spec = {{"codes", codes}, {"entry", shown_function(task)}, {"calls", calls}};
  const BoxedOutput output = run_in_box(runner, job, kBehaviourSource, spec, stop);
  throw_if_stopped(stop);
  return read_groups(output.box.out, output.nonce, codes.size());
}

}  // namespace aicoder::agent
