#include "train/adamw.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace aicoder::train {

void AdamW::step(std::span<float> parameters, std::span<const float> gradient, double rate, const AdamWOptions& options) {
  ++steps;
  const auto n = static_cast<double>(steps);
  const auto beta1 = static_cast<float>(options.beta1), beta2 = static_cast<float>(options.beta2);
  const auto decay = static_cast<float>(1 - rate * options.weight_decay), epsilon = static_cast<float>(options.epsilon);
  // The corrections of both moments for their start at zero, folded into two factors.
  const auto step_size = static_cast<float>(rate / (1 - std::pow(options.beta1, n)));
  const auto root = static_cast<float>(1 / std::sqrt(1 - std::pow(options.beta2, n)));
  for (size_t i = 0; i < parameters.size(); ++i) {
    const float g = gradient[i];
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    parameters[i] = decay * parameters[i] - step_size * m[i] / (std::sqrt(v[i]) * root + epsilon);
  }
}

double learning_rate(const Schedule& schedule, size_t step) {
  if (step < schedule.warmup) return schedule.rate * static_cast<double>(step + 1) / static_cast<double>(schedule.warmup);
  const size_t rest = std::max<size_t>(schedule.steps, schedule.warmup + 1) - schedule.warmup;
  const double done = std::min(1.0, static_cast<double>(step - schedule.warmup) / static_cast<double>(rest));
  return schedule.rate * (schedule.floor + (1 - schedule.floor) * 0.5 * (1 + std::cos(std::numbers::pi * done)));
}

double clip_norm(std::span<float> gradient, double limit) {
  double sum = 0;
  for (const float g : gradient) sum += static_cast<double>(g) * static_cast<double>(g);
  const double norm = std::sqrt(sum);
  if (limit > 0 && std::isfinite(norm) && norm > limit) {
    const auto factor = static_cast<float>(limit / norm);
    for (float& g : gradient) g *= factor;
  }
  return norm;
}

}  // namespace aicoder::train
