#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fragment/half.h"
#include "fragment/oracle.h"
#include "fragment/tiny_base.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

class Merge : public testing::Test {
 protected:
  Merge() : model_(Model::load(test::tiny_of("llama").write(dir_ / "base.gguf"))) {
    a_ = test::random_fragment(*model_, "a", 0.5f, 4, 2, 1).write(dir_ / "a.gguf");
    auto b = test::random_fragment(*model_, "b", 0.25f, 8, 3, 200);
    b.pairs.erase("blk.0.ffn_down.weight");
    b_ = b.write(dir_ / "b.gguf");
  }
  static MergeOptions options(MergeMethod method = MergeMethod::kConcat, size_t rank = 0) {
    return {.name = "both", .method = method, .rank = rank, .force = true};
  }
  struct Oracle {
    int n = 0;
    double error = 0, kept_gap = 0, recorded_gap = 0;
  };
  /// numpy's own merge of the dense deltas, against the file.
  Oracle check(const MergeOptions& o, float weight_a, float weight_b) {
    const nlohmann::json job = {{"out", out_},    {"method", to_string(o.method)},       {"density", o.density},           {"drop", o.drop},
                                {"seed", o.seed}, {"paths", {a_.string(), b_.string()}}, {"weights", {weight_a, weight_b}}};
    write_file_atomic(dir_ / "merge.json", job.dump());
    std::istringstream text(test::run_oracle({"merge_check", dir_.path()}));
    Oracle result;
    text >> result.n >> result.error >> result.kept_gap >> result.recorded_gap;
    return result;
  }
  std::vector<MergePart> parts(std::optional<float> a = {}, std::optional<float> b = {}) { return {{a_, a}, {b_, b}}; }
  std::vector<float> logits(const std::vector<std::pair<std::filesystem::path, float>>& loras) {
    Context context(model_, {.n_ctx_seq = 64, .n_threads = 1, .deterministic = true});
    std::vector<ActiveAdapter> active;
    for (const auto& [path, strength] : loras) active.push_back({Adapter::load(model_, path), strength});
    set_adapters(context, active);
    return context.logits(std::vector<Token>{1, 259, 263, 270, 265});
  }
  void expect_refused(std::vector<MergePart> some, const MergeOptions& o, ErrorCode code, const char* message) {
    EXPECT_ERROR(merge_fragments(some, o, out_), code, message);
    EXPECT_FALSE(std::filesystem::exists(out_));
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
  std::filesystem::path a_, b_, out_ = dir_ / "merged.gguf";
};

TEST_F(Merge, ConcatIsTheSumOfTheDeltas) {
  const auto built = merge_fragments(parts(0.7f, -1.5f), options(), out_);
  const auto oracle = check(options(), 0.7f, -1.5f);
  EXPECT_EQ(oracle.n, 7);
  EXPECT_LT(oracle.error, 1e-6);
  EXPECT_EQ(built.retained_energy, 1.0);
  const auto info = inspect_fragment(out_);
  for (const auto& tensor : info.tensors) {
    const size_t expected = tensor.name.ends_with("ffn_down.weight") ? 4 : tensor.name.ends_with("attn_k.weight") ? 5 : 12;
    EXPECT_EQ(tensor.rank, expected) << tensor.name;
  }
}

TEST_F(Merge, ActsAsBothFragmentsAtTheirStrengths) {
  merge_fragments(parts(), options(), out_);
  EXPECT_EQ(inspect_fragment(out_).strength, 1.0f);
  const auto both = logits({{a_, 0.5f}, {b_, 0.25f}}), merged = logits({{out_, 1.0f}});
  for (size_t i = 0; i < both.size(); ++i) ASSERT_NEAR(merged[i], both[i], 1e-4);
}

TEST_F(Merge, FileSaysWhatItWasMadeOf) {
  merge_fragments(parts(std::nullopt, 2.0f), options(), out_);
  const auto info = inspect_fragment(out_);
  EXPECT_EQ(info.name, "both");
  EXPECT_EQ(info.role, "coder") << "that of all parts";
  EXPECT_EQ(info.recipe, "merge-concat");
  EXPECT_EQ(info.base_fingerprint, model_->fingerprint());
  EXPECT_TRUE(info.evidence.empty());
  ASSERT_EQ(info.parents.size(), 2u);
  EXPECT_EQ(info.parents[0].name, "a");
  EXPECT_EQ(info.parents[0].weight, 0.5f);
  EXPECT_EQ(info.parents[0].hash, sha256_file(a_));
  EXPECT_EQ(info.parents[1].name, "b");
  EXPECT_EQ(info.parents[1].weight, 2.0f);
  EXPECT_EQ(info.parents[1].hash, sha256_file(b_));
  EXPECT_NO_THROW(Adapter::load(model_, out_));
}

TEST_F(Merge, RankGivesTheBestApproximationOfTheSumAndReportsIt) {
  for (const size_t rank : {1u, 3u, 8u}) {
    const auto o = options(MergeMethod::kConcat, rank);
    const auto built = merge_fragments(parts(0.7f, -1.5f), o, out_);
    const auto oracle = check(o, 0.7f, -1.5f);
    EXPECT_LT(oracle.kept_gap, 1e-6) << rank;
    EXPECT_LT(oracle.recorded_gap, 1e-6) << rank;
    EXPECT_LT(built.retained_energy, 1.0);
    for (const auto& tensor : built.tensors) EXPECT_LE(tensor.rank, rank);
  }
  const auto full = options(MergeMethod::kConcat, 4096);
  EXPECT_EQ(merge_fragments(parts(0.7f, -1.5f), full, out_).retained_energy, 1.0) << "no more than the sum has";
  EXPECT_LT(check(full, 0.7f, -1.5f).error, 1e-6);
}

TEST_F(Merge, TiesIsThatOfNumpy) {
  for (const double density : {0.1, 0.5, 1.0}) {
    auto o = options(MergeMethod::kTies, 64);  // full rank: nothing but the merge itself
    o.density = density;
    merge_fragments(parts(0.7f, -1.5f), o, out_);
    EXPECT_LT(check(o, 0.7f, -1.5f).error, 1e-5) << density;
  }
  auto o = options(MergeMethod::kTies, 6);
  const auto built = merge_fragments(parts(0.7f, -1.5f), o, out_);
  const auto oracle = check(o, 0.7f, -1.5f);
  EXPECT_LT(oracle.kept_gap, 2e-3) << "the randomized factorization comes near the best";
  EXPECT_LT(oracle.recorded_gap, 2e-3);
  EXPECT_LT(built.retained_energy, 0.9);
}

TEST_F(Merge, DareIsThatOfNumpy) {
  for (const double drop : {0.0, 0.3, 0.9}) {
    auto o = options(MergeMethod::kDare, 64);
    o.drop = drop;
    o.seed = 11;
    merge_fragments(parts(0.7f, -1.5f), o, out_);
    EXPECT_LT(check(o, 0.7f, -1.5f).error, 1e-5) << drop;
  }
  const auto o = options(MergeMethod::kDare);
  merge_fragments(parts(0.7f, -1.5f), o, out_);
  EXPECT_EQ(inspect_fragment(out_).rank, 12u) << "the sum of the ranks unless asked";
  EXPECT_LT(check(o, 0.7f, -1.5f).recorded_gap, 2e-3);
}

TEST_F(Merge, SameSeedSameBytesWhateverTheThreads) {
  for (const MergeMethod method : {MergeMethod::kConcat, MergeMethod::kTies, MergeMethod::kDare}) {
    auto o = options(method, 4);
    o.n_threads = 1;
    merge_fragments(parts(0.7f, 1.0f), o, out_);
    o.n_threads = 3;
    merge_fragments(parts(0.7f, 1.0f), o, dir_ / "again.gguf");
    EXPECT_EQ(read_file(out_), read_file(dir_ / "again.gguf")) << to_string(method);
  }
}

TEST_F(Merge, HalvesStayHalvesInAAndWeightsStandInB) {
  const auto half = [this](const char* name) {
    std::vector<uint16_t> a, b;
    for (int i = 0; i < 64; ++i) a.push_back(fragment::to_half(0.01f * static_cast<float>(i)));
    for (int i = 0; i < 32; ++i) b.push_back(fragment::to_half(0.1f));
    GgufWriter writer;
    for (const auto& [key, value] : test::random_fragment(*model_, name, 0.3f, 1, 1, 1).metadata) writer.set(key, value);
    writer.add_tensor("blk.0.attn_k.weight.lora_a", GgufType::kF16, {64, 1}, std::as_bytes(std::span(a)));
    writer.add_tensor("blk.0.attn_k.weight.lora_b", GgufType::kF16, {1, 32}, std::as_bytes(std::span(b)));
    writer.write(dir_ / (std::string(name) + ".gguf"));
    return dir_ / (std::string(name) + ".gguf");
  };
  a_ = half("h1");
  b_ = half("h2");
  merge_fragments(parts(), options(), out_);
  const GgufFile merged = GgufFile::open(out_);
  EXPECT_EQ(merged.find("blk.0.attn_k.weight.lora_a")->type, GgufType::kF16);
  EXPECT_EQ(merged.find("blk.0.attn_k.weight.lora_b")->type, GgufType::kF32);
  EXPECT_LT(check(options(), 0.3f, 0.3f).error, 1e-6);
  merge_fragments(parts(), options(MergeMethod::kConcat, 1), out_);
  EXPECT_EQ(GgufFile::open(out_).find("blk.0.attn_k.weight.lora_b")->type, GgufType::kF16) << "every part had halves, so the inputs fit";
}

TEST_F(Merge, ThreePartsAndTheSameOneTwice) {
  const std::vector<MergePart> three = {{a_, 1.0f}, {b_, 1.0f}, {a_, 1.0f}};
  merge_fragments(three, options(), out_);
  const auto info = inspect_fragment(out_);
  EXPECT_EQ(info.parents.size(), 3u);
  EXPECT_LT(check(options(), 2.0f, 1.0f).error, 1e-6);
}

TEST_F(Merge, RefusesPartsThatDoNotBelongTogether) {
  auto other = test::random_fragment(*model_, "other", 0.5f, 4, 2, 1);
  other.metadata[fragment::key::kBaseFingerprint] = std::string(64, '7');
  const auto elsewhere = other.write(dir_ / "other.gguf");
  expect_refused({{a_, {}}, {elsewhere, {}}}, options(), ErrorCode::kInvalidArgument, "other for tiny (777777777777)");
  other.metadata[fragment::key::kBaseFingerprint] = model_->fingerprint();
  other.add("blk.0.attn_q.weight", 64, 32, 2, 3, 0.1f);
  expect_refused({{a_, {}}, {other.write(dir_ / "shape.gguf"), {}}}, options(), ErrorCode::kInvalidArgument,
                 "blk.0.attn_q.weight: factors for");
  test::small_lora().write(dir_ / "theirs.gguf");
  expect_refused({{a_, {}}, {dir_ / "theirs.gguf", {}}}, options(), ErrorCode::kInvalidArgument, "does not say which base");
  expect_refused({{a_, {}}}, options(), ErrorCode::kInvalidArgument, "at least 2 fragments");
  expect_refused({}, options(), ErrorCode::kInvalidArgument, "at least 2 fragments");
  expect_refused({{a_, {}}, {dir_ / "absent.gguf", {}}}, options(), ErrorCode::kNotFound, "");
}

TEST_F(Merge, RefusesWeightsAndOptionsOutOfRange) {
  expect_refused(parts(0.0f), options(), ErrorCode::kInvalidArgument, "weight 0");
  expect_refused(parts(std::numeric_limits<float>::quiet_NaN()), options(), ErrorCode::kInvalidArgument, "finite weight");
  const auto zero = test::random_fragment(*model_, "zero", 0.0f, 4, 2, 1).write(dir_ / "zero.gguf");
  expect_refused({{a_, {}}, {zero, {}}}, options(), ErrorCode::kFailedPrecondition, "zero has strength 0");
  auto o = options(MergeMethod::kTies);
  o.density = 0;
  expect_refused(parts(), o, ErrorCode::kInvalidArgument, "density");
  o = options(MergeMethod::kDare);
  o.drop = 1;
  expect_refused(parts(), o, ErrorCode::kInvalidArgument, "drop");
  o = options();
  o.name = "a b";
  expect_refused(parts(), o, ErrorCode::kInvalidArgument, "name: expected letters");
  EXPECT_ERROR(parse_merge_method("slerp"), ErrorCode::kInvalidArgument, "expected concat, ties or dare");
  EXPECT_EQ(parse_merge_method("ties"), MergeMethod::kTies);
}

TEST_F(Merge, DoesNotReplaceUnaskedAndStopsWhenAsked) {
  write_file_atomic(out_, "mine");
  auto o = options();
  o.force = false;
  EXPECT_ERROR(merge_fragments(parts(), o, out_), ErrorCode::kFailedPrecondition, "exists");
  std::stop_source source;
  source.request_stop();
  o = options();
  o.stop = source.get_token();
  EXPECT_ERROR(merge_fragments(parts(), o, out_), ErrorCode::kCancelled, "");
  EXPECT_EQ(read_file(out_), "mine");
}

TEST_F(Merge, ReportsProgressForEveryWeight) {
  size_t calls = 0;
  double last = 0;
  auto o = options();
  o.progress = [&](const Progress& p) {
    ++calls;
    last = p.done / p.total;
  };
  merge_fragments(parts(), o, out_);
  EXPECT_EQ(calls, 7u);
  EXPECT_EQ(last, 1.0);
}

}  // namespace
}  // namespace aicoder
