// All vectors of an index side by side, and the nearest by an exact scan: right to some hundred thousand chunks.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace aicoder::rag {

class VectorTable {
 public:
  size_t size() const { return ids_.size(); }
  /// \param vector  of length 1; the first one decides the number of dimensions, others with another are left out (\return false).
  bool add(int64_t id, std::span<const float> vector);

  struct Near {
    int64_t id;
    float cosine;
  };
  /// Best first, at most k. O(size * dimensions).
  std::vector<Near> nearest(std::span<const float> query, size_t k) const;

 private:
  size_t dimensions_ = 0;
  std::vector<int64_t> ids_;
  std::vector<float> rows_;  ///< [size, dimensions], row-major
};

}  // namespace aicoder::rag
