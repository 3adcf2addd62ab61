// Jinja2 beside our subset: JSON values for both, and tests/model/jinja_oracle.py.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "aicoder/core.h"
#include "model/jinja.h"

namespace aicoder::test {

using Json = nlohmann::ordered_json;  // templates see keys in the order of the text

inline jinja::Value to_value(const Json& json) {
  using jinja::Value;
  if (json.is_null()) return Value(jinja::None{});
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_number_integer()) return Value(json.get<int64_t>());
  if (json.is_number()) return Value(json.get<double>());
  if (json.is_string()) return Value(json.get<std::string>());
  if (json.is_array()) {
    std::vector<Value> items;
    for (const Json& item : json) items.push_back(to_value(item));
    return Value::list(std::move(items));
  }
  std::vector<std::pair<Value, Value>> items;
  for (const auto& [key, value] : json.items()) items.emplace_back(Value(key), to_value(value));
  return Value::dict(std::move(items));
}

inline std::string render(const std::string& source, const Json& variables = Json::object(), const jinja::Limits& limits = {}) {
  jinja::Template::Variables values;
  for (const auto& [name, value] : variables.items()) values.emplace_back(name, to_value(value));
  return jinja::Template::parse(source, limits).render(values);
}

/// \throws Error(kFailedPrecondition) without an interpreter: an oracle test never passes by not running.
inline std::string run_jinja_oracle(const std::vector<std::string>& arguments, const std::string& input = {}) {
  const std::string python = AICODER_TEST_PYTHON;
  if (python.empty()) throw Error(ErrorCode::kFailedPrecondition, "[test] AICODER_TEST_PYTHON is not set", "make test");
  HostProcess process{.argv = {python, "-B", AICODER_SOURCE_DIR "/tests/model/jinja_oracle.py"}, .stdin_text = input};
  process.argv.insert(process.argv.end(), arguments.begin(), arguments.end());
  const HostProcessResult result = run_host_process(process);
  if (result.exit_code != 0) throw Error(ErrorCode::kInternal, "[test] jinja_oracle.py failed: " + result.err);
  return result.out;
}

/// What Jinja2 made of each case: {"text"} or {"error"}.
inline Json ask_jinja2(const Json& cases) { return Json::parse(run_jinja_oracle({"render"}, cases.dump())); }

/// Ours against Jinja2's for one case: the same text, or an error from both.
inline void expect_as_jinja2(const Json& test_case, const Json& expected) {
  const std::string source = test_case["template"];
  SCOPED_TRACE(test_case.dump());
  try {
    const std::string text = render(source, test_case["variables"]);
    if (expected.contains("text")) {
      EXPECT_EQ(text, expected["text"].get<std::string>());
    } else {
      ADD_FAILURE() << "Jinja2 refuses it: " << expected["error"] << ", ours gives: " << text;
    }
  } catch (const Error& error) {
    EXPECT_FALSE(expected.contains("text")) << "ours refuses it: " << error.what() << "\nJinja2 gives: " << expected["text"];
  }
}

}  // namespace aicoder::test
