#include "agent/box_python.h"

#include <nlohmann/json.hpp>
#include <random>

namespace aicoder::agent {
namespace {

std::string make_nonce() {
  std::random_device random;
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string nonce;
  for (size_t i = 0; i < 32; ++i) nonce += kDigits[random() % 16];
  return nonce;
}

}  // namespace

BoxedOutput run_in_box(CodeRunner& runner, const BoxJob& job, std::string_view program, const nlohmann::json& spec,
                       const std::stop_token& stop) {
  BoxedOutput output{.box = {}, .nonce = make_nonce()};
  SandboxRequest request;
  // -I: no environment, no user site, no current folder on the path, so that a project's json.py does not replace ours.
  request.argv = {"python3", "-I", "-B", "-X", "utf8", "-c", std::string(program)};
  request.dir = job.dir;
  request.files = job.files;
  request.limits = job.limits;
  request.programs = job.programs;
  request.read_only = job.read_only;
  request.stdin_text = spec.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n" + output.nonce + "\n";
  output.box = runner.run(request, stop);
  return output;
}

BoxReport report_from_box(CodeRunner& runner, const BoxJob& job, std::string_view program, const nlohmann::json& spec,
                          const std::stop_token& stop) {
  BoxedOutput output = run_in_box(runner, job, program, spec, stop);
  BoxReport report;
  report.box = std::move(output.box);
  parse_runner_output(report.box.out, output.nonce, report);
  return report;
}

}  // namespace aicoder::agent
