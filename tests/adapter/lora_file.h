// LoRA files made in the test, and the weights they stand for.
#pragma once

#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "aicoder/model.h"
#include "model/tiny_model.h"

namespace aicoder::test {

struct LoraFile {
  struct Factors {
    std::vector<uint64_t> a_ne, b_ne;
    std::vector<float> a, b;
  };
  std::map<std::string, GgufValue> metadata;
  std::map<std::string, Factors> pairs;

  explicit LoraFile(const std::string& architecture = "llama") {
    metadata["general.type"] = std::string("adapter");
    metadata["general.architecture"] = architecture;
    metadata["adapter.type"] = std::string("lora");
    metadata["adapter.lora.alpha"] = 0.0f;
  }

  /// Random factors for a weight [n_out, n_in]: A [rank, n_in], B [n_out, rank], each entry normal times `size`.
  LoraFile& add(const std::string& weight, uint64_t n_in, uint64_t n_out, uint64_t rank, uint32_t seed, float size) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, size);
    Factors f{{n_in, rank}, {rank, n_out}, std::vector<float>(n_in * rank), std::vector<float>(rank * n_out)};
    for (float& value : f.a) value = normal(random);
    for (float& value : f.b) value = normal(random);
    pairs[weight] = std::move(f);
    return *this;
  }

  /// Factors for every attention and feed-forward weight of a model.
  LoraFile& add_all(const GgufFile& base, uint64_t rank, uint32_t seed, float size) {
    for (const auto& tensor : base.tensors()) {
      if (tensor.name.starts_with("blk.") && tensor.name.ends_with(".weight") && tensor.ne.size() == 2) {
        add(tensor.name, tensor.ne[0], tensor.ne[1], rank, seed++, size);
      }
    }
    return *this;
  }

  std::filesystem::path write(const std::filesystem::path& path) const {
    GgufWriter writer;
    for (const auto& [key, value] : metadata) writer.set(key, value);
    for (const auto& [name, f] : pairs) {
      if (!f.a.empty()) writer.add_f32(name + ".lora_a", f.a_ne, f.a);
      if (!f.b.empty()) writer.add_f32(name + ".lora_b", f.b_ne, f.b);
    }
    writer.write(path);
    return path;
  }

  /// The tiny model with scale * B A added to its weights: what attaching this file must amount to.
  void merge_into(TinyModel& model, float scale) const {
    for (const auto& [name, f] : pairs) {
      auto& weight = model.tensors.at(name);
      const uint64_t rank = f.b_ne[0], n_in = weight.ne[0], n_out = weight.ne[1];
      for (uint64_t out = 0; out < n_out; ++out) {
        for (uint64_t in = 0; in < n_in; ++in) {
          double sum = 0;
          for (uint64_t r = 0; r < rank; ++r) {
            // The embedding's factors are stored the other way round: A has a row for each token.
            sum += name == "token_embd.weight" ? static_cast<double>(f.a[out * rank + r]) * f.b[in * rank + r]
                                               : static_cast<double>(f.b[out * rank + r]) * f.a[r * n_in + in];
          }
          weight.values[out * n_in + in] += static_cast<float>(scale * sum);
        }
      }
    }
  }
};

}  // namespace aicoder::test
