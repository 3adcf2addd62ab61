#include "model/model_check.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_set>
#include <vector>

#include "aicoder/core.h"

namespace aicoder {
namespace {

// llama-hparams.h of the pinned llama.cpp; beyond them it aborts.
constexpr int64_t kMaxLayers = 512;
constexpr int64_t kMaxExperts = 1024;

[[noreturn]] void refuse(const GgufFile& file, ErrorCode code, const std::string& what, const std::string& fix = {}) {
  throw Error(code, "[model_check] " + file.path().string() + ": " + what, fix);
}

/// Reads `<architecture>.<key>` and refuses with kDataLoss what llama.cpp would abort on.
class Hparams {
 public:
  Hparams(const GgufFile& file, std::string architecture) : file_(file), architecture_(std::move(architecture)) {}

  std::string key(std::string_view name) const { return architecture_ + "." + std::string(name); }

  std::optional<int64_t> integer(std::string_view name) const {
    const std::string full = key(name);
    if (is_array(full)) return std::nullopt;
    return file_.get_int(full);
  }

  int64_t required(std::string_view name, int64_t low, int64_t high) const {
    auto value = integer(name);
    if (!value) refuse(file_, ErrorCode::kDataLoss, "the key " + key(name) + " is missing");
    check_range(name, *value, low, high);
    return *value;
  }

  /// One value for all layers or an array with one per layer.
  std::vector<int64_t> per_layer(std::string_view name, int64_t n_layer) const {
    const std::string full = key(name);
    auto found = file_.metadata().find(full);
    if (found == file_.metadata().end()) return {};
    const auto* array = std::get_if<GgufArray>(&found->second);
    if (array == nullptr) return {integer(name).value_or(0)};
    std::vector<int64_t> values;
    std::visit(
        [&](const auto& vector) {
          using Value = typename std::decay_t<decltype(vector)>::value_type;
          if constexpr (std::is_integral_v<Value>) {
            for (const auto& value : vector) values.push_back(static_cast<int64_t>(value));
          }
        },
        *array);
    if (static_cast<int64_t>(values.size()) < n_layer) {
      refuse(file_, ErrorCode::kDataLoss,
             full + " has " + std::to_string(values.size()) + " integers, expected one for each of " + std::to_string(n_layer) + " layers");
    }
    return values;
  }

  void check_range(std::string_view name, int64_t value, int64_t low, int64_t high) const {
    if (value < low || value > high) {
      refuse(file_, ErrorCode::kDataLoss,
             key(name) + " is " + std::to_string(value) + ", expected " + std::to_string(low) + " to " + std::to_string(high));
    }
  }

 private:
  bool is_array(const std::string& full) const {
    auto found = file_.metadata().find(full);
    return found != file_.metadata().end() && std::holds_alternative<GgufArray>(found->second);
  }

  const GgufFile& file_;
  std::string architecture_;
};

void check_is_model(const GgufFile& file) {
  const std::string type = file.get_string("general.type").value_or("model");
  if (type != "model") {
    const std::string fix = type == "adapter" ? "give the base model here and this file as a fragment" : "give a model file";
    refuse(file, ErrorCode::kInvalidArgument, "expected a model, found general.type '" + type + "'", fix);
  }
  const std::string architecture = file.get_string("general.architecture").value_or("");
  if (architecture.empty()) refuse(file, ErrorCode::kDataLoss, "the key general.architecture is missing");
  if (file.tensors().empty()) {
    refuse(file, ErrorCode::kInvalidArgument, "the file holds no tensors (a vocabulary only?)", "give a model file");
  }
  if (file.find("token_embd.weight") == nullptr) {
    refuse(file, ErrorCode::kDataLoss, "the tensor token_embd.weight is missing");
  }
}

void check_attention(const GgufFile& file, const Hparams& hparams, int64_t n_layer, int64_t n_embd) {
  const auto heads = hparams.per_layer("attention.head_count", n_layer);
  auto heads_kv = hparams.per_layer("attention.head_count_kv", n_layer);
  if (heads.empty()) return;  // recurrent models have none
  for (int64_t n : heads) hparams.check_range("attention.head_count", n, 0, 1 << 16);
  for (int64_t n : heads_kv) hparams.check_range("attention.head_count_kv", n, 0, 1 << 16);
  if (heads_kv.empty()) heads_kv = heads;
  for (size_t layer = 0; layer < std::max(heads.size(), heads_kv.size()); ++layer) {
    const int64_t n_head = heads[std::min(layer, heads.size() - 1)];
    const int64_t n_head_kv = heads_kv[std::min(layer, heads_kv.size() - 1)];
    if (n_head > 0 && n_head_kv > 0 && n_head % n_head_kv != 0) {
      refuse(file, ErrorCode::kDataLoss,
             "attention.head_count " + std::to_string(n_head) + " is no multiple of head_count_kv " + std::to_string(n_head_kv));
    }
  }
  const int64_t n_head = heads.front();
  auto key_length = hparams.integer("attention.key_length");
  auto value_length = hparams.integer("attention.value_length");
  if (n_head > 0 && !key_length) {
    if (n_embd % n_head != 0) {
      refuse(file, ErrorCode::kDataLoss,
             "embedding_length " + std::to_string(n_embd) + " is no multiple of attention.head_count " + std::to_string(n_head));
    }
    key_length = n_embd / n_head;
  }
  if (key_length) hparams.check_range("attention.key_length", *key_length, n_head > 0 ? 1 : 0, 1 << 16);
  if (value_length) hparams.check_range("attention.value_length", *value_length, n_head > 0 ? 1 : 0, 1 << 16);
  if (auto n_rot = hparams.integer("rope.dimension_count"); n_rot && key_length && n_head > 0) {
    // ggml_rope asserts both.
    hparams.check_range("rope.dimension_count", *n_rot, 0, *key_length);
    if (*n_rot % 2 != 0) refuse(file, ErrorCode::kDataLoss, "rope.dimension_count " + std::to_string(*n_rot) + " is odd");
  }
}

void check_rope(const GgufFile& file, const Hparams& hparams) {
  if (auto type = file.get_string(hparams.key("rope.scaling.type"))) {
    const std::vector<std::string> known{"none", "linear", "yarn", "longrope"};
    if (std::find(known.begin(), known.end(), *type) == known.end()) {
      refuse(file, ErrorCode::kDataLoss, hparams.key("rope.scaling.type") + " is '" + *type + "', expected none, linear, yarn or longrope");
    }
  }
  for (const char* name : {"rope.freq_base", "rope.scaling.factor", "attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"}) {
    auto value = file.get_float(hparams.key(name));
    if (value && (!std::isfinite(*value) || *value < 0)) {
      refuse(file, ErrorCode::kDataLoss, hparams.key(name) + " is " + std::to_string(*value) + ", expected a number not below 0");
    }
  }
}

void check_experts(const GgufFile& file, const Hparams& hparams, int64_t n_layer) {
  const int64_t n_expert = hparams.integer("expert_count").value_or(0);
  hparams.check_range("expert_count", n_expert, 0, kMaxExperts);
  int64_t n_used = 0;
  for (int64_t n : hparams.per_layer("expert_used_count", n_layer)) n_used = std::max(n_used, n);
  const int64_t n_groups = hparams.integer("expert_group_count").value_or(0);
  const int64_t n_groups_used = hparams.integer("expert_group_used_count").value_or(0);
  if (n_expert > 0 || n_used > 0) hparams.check_range("expert_used_count", n_used, n_expert > 0 ? 1 : 0, n_expert);
  if (n_expert > 0) {
    hparams.check_range("expert_group_count", n_groups, 0, n_expert - 1);
    if (n_groups > 1) {
      if (n_expert % n_groups != 0) refuse(file, ErrorCode::kDataLoss, "expert_count is no multiple of expert_group_count");
      hparams.check_range("expert_group_used_count", n_groups_used, 1, n_groups - 1);
    }
  } else {
    hparams.check_range("expert_group_count", n_groups, 0, 0);
  }
}

void check_vocabulary(const GgufFile& file) {
  const std::string model = file.get_string("tokenizer.ggml.model").value_or("");
  if (model.empty()) refuse(file, ErrorCode::kDataLoss, "the key tokenizer.ggml.model is missing");
  if (model == "none" || model == "no_vocab") return;
  const auto tokens = file.get_strings("tokenizer.ggml.tokens");
  if (!tokens || tokens->empty()) refuse(file, ErrorCode::kDataLoss, "the key tokenizer.ggml.tokens is missing or empty");

  // llama.cpp asserts that its text-to-id map has as many entries as there are tokens; empty texts are renamed there.
  std::unordered_set<std::string_view> seen;
  for (const auto& token : *tokens) {
    if (!token.empty() && !seen.insert(token).second) {
      refuse(file, ErrorCode::kDataLoss, "tokenizer.ggml.tokens holds '" + to_valid_utf8(token) + "' twice");
    }
  }
  const auto* embedding = file.find("token_embd.weight");
  if (embedding->ne.size() != 2 || embedding->ne[1] < tokens->size()) {
    refuse(file, ErrorCode::kDataLoss,
           "token_embd.weight has " + std::to_string(embedding->ne.size() > 1 ? embedding->ne[1] : 1) + " rows, expected " +
               std::to_string(tokens->size()) + ", the number of tokens");
  }
  const int64_t n_tokens = static_cast<int64_t>(tokens->size());
  for (const char* name : {"bos", "eos", "eot", "eom", "unknown", "padding", "seperator", "mask"}) {
    const std::string key = std::string("tokenizer.ggml.") + name + "_token_id";
    auto id = file.get_int(key);
    // -1 means "none" in files of several converters.
    if (id && (*id < -1 || *id >= n_tokens) && *id != 0xffffffff) {
      refuse(file, ErrorCode::kDataLoss, key + " is " + std::to_string(*id) + ", the vocabulary has " + std::to_string(n_tokens));
    }
  }
  // The tokenizer asserts that BOS (EOS) exists when it is told to add one. Only SPM and WPM have defaults.
  if (model == "gpt2") {
    for (const char* name : {"bos", "eos"}) {
      const std::string prefix = std::string("tokenizer.ggml.");
      if (file.get_bool(prefix + "add_" + name + "_token").value_or(false) && file.get_int(prefix + name + "_token_id").value_or(11) < 0) {
        refuse(file, ErrorCode::kDataLoss, prefix + "add_" + name + "_token is set, but there is no " + name + " token");
      }
    }
  }
}

}  // namespace

void check_model_file(const GgufFile& file) {
  check_is_model(file);
  const Hparams hparams(file, *file.get_string("general.architecture"));
  const int64_t n_layer = hparams.required("block_count", 1, kMaxLayers);
  const int64_t n_embd = hparams.required("embedding_length", 1, 1 << 20);
  hparams.required("context_length", 1, int64_t{1} << 31);
  hparams.check_range("nextn_predict_layers", hparams.integer("nextn_predict_layers").value_or(0), 0, n_layer - 1);
  check_attention(file, hparams, n_layer, n_embd);
  check_rope(file, hparams);
  check_experts(file, hparams, n_layer);
  check_vocabulary(file);
}

}  // namespace aicoder
