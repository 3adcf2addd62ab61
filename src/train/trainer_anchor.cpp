// Before the first step: what the regularizer holds, and how firmly.
#include <algorithm>

#include "train/trainer.h"

namespace aicoder::train {

/// Every second example tells what is important, the others what was forgotten: the same text for both would flatter the regularizer.
void Trainer::split_general() {
  std::vector<Example> measured;
  for (size_t i = 0; i < general_.size(); ++i) (i % 2 == 0 ? measured : importance_).push_back(std::move(general_[i]));
  general_ = std::move(measured);
  if (importance_.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "[train] the general text is a single piece: importance and forgetting are measured on different ones",
                "give more of it: --general FILE, more than " + std::to_string(options_.n_ctx) + " tokens or several rows");
  }
  const std::vector<PlanSource> all{{0, importance_.size(), 1}};
  importance_plan_ = make_plan(importance_, all, 1, options_.n_ctx, options_.seed);
}

void Trainer::prepare_anchor() {
  if (options_.regularizer == Regularizer::kNone) return;
  if (options_.regularizer == Regularizer::kHierarchical) anchor_to_path();
  if (options_.regularizer == Regularizer::kEwc) anchor_to_fisher();
  if (options_.regularizer == Regularizer::kL2) {
    state_.anchor = {.center = state_.parameters, .weight = std::vector<float>(layout_.n_parameters, 1.0f)};
  }
  for (float& weight : state_.anchor.weight) weight *= static_cast<float>(options_.regularizer_strength);
}

/// Phase one of arXiv 2501.13669: a short training on general text, whose end is the center and whose path says what mattered.
void Trainer::anchor_to_path() {
  PathIntegral path(state_.parameters);
  AdamW optimizer(layout_.n_parameters);
  const Schedule schedule{.rate = options_.rate, .floor = 1, .warmup = 0, .steps = options_.importance_steps};
  for (size_t i = 0; i < options_.importance_steps; ++i) {
    if (options_.progress) {
      options_.progress({.stage = "importance of general text",
                         .done = static_cast<double>(i),
                         .total = static_cast<double>(options_.importance_steps),
                         .unit = "steps"});
    }
    std::fill(gradient_.begin(), gradient_.end(), 0.0f);
    const Batch batch = pack(importance_, importance_plan_.passes[i % importance_plan_.passes.size()]);
    (void)engine_->loss_and_gradient(batch, gradient_, options_.stop);
    for (float& g : gradient_) g /= static_cast<float>(batch.n_trained);
    const std::vector<float> raw = gradient_, before = state_.parameters;
    (void)clip_norm(gradient_, options_.clip);
    optimizer.step(state_.parameters, gradient_, learning_rate(schedule, i),
                   {.beta1 = options_.beta1, .beta2 = options_.beta2, .epsilon = options_.epsilon});
    engine_->set_parameters(state_.parameters);
    path.add(raw, before, state_.parameters);
  }
  std::vector<float> omega = path.importance(layout_, state_.parameters);
  const std::vector<double> lambda = layer_coefficients(layout_, omega);
  normalise_by_factor(layout_, omega);
  for_each_factor(layout_, [&](size_t layer, size_t first, size_t size) {
    for (size_t i = first; i < first + size; ++i) omega[i] *= static_cast<float>(lambda[layer]);
  });
  state_.anchor = {.center = state_.parameters, .weight = std::move(omega)};
}

/// The gradients are those of a pass and not of a token: the diagonal of the empirical Fisher information up to a factor, which normalising
/// takes away. Where training begins B is 0 and A has no gradient, so that only B is held.
void Trainer::anchor_to_fisher() {
  std::vector<float> fisher(layout_.n_parameters);
  const size_t n = std::min(options_.importance_steps, importance_plan_.passes.size());
  for (size_t i = 0; i < n; ++i) {
    if (options_.progress) {
      options_.progress(
          {.stage = "importance of general text", .done = static_cast<double>(i), .total = static_cast<double>(n), .unit = "passes"});
    }
    std::fill(gradient_.begin(), gradient_.end(), 0.0f);
    const Batch batch = pack(importance_, importance_plan_.passes[i]);
    (void)engine_->loss_and_gradient(batch, gradient_, options_.stop);
    for (size_t j = 0; j < fisher.size(); ++j) {
      const float g = gradient_[j] / static_cast<float>(batch.n_trained);
      fisher[j] += g * g;
    }
  }
  normalise_by_factor(layout_, fisher);
  state_.anchor = {.center = state_.parameters, .weight = std::move(fisher)};
}

}  // namespace aicoder::train
