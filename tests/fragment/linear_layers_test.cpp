#include "fragment/linear_layers.h"

#include <gtest/gtest.h>

#include "aicoder/fragment.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(LinearLayers, KnowsTheNames) {
  for (const char* name : {"blk.0.attn_q.weight", "blk.12.attn_output.weight", "blk.3.ffn_gate.weight", "blk.3.ffn_down.weight"}) {
    EXPECT_TRUE(fragment::is_linear_layer(name)) << name;
  }
  for (const char* name : {"output.weight", "blk.0.attn_q.bias", "blk.0.attn_norm.weight", "blk..attn_q.weight", "blk.0x.attn_q.weight",
                           "blk.0.ffn_down_exps.weight", "blk.0.weight", "blk.0", "xblk.0.attn_q.weight", ""}) {
    EXPECT_FALSE(fragment::is_linear_layer(name)) << name;
  }
}

TEST(LinearLayers, RefusesAModelWithoutThem) {
  test::TempDir dir;
  GgufWriter writer;
  writer.set("general.architecture", std::string("other"));
  writer.add_f32("blk.0.attn_qkv.weight", {2, 2}, {1, 2, 3, 4});
  writer.write(dir / "m.gguf");
  EXPECT_ERROR(fragment::linear_layers(GgufFile::open(dir / "m.gguf")), ErrorCode::kUnimplemented, "found none");
}

TEST(LinearLayers, ThoseThatReadTheSameInputShareItsName) {
  for (const char* kind : {"attn_q", "attn_k", "attn_v"}) {
    EXPECT_EQ(fragment::input_name("blk.12." + std::string(kind) + ".weight"), "blk.12.attn_in");
  }
  EXPECT_EQ(fragment::input_name("blk.0.ffn_gate.weight"), "blk.0.ffn_in");
  EXPECT_EQ(fragment::input_name("blk.0.ffn_up.weight"), "blk.0.ffn_in");
  EXPECT_EQ(fragment::input_name("blk.0.attn_output.weight"), "blk.0.attn_out");
  EXPECT_EQ(fragment::input_name("blk.0.ffn_down.weight"), "blk.0.ffn_mid");
}

}  // namespace
}  // namespace aicoder
