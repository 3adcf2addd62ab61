// Contexts and batches as an engine has them, in the hands of a test.
#pragma once

#include <memory>
#include <vector>

#include "aicoder/adapter.h"

namespace aicoder::test {

struct TestLane {
  TestLane(const std::shared_ptr<const Model>& model, const std::vector<ActiveAdapter>& set, const ContextOptions& options)
      : context(model, options), batch(context) {
    set_adapters(context, set);
  }
  GenerateResult run(const std::vector<Token>& prompt, size_t active_from = 0, size_t max_tokens = 4) {
    GenerateResult result;
    batch.submit({.prompt = prompt, .max_tokens = max_tokens, .active_from = active_from},
                 [&](GenerateResult&& r) { result = std::move(r); });
    while (batch.step()) {
    }
    return result;
  }
  Context context;
  LiveBatch batch;
};

inline void introduce(std::initializer_list<TestLane*> lanes) {
  std::vector<LiveBatch*> all;
  for (auto* lane : lanes) all.push_back(&lane->batch);
  for (auto* lane : lanes) lane->batch.set_peers(all);
}

}  // namespace aicoder::test
