#include "fragment/peft_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "aicoder/core.h"

namespace aicoder::fragment {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDepth = 16;
constexpr uint64_t kLargestRank = uint64_t{1} << 20;

[[noreturn]] void refuse(ErrorCode code, const std::string& message, std::string fix = {}) {
  throw Error(code, "[peft] adapter_config.json: " + message, std::move(fix));
}
[[noreturn]] void unsupported(const std::string& what, const std::string& fix) { refuse(ErrorCode::kUnimplemented, what, fix); }

/// nullptr where the key is absent or null.
const Json* value_of(const Json& config, const char* key) {
  const auto found = config.find(key);
  return found == config.end() || found->is_null() ? nullptr : &*found;
}

bool flag(const Json& config, const char* key) {
  const Json* value = value_of(config, key);
  if (value == nullptr) return false;
  if (!value->is_boolean()) refuse(ErrorCode::kDataLoss, std::string(key) + ": expected true or false");
  return value->get<bool>();
}

/// Present and not empty, whatever its type.
bool given(const Json& config, const char* key) {
  const Json* value = value_of(config, key);
  if (value == nullptr || (value->is_boolean() && !value->get<bool>())) return false;
  if (value->is_array() || value->is_object()) return !value->empty();
  return !(value->is_string() && value->get_ref<const std::string&>().empty());
}

size_t rank_of(const Json& value, const std::string& key) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() == 0 || value.get<uint64_t>() > kLargestRank) {
    refuse(ErrorCode::kDataLoss, key + ": expected a rank, a whole number from 1");
  }
  return value.get<size_t>();
}

double alpha_of(const Json& value, const std::string& key) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) refuse(ErrorCode::kDataLoss, key + ": expected a finite number");
  return value.get<double>();
}

/// A key of a pattern as the plain name it stands for; a name has dots, which may be escaped.
std::string plain_key(const std::string& key, const char* pattern) {
  std::string plain;
  for (size_t i = 0; i < key.size(); ++i) {
    const bool escaped_dot = key[i] == '\\' && i + 1 < key.size() && key[i + 1] == '.';
    if (escaped_dot) continue;
    const bool anchor = (key[i] == '^' && i == 0) || (key[i] == '$' && i + 1 == key.size());
    if (!anchor && std::string_view("\\^$*+?()[]{}|").find(key[i]) != std::string_view::npos) {
      unsupported(std::string(pattern) + ": '" + to_valid_utf8(key) + "' is a regular expression; only names of modules are read",
                  "write its modules one by one in adapter_config.json");
    }
    plain += key[i];
  }
  return plain;
}

/// As PEFT matches: anything up to a dot, then the key, to the end of the name. "^" allows nothing before it.
bool matches(std::string_view key, std::string_view module) {
  const bool whole = key.starts_with('^');
  if (whole) key.remove_prefix(1);
  if (key.ends_with('$')) key.remove_suffix(1);
  if (key.empty() || !module.ends_with(key)) return false;
  if (module.size() == key.size()) return true;
  return !whole && module[module.size() - key.size() - 1] == '.';
}

template <typename T, typename Read>
std::vector<std::pair<std::string, T>> read_pattern(const Json& config, const char* name, const Read& read) {
  std::vector<std::pair<std::string, T>> pattern;
  const Json* value = value_of(config, name);
  if (value == nullptr) return pattern;
  if (!value->is_object()) refuse(ErrorCode::kDataLoss, std::string(name) + ": expected an object");
  for (const auto& [key, entry] : value->items()) pattern.emplace_back(plain_key(key, name), read(entry, name));
  return pattern;
}

void check_supported(const Json& config) {
  const Json* type = value_of(config, "peft_type");
  if (type == nullptr || !type->is_string()) refuse(ErrorCode::kDataLoss, "expected a peft_type");
  if (*type != "LORA") unsupported("peft_type is " + type->dump() + ", only LORA is read", "train or convert it as LoRA");
  if (flag(config, "use_dora")) {
    unsupported("use_dora: DoRA scales the base weights themselves, which no LoRA file can hold", "train it again without use_dora");
  }
  if (given(config, "modules_to_save")) {
    unsupported("modules_to_save: it carries whole layers, which a fragment cannot replace", "train it again without modules_to_save");
  }
  if (const Json* bias = value_of(config, "bias"); bias != nullptr && *bias != "none") {
    unsupported("bias is " + bias->dump() + ": trained biases cannot be kept", "train it again with bias \"none\"");
  }
  for (const char* key : {"fan_in_fan_out", "lora_bias", "use_qalora"}) {
    if (flag(config, key)) unsupported(std::string(key) + " is not supported", "train it again without it");
  }
  for (const char* key : {"trainable_token_indices", "target_parameters", "layer_replication", "alora_invocation_tokens", "arrow_config"}) {
    if (given(config, key)) unsupported(std::string(key) + " is not supported", "train it again without it");
  }
  // Other initializations take part of the base into the factors: the adapter fits a changed base, which no one has here.
  if (const Json* init = value_of(config, "init_lora_weights"); init != nullptr && !init->is_boolean()) {
    constexpr std::array<const char*, 3> kHarmless = {"gaussian", "eva", "orthogonal"};
    if (std::none_of(kHarmless.begin(), kHarmless.end(), [&](const char* name) { return *init == name; })) {
      unsupported("init_lora_weights is " + init->dump() + ": it may have changed the base",
                  "save it with path_initial_model_for_weight_conversion, which makes a plain LoRA");
    }
  }
}

Json number(double value) {
  const double whole = std::round(value);
  if (whole == value && std::abs(value) < 1e15) return static_cast<int64_t>(whole);
  return value;
}

}  // namespace

PeftConfig parse_peft_config(std::string_view json) {
  bool too_deep = false;
  const auto watch = [&](int depth, Json::parse_event_t /*event*/, Json& /*parsed*/) {
    too_deep |= depth > kDepth;
    return !too_deep;
  };
  const Json parsed = Json::parse(json, watch, false);
  if (too_deep || parsed.is_discarded() || !parsed.is_object()) refuse(ErrorCode::kDataLoss, "expected a JSON object");
  check_supported(parsed);
  const Json *r = value_of(parsed, "r"), *alpha = value_of(parsed, "lora_alpha");
  if (r == nullptr || alpha == nullptr) refuse(ErrorCode::kDataLoss, "expected r and lora_alpha");
  PeftConfig config{.r = rank_of(*r, "r"), .alpha = alpha_of(*alpha, "lora_alpha"), .rslora = flag(parsed, "use_rslora")};
  config.rank_pattern = read_pattern<size_t>(parsed, "rank_pattern", rank_of);
  config.alpha_pattern = read_pattern<double>(parsed, "alpha_pattern", alpha_of);
  if (const Json* base = value_of(parsed, "base_model_name_or_path"); base != nullptr && base->is_string()) {
    config.base_model = base->get<std::string>();
  }
  return config;
}

std::string peft_config_json(const PeftConfig& config) {
  Json ranks = Json::object(), alphas = Json::object();
  for (const auto& [key, rank] : config.rank_pattern) ranks[key] = rank;
  for (const auto& [key, alpha] : config.alpha_pattern) alphas[key] = number(alpha);
  const Json json = {{"peft_type", "LORA"},
                     {"task_type", "CAUSAL_LM"},
                     {"base_model_name_or_path", config.base_model},
                     {"revision", nullptr},
                     {"inference_mode", true},
                     {"r", config.r},
                     {"lora_alpha", number(config.alpha)},
                     {"lora_dropout", 0.0},
                     {"rank_pattern", ranks},
                     {"alpha_pattern", alphas},
                     {"use_rslora", config.rslora},
                     {"use_dora", false},
                     {"bias", "none"},
                     {"fan_in_fan_out", false},
                     {"init_lora_weights", true},
                     {"modules_to_save", nullptr},
                     {"layers_to_transform", nullptr},
                     {"layers_pattern", nullptr},
                     {"target_modules", config.target_modules}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

PeftScale peft_scale(const PeftConfig& config, std::string_view module) {
  PeftScale result{.rank = config.r};
  double alpha = config.alpha;
  for (const auto& [key, rank] : config.rank_pattern) {
    if (!matches(key, module)) continue;
    result.rank = rank;
    break;
  }
  for (const auto& [key, value] : config.alpha_pattern) {
    if (!matches(key, module)) continue;
    alpha = value;
    break;
  }
  const auto rank = static_cast<double>(result.rank);
  result.scale = alpha / (config.rslora ? std::sqrt(rank) : rank);
  return result;
}

}  // namespace aicoder::fragment
