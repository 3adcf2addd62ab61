#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "fragment/oracle.h"
#include "fragment/safetensors.h"
#include "fragment/tiny_base.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

class PeftImport : public testing::Test {
 protected:
  static std::shared_ptr<const Model> base(const test::TempDir& dir, const std::string& architecture = "llama") {
    return Model::load(test::tiny_of(architecture).write(dir / (architecture + ".gguf")));
  }
  /// A folder written by the Python packages, and its deltas in the order of the base.
  void make(const std::string& architecture, const std::string& dtype, const std::string& patterns) {
    test::run_oracle({"peft_make", dir_.path(), architecture, "64", "128", "4", "2", "4", "6", dtype, patterns});
  }
  /// Weights compared, and the largest relative error of strength * B A against numpy's delta.
  std::pair<int, double> worst(float strength) {
    std::istringstream text(test::run_oracle({"worst_delta", dir_.path(), out_, std::to_string(strength)}));
    std::pair<int, double> result;
    text >> result.first >> result.second;
    return result;
  }
  void change_config(const std::string& key, const nlohmann::json& value) {
    auto config = nlohmann::json::parse(read_file(dir_ / "peft/adapter_config.json"));
    config[key] = value;
    write_file_atomic(dir_ / "peft/adapter_config.json", config.dump());
  }
  void expect_refused(const Model& model, ErrorCode code, const char* message) {
    EXPECT_ERROR(import_fragment(model, dir_ / "peft", {.name = "x"}, out_), code, message);
    EXPECT_FALSE(std::filesystem::exists(out_));
  }
  std::vector<float> logits(const std::shared_ptr<const Model>& model, const std::filesystem::path& lora, float strength) {
    Context context(model, {.n_ctx_seq = 64, .n_threads = 1, .deterministic = true});
    const std::vector<ActiveAdapter> active = {{Adapter::load(model, lora), strength}};
    set_adapters(context, active);
    return context.logits(std::vector<Token>{1, 259, 263, 270, 265});
  }

  test::TempDir dir_;
  std::filesystem::path out_ = dir_ / "imported.gguf";
};

TEST_F(PeftImport, DeltasAreThoseOfTheFolderInTheOrderOfTheBase) {
  for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
    for (const char* dtype : {"float32", "float16"}) {
      const auto model = base(dir_, architecture);
      make(architecture, dtype, "plain");
      const auto info = import_fragment(*model, dir_ / "peft", {.name = "x", .role = "coder", .force = true}, out_);
      EXPECT_EQ(info.strength, 1.5f) << "alpha 6 by rank 4";
      const auto [n, error] = worst(info.strength);
      EXPECT_EQ(n, 7);
      EXPECT_LT(error, 1e-7) << architecture << dtype;
    }
  }
}

TEST_F(PeftImport, ScalesThatDifferByModuleAreKept) {
  const auto model = base(dir_);
  make("llama", "float32", "patterns");
  const auto info = import_fragment(*model, dir_ / "peft", {.name = "x"}, out_);
  EXPECT_EQ(info.strength, 3.0f) << "the largest: k_proj, alpha 6 by rank 2";
  EXPECT_LT(worst(info.strength).second, 1e-6);
  EXPECT_EQ(info.rank, 4u);
  make("llama", "float16", "rslora");
  EXPECT_EQ(import_fragment(*model, dir_ / "peft", {.name = "x", .force = true}, out_).strength, 3.0f);
  EXPECT_LT(worst(3.0f).second, 1e-7);
}

TEST_F(PeftImport, FileSaysWhereItComesFrom) {
  const auto model = base(dir_);
  make("llama", "float32", "plain");
  import_fragment(*model, dir_ / "peft/adapter_model.safetensors", {.name = "theirs", .role = "security"}, out_);
  const auto info = inspect_fragment(out_);
  EXPECT_EQ(info.name, "theirs");
  EXPECT_EQ(info.role, "security");
  EXPECT_EQ(info.recipe, "imported");
  EXPECT_EQ(info.base_name, model->name());
  EXPECT_EQ(info.base_fingerprint, model->fingerprint());
  EXPECT_FALSE(info.foreign);
  EXPECT_TRUE(info.evidence.empty());
  EXPECT_EQ(GgufFile::open(out_).get_string("aicoder.import.hash"), sha256_file(dir_ / "peft/adapter_model.safetensors"));
  EXPECT_EQ(Adapter::load(model, out_)->default_strength(), 1.5f);
}

TEST_F(PeftImport, ExportedFragmentComesBackByteForByte) {
  for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
    const auto model = base(dir_, architecture);
    const auto lora = test::random_fragment(*model, "coder", 0.2f, 4, 2, 1).write(dir_ / "coder.gguf");
    export_peft(*model, lora, dir_ / "peft", {.force = true});
    const auto info = import_fragment(*model, dir_ / "peft", {.name = "back", .force = true}, out_);
    EXPECT_EQ(info.strength, 0.2f);
    const GgufFile before = GgufFile::open(lora), after = GgufFile::open(out_);
    ASSERT_EQ(before.tensors().size(), after.tensors().size());
    for (const auto& tensor : before.tensors()) {
      const auto* found = after.find(tensor.name);
      ASSERT_NE(found, nullptr) << tensor.name;
      EXPECT_EQ(found->type, tensor.type);
      EXPECT_TRUE(std::ranges::equal(before.bytes(tensor), after.bytes(*found))) << architecture << tensor.name;
    }
    EXPECT_EQ(logits(model, out_, 0.2f), logits(model, lora, 0.2f));
  }
}

TEST_F(PeftImport, TakesALoraGgufOfOthersWithItsAlpha) {
  const auto model = base(dir_);
  auto lora = test::random_fragment(*model, "x", 1, 4, 2, 1);
  std::erase_if(lora.metadata, [](const auto& entry) { return entry.first.starts_with("aicoder."); });
  lora.metadata["adapter.lora.alpha"] = 8.0f;
  const auto theirs = lora.write(dir_ / "theirs.gguf");
  const auto info = import_fragment(*model, theirs, {.name = "mine"}, out_);
  EXPECT_EQ(info.strength, 4.0f) << "alpha 8 by rank 2, the largest scale";
  const auto expected = logits(model, theirs, 1.0f), found = logits(model, out_, 4.0f);
  for (size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-4);
  EXPECT_EQ(GgufFile::open(out_).get_float("adapter.lora.alpha"), 0.0);
  EXPECT_ERROR(import_fragment(*model, out_, {.name = "again"}, dir_ / "again.gguf"), ErrorCode::kInvalidArgument, "is a fragment already");
  lora.metadata["adapter.lora.alpha"] = 0.0f;
  EXPECT_EQ(import_fragment(*model, lora.write(dir_ / "theirs.gguf"), {.name = "mine", .force = true}, out_).strength, 1.0f);
}

TEST_F(PeftImport, StorageIsThatOfTheSourceUnlessAsked) {
  const auto model = base(dir_);
  const auto type = [this](const char* name) { return GgufFile::open(out_).find(name)->type; };
  make("llama", "float16", "plain");
  import_fragment(*model, dir_ / "peft", {.name = "x"}, out_);
  EXPECT_EQ(type("blk.0.attn_q.weight.lora_a"), GgufType::kF16);
  import_fragment(*model, dir_ / "peft", {.name = "x", .storage = FragmentStorage::kF32, .force = true}, out_);
  EXPECT_EQ(type("blk.0.attn_q.weight.lora_b"), GgufType::kF32);
  EXPECT_LT(worst(1.5f).second, 1e-7);
  make("llama", "float32", "plain");
  import_fragment(*model, dir_ / "peft", {.name = "x", .storage = FragmentStorage::kF16, .force = true}, out_);
  EXPECT_EQ(type("blk.0.attn_q.weight.lora_b"), GgufType::kF16);
  EXPECT_LT(worst(1.5f).second, 1e-3);
}

TEST_F(PeftImport, Bfloat16BecomesF32Exactly) {
  const auto model = base(dir_);
  make("llama", "float32", "plain");
  std::vector<uint16_t> a(64), b(32);
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<uint16_t>(0x3f80 + i);  // 1 + i / 128
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<uint16_t>(0xbf80 + i);
  fragment::write_safetensors(
      dir_ / "peft/adapter_model.safetensors",
      std::vector<fragment::SafeSource>{
          {"base_model.model.model.layers.0.self_attn.v_proj.lora_A.default.weight", GgufType::kBF16, {1, 64}, std::as_bytes(std::span(a))},
          {"base_model.model.model.layers.0.self_attn.v_proj.lora_B.default.weight",
           GgufType::kBF16,
           {32, 1},
           std::as_bytes(std::span(b))}},
      {});
  change_config("r", 1);
  import_fragment(*model, dir_ / "peft", {.name = "x"}, out_);
  const GgufFile file = GgufFile::open(out_);
  const auto values = file.floats(*file.find("blk.0.attn_v.weight.lora_a"));
  ASSERT_EQ(values.size(), 64u);
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(values[i], 1.0f + static_cast<float>(i) / 128.0f);
  EXPECT_EQ(file.floats(*file.find("blk.0.attn_v.weight.lora_b"))[1], -1.0f - 1.0f / 128.0f);
}

TEST_F(PeftImport, RefusesConfigsItCannotFollow) {
  const auto model = base(dir_);
  for (const auto& [key, value] :
       std::map<std::string, nlohmann::json>{{"use_dora", true}, {"modules_to_save", {"lm_head"}}, {"bias", "all"}}) {
    make("llama", "float32", "plain");
    change_config(key, value);
    expect_refused(*model, ErrorCode::kUnimplemented, key.c_str());
  }
  make("llama", "float32", "plain");
  change_config("r", 8);
  expect_refused(*model, ErrorCode::kDataLoss, "the config says 8");
  change_config("r", 4);
  change_config("lora_alpha", 0);
  expect_refused(*model, ErrorCode::kInvalidArgument, "changes nothing");
  write_file_atomic(dir_ / "peft/adapter_config.json", "{");
  expect_refused(*model, ErrorCode::kDataLoss, "expected a JSON object");
}

TEST_F(PeftImport, RefusesTensorsThatAreNoFactorsOfLinearLayers) {
  const auto model = base(dir_);
  make("llama", "float32", "plain");
  const std::vector<float> values(256, 0.5f);
  const auto with = [&](const std::string& name, const std::vector<uint64_t>& shape) {
    uint64_t n = 1;
    for (const uint64_t dim : shape) n *= dim;
    fragment::write_safetensors(dir_ / "peft/adapter_model.safetensors",
                                std::vector<fragment::SafeSource>{{name, GgufType::kF32, shape, std::as_bytes(std::span(values).first(n))}},
                                {});
  };
  const std::string p = "base_model.model.model.layers.0.";
  with("base_model.model.model.embed_tokens.lora_embedding_A", {4, 64});
  expect_refused(*model, ErrorCode::kUnimplemented, "neither the embedding nor the output");
  with("base_model.model.lm_head.lora_A.weight", {4, 64});
  expect_refused(*model, ErrorCode::kUnimplemented, "neither the embedding nor the output");
  with(p + "self_attn.q_proj.lora_magnitude_vector.weight", {64});
  expect_refused(*model, ErrorCode::kUnimplemented, "DoRA");
  with(p + "self_attn.q_proj.modules_to_save.weight", {64});
  expect_refused(*model, ErrorCode::kUnimplemented, "whole layers");
  with(p + "self_attn.q_proj.bias", {64});
  expect_refused(*model, ErrorCode::kUnimplemented, "biases");
  with(p + "self_attn.rotary.lora_A.weight", {4, 64});
  expect_refused(*model, ErrorCode::kUnimplemented, "no factor of a linear layer");
  with(p + "self_attn.q_proj.lora_A.weight", {4, 64});
  expect_refused(*model, ErrorCode::kDataLoss, "has no lora_B");
  with(p + "self_attn.q_proj.lora_A.weight", {4, 8, 8});
  expect_refused(*model, ErrorCode::kDataLoss, "is no matrix");
  fragment::write_safetensors(dir_ / "peft/adapter_model.safetensors", {}, {});
  expect_refused(*model, ErrorCode::kDataLoss, "holds no factors");
  std::filesystem::remove(dir_ / "peft/adapter_model.safetensors");
  expect_refused(*model, ErrorCode::kNotFound, "has no adapter_model.safetensors");
  write_file_atomic(dir_ / "peft/adapter_model.bin", "pickle");
  expect_refused(*model, ErrorCode::kUnimplemented, "pickled");
}

TEST_F(PeftImport, RefusesAnotherBase) {
  auto tiny = test::tiny_of("llama");
  tiny.tensors.at("blk.0.ffn_up.weight").values[0] += 1;
  const auto model = base(dir_), other = Model::load(tiny.write(dir_ / "other.gguf"));
  const auto lora = test::random_fragment(*model, "coder", 0.2f, 4, 2, 1).write(dir_ / "coder.gguf");
  export_peft(*model, lora, dir_ / "peft");
  expect_refused(*other, ErrorCode::kFailedPrecondition, "made for base tiny");
  // Without a fingerprint the shapes decide.
  test::run_oracle({"peft_make", dir_.path(), "llama", "32", "128", "4", "2", "4", "6", "float32", "plain"});
  expect_refused(*model, ErrorCode::kFailedPrecondition, "the base tiny has [");
  EXPECT_ERROR(import_fragment(*base(dir_, "qwen2"), lora, {.name = "x"}, out_), ErrorCode::kInvalidArgument, "already");
  auto theirs = test::random_fragment(*model, "x", 1, 4, 2, 1);
  std::erase_if(theirs.metadata, [](const auto& entry) { return entry.first.starts_with("aicoder."); });
  EXPECT_ERROR(import_fragment(*base(dir_, "qwen2"), theirs.write(dir_ / "t.gguf"), {.name = "x"}, out_), ErrorCode::kFailedPrecondition,
               "made for architecture 'llama'");
}

TEST_F(PeftImport, RefusesGgufFilesItCannotKeep) {
  const auto model = base(dir_);
  const auto refused = [&](ErrorCode code, const char* message, const auto& spoil) {
    auto lora = test::random_fragment(*model, "x", 1, 4, 2, 1);
    std::erase_if(lora.metadata, [](const auto& entry) { return entry.first.starts_with("aicoder."); });
    spoil(lora);
    EXPECT_ERROR(import_fragment(*model, lora.write(dir_ / "t.gguf"), {.name = "x"}, out_), code, message);
    EXPECT_FALSE(std::filesystem::exists(out_));
  };
  refused(ErrorCode::kUnimplemented, "changes the embedding", [](test::LoraFile& f) { f.add("token_embd.weight", 64, 64, 2, 5, 0.1f); });
  refused(ErrorCode::kUnimplemented, "activated LoRA",
          [](test::LoraFile& f) { f.metadata["adapter.alora.invocation_tokens"] = GgufArray(std::vector<uint32_t>{1}); });
  refused(ErrorCode::kDataLoss, "expected finite values",
          [](test::LoraFile& f) { f.pairs.at("blk.0.attn_q.weight").a[0] = std::numeric_limits<float>::infinity(); });
  refused(ErrorCode::kDataLoss, "lora_b", [](test::LoraFile& f) { f.pairs.at("blk.0.attn_q.weight").b.clear(); });
  refused(ErrorCode::kDataLoss, "no lora_a", [](test::LoraFile& f) { f.pairs.at("blk.0.attn_q.weight").a.clear(); });
  refused(ErrorCode::kDataLoss, "rank of lora_a", [](test::LoraFile& f) {
    auto& pair = f.pairs.at("blk.0.attn_q.weight");
    pair.b.resize(64);
    pair.b_ne = {1, 64};
  });
  refused(ErrorCode::kUnimplemented, "factors of experts", [](test::LoraFile& f) { f.pairs.at("blk.0.attn_q.weight").a_ne = {32, 4, 2}; });
  refused(ErrorCode::kInvalidArgument, "expected general.type adapter",
          [](test::LoraFile& f) { f.metadata["general.type"] = std::string("model"); });
}

TEST_F(PeftImport, RefusesBadCallsBeforeAnyWork) {
  const auto model = base(dir_);
  make("llama", "float32", "plain");
  EXPECT_ERROR(import_fragment(*model, dir_ / "peft", {.name = "a/b"}, out_), ErrorCode::kInvalidArgument, "name: expected letters");
  EXPECT_ERROR(import_fragment(*model, dir_ / "peft", {}, out_), ErrorCode::kInvalidArgument, "name: expected letters");
  EXPECT_ERROR(import_fragment(*model, dir_ / "absent", {.name = "x"}, out_), ErrorCode::kNotFound, "no file or folder");
  EXPECT_ERROR(import_fragment(*model, dir_.path(), {.name = "x"}, out_), ErrorCode::kNotFound, "has no adapter_config.json");
  write_file_atomic(dir_ / "alone.safetensors", "x");
  EXPECT_ERROR(import_fragment(*model, dir_ / "alone.safetensors", {.name = "x"}, out_), ErrorCode::kInvalidArgument,
               "does not say its scale");
  write_file_atomic(out_, "mine");
  EXPECT_ERROR(import_fragment(*model, dir_ / "peft", {.name = "x"}, out_), ErrorCode::kFailedPrecondition, "exists");
  EXPECT_EQ(read_file(out_), "mine");
  EXPECT_ERROR(import_fragment(*model, dir_ / "peft", {.name = "x", .force = true}, dir_.path()), ErrorCode::kInvalidArgument,
               "is a folder");
}

TEST_F(PeftImport, RefusesF16WhereItWouldOverflow) {
  const auto model = base(dir_);
  auto lora = test::random_fragment(*model, "x", 1, 4, 2, 1);
  std::erase_if(lora.metadata, [](const auto& entry) { return entry.first.starts_with("aicoder."); });
  lora.pairs.at("blk.0.attn_q.weight").b[0] = 1e6f;
  const auto path = lora.write(dir_ / "t.gguf");
  EXPECT_ERROR(import_fragment(*model, path, {.name = "x", .storage = FragmentStorage::kF16}, out_), ErrorCode::kInvalidArgument,
               "beyond the range of F16");
  EXPECT_NO_THROW(import_fragment(*model, path, {.name = "x"}, out_));
}

}  // namespace
}  // namespace aicoder
