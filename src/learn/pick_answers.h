// Which of the verified answers are learned from.
#pragma once

#include <vector>

#include "aicoder/model.h"

namespace aicoder::learning {

/// Of the answers to each task (conversations that agree but for the last message) the shortest `per_task` that differ in more than blanks,
/// in the order the tasks came. Short ones: what passes with less has less in it that was not needed.
std::vector<TextRecord> pick_answers(const std::vector<TextRecord>& verified, size_t per_task);

}  // namespace aicoder::learning
