// A few records of code and of prose: enough for statistics that differ.
#pragma once

#include <vector>

#include "aicoder/model.h"

namespace aicoder::test {

inline std::vector<TextRecord> code_records() {
  return {
      {.messages = {{"user", "Write a Python function that reverses a list."},
                    {"assistant",
                     "```python\ndef reverse(items):\n    result = []\n    for item in items:\n        result.insert(0, item)\n"
                     "    return result\n```"}}},
      {.messages = {{"user", "Count the words of a file in Python."},
                    {"assistant",
                     "```python\nfrom collections import Counter\n\ndef count(path):\n    with open(path) as f:\n"
                     "        return Counter(f.read().split())\n```"}}},
      {.text = "class Stack:\n    def __init__(self):\n        self.items = []\n\n    def push(self, item):\n        "
               "self.items.append(item)\n"},
  };
}
inline std::vector<TextRecord> prose_records() {
  return {
      {.text = "The river was low that summer, and the children crossed it on stones that nobody had seen for years."},
      {.text = "In the morning the market opened late. Fishermen spoke of the storm, and of the boats that had not come back."},
      {.messages = {{"user", "What is the capital of France?"}, {"assistant", "The capital of France is Paris, on the river Seine."}}},
  };
}

}  // namespace aicoder::test
