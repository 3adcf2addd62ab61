#include "fragment/moments.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "fragment/moments_algebra.h"

namespace aicoder::fragment {

void Moments::append(std::span<const float> rows) {
  const size_t n_in = sketch_.n_in;
  const bool few = sketch_.n_rows() + rows.size() / n_in <= sketch_.size;
  if (n_in > kWholeWidth || (few && products_.empty())) {
    sketch_.append(rows);
    return;
  }
  if (products_.empty()) {
    products_.resize(n_in * n_in);
    add_products(products_, std::exchange(sketch_.rows, {}), n_in);
  }
  add_products(products_, rows, n_in);
}

InputSketch Moments::finish() {
  InputSketch result = std::move(sketch_);
  const std::vector<float> products = std::exchange(products_, {});
  if (products.empty()) {
    result.compress();
    return result;
  }
  if (!std::all_of(products.begin(), products.end(), [](float v) { return std::isfinite(v); })) {
    throw Error(ErrorCode::kFailedPrecondition, "[moments] products of inputs are beyond the range of F32");
  }
  LeadingRows leading = leading_rows(products, result.n_in, result.size);
  result.rows = std::move(leading.rows);
  result.error = leading.error;
  return result;
}

}  // namespace aicoder::fragment
