// A small driver for people who tune prompts: runs one task on a real model and prints each step as it ends.
//   run_task MODEL.gguf DIR|- TASK|@FILE [SEED] [auto|direct|agent]
#include <cstdio>
#include <string>

#include "aicoder/agent.h"

int main(int argc, char** argv) try {
  if (argc < 4) {
    std::fprintf(stderr, "usage: run_task MODEL.gguf DIR|- TASK|@FILE [SEED] [MODE]\n");
    return 2;
  }
  std::string task = argv[3];
  if (task.starts_with('@')) task = aicoder::read_file(task.substr(1));
  auto model = aicoder::Model::load(argv[1]);
  aicoder::LaneOptions lanes;
  lanes.context = {.n_ctx_seq = 4096, .n_seq_max = 4};
  aicoder::LocalGenerator generator(model, lanes, [](std::string_view name) { return std::filesystem::path(name); });
  aicoder::Sandbox box;
  aicoder::AgentOptions options;
  if (argc > 4) options.seed = static_cast<uint32_t>(std::stoul(argv[4]));
  aicoder::Agent agent(generator, &box, options);
  aicoder::TaskRequest request{.task = task};
  if (std::string(argv[2]) != "-") request.dir = argv[2];
  if (argc > 5) request.mode = aicoder::parse_mode(argv[5]);
  aicoder::AgentObserver observer;
  observer.on_text = [](std::string_view text) { std::fprintf(stderr, "%.*s", static_cast<int>(text.size()), text.data()); };
  observer.on_step_begin = [](const aicoder::AgentStep& step) { std::printf("> %s\n", step.role.c_str()); };
  observer.on_step_end = [](const aicoder::AgentStep& step) {
    std::printf("< %s: %s (%zu tokens, %.1f s, switch %.1f ms)\n%s\n", step.role.c_str(), step.verdict.c_str(), step.tokens, step.seconds,
                step.switch_ms, step.detail.c_str());
    std::fflush(stdout);
  };
  auto result = agent.run(request, observer);
  for (const auto& file : result.files) std::printf("%s", file.diff.c_str());
  for (const auto& finding : result.findings) std::printf("finding: %s\n", finding.c_str());
  std::printf("%s\n%s: %s\n%zu tokens, %.1f s\n", result.answer.c_str(), std::string(to_string(result.verification)).c_str(),
              result.verification_detail.c_str(), result.tokens, result.seconds);
  return result.verification == aicoder::Verification::kVerified ? 0 : 3;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
