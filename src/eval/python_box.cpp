#include "eval/python_box.h"

#include <random>

#include "aicoder/core.h"
#include "eval/limited_json.h"

namespace aicoder::eval {
namespace {

/// 128 random bits as hex: an answer cannot print what it cannot know.
std::string make_nonce() {
  std::random_device device;
  std::string nonce;
  for (int word = 0; word < 4; ++word) {
    uint32_t bits = device();
    for (int digit = 0; digit < 8; ++digit, bits >>= 4) nonce += "0123456789abcdef"[bits & 15];
  }
  return nonce;
}

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const size_t begin = text.rfind('\n');
  if (begin != std::string::npos) text.erase(0, begin + 1);
  constexpr size_t kLimit = 300;
  return to_valid_utf8(std::string_view(text).substr(0, kLimit));
}

}  // namespace

SandboxResult PythonBox::run(const std::string& script, const nlohmann::json& input, const std::stop_token& stop) const {
  SandboxRequest request;
  request.argv = {"python3", "-I", "-B", "driver.py"};
  request.files = {{"driver.py", script}};
  request.stdin_text = dump_json(input);
  request.limits = limits_;
  SandboxResult result = runner_.run(request, stop);
  // A box that could not start says nothing about the answer: once more, and then it is the run that fails, not the item.
  if (result.verdict == Verdict::kSandboxErr) result = runner_.run(request, stop);
  if (result.verdict == Verdict::kSandboxErr) {
    throw Error(ErrorCode::kUnavailable, "[eval] the sandbox failed: " + result.detail, "aicoder doctor");
  }
  return result;
}

nlohmann::json PythonBox::ask(const std::string& script, const nlohmann::json& input, const std::stop_token& stop) const {
  const SandboxResult result = run(script, input, stop);
  return result.verdict == Verdict::kOk ? parse_limited_json(result.out) : nlohmann::json(nlohmann::json::value_t::discarded);
}

TestsRun PythonBox::prove(const std::string& script, nlohmann::json input, const std::stop_token& stop) const {
  const std::string nonce = make_nonce();
  input["nonce"] = nonce;
  const SandboxResult result = run(script, input, stop);
  const bool proven = result.out.ends_with(nonce);
  TestsRun tests;
  tests.passed = result.verdict == Verdict::kOk && proven;
  tests.verdict = result.verdict == Verdict::kOk && !proven ? "NO_PROOF" : std::string(to_string(result.verdict));
  if (tests.passed) return tests;
  if (result.verdict == Verdict::kOk) {
    tests.detail = "the program ended before its tests did";
  } else if (result.verdict == Verdict::kRe) {
    tests.detail = last_line(result.err);
  }
  if (tests.detail.empty()) tests.detail = result.detail;
  return tests;
}

}  // namespace aicoder::eval
