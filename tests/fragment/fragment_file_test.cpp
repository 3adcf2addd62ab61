#include <gtest/gtest.h>

#include <limits>

#include "fragment/fragment_fixture.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

namespace key = fragment::key;

TEST(FragmentFile, InspectGivesWhatWasWritten) {
  test::TempDir dir;
  test::small_fragment().write(dir / "f.gguf");
  const FragmentInfo info = inspect_fragment(dir / "f.gguf");
  EXPECT_FALSE(info.foreign);
  EXPECT_EQ(info.name, "coder");
  EXPECT_EQ(info.role, "coder");
  EXPECT_EQ(info.recipe, "contrast");
  EXPECT_EQ(info.base_name, "tiny");
  EXPECT_EQ(info.base_fingerprint, "base-1");
  EXPECT_EQ(info.keep, 0.25);
  EXPECT_EQ(info.rank, 1u);
  EXPECT_EQ(info.strength, 0.3f);
  EXPECT_EQ(info.calibration_hashes, (std::vector<std::string>{"abc"}));
  ASSERT_EQ(info.tensors.size(), 1u);
  EXPECT_EQ(info.tensors[0].name, "blk.0.attn_q.weight");
  EXPECT_EQ(info.tensors[0].retained_energy, 0.5);
  EXPECT_TRUE(info.evidence.empty());
  EXPECT_EQ(info.bytes, std::filesystem::file_size(dir / "f.gguf"));
}

TEST(FragmentFile, TakesALoraOfOthersAsForeign) {
  test::TempDir dir;
  test::small_lora().write(dir / "theirs.gguf");
  const FragmentInfo info = inspect_fragment(dir / "theirs.gguf");
  EXPECT_TRUE(info.foreign);
  EXPECT_EQ(info.name, "theirs");
  EXPECT_EQ(info.rank, 1u);
  EXPECT_EQ(info.strength, 1.0f);
}

TEST(FragmentFile, TensorHashIgnoresMetadataAndSeesEveryByteOfATensor) {
  test::TempDir dir;
  test::small_fragment().write(dir / "f.gguf");
  const std::string before = fragment_tensor_hash(dir / "f.gguf");
  EXPECT_EQ(before.size(), 64u);
  update_fragment(dir / "f.gguf", 0.7f, {{.suite = "humaneval", .n = 1, .score_off = 0, .score_on = 1, .p_value = 1, .strength = 0.7f}});
  EXPECT_EQ(fragment_tensor_hash(dir / "f.gguf"), before);
  std::string bytes = read_file(dir / "f.gguf");
  const float changed = 5, now = 6;  // the last value of lora_b
  const size_t at = bytes.rfind(std::string(reinterpret_cast<const char*>(&changed), sizeof changed));
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, sizeof now, reinterpret_cast<const char*>(&now), sizeof now);
  write_file_atomic(dir / "g.gguf", bytes);
  EXPECT_NE(fragment_tensor_hash(dir / "g.gguf"), before);
}

TEST(FragmentFile, UpdateReplacesStrengthAndEvidenceAndKeepsTensorsByteForByte) {
  test::TempDir dir;
  test::small_fragment().write(dir / "f.gguf");
  const Evidence evidence{.suite = "mbpp[601..]", .n = 120, .score_off = 0.41, .score_on = 0.44, .p_value = 0.034, .strength = 0.15f};
  update_fragment(dir / "f.gguf", 0.15f, {evidence, evidence});
  update_fragment(dir / "f.gguf", 0.15f, {evidence});
  const FragmentInfo info = inspect_fragment(dir / "f.gguf");
  EXPECT_EQ(info.strength, 0.15f);
  ASSERT_EQ(info.evidence.size(), 1u);
  EXPECT_EQ(info.evidence[0].suite, "mbpp[601..]");
  EXPECT_EQ(info.evidence[0].n, 120u);
  EXPECT_EQ(info.evidence[0].score_off, 0.41);
  EXPECT_EQ(info.evidence[0].score_on, 0.44);
  EXPECT_EQ(info.evidence[0].p_value, 0.034);
  EXPECT_EQ(info.evidence[0].strength, 0.15f);
  EXPECT_EQ(info.name, "coder");
  const GgufFile file = GgufFile::open(dir / "f.gguf");
  const auto a = file.floats(*file.find("blk.0.attn_q.weight.lora_a"));
  EXPECT_EQ(std::vector<float>(a.begin(), a.end()), (std::vector<float>{1, 2, 3}));
}

TEST(FragmentFile, SettingsAreWrittenReplacedAndTakenBack) {
  const test::TempDir dir;
  test::small_fragment("coder").write(dir / "f.gguf");
  const std::string tensors = fragment_tensor_hash(dir / "f.gguf");
  update_fragment(dir / "f.gguf", 0.2f, {{.suite = "humaneval", .n = 1, .score_off = 0, .score_on = 1, .p_value = 1, .strength = 0.2f}});
  FragmentSettings settings;
  settings.temperature = 0.7f;
  settings.top_k = 20;
  update_fragment(dir / "f.gguf", settings);
  EXPECT_EQ(inspect_fragment(dir / "f.gguf").settings, settings);
  EXPECT_EQ(inspect_fragment(dir / "f.gguf").evidence.size(), 1u) << "greedy suites do not sample";
  settings = {};
  settings.invocation = Invocation::kAnswer;
  settings.prompt_prefix = "짧게 답하세요.";
  settings.language = "ko";
  update_fragment(dir / "f.gguf", settings);
  const auto info = inspect_fragment(dir / "f.gguf");
  EXPECT_EQ(info.settings, settings) << "what is no longer set is gone";
  EXPECT_TRUE(info.evidence.empty()) << "it was measured with another prompt";
  EXPECT_EQ(info.strength, 0.2f);
  EXPECT_EQ(fragment_tensor_hash(dir / "f.gguf"), tensors);
  settings.language = "fr";
  EXPECT_ERROR(update_fragment(dir / "f.gguf", settings), ErrorCode::kInvalidArgument, "expected ko or en");
  settings = {};
  settings.top_p = 1.2f;
  EXPECT_ERROR(update_fragment(dir / "f.gguf", settings), ErrorCode::kInvalidArgument, "aicoder.sampler.top_p");
  EXPECT_EQ(inspect_fragment(dir / "f.gguf").settings.language, "ko") << "a refused update changes nothing";
}

TEST(FragmentFile, RefusesToUpdateWhatIsNotOursOrNotFinite) {
  test::TempDir dir;
  test::small_lora().write(dir / "theirs.gguf");
  EXPECT_ERROR(update_fragment(dir / "theirs.gguf", 0.1f, {}), ErrorCode::kFailedPrecondition, "expected a fragment made by aicoder");
  test::small_fragment().write(dir / "f.gguf");
  EXPECT_ERROR(update_fragment(dir / "f.gguf", std::numeric_limits<float>::quiet_NaN(), {}), ErrorCode::kInvalidArgument, "strength");
  EXPECT_EQ(inspect_fragment(dir / "f.gguf").strength, 0.3f);
}

TEST(FragmentFile, RefusesWhatIsNoLora) {
  test::TempDir dir;
  GgufWriter model;
  model.set("general.architecture", std::string("llama"));
  model.add_f32("x", {1}, {1});
  model.write(dir / "model.gguf");
  EXPECT_ERROR(inspect_fragment(dir / "model.gguf"), ErrorCode::kInvalidArgument, "expected general.type adapter");
  EXPECT_ERROR(inspect_fragment(dir / "absent.gguf"), ErrorCode::kNotFound, "");
  write_file_atomic(dir / "text.gguf", "not a GGUF file at all");
  EXPECT_ERROR(inspect_fragment(dir / "text.gguf"), ErrorCode::kDataLoss, "");
}

TEST(FragmentFile, RefusesANewerFormat) {
  test::TempDir dir;
  GgufWriter writer = test::small_fragment();
  writer.set(key::kVersion, uint32_t{2});
  writer.write(dir / "f.gguf");
  EXPECT_ERROR(inspect_fragment(dir / "f.gguf"), ErrorCode::kFailedPrecondition, "expected format version 1, found 2");
}

TEST(FragmentFile, RefusesMetadataThatDisagrees) {
  test::TempDir dir;
  const auto refused = [&dir](const auto& spoil, const char* message) {
    GgufWriter writer = test::small_fragment();
    spoil(writer);
    writer.write(dir / "f.gguf");
    EXPECT_ERROR(inspect_fragment(dir / "f.gguf"), ErrorCode::kDataLoss, message);
  };
  refused([](GgufWriter& w) { w.set(key::kTensorEnergy, GgufArray(std::vector<float>{})); }, "one retained energy per tensor name");
  refused([](GgufWriter& w) { w.set(key::kTensorNames, GgufArray(std::vector<std::string>{"other"})); }, "which is missing");
  refused([](GgufWriter& w) { w.set(key::kEvidenceSuite, GgufArray(std::vector<std::string>{"x"})); }, "arrays of one length");
  refused([](GgufWriter& w) { w.set(key::kEvidenceN, std::string("x")); }, "array of numbers");
  refused([](GgufWriter& w) { w.set(key::kStrength, std::numeric_limits<float>::infinity()); }, "finite");
  refused([](GgufWriter& w) { w.set(key::kName, uint32_t{7}); }, "aicoder.name");
}

TEST(FragmentFile, RefusesHalfAPair) {
  test::TempDir dir;
  GgufWriter writer;
  writer.set("general.type", std::string("adapter"));
  writer.set("adapter.type", std::string("lora"));
  writer.add_f32("blk.0.attn_q.weight.lora_a", {3, 1}, {1, 2, 3});
  writer.write(dir / "f.gguf");
  EXPECT_ERROR(inspect_fragment(dir / "f.gguf"), ErrorCode::kDataLoss, "expected blk.0.attn_q.weight.lora_b");
}

}  // namespace
}  // namespace aicoder
