// "Bad input never aborts", taken literally: every metadata value and tensor of a good model is broken in turn, and the file is loaded
// and run in a child process. It may work or be refused with an Error; a signal (ggml's abort, a wild read) fails the test by name.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <limits>
#include <map>

#include "aicoder/model.h"
#include "model/tiny_model.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

enum Outcome { kRan = 0, kRefused = 1, kWrongException = 2 };

Outcome load_and_run(const std::filesystem::path& path) {
  try {
    const auto model = Model::load(path);
    Context context(model, {.n_ctx_seq = std::min<size_t>(32, model->n_ctx_train()), .n_threads = 1});
    context.logits(model->tokenize("abc abc", {.add_special = true, .parse_special = true}));
    context.generate({.prompt = {3, 4, 5}, .max_tokens = 2});
    return kRan;
  } catch (const Error&) {
    return kRefused;
  } catch (...) {
    return kWrongException;
  }
}

/// The child's wait status.
int in_child(const std::filesystem::path& path) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(load_and_run(path));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

class ModelMutation : public ::testing::Test {
 protected:
  void try_mutation(const std::string& name, const std::function<void(test::TinyModel&)>& change) {
    test::TinyModel tiny;
    change(tiny);
    try {
      tiny.write(dir_ / "m.gguf");
    } catch (const Error&) {
      return;  // not even a GGUF file
    }
    const int status = in_child(dir_ / "m.gguf");
    EXPECT_TRUE(WIFEXITED(status)) << name << ": killed by signal " << WTERMSIG(status);
    if (WIFEXITED(status)) {
      EXPECT_NE(WEXITSTATUS(status), kWrongException) << name << ": an exception that is no Error";
      ++outcomes_[WEXITSTATUS(status)];
    }
  }

  test::TempDir dir_;
  std::map<int, int> outcomes_;
};

TEST_F(ModelMutation, UnchangedModelRuns) {
  try_mutation("unchanged", [](auto&) {});
  EXPECT_EQ(outcomes_[kRan], 1);
}

TEST_F(ModelMutation, EveryMetadataValueMayBeMissingOrWrong) {
  const test::TinyModel good;
  const std::vector<std::pair<std::string, GgufValue>> values{
      {"u32 0", uint32_t{0}},
      {"u32 1", uint32_t{1}},
      {"u32 3", uint32_t{3}},
      {"u32 big", uint32_t{0x7fffffff}},
      {"u32 max", uint32_t{0xffffffff}},
      {"i32 -1", int32_t{-1}},
      {"u64 max", ~uint64_t{0}},
      {"f32 nan", std::numeric_limits<float>::quiet_NaN()},
      {"f32 -1", -1.0f},
      {"bool", true},
      {"text", std::string("text")},
      {"empty text", std::string()},
      {"no integers", GgufArray(std::vector<uint32_t>{})},
      {"integers", GgufArray(std::vector<uint32_t>{1, 2, 3})},
      {"texts", GgufArray(std::vector<std::string>{"a", "b"})},
  };
  for (const auto& [key, unused] : good.metadata) {
    try_mutation(key + " missing", [&](auto& m) { m.metadata.erase(key); });
    for (const auto& [name, value] : values) {
      try_mutation(key + " = " + name, [&](auto& m) { m.metadata[key] = value; });
    }
  }
  EXPECT_GT(outcomes_[kRefused], 100);
}

TEST_F(ModelMutation, KeysThatAGoodFileLacksMayHoldAnything) {
  const std::vector<std::string> keys{"llama.attention.key_length",
                                      "llama.attention.value_length",
                                      "llama.rope.scaling.type",
                                      "llama.rope.scaling.factor",
                                      "llama.rope.freq_base",
                                      "llama.expert_count",
                                      "llama.expert_used_count",
                                      "llama.expert_group_count",
                                      "llama.vocab_size",
                                      "llama.rope.scaling.attn_factor",
                                      "llama.pooling_type",
                                      "llama.attention.causal",
                                      "llama.attention.sliding_window",
                                      "llama.nextn_predict_layers",
                                      "llama.rope.scaling.original_context_length",
                                      "llama.embedding_length_out",
                                      "tokenizer.ggml.pre",
                                      "tokenizer.ggml.unknown_token_id",
                                      "tokenizer.ggml.padding_token_id",
                                      "tokenizer.ggml.add_bos_token",
                                      "tokenizer.ggml.add_eos_token",
                                      "tokenizer.ggml.add_space_prefix",
                                      "tokenizer.ggml.merges",
                                      "tokenizer.ggml.token_type_count",
                                      "tokenizer.ggml.eot_token_id",
                                      "tokenizer.chat_template",
                                      "general.alignment",
                                      "general.file_type",
                                      "split.count",
                                      "tokenizer.ggml.precompiled_charsmap",
                                      "tokenizer.ggml.suppress_tokens",
                                      "llama.logit_scale",
                                      "llama.attention.clamp_kqv",
                                      "llama.interleave_moe_layer_step",
                                      "llama.rope.dimension_sections",
                                      "tokenizer.ggml.add_sep_token",
                                      "tokenizer.ggml.fim_pre_token_id",
                                      "tokenizer.ggml.remove_extra_whitespaces"};
  const std::vector<std::pair<std::string, GgufValue>> values{
      {"u32 0", uint32_t{0}},
      {"u32 1", uint32_t{1}},
      {"u32 7", uint32_t{7}},
      {"u32 max", ~uint32_t{0}},
      {"i32 -1", int32_t{-1}},
      {"f32 nan", std::numeric_limits<float>::quiet_NaN()},
      {"f32 0", 0.0f},
      {"bool", true},
      {"text", std::string("{{ text")},
      {"no bytes", GgufArray(std::vector<uint8_t>{})},
      {"bytes", GgufArray(std::vector<uint8_t>(16, 0xff))},
      {"integers", GgufArray(std::vector<int32_t>{-1, 1 << 30})},
      {"texts", GgufArray(std::vector<std::string>{"a", "b c"})},
  };
  for (const auto& key : keys) {
    for (const auto& [name, value] : values) {
      try_mutation(key + " = " + name, [&](auto& m) { m.metadata[key] = value; });
    }
  }
  EXPECT_GT(outcomes_[kRan], 50);
}

TEST_F(ModelMutation, EveryTensorMayBeMissingOrOfAnotherShape) {
  const test::TinyModel good;
  for (const auto& [tensor_name, unused] : good.tensors) {
    const std::string name = tensor_name;
    try_mutation(name + " missing", [&](auto& m) { m.tensors.erase(name); });
    for (const std::vector<uint64_t>& ne :
         {std::vector<uint64_t>{1}, {64}, {63, 7}, {64, 1}, {64, 64, 2}, {128, 128}, {1, 1, 1, 1}, {64, 0}}) {
      try_mutation(name + " of another shape", [&](auto& m) {
        size_t n = 1;
        for (uint64_t dim : ne) n *= dim;
        m.tensors[name] = {ne, std::vector<float>(n, 0.1f)};
      });
    }
    try_mutation(name + " not finite", [&](auto& m) {
      for (float& value : m.tensors[name].values) value = std::numeric_limits<float>::quiet_NaN();
    });
  }
}

TEST_F(ModelMutation, OtherArchitecturesOverTheSameTensorsAreRefused) {
  // Every architecture has its own loader; none may trip over a file that only claims to be its own.
  for (const std::string architecture :
       {"qwen2",   "qwen3",   "gemma",     "gemma2", "gemma3",           "phi2",    "phi3",     "gpt2",     "falcon",     "mamba",
        "rwkv6",   "bert",    "t5",        "clip",   "deepseek2",        "mixtral", "qwen2moe", "llama4",   "olmo",       "starcoder2",
        "minicpm", "granite", "command-r", "jamba",  "wavtokenizer-dec", "bloom",   "mpt",      "stablelm", "nomic-bert", "lfm2"}) {
    try_mutation("architecture " + architecture, [&](auto& m) {
      std::map<std::string, GgufValue> renamed;
      for (const auto& [key, value] : m.metadata) {
        renamed[key.starts_with("llama.") ? architecture + key.substr(5) : key] = value;
      }
      renamed["general.architecture"] = architecture;
      m.metadata = std::move(renamed);
    });
  }
}

}  // namespace
}  // namespace aicoder
