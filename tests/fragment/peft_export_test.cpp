#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "fragment/half.h"
#include "fragment/oracle.h"
#include "fragment/tiny_base.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

class PeftExport : public testing::Test {
 protected:
  std::shared_ptr<const Model> base(const std::string& architecture = "llama") {
    return Model::load(test::tiny_of(architecture).write(dir_ / (architecture + ".gguf")));
  }
  std::filesystem::path fragment(const Model& model, float strength = 0.2f) {
    return test::random_fragment(model, "coder", strength, 4, 2, 1).write(dir_ / "coder.gguf");
  }
  /// What numpy and the packages of others make of the folder, against the GGUF.
  std::string compare(const std::filesystem::path& lora, const std::string& strength) {
    return test::run_oracle({"peft_compare", out_, lora, "4", "2", strength});
  }
  test::TempDir dir_;
  std::filesystem::path out_ = dir_ / "out";
};

TEST_F(PeftExport, LlamaFoldersHoldTheDeltasInTheOrderOfHuggingFace) {
  const auto model = base();
  const auto lora = fragment(*model);
  const auto result = export_peft(*model, lora, out_);
  EXPECT_EQ(result.tensors, 7u);
  EXPECT_EQ(result.rank, 4u);
  EXPECT_EQ(result.strength, 0.2f);
  const std::string report = compare(lora, "0.2");
  EXPECT_NE(report.find("pairs 7 moved 2 r 4 alpha 0.8\n"), std::string::npos) << report;
  EXPECT_NE(report.find("rank_pattern {\"k_proj\": 2} targets down_proj gate_proj k_proj o_proj q_proj up_proj v_proj\n"),
            std::string::npos)
      << report;
  EXPECT_NE(report.find("\"aicoder.base.fingerprint\": \"" + model->fingerprint()), std::string::npos) << report;
  EXPECT_NE(report.find("\"format\": \"pt\""), std::string::npos) << report;
}

TEST_F(PeftExport, QwenFoldersKeepTheOrder) {
  for (const char* architecture : {"qwen2", "qwen3"}) {
    const auto model = base(architecture);
    const auto lora = fragment(*model);
    out_ = dir_ / architecture;
    export_peft(*model, lora, out_);
    EXPECT_NE(compare(lora, "0.2").find("pairs 7 moved 0 "), std::string::npos) << architecture;
  }
}

TEST_F(PeftExport, StrengthAskedForReplacesThatOfTheFile) {
  const auto model = base();
  const auto lora = fragment(*model, 0.0f);
  export_peft(*model, lora, out_, {.strength = -0.75f, .base_model = "org/base"});
  EXPECT_NE(compare(lora, "-0.75").find("alpha -3\n"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(read_file(out_ / "adapter_config.json"))["base_model_name_or_path"], "org/base");
}

TEST_F(PeftExport, AlphaByRankIsTheStrengthForEveryModule) {
  // Tools that ignore the patterns still scale right.
  const auto model = base();
  export_peft(*model, fragment(*model), out_);
  const auto config = nlohmann::json::parse(read_file(out_ / "adapter_config.json"));
  EXPECT_DOUBLE_EQ(config["lora_alpha"].get<double>() / config["r"].get<double>(), 0.2);
  EXPECT_DOUBLE_EQ(config["alpha_pattern"]["k_proj"].get<double>() / config["rank_pattern"]["k_proj"].get<double>(), 0.2);
}

TEST_F(PeftExport, LoraOfOthersKeepsItsAlpha) {
  const auto model = base();
  auto lora = test::random_fragment(*model, "x", 1, 4, 2, 1);
  std::erase_if(lora.metadata, [](const auto& entry) { return entry.first.starts_with("aicoder."); });
  lora.metadata["adapter.lora.alpha"] = 8.0f;
  const auto path = lora.write(dir_ / "theirs.gguf");
  EXPECT_EQ(export_peft(*model, path, out_).strength, 1.0f);
  EXPECT_NE(compare(path, "1").find("alpha 8\n"), std::string::npos);
}

TEST_F(PeftExport, HalvesStayHalves) {
  const auto model = base();
  std::vector<uint16_t> a, b;
  for (int i = 0; i < 64; ++i) a.push_back(fragment::to_half(0.01f * static_cast<float>(i)));
  for (int i = 0; i < 32; ++i) b.push_back(fragment::to_half(1.0f - static_cast<float>(i)));
  GgufWriter half;
  half.set("general.type", std::string("adapter"));
  half.set("general.architecture", std::string("llama"));
  half.set("adapter.type", std::string("lora"));
  half.add_tensor("blk.0.attn_k.weight.lora_a", GgufType::kF16, {64, 1}, std::as_bytes(std::span(a)));
  half.add_tensor("blk.0.attn_k.weight.lora_b", GgufType::kF16, {1, 32}, std::as_bytes(std::span(b)));
  half.write(dir_ / "half.gguf");
  export_peft(*model, dir_ / "half.gguf", out_);
  EXPECT_NE(compare(dir_ / "half.gguf", "1").find("pairs 1 moved 1 "), std::string::npos) << "the oracle compares types and bytes";
}

TEST_F(PeftExport, ReplacesAnAdapterOnlyWhenForcedAndNothingElseEver) {
  const auto model = base();
  const auto lora = fragment(*model);
  std::filesystem::create_directory(out_);
  export_peft(*model, lora, out_);  // an empty folder is free
  const std::string before = read_file(out_ / "adapter_config.json");
  EXPECT_ERROR(export_peft(*model, lora, out_, {.strength = 1.0f}), ErrorCode::kFailedPrecondition, "holds an adapter");
  EXPECT_EQ(read_file(out_ / "adapter_config.json"), before);
  export_peft(*model, lora, out_, {.strength = 1.0f, .force = true});
  EXPECT_NE(read_file(out_ / "adapter_config.json"), before);
  write_file_atomic(out_ / "README.md", "mine");
  EXPECT_ERROR(export_peft(*model, lora, out_, {.force = true}), ErrorCode::kInvalidArgument, "holds README.md");
  EXPECT_EQ(read_file(out_ / "README.md"), "mine");
  write_file_atomic(dir_ / "file", "x");
  EXPECT_ERROR(export_peft(*model, lora, dir_ / "file", {.force = true}), ErrorCode::kInvalidArgument, "is a file");
  EXPECT_ERROR(export_peft(*model, lora, dir_ / "no/such"), ErrorCode::kNotFound, "");
  size_t hidden = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) hidden += entry.path().filename().string().starts_with('.');
  EXPECT_EQ(hidden, 0u) << "no half-written folder is left";
}

TEST_F(PeftExport, RefusesStrengthZero) {
  const auto model = base();
  const auto lora = fragment(*model, 0.0f);
  EXPECT_ERROR(export_peft(*model, lora, out_), ErrorCode::kFailedPrecondition, "has strength 0");
  EXPECT_ERROR(export_peft(*model, lora, out_, {.strength = 0.0f}), ErrorCode::kInvalidArgument, "changes nothing");
  EXPECT_ERROR(export_peft(*model, lora, out_, {.strength = std::numeric_limits<float>::infinity()}), ErrorCode::kInvalidArgument,
               "finite");
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(PeftExport, RefusesAnotherBase) {
  const auto model = base();
  auto lora = test::random_fragment(*model, "coder", 0.2f, 4, 2, 1);
  lora.metadata[fragment::key::kBaseFingerprint] = std::string(64, '0');
  EXPECT_ERROR(export_peft(*model, lora.write(dir_ / "f.gguf"), out_), ErrorCode::kFailedPrecondition, "made for base tiny (000000000000)");
  lora.metadata[fragment::key::kBaseFingerprint] = model->fingerprint();
  lora.add("blk.1.attn_q.weight", 64, 64, 2, 5, 0.1f);
  EXPECT_ERROR(export_peft(*model, lora.write(dir_ / "f.gguf"), out_), ErrorCode::kFailedPrecondition, "has no blk.1.attn_q.weight");
  lora.pairs.erase("blk.1.attn_q.weight");
  lora.add("blk.0.attn_q.weight", 64, 32, 2, 5, 0.1f);
  EXPECT_ERROR(export_peft(*model, lora.write(dir_ / "f.gguf"), out_), ErrorCode::kFailedPrecondition, "factors for [32, 64]");
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(PeftExport, RefusesWhatHasNoModule) {
  const auto model = base();
  auto lora = test::random_fragment(*model, "coder", 0.2f, 4, 2, 1);
  lora.add("output.weight", 64, model->n_vocab(), 2, 5, 0.1f);
  EXPECT_ERROR(export_peft(*model, lora.write(dir_ / "f.gguf"), out_), ErrorCode::kUnimplemented, "output.weight is none of the linear");
  lora.pairs.erase("output.weight");
  lora.add("token_embd.weight", 64, 64, 2, 5, 0.1f);
  EXPECT_ERROR(export_peft(*model, lora.write(dir_ / "f.gguf"), out_), ErrorCode::kUnimplemented, "changes the embedding");
  test::small_lora().write(dir_ / "small.gguf");
  EXPECT_ERROR(export_peft(*model, dir_ / "small.gguf", out_), ErrorCode::kFailedPrecondition, "factors for [2, 3]");
  EXPECT_ERROR(export_peft(*model, dir_ / "llama.gguf", out_), ErrorCode::kInvalidArgument, "expected general.type adapter");
  EXPECT_ERROR(export_peft(*model, dir_ / "absent.gguf", out_), ErrorCode::kNotFound, "");
}

TEST_F(PeftExport, RefusesValuesThatAreNotFinite) {
  const auto model = base();
  auto lora = test::random_fragment(*model, "coder", 0.2f, 4, 2, 1);
  lora.pairs.at("blk.0.attn_v.weight").b[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_ERROR(export_peft(*model, lora.write(dir_ / "f.gguf"), out_), ErrorCode::kDataLoss, "blk.0.attn_v.weight.lora_b: expected finite");
}

TEST_F(PeftExport, ModulesAreNamedOneByOneWhereOnlySomeLayersHaveFactors) {
  auto tiny = test::tiny_of("llama");
  const auto first = tiny.tensors;
  for (const auto& [name, tensor] : first) {
    if (name.starts_with("blk.0.")) tiny.tensors["blk.1." + name.substr(6)] = tensor;
  }
  tiny.metadata["llama.block_count"] = uint32_t{2};
  const auto model = Model::load(tiny.write(dir_ / "two.gguf"));
  auto lora = test::random_fragment(*model, "coder", 0.2f, 4, 2, 1);
  lora.pairs.erase("blk.0.attn_q.weight");
  lora.add("blk.1.attn_k.weight", 64, 32, 3, 5, 0.1f);  // beside rank 2 in layer 0
  const auto path = lora.write(dir_ / "f.gguf");
  export_peft(*model, path, out_);
  const std::string report = compare(path, "0.2");
  EXPECT_NE(report.find("targets down_proj gate_proj k_proj model.layers.1.self_attn.q_proj o_proj up_proj v_proj\n"), std::string::npos)
      << report;
  EXPECT_NE(report.find("{\"model.layers.0.self_attn.k_proj\": 2, \"model.layers.1.self_attn.k_proj\": 3}"), std::string::npos) << report;
}

}  // namespace
}  // namespace aicoder
