#include "train/fragment_out.h"

namespace aicoder::train {
namespace {

std::vector<float> stored_b(const LoraLayout& layout, const LoraSite& site, std::span<const float> parameters) {
  const auto rank = static_cast<size_t>(site.rank), n_out = static_cast<size_t>(site.n_out);
  std::vector<float> b(site.b_size());
  for (size_t r = 0; r < rank; ++r) {
    for (size_t o = 0; o < n_out; ++o) b[o * rank + r] = layout.scale * parameters[site.b + r * n_out + o];
  }
  return b;
}

}  // namespace

void write_trained_fragment(const Model& model, const LoraLayout& layout, std::span<const float> parameters, const TrainOptions& options,
                            const TrainResult& result, const std::string& data_hash, const std::filesystem::path& out) {
  GgufWriter writer;
  writer.set("general.type", std::string("adapter"));
  writer.set("general.architecture", model.architecture());
  writer.set("general.name", options.name);
  writer.set("adapter.type", std::string("lora"));
  writer.set("adapter.lora.alpha", 0.0f);  // the scale a program sets is the strength, whatever the rank of a tensor
  writer.set("aicoder.version", uint32_t{1});
  writer.set("aicoder.name", options.name);
  writer.set("aicoder.role", options.role);
  writer.set("aicoder.recipe", std::string("train"));
  writer.set("aicoder.base.name", model.name());
  writer.set("aicoder.base.fingerprint", model.fingerprint());
  writer.set("aicoder.keep", 0.0f);
  writer.set("aicoder.rank", static_cast<uint32_t>(layout.rank));
  writer.set("aicoder.seed", options.seed);
  writer.set("aicoder.strength", 1.0f);
  writer.set("aicoder.calibration.hashes", GgufArray(std::vector<std::string>{data_hash}));
  writer.set("aicoder.train.steps", static_cast<uint32_t>(result.kept_step));
  writer.set("aicoder.train.tokens", static_cast<uint64_t>(result.tokens));
  writer.set("aicoder.train.alpha", static_cast<float>(static_cast<double>(layout.scale) * static_cast<double>(layout.rank)));
  writer.set("aicoder.train.rate", static_cast<float>(options.rate));
  writer.set("aicoder.train.regularizer", std::string(to_string(options.regularizer)));
  writer.set("aicoder.train.regularizer_strength", static_cast<float>(options.regularizer_strength));
  writer.set("aicoder.train.loss", static_cast<float>(result.train_loss));
  std::vector<std::string> names;
  for (const LoraSite& site : layout.sites) names.push_back(site.weight);
  writer.set("aicoder.tensor.retained_energy", GgufArray(std::vector<float>(names.size(), 1.0f)));  // nothing was truncated
  writer.set("aicoder.tensor.names", GgufArray(std::move(names)));
  for (const LoraSite& site : layout.sites) {
    const auto n_in = static_cast<uint64_t>(site.n_in), n_out = static_cast<uint64_t>(site.n_out), rank = static_cast<uint64_t>(site.rank);
    const auto a = parameters.subspan(site.a, site.a_size());
    writer.add_f32(site.weight + ".lora_a", {n_in, rank}, {a.begin(), a.end()});
    writer.add_f32(site.weight + ".lora_b", {rank, n_out}, stored_b(layout, site, parameters));
  }
  writer.write(out);
}

}  // namespace aicoder::train
