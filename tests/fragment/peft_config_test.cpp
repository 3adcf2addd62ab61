#include "fragment/peft_config.h"

#include <gtest/gtest.h>

#include "support/error_matcher.h"

namespace aicoder {
namespace {

using namespace fragment;

std::string config_with(const std::string& more, const std::string& basis = R"("peft_type":"LORA","r":8,"lora_alpha":16)") {
  return "{" + basis + (more.empty() ? "" : "," + more) + "}";
}

TEST(PeftConfig, WhatIsWrittenIsReadBack) {
  PeftConfig config{.r = 16, .alpha = 3.2, .base_model = "org/base \"x\""};
  config.rank_pattern = {{"k_proj", 4}};
  config.alpha_pattern = {{"k_proj", 0.8}, {"model.layers.1.mlp.up_proj", 2}};
  config.target_modules = {"k_proj", "q_proj"};
  const PeftConfig read = parse_peft_config(peft_config_json(config));
  EXPECT_EQ(read.r, 16u);
  EXPECT_EQ(read.alpha, 3.2);
  EXPECT_EQ(read.base_model, config.base_model);
  EXPECT_EQ(read.rank_pattern, config.rank_pattern);
  EXPECT_EQ(read.alpha_pattern, config.alpha_pattern);
  EXPECT_FALSE(read.rslora);
}

TEST(PeftConfig, WholeNumbersAreWrittenWhole) {
  EXPECT_NE(peft_config_json({.r = 8, .alpha = 16}).find("\"lora_alpha\": 16,"), std::string::npos);
  EXPECT_NE(peft_config_json({.r = 8, .alpha = 1.6}).find("\"lora_alpha\": 1.6,"), std::string::npos);
}

TEST(PeftConfig, ScaleIsAlphaByRankOrByItsRoot) {
  EXPECT_EQ(peft_scale(parse_peft_config(config_with("")), "model.layers.0.self_attn.q_proj").scale, 2.0);
  EXPECT_EQ(
      peft_scale(parse_peft_config(config_with(R"("use_rslora":true,"x":1)", R"("peft_type":"LORA","r":16,"lora_alpha":16)")), "m").scale,
      4.0);
}

TEST(PeftConfig, PatternsNameModulesWholeOrByTheirEnd) {
  const auto config = parse_peft_config(config_with(
      R"("rank_pattern":{"k_proj":2,"model.layers.1.mlp.up_proj":4,"^layers.0.x":1,"mlp\\.down_proj$":32},"alpha_pattern":{"v_proj":1})"));
  const auto rank = [&config](const char* module) { return peft_scale(config, module).rank; };
  EXPECT_EQ(rank("model.layers.0.self_attn.k_proj"), 2u);
  EXPECT_EQ(rank("model.layers.0.self_attn.q_proj"), 8u);
  EXPECT_EQ(rank("model.layers.1.mlp.up_proj"), 4u);
  EXPECT_EQ(rank("model.layers.11.mlp.up_proj"), 8u);
  EXPECT_EQ(rank("model.layers.1.mlp.down_proj"), 32u);
  EXPECT_EQ(rank("layers.0.x"), 1u);
  EXPECT_EQ(rank("model.layers.0.x"), 8u) << "anchored at the start";
  EXPECT_EQ(rank("model.layers.0.self_attn.xk_proj"), 8u);
  EXPECT_EQ(peft_scale(config, "model.layers.0.self_attn.v_proj").scale, 1.0 / 8);
}

TEST(PeftConfig, RefusesWhatALoraFileCannotHold) {
  const auto refused = [](const std::string& more, const char* message) {
    EXPECT_ERROR(parse_peft_config(config_with(more)), ErrorCode::kUnimplemented, message);
  };
  refused(R"("use_dora":true)", "use_dora");
  refused(R"("modules_to_save":["lm_head"])", "modules_to_save");
  refused(R"("bias":"lora_only")", "bias");
  refused(R"("lora_bias":true)", "lora_bias");
  refused(R"("fan_in_fan_out":true)", "fan_in_fan_out");
  refused(R"("trainable_token_indices":[1])", "trainable_token_indices");
  refused(R"("target_parameters":["x"])", "target_parameters");
  refused(R"("layer_replication":[[0,1]])", "layer_replication");
  refused(R"("alora_invocation_tokens":[1])", "alora_invocation_tokens");
  refused(R"("init_lora_weights":"pissa")", "may have changed the base");
  refused(R"("init_lora_weights":"olora")", "may have changed the base");
  refused(R"("rank_pattern":{"layers.(0|1).q_proj":2})", "regular expression");
  EXPECT_ERROR(parse_peft_config(R"({"peft_type":"IA3","r":8,"lora_alpha":16})"), ErrorCode::kUnimplemented, "IA3");
}

TEST(PeftConfig, TakesTheDefaultsOfPeft) {
  EXPECT_NO_THROW(parse_peft_config(config_with(
      R"("use_dora":false,"modules_to_save":null,"bias":"none","init_lora_weights":"gaussian","rank_pattern":{},"target_parameters":null,"layer_replication":null)")));
  EXPECT_NO_THROW(parse_peft_config(config_with(R"("modules_to_save":[],"init_lora_weights":false)")));
}

TEST(PeftConfig, RefusesWhatIsBroken) {
  const auto refused = [](const std::string& json, const char* message) {
    EXPECT_ERROR(parse_peft_config(json), ErrorCode::kDataLoss, message);
  };
  refused("", "expected a JSON object");
  refused("[]", "expected a JSON object");
  refused("{", "expected a JSON object");
  refused(R"({"r":8,"lora_alpha":16})", "expected a peft_type");
  refused(R"({"peft_type":"LORA","r":8})", "expected r and lora_alpha");
  refused(R"({"peft_type":"LORA","r":0,"lora_alpha":16})", "expected a rank");
  refused(R"({"peft_type":"LORA","r":-8,"lora_alpha":16})", "expected a rank");
  refused(R"({"peft_type":"LORA","r":99999999,"lora_alpha":16})", "expected a rank");
  refused(R"({"peft_type":"LORA","r":8,"lora_alpha":"16"})", "expected a finite number");
  refused(R"({"peft_type":"LORA","r":8,"lora_alpha":1e999})", "");
  refused(config_with(R"("rank_pattern":[1])"), "expected an object");
  refused(config_with(R"("rank_pattern":{"k_proj":1.5})"), "expected a rank");
  refused(config_with(R"("use_dora":"yes")"), "expected true or false");
  refused(config_with(R"("x":)" + std::string(50000, '[') + std::string(50000, ']')), "expected a JSON object");
}

}  // namespace
}  // namespace aicoder
