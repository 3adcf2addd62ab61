#include "learn/pick_answers.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace aicoder::learning {
namespace {

std::string task_of(const TextRecord& record) {
  std::string task;
  for (size_t i = 0; i + 1 < record.messages.size(); ++i) task += record.messages[i].role + "\n" + record.messages[i].content + "\n";
  return task;
}

std::string without_blanks(const std::string& text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out), [](char c) { return c != ' ' && c != '\t' && c != '\r' && c != '\n'; });
  return out;
}

}  // namespace

std::vector<TextRecord> pick_answers(const std::vector<TextRecord>& verified, size_t per_task) {
  std::map<std::string, std::vector<const TextRecord*>> by_task;
  std::vector<std::string> order;
  for (const TextRecord& record : verified) {
    if (record.messages.empty()) continue;
    auto& answers = by_task[task_of(record)];
    if (answers.empty()) order.push_back(task_of(record));
    answers.push_back(&record);
  }
  std::vector<TextRecord> kept;
  for (const std::string& task : order) {
    auto& answers = by_task.at(task);
    std::stable_sort(answers.begin(), answers.end(), [](const TextRecord* a, const TextRecord* b) {
      return a->messages.back().content.size() < b->messages.back().content.size();
    });
    std::set<std::string> seen;
    for (const TextRecord* answer : answers) {
      if (seen.size() == per_task) break;
      if (seen.insert(without_blanks(answer->messages.back().content)).second) kept.push_back(*answer);
    }
  }
  return kept;
}

}  // namespace aicoder::learning
