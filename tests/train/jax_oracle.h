// Runs the independent JAX computation of tests/train/jax_oracle.py on a base, parameters and a batch.
#pragma once

#include <map>
#include <nlohmann/json.hpp>

#include "fragment/oracle.h"
#include "support/test_model.h"
#include "train/batch.h"
#include "train/lora_parameters.h"

namespace aicoder::test {

/// \param what  "gradient" or "curve"   \param dir  where its answer is left
/// \throws Error(kFailedPrecondition) without an interpreter: an oracle test never passes by not running.
inline void run_jax(const std::string& what, const std::filesystem::path& model, const std::filesystem::path& dir,
                    const train::LoraLayout& layout, const std::vector<float>& parameters, const train::Batch& batch,
                    nlohmann::json settings = nlohmann::json::object()) {
  const std::string python = AICODER_TEST_PYTHON;
  if (python.empty()) throw Error(ErrorCode::kFailedPrecondition, "[test] no Python for the oracle was configured", "make test");
  settings["rank"] = layout.rank;
  settings["scale"] = layout.scale;
  write_file_atomic(dir / "case.json", settings.dump());
  write_raw(dir / "parameters", parameters);
  write_raw(dir / "tokens", batch.tokens);
  write_raw(dir / "positions", batch.positions);
  write_raw(dir / "segments", batch.segments);
  write_raw(dir / "targets", batch.targets);
  const HostProcessResult result = run_host_process({.argv = {python, AICODER_SOURCE_DIR "/tests/train/jax_oracle.py", what, model, dir}});
  if (result.exit_code != 0) throw Error(ErrorCode::kInternal, "[test] jax_oracle.py failed: " + result.err);
}

}  // namespace aicoder::test
