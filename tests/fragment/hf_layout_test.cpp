#include "fragment/hf_layout.h"

#include <gtest/gtest.h>

#include "fragment/oracle.h"
#include "fragment/tiny_base.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using namespace fragment;

TEST(HfLayout, NamesGoBothWays) {
  EXPECT_EQ(hf_module("blk.3.attn_q.weight"), "model.layers.3.self_attn.q_proj");
  EXPECT_EQ(hf_module("blk.12.attn_output.weight"), "model.layers.12.self_attn.o_proj");
  EXPECT_EQ(hf_module("blk.0.ffn_down.weight"), "model.layers.0.mlp.down_proj");
  for (const char* kind : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"}) {
    const std::string weight = std::string("blk.7.") + kind + ".weight";
    EXPECT_EQ(gguf_weight(hf_module(weight)), weight);
  }
}

TEST(HfLayout, OtherNamesHaveNoCounterpart) {
  for (const char* weight :
       {"output.weight", "token_embd.weight", "blk.0.attn_norm.weight", "blk.0.ffn_up_exps.weight", "blk.x.attn_q.weight"}) {
    EXPECT_EQ(hf_module(weight), "") << weight;
  }
  for (const char* module : {"lm_head", "model.embed_tokens", "model.layers.0.input_layernorm", "model.layers..self_attn.q_proj",
                             "model.layers.0.self_attn.q_proj.x", "model.layers.00.self_attn.q_proj",
                             "model.layers.99999999.self_attn.q_proj", "layers.0.self_attn.q_proj"}) {
    EXPECT_EQ(gguf_weight(module), "") << module;
  }
}

TEST(HfLayout, RowOrderOfLlamaIsThatOfAnIndependentPermutation) {
  test::TempDir dir;
  const HfLayout layout{.permuted = true, .n_head = 9, .n_head_kv = 3};
  for (const auto& [weight, n_out, heads] :
       {std::tuple{"blk.0.attn_q.weight", 576u, "9"}, {"blk.0.attn_k.weight", 192u, "3"}, {"blk.0.attn_k.weight", 6u, "3"}}) {
    test::run_oracle({"row_order", dir.path(), std::to_string(n_out), heads});
    const auto expected = test::read_raw<uint64_t>(dir / "order");
    const auto order = hf_row_order(layout, weight, n_out);
    EXPECT_EQ(std::vector<uint64_t>(order.begin(), order.end()), expected) << weight << n_out;
  }
}

TEST(HfLayout, OnlyQAndKOfLlamaAreReordered) {
  const HfLayout llama{.permuted = true, .n_head = 4, .n_head_kv = 2}, qwen{.permuted = false, .n_head = 4, .n_head_kv = 2};
  EXPECT_TRUE(hf_row_order(llama, "blk.0.attn_v.weight", 32).empty());
  EXPECT_TRUE(hf_row_order(llama, "blk.0.ffn_up.weight", 33).empty());
  EXPECT_TRUE(hf_row_order(qwen, "blk.0.attn_q.weight", 64).empty());
  EXPECT_EQ(hf_row_order(llama, "blk.0.attn_q.weight", 64).size(), 64u);
  EXPECT_ERROR(hf_row_order(llama, "blk.0.attn_q.weight", 66), ErrorCode::kDataLoss, "no whole number of 4 heads");
  EXPECT_ERROR(hf_row_order(llama, "blk.0.attn_k.weight", 6), ErrorCode::kDataLoss, "heads of even size");
}

TEST(HfLayout, IsReadFromTheBase) {
  test::TempDir dir;
  const auto of = [&dir](const test::TinyModel& tiny) { return hf_layout(GgufFile::open(tiny.write(dir / "m.gguf"))); };
  EXPECT_TRUE(of(test::tiny_of("llama")).permuted);
  EXPECT_FALSE(of(test::tiny_of("qwen2")).permuted);
  EXPECT_FALSE(of(test::tiny_of("qwen3")).permuted);
  EXPECT_EQ(of(test::tiny_of("qwen2")).n_head, 4u);
  EXPECT_EQ(of(test::tiny_of("llama")).n_head_kv, 2u);
  auto tiny = test::tiny_of("llama");
  tiny.metadata.erase("llama.attention.head_count_kv");
  EXPECT_EQ(of(tiny).n_head_kv, 4u) << "as many as heads where the file says nothing";
  tiny.metadata.erase("llama.attention.head_count");
  EXPECT_ERROR(of(tiny), ErrorCode::kDataLoss, "attention.head_count");
  tiny.metadata["general.architecture"] = std::string("gemma3");
  EXPECT_ERROR(of(tiny), ErrorCode::kUnimplemented, "the base is 'gemma3'");
}

}  // namespace
}  // namespace aicoder
