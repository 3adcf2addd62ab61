#include "fragment/steer_recipe.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "fragment/fragment_keys.h"

namespace aicoder {
namespace fragment {
namespace {

double squared_norm(std::span<const double> v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return sum;
}

struct Steering {
  ControlVector info;
  std::vector<float> values;
};

/// The mean change of the first layer, and of each later one what it has beyond that of the layer before: together they move the
/// stream after each layer by what the prompt did, as far as the layers between leave alone what was added.
std::vector<Steering> steering_of(std::span<const ResidualShift> shifts, const LayerRange& layers) {
  std::vector<Steering> all;
  for (size_t layer = layers.first; layer <= layers.last; ++layer) {
    const ResidualShift& shift = shifts[layer];
    std::vector<double> added = shift.mean_change;
    if (layer > layers.first) {
      for (size_t i = 0; i < added.size(); ++i) added[i] -= shifts[layer - 1].mean_change[i];
    }
    Steering steering{.info = {.layer = layer, .norm = std::sqrt(squared_norm(added))}, .values = {added.begin(), added.end()}};
    if (shift.plain_rms > 0) steering.info.relative = steering.info.norm / shift.plain_rms;
    steering.info.shared = shift.shared;
    all.push_back(std::move(steering));
  }
  return all;
}

struct Source {
  std::vector<ResidualShift> shifts;
  std::vector<std::string> hashes;
  size_t n_tokens = 0;
};

Source read_source(const FragmentSpec& spec) {
  const PromptPairs& pairs = *spec.pairs;
  const ShiftRun run{.n_threads = spec.n_threads, .progress = spec.progress, .stop = spec.stop};
  if (pairs.opposite.empty()) {
    const AlignedText text = align_records(pairs);
    return {prompt_shifts(pairs, text, run), {text.hash}, text.n_tokens};
  }
  if (!pairs.prompt.empty() || !pairs.against.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "[steer] expected prompts or answers of the other side, found both",
                "leave out --prompt and --against, or --against-calib");
  }
  const AnswerTokens a = answer_tokens(*pairs.model, pairs.records, pairs.max_tokens),
                     b = answer_tokens(*pairs.model, pairs.opposite, pairs.max_tokens);
  return {answer_shifts(pairs.model, a, b, run), {a.hash, b.hash}, a.n_tokens + b.n_tokens};
}

void set_vectors(GgufWriter& writer, std::span<const Steering> all) {
  std::vector<uint32_t> layers;
  std::vector<float> relative, shared;
  for (const Steering& steering : all) {
    writer.set(key::kVector + std::to_string(steering.info.layer), GgufArray(steering.values));
    layers.push_back(static_cast<uint32_t>(steering.info.layer));
    relative.push_back(static_cast<float>(steering.info.relative));
    shared.push_back(static_cast<float>(steering.info.shared));
  }
  writer.set(key::kVectorLayers, GgufArray(std::move(layers)));
  writer.set(key::kVectorRelative, GgufArray(std::move(relative)));
  writer.set(key::kVectorShared, GgufArray(std::move(shared)));
}

}  // namespace

LayerRange checked_layers(const LayerRange& layers, size_t n_layer) {
  if (layers.first == 0 && layers.last == 0) return {std::max<size_t>(1, n_layer / 3), std::max<size_t>(1, 2 * n_layer / 3)};
  if (layers.first == 0 || layers.first > layers.last || layers.last >= n_layer) {
    throw Error(ErrorCode::kInvalidArgument,
                "[steer] layers: expected a range within 1 to " + std::to_string(n_layer - 1) + ", found " + std::to_string(layers.first) +
                    " to " + std::to_string(layers.last),
                "--layers " + std::to_string(n_layer / 3) + "-" + std::to_string(2 * n_layer / 3));
  }
  return layers;
}

FragmentBuild build_control_vectors(const Model& base, const FragmentSpec& spec, const std::filesystem::path& out) {
  const auto started = std::chrono::steady_clock::now();
  if (base.n_layer() < 2) throw Error(ErrorCode::kUnimplemented, "[steer] expected a model of at least 2 layers, found 1");
  const LayerRange layers = checked_layers(spec.layers, base.n_layer());
  const Source source = read_source(spec);
  const auto all = steering_of(source.shifts, layers);
  if (std::all_of(all.begin(), all.end(), [](const Steering& s) { return s.info.norm == 0; })) {
    throw Error(ErrorCode::kFailedPrecondition, "[steer] the two sides are the same in these layers",
                "give another --prompt or --against-calib");
  }
  GgufWriter writer;
  set_head(writer,
           {.architecture = base.architecture(),
            .name = spec.name,
            .role = spec.role,
            .recipe = std::string(to_string(spec.recipe)),
            .base_name = base.name(),
            .base_fingerprint = base.fingerprint()},
           {});
  set_vectors(writer, all);
  writer.set(key::kCalibrationHashes, GgufArray(source.hashes));
  writer.set(key::kSteerPrompt, spec.pairs->prompt);
  writer.set(key::kSteerAgainst, spec.pairs->against);
  writer.set(key::kSteerTokens, static_cast<uint32_t>(source.n_tokens));
  set_strength_and_evidence(writer, spec.strength, {});
  throw_if_stopped(spec.stop);
  writer.write(out);
  FragmentBuild build{.path = out, .bytes = std::filesystem::file_size(out)};
  for (const Steering& steering : all) build.vectors.push_back(steering.info);
  build.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return build;
}

}  // namespace fragment

size_t export_control_vectors(const std::filesystem::path& fragment, float strength, const std::filesystem::path& out) {
  const GgufFile file = GgufFile::open(fragment);
  const auto refuse = [&](const std::string& what, const std::string& fix) {
    throw Error(ErrorCode::kInvalidArgument, "[fragment_export] " + fragment.filename().string() + ": " + what, fix);
  };
  if (!std::isfinite(strength) || strength == 0) refuse("expected a strength other than 0", "--strength 1");
  const auto vectors = control_vectors(file);
  if (vectors.empty()) refuse("expected control vectors, found none", "--to peft");
  GgufWriter writer;
  writer.set("general.architecture", std::string("controlvector"));
  writer.set("controlvector.model_hint", file.get_string("general.architecture").value_or(""));
  writer.set("controlvector.layer_count", static_cast<uint32_t>(vectors.size()));
  for (const auto& [layer, vector] : vectors) {
    std::vector<float> values = vector;
    for (float& v : values) v *= strength;
    const uint64_t n = values.size();
    writer.add_f32("direction." + std::to_string(layer), {n}, std::move(values));
  }
  writer.write(out);
  return vectors.size();
}

}  // namespace aicoder
