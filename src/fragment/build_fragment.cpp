#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include "fragment/for_each_layer.h"
#include "fragment/fragment_keys.h"
#include "fragment/linear_layers.h"
#include "fragment/lora_factors.h"
#include "fragment/low_rank.h"
#include "fragment/recipe.h"
#include "fragment/seeded_random.h"

namespace aicoder {
namespace {

using namespace fragment;

constexpr size_t kRowsAtOnce = 128;  // weights in work beside the delta: 128 rows of 9k inputs are 5 MB with scores
/// Inputs above this are kept out of F16 products: a quarter of the largest F16 leaves room for text that calibration did not show.
constexpr float kLargestF16Input = 65504.0f / 4;

[[noreturn]] void refuse(const std::string& message, std::string fix = {}, ErrorCode code = ErrorCode::kInvalidArgument) {
  throw Error(code, "[fragment_build] " + message, std::move(fix));
}

void check_spec(const FragmentSpec& spec) {
  check_fragment_name(spec.name, "[fragment_build]");
  if (!(spec.keep > 0 && spec.keep <= 1)) refuse("keep: expected a share in (0, 1], found " + std::to_string(spec.keep), "--keep 0.2");
  if (spec.rank == 0) refuse("rank: expected at least 1, found 0", "--rank 16");
  if (!std::isfinite(spec.strength)) refuse("strength: expected a finite number");
  const RecipeTraits& recipe = traits(spec.recipe);
  if (recipe.needs_task && spec.task == nullptr) refuse("recipe " + std::string(recipe.name) + " needs statistics of a task text");
  if (recipe.needs_general && spec.general == nullptr) refuse("recipe " + std::string(recipe.name) + " needs statistics of a general text");
}

void check_stats(const ActivationStats& stats, std::string_view which, const Model& base, std::span<const GgufTensor* const> layers) {
  const std::string place = std::string(which) + " statistics: ";
  if (!stats.base_fingerprint.empty() && stats.base_fingerprint != base.fingerprint()) {
    refuse(place + "expected those of base " + base.name() + " (" + base.fingerprint().substr(0, 12) + "), found those of " +
               stats.base_fingerprint.substr(0, 12),
           "capture them again on this model");
  }
  for (const GgufTensor* tensor : layers) {
    const auto found = stats.layers.find(tensor->name);
    if (found == stats.layers.end()) refuse(place + "expected layer " + tensor->name + ", which is missing");
    const std::vector<double>& sums = found->second.sum_squares;
    if (sums.size() != tensor->ne[0]) {
      refuse(place + tensor->name + ": expected " + std::to_string(tensor->ne[0]) + " inputs, found " + std::to_string(sums.size()));
    }
    if (!std::all_of(sums.begin(), sums.end(), [](double s) { return std::isfinite(s) && s >= 0; })) {
      refuse(place + tensor->name + ": expected finite sums of squares");
    }
    if (std::all_of(sums.begin(), sums.end(), [](double s) { return s == 0; })) {
      refuse(place + tensor->name + ": every input is zero, so nothing is important", "capture them again", ErrorCode::kFailedPrecondition);
    }
  }
}

/// The largest input of a layer that calibration showed. Without a recorded one, no single input can exceed the norm over all.
float largest_input(const LayerStats& stats) {
  if (stats.max_abs > 0) return stats.max_abs;
  return static_cast<float>(std::sqrt(*std::max_element(stats.sum_squares.begin(), stats.sum_squares.end())));
}

struct Factors {
  FragmentTensor info;
  GgufType type = GgufType::kF32;
  std::vector<std::byte> a, b;
  bool selects_anything = false;
};

Factors factor_layer(const Model& base, const GgufTensor& tensor, const FragmentSpec& spec, const std::stop_token& stop) {
  const size_t n_in = static_cast<size_t>(tensor.ne[0]), n_out = static_cast<size_t>(tensor.ne[1]);
  LayerView view{.n_in = n_in, .keep = spec.keep, .seed = seed_for(spec.seed, tensor.name)};
  const LayerStats* task = spec.task == nullptr ? nullptr : &spec.task->layers.at(tensor.name);
  if (task != nullptr) view.task_norms = task->norms();
  if (spec.general != nullptr && traits(spec.recipe).needs_general) view.general_norms = spec.general->layers.at(tensor.name).norms();

  std::vector<float> delta(n_out * n_in);
  Factors result{.info = {.name = tensor.name, .rank = std::min({spec.rank, n_in, n_out})}};
  for (size_t first = 0; first < n_out; first += kRowsAtOnce) {
    throw_if_stopped(stop);
    const size_t n_rows = std::min(kRowsAtOnce, n_out - first);
    const auto rows = std::span(delta).subspan(first * n_in, n_rows * n_in);
    dequantize_rows(base.file(), tensor, first, n_rows, rows);
    const std::vector<bool> mask = traits(spec.recipe).mask(view, rows, first);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!mask[i]) rows[i] = 0;
      result.selects_anything |= mask[i];
    }
  }
  const std::vector<float> norms = task != nullptr ? view.task_norms : std::vector<float>(n_in, 1.0f);
  LowRank low = weighted_low_rank_in_place(delta, n_out, n_in, norms, result.info.rank, view.seed, 3, stop);
  result.info.retained_energy = low.retained_energy;

  // Without statistics nothing is known of the inputs; F16 is then safe only if asked for.
  const bool half = spec.storage == FragmentStorage::kF16 ||
                    (spec.storage == FragmentStorage::kAuto && task != nullptr && largest_input(*task) < kLargestF16Input);
  result.type = half ? GgufType::kF16 : GgufType::kF32;
  result.a = pack(low.a, result.type);
  result.b = pack(low.b, result.type);
  return result;
}

std::vector<Factors> factor_layers(const Model& base, std::span<const GgufTensor* const> layers, const FragmentSpec& spec) {
  std::vector<Factors> results(layers.size());
  for_each_layer({.n = layers.size(),
                  .n_threads = spec.n_threads,
                  .stage = "build fragment",
                  .unit = "layers",
                  .progress = spec.progress,
                  .stop = spec.stop},
                 [&](size_t i, const std::stop_token& stop) { results[i] = factor_layer(base, *layers[i], spec, stop); });
  return results;
}

void set_metadata(GgufWriter& writer, const Model& base, const FragmentSpec& spec, std::span<const Factors> factors) {
  std::vector<FragmentTensor> tensors;
  for (const Factors& f : factors) tensors.push_back(f.info);
  set_head(writer,
           {.architecture = base.architecture(),
            .name = spec.name,
            .role = spec.role,
            .recipe = std::string(to_string(spec.recipe)),
            .base_name = base.name(),
            .base_fingerprint = base.fingerprint(),
            .keep = spec.keep,
            .rank = spec.rank,
            .seed = spec.seed},
           tensors);
  const auto hashes = [](const ActivationStats* stats) {
    return GgufArray(stats == nullptr ? std::vector<std::string>{} : stats->dataset_hashes);
  };
  writer.set(key::kCalibrationHashes, hashes(spec.task));
  writer.set(key::kGeneralHashes, hashes(traits(spec.recipe).needs_general ? spec.general : nullptr));
  set_strength_and_evidence(writer, spec.strength, {});
}

}  // namespace

FragmentBuild build_fragment(const Model& base, const FragmentSpec& spec, const std::filesystem::path& out) {
  const auto started = std::chrono::steady_clock::now();
  check_spec(spec);
  const std::vector<const GgufTensor*> layers = linear_layers(base.file());
  uint64_t largest_rank = 0;
  for (const GgufTensor* tensor : layers) largest_rank = std::max(largest_rank, std::min(tensor->ne[0], tensor->ne[1]));
  if (spec.rank > largest_rank) {
    refuse("rank: expected at most " + std::to_string(largest_rank) + ", the full rank of the largest layer, found " +
           std::to_string(spec.rank));
  }
  if (spec.task != nullptr) check_stats(*spec.task, "task", base, layers);
  if (spec.general != nullptr && traits(spec.recipe).needs_general) check_stats(*spec.general, "general", base, layers);

  const std::vector<Factors> factors = factor_layers(base, layers, spec);
  if (std::none_of(factors.begin(), factors.end(), [](const Factors& f) { return f.selects_anything; })) {
    refuse("the recipe selects no weight: task and general statistics rank every row alike", "give another general text",
           ErrorCode::kFailedPrecondition);
  }

  GgufWriter writer;
  set_metadata(writer, base, spec, factors);
  FragmentBuild build{.path = out};
  for (size_t i = 0; i < layers.size(); ++i) {
    const Factors& f = factors[i];
    writer.add_tensor(f.info.name + std::string(kLoraA), f.type, {layers[i]->ne[0], f.info.rank}, f.a);
    writer.add_tensor(f.info.name + std::string(kLoraB), f.type, {f.info.rank, layers[i]->ne[1]}, f.b);
    build.retained_energy += f.info.retained_energy / static_cast<double>(layers.size());
    build.tensors.push_back(f.info);
  }
  throw_if_stopped(spec.stop);
  writer.write(out);
  build.bytes = std::filesystem::file_size(out);
  build.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return build;
}

}  // namespace aicoder
