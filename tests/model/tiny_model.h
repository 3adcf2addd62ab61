// GGUF files made in the test: a llama of one layer (or more) with random weights that llama.cpp really runs, and broken variants of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "aicoder/gguf.h"

namespace aicoder::test {

/// Metadata and tensors of a tiny llama; a test changes what it wants before write().
struct TinyModel {
  static constexpr uint32_t kEmbd = 64, kHeads = 4, kFf = 128, kContext = 512;

  std::map<std::string, GgufValue> metadata;
  struct Tensor {
    std::vector<uint64_t> ne;
    std::vector<float> values;
  };
  std::map<std::string, Tensor> tensors;

  explicit TinyModel(uint32_t n_layers = 1) {
    metadata["general.architecture"] = std::string("llama");
    metadata["general.name"] = std::string("tiny");
    metadata["llama.block_count"] = n_layers;
    metadata["llama.context_length"] = uint32_t{kContext};
    metadata["llama.embedding_length"] = uint32_t{kEmbd};
    metadata["llama.feed_forward_length"] = uint32_t{kFf};
    metadata["llama.attention.head_count"] = uint32_t{kHeads};
    metadata["llama.attention.head_count_kv"] = uint32_t{2};
    metadata["llama.attention.layer_norm_rms_epsilon"] = 1e-5f;
    metadata["llama.rope.dimension_count"] = uint32_t{kEmbd / kHeads};
    metadata["tokenizer.ggml.model"] = std::string("llama");
    std::vector<std::string> tokens{"<unk>", "<s>", "</s>"};
    std::vector<int32_t> types{2, 3, 3};
    for (int byte = 0; byte < 256; ++byte) {
      char text[8];
      std::snprintf(text, sizeof text, "<0x%02X>", byte);
      tokens.push_back(text);
      types.push_back(6);
    }
    for (char c = 'a'; c <= 'z'; ++c) {
      tokens.push_back(std::string(1, c));
      types.push_back(1);
    }
    tokens.push_back("\xE2\x96\x81");  // the space of SentencePiece
    types.push_back(1);
    n_vocab = tokens.size();
    metadata["tokenizer.ggml.scores"] = GgufArray(std::vector<float>(tokens.size(), 0.0f));
    metadata["tokenizer.ggml.tokens"] = GgufArray(std::move(tokens));
    metadata["tokenizer.ggml.token_type"] = GgufArray(std::move(types));
    metadata["tokenizer.ggml.bos_token_id"] = uint32_t{1};
    metadata["tokenizer.ggml.eos_token_id"] = uint32_t{2};

    std::mt19937 random(1);
    const uint64_t kv = kEmbd / 2;
    add(random, "token_embd.weight", {kEmbd, n_vocab});
    add(random, "output.weight", {kEmbd, n_vocab});
    add(random, "output_norm.weight", {kEmbd});
    for (uint32_t layer = 0; layer < n_layers; ++layer) {
      const std::string block = "blk." + std::to_string(layer) + ".";
      add(random, block + "attn_norm.weight", {kEmbd});
      add(random, block + "ffn_norm.weight", {kEmbd});
      add(random, block + "attn_q.weight", {kEmbd, kEmbd});
      add(random, block + "attn_k.weight", {kEmbd, kv});
      add(random, block + "attn_v.weight", {kEmbd, kv});
      add(random, block + "attn_output.weight", {kEmbd, kEmbd});
      add(random, block + "ffn_gate.weight", {kEmbd, kFf});
      add(random, block + "ffn_up.weight", {kEmbd, kFf});
      add(random, block + "ffn_down.weight", {kFf, kEmbd});
    }
  }

  std::filesystem::path write(const std::filesystem::path& path) const {
    GgufWriter writer;
    for (const auto& [key, value] : metadata) writer.set(key, value);
    for (const auto& [name, tensor] : tensors) writer.add_f32(name, tensor.ne, tensor.values);
    writer.write(path);
    return path;
  }

  size_t n_vocab = 0;

 private:
  void add(std::mt19937& random, const std::string& name, std::vector<uint64_t> ne) {
    std::normal_distribution<float> normal(0, 0.1f);
    size_t n = 1;
    for (uint64_t dim : ne) n *= dim;
    std::vector<float> values(n);
    for (float& value : values) value = normal(random);
    tensors[name] = {std::move(ne), std::move(values)};
  }
};

}  // namespace aicoder::test
