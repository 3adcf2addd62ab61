#include "eval/grader.h"

#include <random>

#include "aicoder/core.h"
#include "eval/grader_scripts.h"
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

SandboxResult Grader::run_python(const char* script, const std::string& input, const std::stop_token& stop) const {
  SandboxRequest request;
  request.argv = {"python3", "-I", "-B", "driver.py"};
  request.files = {{"driver.py", script}};
  request.stdin_text = input;
  request.limits = limits_;
  SandboxResult result = runner_.run(request, stop);
  // A box that could not start says nothing about the answer: once more, and then it is the run that fails, not the item.
  if (result.verdict == Verdict::kSandboxErr) result = runner_.run(request, stop);
  if (result.verdict == Verdict::kSandboxErr) {
    throw Error(ErrorCode::kUnavailable, "[eval] the sandbox failed: " + result.detail, "aicoder doctor");
  }
  return result;
}

std::string Grader::sanitize(const std::string& answer, const std::string& entry_point, const std::stop_token& stop) const {
  const nlohmann::json input = {{"text", to_valid_utf8(answer)}, {"entry_point", entry_point}};
  const SandboxResult result = run_python(kSanitizeScript, dump_json(input), stop);
  const auto output = parse_limited_json(result.out);
  // An answer that cannot be cleaned within the limits is graded as it is.
  if (result.verdict != Verdict::kOk || !output.is_object() || !output.contains("solution") || !output["solution"].is_string())
    return answer;
  return output["solution"].get<std::string>();
}

Grade Grader::grade(const EvalTask& task, const std::string& answer, const std::stop_token& stop) const {
  Grade grade;
  grade.solution = sanitize(answer, task.entry_point, stop);
  const std::string nonce = make_nonce();
  const nlohmann::json input = {
      {"solution", grade.solution},      {"entry_point", task.entry_point},           {"setup", task.setup}, {"tests", task.tests},
      {"calls_check", task.calls_check}, {"shares_namespace", task.shares_namespace}, {"nonce", nonce}};
  const SandboxResult result = run_python(kGradeScript, dump_json(input), stop);
  const bool proven = result.out.ends_with(nonce);
  grade.passed = result.verdict == Verdict::kOk && proven;
  grade.verdict = result.verdict == Verdict::kOk && !proven ? "NO_PROOF" : std::string(to_string(result.verdict));
  if (grade.passed) return grade;
  if (result.verdict == Verdict::kOk) {
    grade.detail = "the program ended before its tests did";
  } else if (result.verdict == Verdict::kRe) {
    grade.detail = last_line(result.err);
  }
  if (grade.detail.empty()) grade.detail = result.detail;
  return grade;
}

}  // namespace aicoder::eval
