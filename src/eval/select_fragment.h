#pragma once

#include <cstddef>
#include <vector>

namespace aicoder::eval {

/// Tasks of each round of successive halving, in all: first_tasks, then eta times as many while candidates are cut to one in eta.
/// The last round has all n_tasks where one candidate is left.
std::vector<size_t> halving_rounds(size_t n_candidates, size_t first_tasks, size_t eta, size_t n_tasks);

}  // namespace aicoder::eval
