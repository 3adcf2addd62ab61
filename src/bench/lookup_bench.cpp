#include "bench/lookup_bench.h"

#include <algorithm>

#include "bench/statistics.h"

namespace aicoder {
namespace {

constexpr const char* kEdit =
    "Add a type annotation to every parameter and return value of this Python file, change nothing else, and answer with the whole "
    "file:\n\n"
    "```python\nimport json\nfrom pathlib import Path\n\n\nclass Inventory:\n    def __init__(self, path):\n        self.path = "
    "Path(path)\n"
    "        self.items = {}\n        if self.path.exists():\n            self.items = json.loads(self.path.read_text())\n\n"
    "    def add_item(self, name, count):\n        if count <= 0:\n            raise ValueError(\"count must be positive\")\n"
    "        self.items[name] = self.items.get(name, 0) + count\n\n    def remove_item(self, name, count):\n"
    "        if name not in self.items:\n            raise KeyError(name)\n        if self.items[name] < count:\n"
    "            raise ValueError(\"not enough items\")\n        self.items[name] -= count\n        if self.items[name] == 0:\n"
    "            del self.items[name]\n\n    def total_count(self):\n        return sum(self.items.values())\n\n"
    "    def save_to_disk(self):\n        self.path.write_text(json.dumps(self.items))\n```\n";
constexpr const char* kStory = "Write a story about a lighthouse keeper who finds a message in a bottle.";

}  // namespace

LookupMeasurement::LookupMeasurement(std::shared_ptr<const Model> model, const GenerateBenchOptions& options, int n_threads)
    : options_(options),
      context_(model, {.n_ctx_seq = std::min<size_t>(1024 + options.generated_tokens, model->n_ctx_train()), .n_threads = n_threads}) {
  const std::pair<const char*, const char*> tasks[] = {{"edit", kEdit}, {"story", kStory}};
  for (const auto& [name, text] : tasks) {
    const ChatMessage message{"user", text};
    auto& task = tasks_.emplace_back();
    task.result.task = name;
    task.prompt = model->chat_tokens({&message, 1});
    (void)answer(task, options.lookup_tokens);  // unmeasured, as before every measurement here
  }
}

GenerateResult LookupMeasurement::answer(const Task& task, size_t lookup_tokens) {
  context_.clear();
  auto result =
      context_.generate({.prompt = task.prompt, .max_tokens = options_.generated_tokens, .lookup_tokens = lookup_tokens}, options_.stop);
  throw_if_stopped(options_.stop);
  return result;
}

void LookupMeasurement::run_round() {
  const auto speed = [](const GenerateResult& result) {
    return static_cast<double>(result.samples[0].tokens.size()) / std::max(result.decode_seconds, 1e-9);
  };
  for (auto& task : tasks_) {
    const auto without = answer(task, 0), with = answer(task, options_.lookup_tokens);
    task.without.push_back(speed(without));
    task.with.push_back(speed(with));
    task.result.tokens = with.samples[0].tokens.size();
    task.result.drafted_tokens = with.drafted_tokens;
    task.result.accepted_tokens = with.accepted_tokens;
    task.result.same_answer = with.samples[0].tokens == without.samples[0].tokens;
  }
}

std::vector<LookupBench> LookupMeasurement::results() const {
  std::vector<LookupBench> out;
  for (const auto& task : tasks_) {
    out.push_back(task.result);
    out.back().tokens_per_s = median(task.with);
    out.back().plain_tokens_per_s = median(task.without);
    out.back().ratio = summarize_ratios(task.with, task.without);
  }
  return out;
}

}  // namespace aicoder
