// What prompt lookup gains where text repeats itself, and costs where it does not. Private to src/bench.
#pragma once

#include <memory>
#include <vector>

#include "aicoder/bench.h"
#include "aicoder/model.h"

namespace aicoder {

class LookupMeasurement {
 public:
  LookupMeasurement(std::shared_ptr<const Model> model, const GenerateBenchOptions& options, int n_threads);
  void run_round();
  std::vector<LookupBench> results() const;

 private:
  struct Task {
    LookupBench result;
    std::vector<Token> prompt;
    std::vector<double> with, without;  ///< tokens a second, by round
  };
  GenerateResult answer(const Task& task, size_t lookup_tokens);

  const GenerateBenchOptions& options_;
  Context context_;
  std::vector<Task> tasks_;
};

}  // namespace aicoder
