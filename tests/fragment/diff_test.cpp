#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "fragment/oracle.h"
#include "fragment/tiny_base.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

class Diff : public testing::Test {
 protected:
  Diff() : model_(Model::load(test::tiny_of("llama").write(dir_ / "base.gguf"))) {}
  test::LoraFile random(const std::string& name, uint64_t rank, uint32_t seed) {
    return test::random_fragment(*model_, name, 0.5f, rank, 2, seed);
  }
  static const TensorDiff& of(const FragmentDiff& diff, const std::string& name) {
    return *std::find_if(diff.tensors.begin(), diff.tensors.end(), [&](const TensorDiff& t) { return t.name == name; });
  }
  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
};

TEST_F(Diff, NumbersAreThoseOfTheDenseDeltas) {
  auto second = random("b", 4, 1);
  second.add("blk.0.attn_q.weight", 64, 64, 8, 77, 0.2f);  // another rank, another size
  for (float& v : second.pairs.at("blk.0.ffn_up.weight").b) v *= 1.001f;
  for (float& v : second.pairs.at("blk.0.attn_v.weight").b) v *= -1;
  second.pairs.erase("blk.0.ffn_down.weight");
  second.metadata["adapter.lora.alpha"] = 8.0f;
  const auto a = random("a", 4, 1).write(dir_ / "a.gguf"), b = second.write(dir_ / "b.gguf");
  const auto diff = diff_fragments(a, b);
  std::map<std::string, TensorDiff> found = {{"total", diff.total}};
  for (const auto& tensor : diff.tensors) found[tensor.name] = tensor;
  EXPECT_EQ(found.size(), 8u);
  std::istringstream text(test::run_oracle({"diff_check", dir_.path(), a, b}));
  std::string name;
  double norm_a = 0, norm_b = 0, relative = 0, cosine = 0;
  size_t n = 0;
  while (text >> name >> norm_a >> norm_b >> relative >> cosine) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_NEAR(found[name].norm_a, norm_a, 1e-9 * norm_a) << name;
    EXPECT_NEAR(found[name].norm_b, norm_b, 1e-9 * norm_b) << name;
    EXPECT_NEAR(found[name].relative, relative, 1e-7) << name;
    EXPECT_NEAR(found[name].cosine, cosine, 1e-9) << name;
    ++n;
  }
  EXPECT_EQ(n, 8u);
  EXPECT_EQ(of(diff, "blk.0.attn_q.weight").rank_a, 4u);
  EXPECT_EQ(of(diff, "blk.0.attn_q.weight").rank_b, 8u);
  EXPECT_EQ(diff.total.rank_b, 8u);
}

TEST_F(Diff, WorstStandsFirst) {
  auto second = random("b", 4, 1);
  for (float& v : second.pairs.at("blk.0.ffn_up.weight").b) v *= 1.5f;
  for (float& v : second.pairs.at("blk.0.attn_v.weight").b) v *= -1;
  const auto diff = diff_fragments(random("a", 4, 1).write(dir_ / "a.gguf"), second.write(dir_ / "b.gguf"));
  EXPECT_EQ(diff.tensors[0].name, "blk.0.attn_v.weight");
  EXPECT_DOUBLE_EQ(diff.tensors[0].relative, 2.0);
  EXPECT_DOUBLE_EQ(diff.tensors[0].cosine, -1.0);
  EXPECT_EQ(diff.tensors[1].name, "blk.0.ffn_up.weight");
  EXPECT_NEAR(diff.tensors[1].relative, 1.0 / 3, 1e-6);
  EXPECT_EQ(diff.tensors[2].name, "blk.0.attn_k.weight") << "by name where differences are equal";
}

TEST_F(Diff, OfAFragmentWithItselfIsNothing) {
  const auto a = random("a", 4, 1).write(dir_ / "a.gguf");
  const auto diff = diff_fragments(a, a);
  for (const auto& tensor : diff.tensors) {
    EXPECT_EQ(tensor.relative, 0.0) << tensor.name;
    EXPECT_NEAR(tensor.cosine, 1.0, 1e-12);
  }
  EXPECT_EQ(diff.total.relative, 0.0);
  EXPECT_TRUE(diff.metadata.empty());
}

TEST_F(Diff, SeesTheSameDeltaInOtherFactors) {
  // The components in another order, one of them shared otherwise between A and B.
  auto second = random("b", 4, 1);
  auto& pair = second.pairs.at("blk.0.attn_q.weight");
  const auto old = pair;
  for (size_t k = 0; k < 4; ++k) {
    for (size_t j = 0; j < 64; ++j) pair.a[k * 64 + j] = old.a[(3 - k) * 64 + j] * 4;
    for (size_t i = 0; i < 64; ++i) pair.b[i * 4 + k] = old.b[i * 4 + (3 - k)] / 4;
  }
  const auto diff = diff_fragments(random("a", 4, 1).write(dir_ / "a.gguf"), second.write(dir_ / "b.gguf"));
  EXPECT_LT(of(diff, "blk.0.attn_q.weight").relative, 1e-7);
}

TEST_F(Diff, TensorsOfOneFileOnlyDifferWholly) {
  auto second = random("b", 4, 1);
  second.pairs.erase("blk.0.ffn_down.weight");
  const auto a = random("a", 4, 1).write(dir_ / "a.gguf"), b = second.write(dir_ / "b.gguf");
  const TensorDiff missing = diff_fragments(a, b).tensors.at(0);
  EXPECT_EQ(missing.name, "blk.0.ffn_down.weight");
  EXPECT_EQ(missing.relative, 1.0);
  EXPECT_EQ(missing.cosine, 0.0);
  EXPECT_EQ(missing.rank_b, 0u);
  EXPECT_EQ(diff_fragments(b, a).tensors.at(0).rank_a, 0u);
}

TEST_F(Diff, NamesTheMetadataThatDiffer) {
  auto first = random("a", 4, 1), second = random("b", 4, 1);
  second.metadata[fragment::key::kStrength] = 0.25f;
  second.metadata[fragment::key::kCalibrationHashes] = GgufArray(std::vector<std::string>{std::string(200, 'x')});
  const auto diff = diff_fragments(first.write(dir_ / "a.gguf"), second.write(dir_ / "b.gguf"));
  ASSERT_EQ(diff.metadata.size(), 3u);
  EXPECT_EQ(diff.metadata[0].key, "aicoder.calibration.hashes");
  EXPECT_EQ(diff.metadata[0].a, "");
  EXPECT_NE(diff.metadata[0].b.find("xxx... (sha256 "), std::string::npos);
  EXPECT_EQ(diff.metadata[1].key, "aicoder.name");
  EXPECT_EQ(diff.metadata[1].b, "b");
  EXPECT_EQ(diff.metadata[2].key, "aicoder.strength");
  EXPECT_EQ(diff.metadata[2].a, "0.5");
}

TEST_F(Diff, RefusesWhatCannotBeCompared) {
  auto second = random("b", 4, 1);
  second.add("blk.0.attn_q.weight", 64, 32, 2, 3, 0.1f);
  const auto a = random("a", 4, 1).write(dir_ / "a.gguf"), b = second.write(dir_ / "b.gguf");
  EXPECT_ERROR(diff_fragments(a, b), ErrorCode::kInvalidArgument, "of different bases");
  EXPECT_ERROR(diff_fragments(a, dir_ / "base.gguf"), ErrorCode::kInvalidArgument, "expected general.type adapter");
  EXPECT_ERROR(diff_fragments(a, dir_ / "absent.gguf"), ErrorCode::kNotFound, "");
  write_file_atomic(dir_ / "broken.gguf", "GGUF");
  EXPECT_ERROR(diff_fragments(dir_ / "broken.gguf", a), ErrorCode::kDataLoss, "");
}

}  // namespace
}  // namespace aicoder
