#include "fragment/steer_recipe.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "fragment/fragment_keys.h"

namespace aicoder {
namespace fragment {
namespace {

/// The rows of the aligned tokens of one record, by layer; those of the plain run wait for the prompted ones.
class ShiftCollector {
 public:
  ShiftCollector(size_t n_layer, size_t n_embd) : n_embd_(n_embd), plain_(n_layer), seen_(n_layer), used_(n_layer), result_(n_layer) {
    for (auto& shift : result_) shift.mean_change.resize(n_embd);
  }
  /// \param first  of the aligned tokens of the run that follows
  void begin(size_t first, bool prompted) {
    first_ = first;
    prompted_ = prompted;
    std::fill(seen_.begin(), seen_.end(), 0);
    std::fill(used_.begin(), used_.end(), 0);
    if (prompted) return;
    for (auto& rows : plain_) rows.clear();
  }
  void add(size_t layer, std::span<const float> rows, size_t n_embd) {
    if (layer >= plain_.size() || n_embd != n_embd_) return;
    const size_t n_rows = rows.size() / n_embd, skip = std::min(n_rows, first_ - std::min(first_, seen_[layer]));
    seen_[layer] += n_rows;
    rows = rows.subspan(skip * n_embd);
    if (prompted_) {
      add_change(layer, rows);
    } else {
      plain_[layer].insert(plain_[layer].end(), rows.begin(), rows.end());
    }
  }
  /// \throws Error(kFailedPrecondition) unless each layer gave `n_aligned` rows both ways.
  void check(size_t n_aligned) const {
    for (size_t layer = 0; layer < plain_.size(); ++layer) {
      if (plain_[layer].size() != n_aligned * n_embd_ || used_[layer] != n_aligned) {
        throw Error(ErrorCode::kFailedPrecondition, "[steer] expected " + std::to_string(n_aligned) + " rows of layer " +
                                                        std::to_string(layer) + ", found " + std::to_string(used_[layer]));
      }
    }
  }
  std::vector<ResidualShift> take(size_t n_tokens) {
    for (auto& shift : result_) {
      for (double& v : shift.mean_change) v /= static_cast<double>(n_tokens);
      if (!std::isfinite(shift.sum_change_squares) || !std::isfinite(shift.sum_plain_squares)) {
        throw Error(ErrorCode::kFailedPrecondition, "[steer] the model gives values that are not finite numbers");
      }
    }
    return std::move(result_);
  }

 private:
  void add_change(size_t layer, std::span<const float> rows) {
    ResidualShift& shift = result_[layer];
    const size_t at = used_[layer] * n_embd_, n = std::min(rows.size(), plain_[layer].size() - std::min(plain_[layer].size(), at));
    for (size_t i = 0; i < n; ++i) {
      const double plain = plain_[layer][at + i], change = static_cast<double>(rows[i]) - plain;
      shift.mean_change[i % n_embd_] += change;
      shift.sum_change_squares += change * change;
      shift.sum_plain_squares += plain * plain;
    }
    used_[layer] += rows.size() / n_embd_;
  }

  size_t n_embd_;
  std::vector<std::vector<float>> plain_;
  std::vector<size_t> seen_, used_;
  std::vector<ResidualShift> result_;
  size_t first_ = 0;
  bool prompted_ = false;
};

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
std::vector<Steering> steering_of(std::span<const ResidualShift> shifts, const LayerRange& layers, size_t n_tokens) {
  std::vector<Steering> all;
  const auto n = static_cast<double>(n_tokens);
  for (size_t layer = layers.first; layer <= layers.last; ++layer) {
    const ResidualShift& shift = shifts[layer];
    std::vector<double> added = shift.mean_change;
    if (layer > layers.first) {
      for (size_t i = 0; i < added.size(); ++i) added[i] -= shifts[layer - 1].mean_change[i];
    }
    Steering steering{.info = {.layer = layer, .norm = std::sqrt(squared_norm(added))}, .values = {added.begin(), added.end()}};
    if (shift.sum_plain_squares > 0) steering.info.relative = steering.info.norm / std::sqrt(shift.sum_plain_squares / n);
    if (shift.sum_change_squares > 0) steering.info.shared = n * squared_norm(shift.mean_change) / shift.sum_change_squares;
    all.push_back(std::move(steering));
  }
  return all;
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

std::vector<ResidualShift> residual_shifts(const PromptPairs& pairs, const AlignedText& text, int n_threads, const ProgressFn& progress,
                                           const std::stop_token& stop) {
  ShiftCollector collector(pairs.model->n_layer(), pairs.model->n_embd());
  Context context(pairs.model, {.n_ctx_seq = pair_context_tokens(*pairs.model) + 1, .n_batch = 512, .n_threads = n_threads});
  context.observe_residual([&](size_t layer, std::span<const float> rows, size_t n_embd) { collector.add(layer, rows, n_embd); });
  const auto read = [&](std::vector<Token> tokens, size_t n_aligned, bool prompted) {
    throw_if_stopped(stop);
    collector.begin(tokens.size() - n_aligned, prompted);
    // As in capture_pairs: predicting every token makes the last layer compute all its rows.
    tokens.push_back(tokens.back());
    context.log_likelihood(tokens, 1, stop);
  };
  size_t done = 0;
  for (const AlignedRecord& record : text.records) {
    read(record.plain, record.n_aligned, false);
    read(record.prompted, record.n_aligned, true);
    collector.check(record.n_aligned);
    done += record.n_aligned;
    if (progress)
      progress({.stage = "read pairs", .done = static_cast<double>(done), .total = static_cast<double>(text.n_tokens), .unit = "tokens"});
  }
  return collector.take(text.n_tokens);
}

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
  const AlignedText text = align_records(*spec.pairs);
  const auto shifts = residual_shifts(*spec.pairs, text, spec.n_threads, spec.progress, spec.stop);
  const auto all = steering_of(shifts, layers, text.n_tokens);
  if (std::all_of(all.begin(), all.end(), [](const Steering& s) { return s.info.norm == 0; })) {
    throw Error(ErrorCode::kFailedPrecondition, "[steer] the prompt changes nothing in these layers", "give another --prompt");
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
  writer.set(key::kCalibrationHashes, GgufArray(std::vector<std::string>{text.hash}));
  writer.set(key::kSteerPrompt, spec.pairs->prompt);
  writer.set(key::kSteerAgainst, spec.pairs->against);
  writer.set(key::kSteerTokens, static_cast<uint32_t>(text.n_tokens));
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
