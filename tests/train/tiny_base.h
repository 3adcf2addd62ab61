// Base models of random weights made in the test, of each family and weight type that the training graph knows.
#pragma once

#include <ggml.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <list>
#include <string>
#include <vector>

#include "aicoder/gguf.h"
#include "model/tiny_model.h"
#include "train/random.h"

namespace aicoder::test {

struct TinyBase {
  std::string family = "llama";
  uint32_t n_embd = 64, n_layer = 2, n_head = 4, n_head_kv = 2, head_dim = 16, n_ff = 96, n_vocab = 0;
  ggml_type type = GGML_TYPE_F32;  ///< of the matrices
  bool tied = false;
  bool rope_factors = false;
  float rope_base = 10000;

  std::filesystem::path write(const std::filesystem::path& path) const {
    TinyModel words;  // for its vocabulary
    GgufWriter writer;
    for (const auto& [key, value] : words.metadata) {
      if (key.starts_with("tokenizer.")) writer.set(key, value);
    }
    const uint64_t vocab = words.n_vocab;
    writer.set("general.architecture", family);
    writer.set("general.name", std::string("tiny-") + family);
    const auto set = [&](const std::string& key, GgufValue value) { writer.set(family + "." + key, std::move(value)); };
    set("block_count", n_layer);
    set("context_length", uint32_t{512});
    set("embedding_length", n_embd);
    set("feed_forward_length", n_ff);
    set("attention.head_count", n_head);
    set("attention.head_count_kv", n_head_kv);
    set("attention.key_length", head_dim);
    set("attention.value_length", head_dim);
    set("attention.layer_norm_rms_epsilon", 1e-5f);
    set("rope.dimension_count", head_dim);
    set("rope.freq_base", rope_base);

    train::Random random(7);
    std::list<std::vector<std::byte>> storage;  // the writer borrows it
    const auto add = [&](const std::string& name, const std::vector<uint64_t>& ne, ggml_type kind, float size, float mean) {
      add_tensor(writer, storage, random, name, ne, kind, size, mean);
    };
    const auto matrix = [&](const std::string& name, uint64_t n_in, uint64_t n_out) {
      // Outputs of the size of the inputs, so that no layer saturates.
      add(name, std::vector<uint64_t>{n_in, n_out}, type, std::sqrt(3.0f / static_cast<float>(n_in)), 0);
    };
    add("token_embd.weight", std::vector<uint64_t>{n_embd, vocab}, type, 1.0f, 0);
    if (!tied) matrix("output.weight", n_embd, vocab);
    add("output_norm.weight", std::vector<uint64_t>{n_embd}, GGML_TYPE_F32, 0.3f, 1);
    if (rope_factors) add("rope_freqs.weight", std::vector<uint64_t>{head_dim / 2}, GGML_TYPE_F32, 0.5f, 2);
    for (uint32_t layer = 0; layer < n_layer; ++layer) {
      const std::string block = "blk." + std::to_string(layer) + ".";
      add(block + "attn_norm.weight", std::vector<uint64_t>{n_embd}, GGML_TYPE_F32, 0.3f, 1);
      add(block + "ffn_norm.weight", std::vector<uint64_t>{n_embd}, GGML_TYPE_F32, 0.3f, 1);
      matrix(block + "attn_q.weight", n_embd, uint64_t{n_head} * head_dim);
      matrix(block + "attn_k.weight", n_embd, uint64_t{n_head_kv} * head_dim);
      matrix(block + "attn_v.weight", n_embd, uint64_t{n_head_kv} * head_dim);
      matrix(block + "attn_output.weight", uint64_t{n_head} * head_dim, n_embd);
      matrix(block + "ffn_gate.weight", n_embd, n_ff);
      matrix(block + "ffn_up.weight", n_embd, n_ff);
      matrix(block + "ffn_down.weight", n_ff, n_embd);
      if (family == "qwen2") {
        add(block + "attn_q.bias", std::vector<uint64_t>{uint64_t{n_head} * head_dim}, GGML_TYPE_F32, 0.5f, 0);
        add(block + "attn_k.bias", std::vector<uint64_t>{uint64_t{n_head_kv} * head_dim}, GGML_TYPE_F32, 0.5f, 0);
        add(block + "attn_v.bias", std::vector<uint64_t>{uint64_t{n_head_kv} * head_dim}, GGML_TYPE_F32, 0.5f, 0);
      }
      if (family == "qwen3") {
        add(block + "attn_q_norm.weight", std::vector<uint64_t>{head_dim}, GGML_TYPE_F32, 0.3f, 1);
        add(block + "attn_k_norm.weight", std::vector<uint64_t>{head_dim}, GGML_TYPE_F32, 0.3f, 1);
      }
    }
    writer.write(path);
    return path;
  }

  /// Uniform in mean +- size, in the given type.
  static void add_tensor(GgufWriter& writer, std::list<std::vector<std::byte>>& storage, train::Random& random, const std::string& name,
                         std::vector<uint64_t> ne, ggml_type kind, float size, float mean) {
    size_t n = 1;
    for (const uint64_t dim : ne) n *= dim;
    std::vector<float> values(n);
    for (float& v : values) v = mean + size * (2 * random.unit() - 1);
    const auto columns = static_cast<int64_t>(ne[0]);
    auto& bytes = storage.emplace_back(ggml_row_size(kind, columns) * (n / ne[0]));
    if (kind == GGML_TYPE_F32) {
      std::memcpy(bytes.data(), values.data(), bytes.size());
    } else {
      ggml_quantize_chunk(kind, values.data(), bytes.data(), 0, static_cast<int64_t>(n / ne[0]), columns, nullptr);
    }
    writer.add_tensor(name, static_cast<GgufType>(kind), std::move(ne), bytes);
  }
};

}  // namespace aicoder::test
