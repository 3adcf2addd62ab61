#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <system_error>

#include "fragment/fragment_keys.h"
#include "fragment/hf_layout.h"
#include "fragment/lora_base.h"
#include "fragment/lora_factors.h"
#include "fragment/peft_config.h"
#include "fragment/peft_folder.h"

namespace aicoder {
namespace {

using namespace fragment;
namespace fs = std::filesystem;

constexpr char kPlace[] = "[fragment_import]";
constexpr size_t kLargestConfig = size_t{1} << 24;

[[noreturn]] void refuse(ErrorCode code, const std::string& message, std::string fix = {}) {
  throw Error(code, kPlace + (" " + message), std::move(fix));
}

struct Imported {
  std::string weight;
  size_t n_in = 0, n_out = 0, rank = 0;
  double scale = 0;
  GgufType a_type = GgufType::kF32, b_type = GgufType::kF32;
  std::vector<std::byte> a, b;
};
struct Source {
  std::vector<Imported> pairs;
  std::string hash;
};

// ---- PEFT folders --------------------------------------------------------------------------------------------------------

enum class Half { kA, kB };
struct Parsed {
  std::string module;
  Half half = Half::kA;
};

[[noreturn]] void refuse_tensor(const std::string& name) {
  const auto holds = [&name](const char* part) { return name.find(part) != std::string::npos; };
  const std::string shown = "tensor '" + to_valid_utf8(name.substr(0, 160)) + "'";
  if (holds("lora_magnitude_vector")) {
    refuse(ErrorCode::kUnimplemented, shown + ": DoRA scales the base weights themselves", "train it again without use_dora");
  }
  if (holds("lora_embedding_") || holds("embed_tokens") || holds("lm_head")) {
    refuse(ErrorCode::kUnimplemented, shown + ": fragments change neither the embedding nor the output layer",
           "train it again with target_modules of attention and feed-forward only");
  }
  if (holds("modules_to_save") || holds(".base_layer.")) {
    refuse(ErrorCode::kUnimplemented, shown + ": it carries whole layers, which a fragment cannot replace",
           "train it again without modules_to_save");
  }
  if (holds("lora_bias") || name.ends_with(".bias")) {
    refuse(ErrorCode::kUnimplemented, shown + ": trained biases cannot be kept", "train it again with bias \"none\"");
  }
  refuse(ErrorCode::kUnimplemented, shown + " is no factor of a linear layer of llama, qwen2 or qwen3");
}

Parsed parse_name(const std::string& name) {
  std::string_view rest = name;
  constexpr std::string_view kPrefix = "base_model.model.";
  if (rest.starts_with(kPrefix)) rest.remove_prefix(kPrefix.size());
  for (const auto& [suffix, half] : {std::pair<std::string_view, Half>{".lora_A.weight", Half::kA},
                                     {".lora_B.weight", Half::kB},
                                     {".lora_A.default.weight", Half::kA},
                                     {".lora_B.default.weight", Half::kB}}) {
    if (!rest.ends_with(suffix)) continue;
    const std::string_view module = rest.substr(0, rest.size() - suffix.size());
    if (gguf_weight(module).empty()) refuse_tensor(name);
    return {std::string(module), half};
  }
  refuse_tensor(name);
}

void check_matrix(const SafeTensor& tensor) {
  if (!tensor.type) {
    refuse(ErrorCode::kUnimplemented, tensor.name + " is " + tensor.dtype + ", expected F32, F16 or BF16", "save the adapter in F32");
  }
  if (tensor.shape.size() != 2 || tensor.shape[0] == 0 || tensor.shape[1] == 0) refuse(ErrorCode::kDataLoss, tensor.name + " is no matrix");
}

/// Rows from the order of Hugging Face to that of the base file.
std::vector<std::byte> reorder_rows(const std::vector<std::byte>& rows, const std::vector<size_t>& order, size_t n_out) {
  std::vector<std::byte> result = rows;
  const size_t row_bytes = rows.size() / n_out;
  for (size_t i = 0; i < order.size(); ++i) {
    std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(i * row_bytes), row_bytes,
                result.begin() + static_cast<std::ptrdiff_t>(order[i] * row_bytes));
  }
  return result;
}

Source read_peft(const Model& base, const fs::path& dir) {
  std::error_code ignored;
  if (!fs::exists(dir / kPeftConfig, ignored)) {
    refuse(ErrorCode::kNotFound, dir.string() + " has no " + kPeftConfig, "give a PEFT adapter folder or a LoRA GGUF");
  }
  if (!fs::exists(dir / kPeftWeights, ignored)) {
    if (fs::exists(dir / "adapter_model.bin", ignored)) {
      refuse(ErrorCode::kUnimplemented, dir.string() + " holds a pickled adapter_model.bin, which runs code when it is read",
             "save it as safetensors: save_pretrained(..., safe_serialization=True)");
    }
    refuse(ErrorCode::kNotFound, dir.string() + " has no " + kPeftWeights);
  }
  const PeftConfig config = parse_peft_config(read_file(dir / kPeftConfig, kLargestConfig));
  const HfLayout layout = hf_layout(base.file());
  const SafetensorsFile file = SafetensorsFile::open(dir / kPeftWeights);
  const auto& metadata = file.header().metadata;
  if (const auto found = metadata.find(key::kBaseFingerprint); found != metadata.end()) {
    const auto name = metadata.find(key::kBaseName);
    check_same_base(base, found->second, name == metadata.end() ? "" : name->second, kPlace + (" " + dir.string() + " was"));
  }

  std::map<std::string, std::pair<const SafeTensor*, const SafeTensor*>> halves;  // by module
  for (const SafeTensor& tensor : file.header().tensors) {
    const Parsed parsed = parse_name(tensor.name);
    check_matrix(tensor);
    auto& [a, b] = halves[parsed.module];
    auto& half = parsed.half == Half::kA ? a : b;
    if (half != nullptr) refuse(ErrorCode::kDataLoss, half->name + " and " + tensor.name + " are the same factor");
    half = &tensor;
  }
  Source source{.hash = sha256_file(dir / kPeftWeights)};
  for (const auto& [module, pair] : halves) {
    const auto& [a, b] = pair;
    if (a == nullptr || b == nullptr) refuse(ErrorCode::kDataLoss, module + " has no lora_" + (a == nullptr ? "A" : "B"));
    const PeftScale scale = peft_scale(config, module);
    if (a->shape[0] != scale.rank || b->shape[1] != scale.rank) {
      refuse(ErrorCode::kDataLoss, module + ": rank of lora_A is " + std::to_string(a->shape[0]) + ", of lora_B " +
                                       std::to_string(b->shape[1]) + ", the config says " + std::to_string(scale.rank));
    }
    Imported imported{.weight = gguf_weight(module),
                      .n_in = static_cast<size_t>(a->shape[1]),
                      .n_out = static_cast<size_t>(b->shape[0]),
                      .rank = scale.rank,
                      .scale = scale.scale,
                      .a_type = a->type.value_or(GgufType::kF32),
                      .b_type = b->type.value_or(GgufType::kF32)};
    check_fits(base, imported.weight, imported.n_in, imported.n_out, kPlace);
    imported.a = file.bytes(*a);
    imported.b = reorder_rows(file.bytes(*b), hf_row_order(layout, imported.weight, imported.n_out), imported.n_out);
    source.pairs.push_back(std::move(imported));
  }
  if (source.pairs.empty()) refuse(ErrorCode::kDataLoss, dir.string() + " holds no factors");
  return source;
}

// ---- LoRA GGUF -------------------------------------------------------------------------------------------------------------

/// The tensor's own bytes; a quantized one as F32, because a scaled or checked copy needs its values.
std::vector<std::byte> gguf_bytes(const GgufFile& file, const GgufTensor& tensor, GgufType& type) {
  type = tensor.type;
  if (type == GgufType::kQ8_0) {
    type = GgufType::kF32;
    return pack(tensor_values(file, tensor), type);
  }
  const auto bytes = file.bytes(tensor);
  return {bytes.begin(), bytes.end()};
}

Source read_gguf(const Model& base, const fs::path& path) {
  const GgufFile file = GgufFile::open(path);
  const std::string shown = path.filename().string();
  if (file.metadata().contains(std::string_view(key::kVersion))) {
    refuse(ErrorCode::kInvalidArgument, shown + " is a fragment already", "copy it into the fragment folder, or name it by its path");
  }
  const std::vector<LoraPair> pairs = lora_pairs(file, kPlace);
  const std::string architecture = file.get_string("general.architecture").value_or("");
  if (architecture != base.architecture()) {
    refuse(ErrorCode::kFailedPrecondition,
           shown + " was made for architecture '" + architecture + "', the base " + base.name() + " is '" + base.architecture() + "'",
           "give its own base with -m");
  }
  Source source{.hash = sha256_file(path)};
  for (const LoraPair& pair : pairs) {
    check_fits(base, pair.name, pair.n_in, pair.n_out, kPlace);
    Imported imported{.weight = pair.name, .n_in = pair.n_in, .n_out = pair.n_out, .rank = pair.rank, .scale = pair.scale};
    imported.a = gguf_bytes(file, *pair.a, imported.a_type);
    imported.b = gguf_bytes(file, *pair.b, imported.b_type);
    source.pairs.push_back(std::move(imported));
  }
  return source;
}

// ---- both ------------------------------------------------------------------------------------------------------------------

void convert(std::vector<std::byte>& bytes, GgufType& type, FragmentStorage storage, double factor, const std::string& name) {
  std::vector<float> values = unpack(bytes, type, name);  // also the check that they are finite
  const bool scaled = factor != 1;
  for (float& v : values) v = scaled ? static_cast<float>(v * factor) : v;
  GgufType wanted = type == GgufType::kBF16 || scaled ? GgufType::kF32 : type;
  if (storage == FragmentStorage::kF32) wanted = GgufType::kF32;
  if (storage == FragmentStorage::kF16) wanted = GgufType::kF16;
  if (wanted == type && !scaled) return;
  if (wanted == GgufType::kF16 && std::any_of(values.begin(), values.end(), [](float v) { return std::abs(v) > 65504.0f; })) {
    refuse(ErrorCode::kInvalidArgument, name + " holds values beyond the range of F16", "--storage f32");
  }
  bytes = pack(values, wanted);
  type = wanted;
}

/// One strength for the file: the largest scale, so that the others only shrink.
float common_strength(const std::vector<Imported>& pairs) {
  double strength = 0;
  for (const Imported& pair : pairs) {
    if (std::abs(pair.scale) > std::abs(strength)) strength = pair.scale;
  }
  const auto result = static_cast<float>(strength);
  if (result == 0 || !std::isfinite(result)) {
    refuse(ErrorCode::kInvalidArgument,
           "its scale, alpha / rank, is " + std::to_string(strength) + ", so it " + (result == 0 ? "changes nothing" : "cannot be used"));
  }
  return result;
}

Source read_source(const Model& base, const fs::path& source) {
  std::error_code ignored;
  if (!fs::exists(source, ignored)) refuse(ErrorCode::kNotFound, "no file or folder " + source.string());
  if (fs::is_directory(source, ignored)) return read_peft(base, source);
  if (source.filename() == kPeftWeights || source.filename() == kPeftConfig) {
    return read_peft(base, source.has_parent_path() ? source.parent_path() : fs::path("."));
  }
  if (source.extension() == ".safetensors" || source.extension() == ".bin") {
    refuse(ErrorCode::kInvalidArgument, source.string() + " alone does not say its scale",
           std::string("give the folder with ") + kPeftConfig + " and " + kPeftWeights);
  }
  return read_gguf(base, source);
}

}  // namespace

FragmentInfo import_fragment(const Model& base, const std::filesystem::path& source, const ImportOptions& options,
                             const std::filesystem::path& out) {
  check_fragment_name(options.name, kPlace);
  check_free(out, options.force, kPlace);
  Source read = read_source(base, source);
  const float strength = common_strength(read.pairs);

  GgufWriter writer;
  std::vector<FragmentTensor> tensors;
  size_t rank = 0;
  for (Imported& pair : read.pairs) {
    const double factor = static_cast<float>(pair.scale) == strength ? 1 : pair.scale / static_cast<double>(strength);
    convert(pair.a, pair.a_type, options.storage, 1, pair.weight + ".lora_a");
    convert(pair.b, pair.b_type, options.storage, factor, pair.weight + ".lora_b");
    writer.add_tensor(pair.weight + std::string(kLoraA), pair.a_type, {pair.n_in, pair.rank}, pair.a);
    writer.add_tensor(pair.weight + std::string(kLoraB), pair.b_type, {pair.rank, pair.n_out}, pair.b);
    tensors.push_back({.name = pair.weight, .rank = pair.rank, .retained_energy = 1});
    rank = std::max(rank, pair.rank);
    report_weights(options.progress, "import", tensors.size(), read.pairs.size());
  }
  set_head(writer,
           {.architecture = base.architecture(),
            .name = options.name,
            .role = options.role,
            .recipe = "imported",
            .base_name = base.name(),
            .base_fingerprint = base.fingerprint(),
            .rank = rank},
           tensors);
  writer.set(key::kImportHash, read.hash);
  set_strength_and_evidence(writer, strength, {});
  writer.write(out);
  return inspect_fragment(out);
}

}  // namespace aicoder
