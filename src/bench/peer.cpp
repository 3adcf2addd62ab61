#include "bench/peer.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace aicoder {

std::optional<std::filesystem::path> find_peer(const std::string& name) {
  std::optional<std::filesystem::path> newest;
  std::filesystem::file_time_type newest_time;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(deps_dir(), error)) {
    if (!entry.path().filename().string().starts_with("peers-")) continue;
    const std::filesystem::path program = entry.path() / "bin" / name;
    std::error_code missing;
    const auto time = std::filesystem::last_write_time(program, missing);
    if (missing || (newest && time <= newest_time)) continue;
    newest = program;
    newest_time = time;
  }
  return newest;
}

std::vector<std::string> peer_command(const std::filesystem::path& program, const GenerateBenchOptions& options, int n_threads) {
  const std::string batch = std::to_string(kBenchBatch);
  return {program.string(),
          "-m",
          options.model.string(),
          "-p",
          std::to_string(options.prompt_tokens),
          "-n",
          std::to_string(options.generated_tokens),
          "-r",
          "1",
          "-t",
          std::to_string(n_threads),
          "-b",
          batch,
          "-ub",
          batch,
          "-ngl",
          "0",
          "-o",
          "json"};
}

PeerSpeeds parse_peer_output(std::string_view json_text) {
  const auto fail = [&](const std::string& found) {
    throw Error(ErrorCode::kInternal, "[bench] llama-bench's output: " + found, "bench/peers/build.sh llama-bench");
  };
  const nlohmann::json entries = nlohmann::json::parse(json_text, nullptr, false);
  if (!entries.is_array()) fail("expected a JSON list, found " + std::string(json_text.substr(0, 200)));
  PeerSpeeds speeds;
  for (const auto& entry : entries) {
    const auto number = [&](const char* key) {
      const auto it = entry.is_object() ? entry.find(key) : entry.end();
      if (!entry.is_object() || it == entry.end() || !it->is_number()) fail(std::string("an entry without the number '") + key + "'");
      return it->get<double>();
    };
    const double speed = number("avg_ts");
    if (!std::isfinite(speed) || speed <= 0) fail("a speed of " + std::to_string(speed));
    (number("n_prompt") > 0 ? speeds.prefill_tokens_per_s : speeds.decode_tokens_per_s) = speed;
  }
  if (speeds.prefill_tokens_per_s <= 0 || speeds.decode_tokens_per_s <= 0) fail("expected one entry for the prompt and one for generation");
  return speeds;
}

}  // namespace aicoder
