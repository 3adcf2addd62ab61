#include "fragment/strength_groups.h"

#include <algorithm>
#include <list>

#include "fragment/fragment_keys.h"
#include "fragment/lora_factors.h"

namespace aicoder::fragment {
namespace {

std::string_view weight_of(std::string_view tensor) {
  for (const std::string_view ending : {kLoraA, kLoraB}) {
    if (tensor.ends_with(ending)) return tensor.substr(0, tensor.size() - ending.size());
  }
  return tensor;
}

std::vector<std::byte> scaled(const GgufFile& file, const GgufTensor& tensor, double factor) {
  if (tensor.type != GgufType::kF16 && tensor.type != GgufType::kF32) {
    throw Error(ErrorCode::kUnimplemented, "[search] " + tensor.name + ": expected F16 or F32 factors", "build the fragment again");
  }
  std::vector<float> values = tensor_values(file, tensor);
  for (float& v : values) v = static_cast<float>(static_cast<double>(v) * factor);
  return pack(values, tensor.type);
}

}  // namespace

std::string group_of(std::string_view weight) {
  // blk.N.attn_q.weight, blk.N.ffn_up.weight
  if (!weight.starts_with("blk.")) return std::string(weight);
  const size_t dot = weight.find('.', 4);
  if (dot == std::string_view::npos) return std::string(weight);
  const size_t underscore = weight.find('_', dot);
  return std::string(weight.substr(0, underscore));
}

std::vector<std::string> strength_groups(const GgufFile& file) {
  std::vector<std::string> groups;
  for (const GgufTensor& tensor : file.tensors()) {
    std::string group = group_of(weight_of(tensor.name));
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(std::move(group));
  }
  return groups;
}

void write_group(const GgufFile& file, const std::string& group, const std::filesystem::path& out) {
  GgufWriter writer;
  for (const auto& [key, value] : file.metadata()) {
    if (!key.starts_with("aicoder.tensor.")) writer.set(key, value);  // those list the tensors of the whole
  }
  for (const GgufTensor& tensor : file.tensors()) {
    if (group_of(weight_of(tensor.name)) == group) writer.add_tensor(tensor.name, tensor.type, tensor.ne, file.bytes(tensor));
  }
  writer.write(out);
}

void write_scaled(const GgufFile& file, std::span<const std::string> groups, std::span<const double> strengths, float strength,
                  GgufWriter& writer, const std::filesystem::path& out) {
  std::list<std::vector<std::byte>> kept;  // the writer reads them when it writes
  for (const GgufTensor& tensor : file.tensors()) {
    const auto found = std::find(groups.begin(), groups.end(), group_of(weight_of(tensor.name)));
    const double wanted = strengths[static_cast<size_t>(found - groups.begin())];
    if (tensor.name.ends_with(kLoraB) && strength != 0.0f) {
      kept.push_back(scaled(file, tensor, wanted / static_cast<double>(strength)));
      writer.add_tensor(tensor.name, tensor.type, tensor.ne, kept.back());
    } else {
      writer.add_tensor(tensor.name, tensor.type, tensor.ne, file.bytes(tensor));
    }
  }
  writer.write(out);
}

}  // namespace aicoder::fragment
