#include <algorithm>
#include <cmath>
#include <string>

#include "aicoder/fragment.h"
#include "fragment/subspace.h"

namespace aicoder {

void InputSketch::append(std::span<const float> more) {
  if (n_in == 0 || size == 0 || more.size() % n_in != 0) {
    throw Error(ErrorCode::kInvalidArgument, "[input_sketch] expected rows of " + std::to_string(n_in) + " inputs for a sketch of size " +
                                                 std::to_string(size) + ", found " + std::to_string(more.size()) + " values");
  }
  if (!std::all_of(more.begin(), more.end(), [](float v) { return std::isfinite(v); })) {
    throw Error(ErrorCode::kFailedPrecondition, "[input_sketch] expected finite inputs");
  }
  // Twice the size is where the cost of a row is least: the product of the rows with themselves grows with their number squared,
  // and is paid once per `size` rows.
  const size_t capacity = 2 * size * n_in;
  while (!more.empty()) {
    if (rows.size() == capacity) compress();
    const size_t n = std::min(more.size(), capacity - rows.size());
    rows.insert(rows.end(), more.begin(), more.begin() + static_cast<std::ptrdiff_t>(n));
    more = more.subspan(n);
  }
}

void InputSketch::compress() {
  if (n_rows() > size) error += fragment::shrink_rows(rows, n_in, size);
}

void InputSketch::merge(const InputSketch& other) {
  if (n_in != other.n_in || size != other.size) {
    throw Error(ErrorCode::kInvalidArgument, "[input_sketch] expected " + std::to_string(size) + " rows of " + std::to_string(n_in) +
                                                 " inputs, found " + std::to_string(other.size) + " of " + std::to_string(other.n_in));
  }
  append(other.rows);
  error += other.error;
  compress();
}

}  // namespace aicoder
