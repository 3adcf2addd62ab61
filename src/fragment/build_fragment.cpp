#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "fragment/for_each_layer.h"
#include "fragment/fragment_keys.h"
#include "fragment/linear_layers.h"
#include "fragment/lora_factors.h"
#include "fragment/paired_inputs.h"
#include "fragment/recipe.h"
#include "fragment/seeded_random.h"
#include "fragment/steer_recipe.h"

namespace aicoder {
namespace {

using namespace fragment;

constexpr size_t kRowsAtOnce = 128;  // dequantized between two looks at the stop request
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
  if (recipe.needs.task && spec.task == nullptr) refuse("recipe " + std::string(recipe.name) + " needs statistics of a task text");
  if (recipe.needs.general && spec.general == nullptr) refuse("recipe " + std::string(recipe.name) + " needs statistics of a general text");
  if (recipe.needs.donor && spec.donor == nullptr) refuse("recipe " + std::string(recipe.name) + " needs another model", "--donor FILE");
  if (recipe.needs.prompt && (spec.pairs == nullptr || spec.pairs->model == nullptr)) {
    refuse("recipe " + std::string(recipe.name) + " needs a prompt and answers to read with it", "--prompt TEXT --calib FILE");
  }
  if (spec.pairs != nullptr && !(spec.pairs->against.empty() && spec.pairs->opposite.empty()) && !recipe.needs.vectors) {
    refuse("recipe " + std::string(recipe.name) + " takes no other side", "--recipe steer");
  }
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

void check_sketches(const ActivationStats& stats, std::string_view which, std::span<const GgufTensor* const> layers, size_t rank) {
  const std::string place = std::string(which) + " statistics: ";
  const std::string fix = "aicoder fragment capture --second-moments --calib TEXT -o FILE";
  for (const GgufTensor* tensor : layers) {
    const std::string input = input_name(tensor->name);
    const auto found = stats.sketches.find(input);
    if (found == stats.sketches.end()) refuse(place + "expected second moments of " + input + ", which are missing", fix);
    const InputSketch& sketch = found->second;
    if (sketch.n_in != tensor->ne[0] || sketch.n_rows() == 0 || sketch.rows.size() % sketch.n_in != 0) {
      refuse(place + "second moments of " + input + ": expected rows of " + std::to_string(tensor->ne[0]) + " inputs, found " +
             std::to_string(sketch.n_rows()) + " of " + std::to_string(sketch.n_in));
    }
    if (!std::all_of(sketch.rows.begin(), sketch.rows.end(), [](float v) { return std::isfinite(v); })) {
      refuse(place + "second moments of " + input + ": expected finite values");
    }
    if (rank > sketch.size) {
      refuse("rank: expected at most " + std::to_string(sketch.size) + ", the size of the " + std::string(which) + " sketches, found " +
                 std::to_string(rank),
             fix + " --sketch-size " + std::to_string(2 * rank));
    }
  }
}

void check_donor(const GgufFile& donor, const Model& base, std::span<const GgufTensor* const> layers) {
  const std::string place = "donor " + donor.path().filename().string() + ": ", fix = "--donor FILE of a model tuned from the same base";
  const std::string architecture = donor.get_string("general.architecture").value_or("nothing");
  if (architecture != base.architecture()) refuse(place + "expected architecture " + base.architecture() + ", found " + architecture, fix);
  const auto shape = [](const GgufTensor& tensor) {
    std::string text;
    for (const uint64_t n : tensor.ne) text += (text.empty() ? "" : " x ") + std::to_string(n);
    return text;
  };
  for (const GgufTensor* tensor : layers) {
    const GgufTensor* theirs = donor.find(tensor->name);
    if (theirs == nullptr) refuse(place + "expected layer " + tensor->name + ", which is missing", fix);
    if (theirs->ne != tensor->ne) refuse(place + tensor->name + ": expected " + shape(*tensor) + ", found " + shape(*theirs), fix);
  }
  const size_t n_theirs = linear_layers(donor).size();
  if (n_theirs != layers.size()) {
    refuse(place + "expected " + std::to_string(layers.size()) + " linear layers, found " + std::to_string(n_theirs), fix);
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
  bool empty = true;
};

using PairedInputs = std::map<std::string, PairedInput>;

Factors factor_layer(const Model& base, const GgufTensor& tensor, const FragmentSpec& spec, const PairedInputs& pairs,
                     const std::stop_token& stop) {
  const size_t n_in = static_cast<size_t>(tensor.ne[0]), n_out = static_cast<size_t>(tensor.ne[1]);
  LayerView view{.n_in = n_in,
                 .keep = spec.keep,
                 .seed = seed_for(spec.seed, tensor.name),
                 .n_out = n_out,
                 .rank = std::min({spec.rank, n_in, n_out})};
  const LayerStats* task = spec.task == nullptr ? nullptr : &spec.task->layers.at(tensor.name);
  if (task != nullptr) {
    view.task_norms = task->norms();
    view.task_tokens = task->tokens;
    if (traits(spec.recipe).needs.second_moments) view.task_sketch = &spec.task->sketches.at(input_name(tensor.name));
  }
  if (spec.general != nullptr && traits(spec.recipe).needs.general) {
    const LayerStats& general = spec.general->layers.at(tensor.name);
    view.general_norms = general.norms();
    view.general_tokens = general.tokens;
    if (traits(spec.recipe).needs.second_moments) view.general_sketch = &spec.general->sketches.at(input_name(tensor.name));
  }

  if (traits(spec.recipe).needs.donor) {
    view.donor = spec.donor;
    view.donor_weight = spec.donor->find(tensor.name);
  }
  if (traits(spec.recipe).needs.prompt) view.pair = &pairs.at(input_name(tensor.name));

  std::vector<float> weight(n_out * n_in);
  for (size_t first = 0; first < n_out; first += kRowsAtOnce) {
    throw_if_stopped(stop);
    const size_t n_rows = std::min(kRowsAtOnce, n_out - first);
    dequantize_rows(base.file(), tensor, first, n_rows, std::span(weight).subspan(first * n_in, n_rows * n_in));
  }
  const auto [low, empty] = traits(spec.recipe).factors(view, weight, stop);
  Factors result{.info = {.name = tensor.name, .rank = view.rank, .retained_energy = low.retained_energy}, .empty = empty};

  // Without statistics nothing is known of the inputs; F16 is then safe only if asked for.
  float largest = INFINITY;
  if (task != nullptr) largest = largest_input(*task);
  if (view.pair != nullptr) largest = view.pair->max_abs;
  const bool half = spec.storage == FragmentStorage::kF16 || (spec.storage == FragmentStorage::kAuto && largest < kLargestF16Input);
  result.type = half ? GgufType::kF16 : GgufType::kF32;
  result.a = pack(low.a, result.type);
  result.b = pack(low.b, result.type);
  return result;
}

/// Works on layers [first, last).
void factor_layers(const Model& base, std::span<const GgufTensor* const> layers, size_t first, size_t last, const FragmentSpec& spec,
                   const PairedInputs& pairs, std::vector<Factors>& results) {
  for_each_layer(
      {.n = last - first,
       .done_before = first,
       .total = layers.size(),
       .n_threads = spec.n_threads,
       .stage = "build fragment",
       .unit = "layers",
       .progress = spec.progress,
       .stop = spec.stop},
      [&](size_t i, const std::stop_token& stop) { results[first + i] = factor_layer(base, *layers[first + i], spec, pairs, stop); });
}

/// The end of the layers from `first` on whose paired inputs fit the memory for them; at least one input.
size_t end_of_pass(std::span<const GgufTensor* const> layers, size_t first, size_t n_tokens, std::set<std::string>& inputs) {
  constexpr uint64_t kPassBytes = uint64_t{2} << 30;
  uint64_t bytes = 0;
  for (size_t i = first; i < layers.size(); ++i) {
    const std::string input = input_name(layers[i]->name);
    if (inputs.contains(input)) continue;
    const uint64_t more = n_tokens * (2 * layers[i]->ne[0] + n_tokens) * sizeof(float);
    if (!inputs.empty() && bytes + more > kPassBytes) return i;
    bytes += more;
    inputs.insert(input);
  }
  return layers.size();
}

std::vector<Factors> factor_all(const Model& base, std::span<const GgufTensor* const> layers, const FragmentSpec& spec,
                                const AlignedText& text) {
  std::vector<Factors> results(layers.size());
  for (size_t first = 0; first < layers.size();) {
    size_t last = layers.size();
    PairedInputs pairs;
    if (traits(spec.recipe).needs.prompt) {
      std::set<std::string> inputs;
      last = end_of_pass(layers, first, text.n_tokens, inputs);
      pairs = capture_pairs(*spec.pairs, text, inputs, spec.n_threads, spec.stop);
    }
    factor_layers(base, layers, first, last, spec, pairs, results);
    first = last;
  }
  return results;
}

void set_metadata(GgufWriter& writer, const Model& base, const FragmentSpec& spec, std::span<const Factors> factors,
                  const AlignedText& text) {
  std::vector<FragmentTensor> tensors;
  for (const Factors& f : factors) tensors.push_back(f.info);
  set_head(writer,
           {.architecture = base.architecture(),
            .name = spec.name,
            .role = spec.role,
            .recipe = std::string(to_string(spec.recipe)),
            .base_name = base.name(),
            .base_fingerprint = base.fingerprint(),
            .keep = traits(spec.recipe).uses_keep ? spec.keep : 0,
            .rank = spec.rank,
            .seed = spec.seed},
           tensors);
  const auto hashes = [](const ActivationStats* stats) {
    return GgufArray(stats == nullptr ? std::vector<std::string>{} : stats->dataset_hashes);
  };
  writer.set(key::kCalibrationHashes, text.hash.empty() ? hashes(spec.task) : GgufArray(std::vector<std::string>{text.hash}));
  writer.set(key::kGeneralHashes, hashes(traits(spec.recipe).needs.general ? spec.general : nullptr));
  if (traits(spec.recipe).needs.donor) {
    writer.set(key::kDonorName, spec.donor->get_string("general.name").value_or(spec.donor->path().stem().string()));
    writer.set(key::kDonorHash, sha256_file(spec.donor->path(), spec.progress, spec.stop));
  }
  if (traits(spec.recipe).needs.prompt) {
    writer.set(key::kPrompt, spec.pairs->prompt);
    writer.set(key::kPairTokens, static_cast<uint32_t>(text.n_tokens));
    writer.set(key::kRidge, static_cast<float>(spec.pairs->ridge));
  }
  set_strength_and_evidence(writer, spec.strength, {});
}

}  // namespace

FragmentBuild build_fragment(const Model& base, const FragmentSpec& spec, const std::filesystem::path& out) {
  const auto started = std::chrono::steady_clock::now();
  check_spec(spec);
  if (recipe_needs(spec.recipe).prompt && spec.pairs->model->fingerprint() != base.fingerprint()) {
    refuse("expected pairs read by base " + base.name() + ", found " + spec.pairs->model->name());
  }
  if (recipe_needs(spec.recipe).vectors) return build_control_vectors(base, spec, out);
  const std::vector<const GgufTensor*> layers = linear_layers(base.file());
  uint64_t largest_rank = 0;
  for (const GgufTensor* tensor : layers) largest_rank = std::max(largest_rank, std::min(tensor->ne[0], tensor->ne[1]));
  if (spec.rank > largest_rank) {
    refuse("rank: expected at most " + std::to_string(largest_rank) + ", the full rank of the largest layer, found " +
           std::to_string(spec.rank));
  }
  if (spec.task != nullptr) check_stats(*spec.task, "task", base, layers);
  if (spec.general != nullptr && traits(spec.recipe).needs.general) check_stats(*spec.general, "general", base, layers);
  if (traits(spec.recipe).needs.donor) check_donor(*spec.donor, base, layers);
  if (traits(spec.recipe).needs.second_moments) {
    check_sketches(*spec.task, "task", layers, spec.rank);
    check_sketches(*spec.general, "general", layers, spec.rank);
    if (!spec.task->dataset_hashes.empty() && spec.task->dataset_hashes == spec.general->dataset_hashes) {
      refuse("expected task and general statistics of two texts, found the same text twice", "give another general text",
             ErrorCode::kFailedPrecondition);
    }
  }

  AlignedText text;
  if (traits(spec.recipe).needs.prompt) text = align_records(*spec.pairs);

  const std::vector<Factors> factors = factor_all(base, layers, spec, text);
  if (std::all_of(factors.begin(), factors.end(), [](const Factors& f) { return f.empty; })) {
    if (traits(spec.recipe).needs.donor) {
      refuse("the donor's layers are those of the base", "--donor FILE of another model", ErrorCode::kFailedPrecondition);
    }
    if (traits(spec.recipe).needs.prompt) {
      refuse("the prompt changes no input of any layer", "--prompt TEXT", ErrorCode::kFailedPrecondition);
    }
    refuse("the recipe selects no weight: task and general statistics rank every row alike", "give another general text",
           ErrorCode::kFailedPrecondition);
  }

  GgufWriter writer;
  set_metadata(writer, base, spec, factors, text);
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
