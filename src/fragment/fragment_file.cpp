#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <type_traits>

#include "aicoder/fragment.h"
#include "fragment/fragment_keys.h"

namespace aicoder {
namespace {

using namespace fragment;

[[noreturn]] void broken(const GgufFile& file, const std::string& message) {
  throw Error(ErrorCode::kDataLoss, "[fragment_inspect] " + file.path().filename().string() + ": " + message, "build it again");
}

/// Numbers of any width; empty when the key is absent. \throws Error(kDataLoss) for anything else, and for numbers not finite.
std::vector<double> get_numbers(const GgufFile& file, const char* key) {
  const auto found = file.metadata().find(std::string_view(key));
  if (found == file.metadata().end()) return {};
  std::vector<double> numbers;
  if (const auto* array = std::get_if<GgufArray>(&found->second)) {
    const bool numeric = std::visit(
        [&numbers](const auto& elements) {
          using T = typename std::decay_t<decltype(elements)>::value_type;
          if constexpr (std::is_same_v<T, std::string>) {
            return elements.empty();
          } else {
            for (const T e : elements) numbers.push_back(static_cast<double>(e));
            return true;
          }
        },
        *array);
    if (numeric && std::all_of(numbers.begin(), numbers.end(), [](double v) { return std::isfinite(v); })) return numbers;
  }
  broken(file, std::string(key) + ": expected an array of numbers");
}

void check_is_lora(const GgufFile& file) {
  const std::string type = file.get_string("general.type").value_or("nothing");
  const std::string adapter = file.get_string("adapter.type").value_or("nothing");
  if (type != "adapter" || adapter != "lora") {
    throw Error(ErrorCode::kInvalidArgument, "[fragment_inspect] " + file.path().filename().string() +
                                                 ": expected general.type adapter and adapter.type lora, found " + type + " and " +
                                                 adapter);
  }
}

/// false for a LoRA that aicoder did not make.
bool check_version(const GgufFile& file) {
  const auto version = file.get_int(key::kVersion);
  if (!version) return false;
  if (*version != kFormatVersion) {
    throw Error(ErrorCode::kFailedPrecondition,
                "[fragment_inspect] " + file.path().filename().string() + ": expected format version " + std::to_string(kFormatVersion) +
                    ", found " + std::to_string(*version),
                "update aicoder");
  }
  return true;
}

std::vector<FragmentTensor> read_tensors(const GgufFile& file) {
  const auto names = file.get_strings(key::kTensorNames).value_or(std::vector<std::string>{});
  const auto energy = get_numbers(file, key::kTensorEnergy);
  if (names.size() != energy.size()) broken(file, "expected one retained energy per tensor name");
  std::vector<FragmentTensor> tensors;
  for (const GgufTensor& tensor : file.tensors()) {
    if (!tensor.name.ends_with(kLoraA)) continue;
    FragmentTensor entry{.name = tensor.name.substr(0, tensor.name.size() - kLoraA.size())};
    if (file.find(entry.name + std::string(kLoraB)) == nullptr) broken(file, "expected " + entry.name + ".lora_b beside its lora_a");
    entry.rank = tensor.ne.size() > 1 ? static_cast<size_t>(tensor.ne[1]) : 1;
    const auto at = std::find(names.begin(), names.end(), entry.name);
    if (at != names.end()) {
      entry.retained_energy = energy[static_cast<size_t>(at - names.begin())];
    } else if (!names.empty()) {
      broken(file, key::kTensorNames + (": expected " + entry.name) + ", which is missing");
    }
    tensors.push_back(std::move(entry));
  }
  return tensors;
}

std::vector<ControlVector> read_vectors(const GgufFile& file) {
  const auto layers = get_numbers(file, key::kVectorLayers), relative = get_numbers(file, key::kVectorRelative),
             shared = get_numbers(file, key::kVectorShared);
  if (relative.size() != layers.size() || shared.size() != layers.size()) broken(file, "aicoder.steer.*: expected arrays of one length");
  std::vector<ControlVector> vectors;
  for (const auto& [layer, values] : control_vectors(file)) {
    ControlVector vector{.layer = layer};
    for (const float v : values) vector.norm += static_cast<double>(v) * static_cast<double>(v);
    vector.norm = std::sqrt(vector.norm);
    const auto at = std::find(layers.begin(), layers.end(), static_cast<double>(layer));
    if (at != layers.end()) {
      vector.relative = relative[static_cast<size_t>(at - layers.begin())];
      vector.shared = shared[static_cast<size_t>(at - layers.begin())];
    }
    vectors.push_back(vector);
  }
  return vectors;
}

std::vector<FragmentParent> read_parents(const GgufFile& file) {
  const auto names = file.get_strings(key::kMergeNames).value_or(std::vector<std::string>{});
  const auto hashes = file.get_strings(key::kMergeHashes).value_or(std::vector<std::string>{});
  const auto weights = get_numbers(file, key::kMergeWeights);
  if (hashes.size() != names.size() || weights.size() != names.size()) broken(file, "aicoder.merge.*: expected arrays of one length");
  std::vector<FragmentParent> parents;
  for (size_t i = 0; i < names.size(); ++i) parents.push_back({names[i], static_cast<float>(weights[i]), hashes[i]});
  return parents;
}

std::vector<Evidence> read_evidence(const GgufFile& file) {
  const auto suites = file.get_strings(key::kEvidenceSuite).value_or(std::vector<std::string>{});
  const auto n = get_numbers(file, key::kEvidenceN), off = get_numbers(file, key::kEvidenceOff), on = get_numbers(file, key::kEvidenceOn),
             p = get_numbers(file, key::kEvidenceP), strength = get_numbers(file, key::kEvidenceStrength);
  for (const auto* column : {&n, &off, &on, &p, &strength}) {
    if (column->size() != suites.size()) broken(file, "aicoder.evidence.*: expected arrays of one length");
  }
  std::vector<Evidence> evidence;
  for (size_t i = 0; i < suites.size(); ++i) {
    if (n[i] < 0) broken(file, key::kEvidenceN + std::string(": expected counts"));
    evidence.push_back({suites[i], static_cast<size_t>(n[i]), off[i], on[i], p[i], static_cast<float>(strength[i])});
  }
  return evidence;
}

}  // namespace

namespace fragment {

void set_head(GgufWriter& writer, const FragmentHead& head, std::span<const FragmentTensor> tensors) {
  std::vector<std::string> names;
  std::vector<float> energy;
  for (const FragmentTensor& tensor : tensors) {
    names.push_back(tensor.name);
    energy.push_back(static_cast<float>(tensor.retained_energy));
  }
  writer.set("general.type", std::string("adapter"));
  writer.set("general.architecture", head.architecture);
  writer.set("general.name", head.name);
  writer.set("adapter.type", std::string("lora"));
  writer.set("adapter.lora.alpha", 0.0f);  // 0: the scale a program sets is the strength, whatever the rank of a tensor
  writer.set(key::kVersion, kFormatVersion);
  writer.set(key::kName, head.name);
  writer.set(key::kRole, head.role);
  writer.set(key::kRecipe, head.recipe);
  writer.set(key::kBaseName, head.base_name);
  writer.set(key::kBaseFingerprint, head.base_fingerprint);
  writer.set(key::kKeep, static_cast<float>(head.keep));
  writer.set(key::kRank, static_cast<uint32_t>(head.rank));
  writer.set(key::kSeed, head.seed);
  writer.set(key::kTensorNames, GgufArray(std::move(names)));
  writer.set(key::kTensorEnergy, GgufArray(std::move(energy)));
}

void set_strength_and_evidence(GgufWriter& writer, float strength, std::span<const Evidence> evidence) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "[fragment_write] " + what); };
  if (!std::isfinite(strength)) refuse("strength: expected a finite number");
  std::vector<std::string> suites;
  std::vector<uint32_t> n;
  std::vector<double> off, on, p;
  std::vector<float> strengths;
  for (const Evidence& e : evidence) {
    if (!std::isfinite(e.score_off) || !std::isfinite(e.score_on) || !std::isfinite(e.p_value) || !std::isfinite(e.strength)) {
      refuse("evidence of " + e.suite + ": expected finite numbers");
    }
    suites.push_back(e.suite);
    n.push_back(static_cast<uint32_t>(std::min<size_t>(e.n, UINT32_MAX)));
    off.push_back(e.score_off);
    on.push_back(e.score_on);
    p.push_back(e.p_value);
    strengths.push_back(e.strength);
  }
  writer.set(key::kStrength, strength);
  writer.set(key::kEvidenceSuite, GgufArray(std::move(suites)));
  writer.set(key::kEvidenceN, GgufArray(std::move(n)));
  writer.set(key::kEvidenceOff, GgufArray(std::move(off)));
  writer.set(key::kEvidenceOn, GgufArray(std::move(on)));
  writer.set(key::kEvidenceP, GgufArray(std::move(p)));
  writer.set(key::kEvidenceStrength, GgufArray(std::move(strengths)));
}

void set_settings(GgufWriter& writer, const FragmentSettings& settings) {
  const auto check = [](const char* key, const auto& value, float low, float high) {
    if (value && (!std::isfinite(static_cast<float>(*value)) || static_cast<float>(*value) < low || static_cast<float>(*value) > high)) {
      throw Error(ErrorCode::kInvalidArgument, "[fragment_write] " + std::string(key) + ": expected a number from " + std::to_string(low) +
                                                   " to " + std::to_string(high));
    }
    return value.has_value();
  };
  if (!settings.language.empty() && settings.language != "ko" && settings.language != "en") {
    throw Error(ErrorCode::kInvalidArgument, "[fragment_write] language: expected ko or en, found '" + settings.language + "'");
  }
  if (settings.invocation != Invocation::kStart) writer.set(key::kInvocation, std::string(to_string(settings.invocation)));
  if (!settings.prompt_prefix.empty()) writer.set(key::kPromptPrefix, settings.prompt_prefix);
  if (!settings.language.empty()) writer.set(key::kLanguage, settings.language);
  if (check(key::kTemperature, settings.temperature, 0, 5)) writer.set(key::kTemperature, *settings.temperature);
  if (check(key::kTopK, settings.top_k, 0, 1e6f)) writer.set(key::kTopK, static_cast<float>(*settings.top_k));
  if (check(key::kTopP, settings.top_p, 0, 1)) writer.set(key::kTopP, *settings.top_p);
  if (check(key::kMinP, settings.min_p, 0, 1)) writer.set(key::kMinP, *settings.min_p);
  if (check(key::kRepeatPenalty, settings.repeat_penalty, 0.1f, 5)) writer.set(key::kRepeatPenalty, *settings.repeat_penalty);
}

}  // namespace fragment

namespace {

constexpr std::string_view kSettingsKeys[] = {key::kInvocation, key::kPromptPrefix, key::kLanguage, key::kTemperature,
                                              key::kTopK,       key::kTopP,         key::kMinP,     key::kRepeatPenalty};

/// Writes the file anew, tensors as they are, after `change` has seen the metadata. \throws as update_fragment.
void rewrite(const std::filesystem::path& path, const std::function<void(const GgufFile&, GgufWriter&)>& change) {
  const GgufFile file = GgufFile::open(path);
  check_is_lora(file);
  if (!check_version(file)) {
    throw Error(ErrorCode::kFailedPrecondition, "[fragment_update] " + path.filename().string() +
                                                    ": expected a fragment made by aicoder, found a LoRA without its metadata");
  }
  GgufWriter writer;
  change(file, writer);
  for (const GgufTensor& tensor : file.tensors()) writer.add_tensor(tensor.name, tensor.type, tensor.ne, file.bytes(tensor));
  writer.write(path);  // the mapping of the old file lives until `file` goes
}

}  // namespace

FragmentInfo inspect_fragment(const std::filesystem::path& path) {
  const GgufFile file = GgufFile::open(path);
  check_is_lora(file);
  FragmentInfo info{.path = path, .bytes = file.file_bytes(), .foreign = !check_version(file)};
  info.tensors = read_tensors(file);
  info.vectors = read_vectors(file);
  if (info.tensors.empty() && info.vectors.empty()) broken(file, "expected tensors named *.lora_a or control vectors, found neither");
  for (const FragmentTensor& tensor : info.tensors) info.rank = std::max(info.rank, tensor.rank);
  if (info.foreign) {
    info.name = path.stem().string();
    info.strength = 1;
    return info;
  }
  const auto text = [&file](const char* key) { return file.get_string(key).value_or(""); };
  info.name = text(key::kName);
  info.role = text(key::kRole);
  info.recipe = text(key::kRecipe);
  info.base_name = text(key::kBaseName);
  info.base_fingerprint = text(key::kBaseFingerprint);
  info.keep = file.get_float(key::kKeep).value_or(0);
  const double strength = file.get_float(key::kStrength).value_or(0);
  if (!std::isfinite(strength)) broken(file, key::kStrength + std::string(": expected a finite number"));
  info.strength = static_cast<float>(strength);
  info.calibration_hashes = file.get_strings(key::kCalibrationHashes).value_or(std::vector<std::string>{});
  info.general_hashes = file.get_strings(key::kGeneralHashes).value_or(std::vector<std::string>{});
  info.prompt = text(info.vectors.empty() ? key::kPrompt : key::kSteerPrompt);
  info.against = text(key::kSteerAgainst);
  info.donor = text(key::kDonorName);
  info.parents = read_parents(file);
  info.settings = fragment_settings(file);
  info.evidence = read_evidence(file);
  return info;
}

std::string fragment_tensor_hash(const std::filesystem::path& path) {
  const GgufFile file = GgufFile::open(path);
  Sha256 hash;
  for (const GgufTensor& tensor : file.tensors()) {
    std::string header = std::to_string(tensor.name.size()) + ":" + tensor.name + " " + std::to_string(static_cast<uint32_t>(tensor.type));
    for (const uint64_t n : tensor.ne) header += " " + std::to_string(n);
    hash.update(header + "\n");
    const auto bytes = file.bytes(tensor);
    hash.update({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  for (const auto& [layer, values] : control_vectors(file)) {
    hash.update("cvec " + std::to_string(layer) + "\n");
    hash.update({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  }
  return hash.hex();
}

void update_fragment(const std::filesystem::path& path, float strength, const std::vector<Evidence>& evidence) {
  rewrite(path, [&](const GgufFile& file, GgufWriter& writer) {
    for (const auto& [key, value] : file.metadata()) writer.set(key, value);
    set_strength_and_evidence(writer, strength, evidence);
  });
}

void update_fragment(const std::filesystem::path& path, const FragmentSettings& settings) {
  rewrite(path, [&](const GgufFile& file, GgufWriter& writer) {
    for (const auto& [key, value] : file.metadata()) {
      if (std::find(std::begin(kSettingsKeys), std::end(kSettingsKeys), key) == std::end(kSettingsKeys)) writer.set(key, value);
    }
    set_settings(writer, settings);
    const FragmentSettings old = fragment_settings(file);
    if (old.invocation == settings.invocation && old.prompt_prefix == settings.prompt_prefix) return;
    set_strength_and_evidence(writer, static_cast<float>(file.get_float(key::kStrength).value_or(0)), {});
  });
}

}  // namespace aicoder
