#include "rag/vector_table.h"

#include <algorithm>

namespace aicoder::rag {
namespace {

/// Eight sums side by side, so that the compiler may use vector registers: one sum has an order it must keep.
float dot(const float* a, const float* b, size_t n) {
  constexpr size_t kLanes = 8;
  float sums[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  float sum = 0;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (float lane : sums) sum += lane;
  return sum;
}

}  // namespace

bool VectorTable::add(int64_t id, std::span<const float> vector) {
  if (ids_.empty()) dimensions_ = vector.size();
  if (vector.size() != dimensions_ || vector.empty()) return false;
  ids_.push_back(id);
  rows_.insert(rows_.end(), vector.begin(), vector.end());
  return true;
}

std::vector<VectorTable::Near> VectorTable::nearest(std::span<const float> query, size_t k) const {
  if (query.size() != dimensions_ || k == 0) return {};
  std::vector<Near> all(ids_.size());
  for (size_t i = 0; i < ids_.size(); ++i) all[i] = {ids_[i], dot(rows_.data() + i * dimensions_, query.data(), dimensions_)};
  const auto better = [](const Near& a, const Near& b) { return a.cosine != b.cosine ? a.cosine > b.cosine : a.id < b.id; };
  k = std::min(k, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k), all.end(), better);
  all.resize(k);
  return all;
}

}  // namespace aicoder::rag
