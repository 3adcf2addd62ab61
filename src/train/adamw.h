// The optimizer: AdamW, the learning rate over the steps, and clipping.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace aicoder::train {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
};

/// Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2 with the schedule in `rate`: decay is apart from the gradient.
/// States in F32; one thread, so that the order of operations is fixed.
struct AdamW {
  std::vector<float> m, v;  ///< first and second moments
  size_t steps = 0;         ///< taken

  explicit AdamW(size_t n_parameters) : m(n_parameters), v(n_parameters) {}
  void step(std::span<float> parameters, std::span<const float> gradient, double rate, const AdamWOptions& options);
};

struct Schedule {
  double rate = 0;    ///< the largest
  double floor = 0;   ///< share of it at the end
  size_t warmup = 0;  ///< steps of linear rise; the first has rate / warmup
  size_t steps = 1;   ///< in all
};
/// Linear warm-up, then half a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983) down to the floor. \param step  from 0
double learning_rate(const Schedule& schedule, size_t step);

/// Scales the gradient so that its norm is at most `limit` (0: never). \return the norm before; not finite where an entry is not.
double clip_norm(std::span<float> gradient, double limit);

}  // namespace aicoder::train
