#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "fragment/fragment_keys.h"
#include "fragment/hf_layout.h"
#include "fragment/lora_base.h"
#include "fragment/lora_factors.h"
#include "fragment/peft_config.h"
#include "fragment/peft_folder.h"

namespace aicoder {
namespace {

using namespace fragment;

constexpr char kPlace[] = "[peft_export]";
constexpr char kPrefix[] = "base_model.model.";

[[noreturn]] void refuse(ErrorCode code, const std::string& message, std::string fix = {}) {
  throw Error(code, kPlace + (" " + message), std::move(fix));
}

/// "self_attn.q_proj" of "model.layers.3.self_attn.q_proj" without its parent: the key PEFT matches at the end of names.
std::string kind_of(const std::string& module) { return module.substr(module.rfind('.') + 1); }

float strength_of(const FragmentInfo& info, const PeftExportOptions& options) {
  const float strength = options.strength.value_or(info.strength);
  if (!std::isfinite(strength)) refuse(ErrorCode::kInvalidArgument, "strength: expected a finite number");
  if (strength != 0) return strength;
  if (options.strength) {
    refuse(ErrorCode::kInvalidArgument, "strength 0 would write an adapter that changes nothing", "give another --strength");
  }
  refuse(ErrorCode::kFailedPrecondition, info.name + " has strength 0: none was found to help, and PEFT would add nothing",
         "say the one you want: --strength 0.2");
}

/// A float as it was written: 0.2, not 0.20000000298; so that 0.2 * 16 is 3.2 in the config.
double decimal(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.7g", static_cast<double>(value));
  double short_form = std::strtod(text, nullptr);
  return static_cast<float>(short_form) == value ? short_form : static_cast<double>(value);
}

struct Source {
  std::string a_name, b_name;
  size_t n_in = 0, n_out = 0, rank = 0;
  GgufType a_type = GgufType::kF32, b_type = GgufType::kF32;
  std::vector<std::byte> a, b;
};

/// The tensor's own bytes, or F32 for a type that safetensors does not have.
std::vector<std::byte> factor_bytes(const GgufFile& file, const GgufTensor& tensor, GgufType& type) {
  const std::vector<float> values = tensor_values(file, tensor);  // also the check that they are finite
  type = tensor.type == GgufType::kQ8_0 ? GgufType::kF32 : tensor.type;
  if (type != tensor.type) return pack(values, type);
  const auto bytes = file.bytes(tensor);
  return {bytes.begin(), bytes.end()};
}

Source read_source(const Model& base, const GgufFile& file, const HfLayout& layout, const LoraPair& pair) {
  check_fits(base, pair.name, pair.n_in, pair.n_out, kPlace);
  const std::string module = hf_module(pair.name);
  if (module.empty()) {
    refuse(ErrorCode::kUnimplemented, pair.name + " is none of the linear layers that can be exported",
           "leave that weight out of the LoRA");
  }
  Source source{.a_name = kPrefix + module + ".lora_A.weight",
                .b_name = kPrefix + module + ".lora_B.weight",
                .n_in = pair.n_in,
                .n_out = pair.n_out,
                .rank = pair.rank};
  source.a = factor_bytes(file, *pair.a, source.a_type);
  const std::vector<std::byte> b = factor_bytes(file, *pair.b, source.b_type);
  const std::vector<size_t> order = hf_row_order(layout, pair.name, pair.n_out);
  source.b = b;
  const size_t row_bytes = b.size() / pair.n_out;
  for (size_t i = 0; i < order.size(); ++i) {
    std::copy_n(b.begin() + static_cast<std::ptrdiff_t>(order[i] * row_bytes), row_bytes,
                source.b.begin() + static_cast<std::ptrdiff_t>(i * row_bytes));
  }
  return source;
}

/// The kinds by their short name where every layer of the base has them, else module by module, so that PEFT makes no idle factors.
std::vector<std::string> target_modules(const Model& base, const std::vector<std::string>& modules) {
  std::map<std::string, size_t> count;
  for (const std::string& module : modules) ++count[kind_of(module)];
  std::set<std::string> targets;
  for (const std::string& module : modules) {
    const std::string kind = kind_of(module);
    targets.insert(count.at(kind) == base.n_layer() ? kind : module);
  }
  return {targets.begin(), targets.end()};
}

/// One entry per kind where its modules agree, else one per module.
template <typename T>
std::vector<std::pair<std::string, T>> pattern(const std::map<std::string, T>& by_module, T usual) {
  std::map<std::string, std::set<T>> of_kind;
  for (const auto& [module, value] : by_module) of_kind[kind_of(module)].insert(value);
  std::map<std::string, T> entries;
  for (const auto& [module, value] : by_module) {
    const std::string kind = kind_of(module);
    if (value != usual) entries[of_kind.at(kind).size() == 1 ? kind : module] = value;
  }
  return {entries.begin(), entries.end()};
}

}  // namespace

PeftExport export_peft(const Model& base, const std::filesystem::path& fragment, const std::filesystem::path& dir,
                       const PeftExportOptions& options) {
  const FragmentInfo info = inspect_fragment(fragment);
  const GgufFile file = GgufFile::open(fragment);
  check_same_base(base, info.base_fingerprint, info.base_name, kPlace + (" " + info.name + " was"));
  const float strength = strength_of(info, options);
  const HfLayout layout = hf_layout(base.file());
  const std::vector<LoraPair> pairs = lora_pairs(file, kPlace);
  check_peft_target(dir, options.force);

  PeftConfig config{.base_model = options.base_model.empty() ? base.name() : options.base_model};
  std::vector<Source> sources;
  std::vector<std::string> modules;
  std::map<std::string, size_t> ranks;
  std::map<std::string, double> alphas;
  for (const LoraPair& pair : pairs) {
    sources.push_back(read_source(base, file, layout, pair));
    modules.push_back(hf_module(pair.name));
    report_weights(options.progress, "export", sources.size(), pairs.size());
    ranks[modules.back()] = pair.rank;
    alphas[modules.back()] = decimal(strength) * pair.scale * static_cast<double>(pair.rank);
    if (pair.rank > config.r) {
      config.r = pair.rank;
      config.alpha = alphas[modules.back()];
    }
  }
  config.rank_pattern = pattern(ranks, config.r);
  config.alpha_pattern = pattern(alphas, config.alpha);
  config.target_modules = target_modules(base, modules);

  std::vector<SafeSource> tensors;
  PeftExport result{.dir = dir, .strength = strength, .tensors = sources.size(), .rank = config.r};
  for (const Source& s : sources) {
    tensors.push_back({s.a_name, s.a_type, {s.rank, s.n_in}, s.a});
    tensors.push_back({s.b_name, s.b_type, {s.n_out, s.rank}, s.b});
  }
  std::map<std::string, std::string> metadata = {
      {"format", "pt"}, {key::kBaseFingerprint, base.fingerprint()}, {key::kBaseName, base.name()}};
  if (!info.foreign) {
    metadata[key::kName] = info.name;
    metadata[key::kRole] = info.role;
    metadata[key::kRecipe] = info.recipe;
  }
  write_peft_folder(dir, peft_config_json(config), tensors, metadata, options.force);
  for (const char* name : {kPeftConfig, kPeftWeights}) result.bytes += std::filesystem::file_size(dir / name);
  return result;
}

}  // namespace aicoder
