#include "fragment/lora_factors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <system_error>

#include "fragment/fragment_keys.h"
#include "fragment/half.h"

namespace aicoder::fragment {
namespace {

/// As tensors are known here and to llama.cpp.
bool readable(GgufType type) {
  return type == GgufType::kF32 || type == GgufType::kF16 || type == GgufType::kBF16 || type == GgufType::kQ8_0;
}

void check_finite(std::span<const float> values, const std::string& name) {
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    throw Error(ErrorCode::kDataLoss, "[lora] " + name + ": expected finite values", "get the file again");
  }
}

class PairReader {
 public:
  PairReader(const GgufFile& file, const std::string& place) : file_(file), place_(place + " " + file.path().filename().string() + ": ") {}

  std::vector<LoraPair> read() {
    const std::string type = file_.get_string("general.type").value_or("nothing");
    const std::string kind = file_.get_string("adapter.type").value_or("nothing");
    if (type != "adapter" || kind != "lora") {
      refuse(ErrorCode::kInvalidArgument, "expected general.type adapter and adapter.type lora, found " + type + " and " + kind);
    }
    if (file_.metadata().contains("adapter.alora.invocation_tokens")) {
      refuse(ErrorCode::kUnimplemented, "an activated LoRA, which begins at its invocation tokens, is not supported");
    }
    if (!control_vectors(file_).empty()) {
      refuse(ErrorCode::kUnimplemented,
             "it holds control vectors, which are no LoRA: use it beside others with -f, or export --to control-vector");
    }
    alpha_ = file_.get_float("adapter.lora.alpha").value_or(0);
    if (!std::isfinite(alpha_)) refuse(ErrorCode::kDataLoss, "adapter.lora.alpha: expected a finite number");
    std::vector<LoraPair> pairs;
    for (const GgufTensor& tensor : file_.tensors()) {
      if (tensor.name.ends_with(kLoraB)) {
        if (file_.find(tensor.name.substr(0, tensor.name.size() - kLoraB.size()) + std::string(kLoraA)) == nullptr) {
          refuse(ErrorCode::kDataLoss, tensor.name + " has no lora_a beside it");
        }
      } else if (tensor.name.ends_with(kLoraA)) {
        pairs.push_back(read_pair(tensor));
      } else if (tensor.name.ends_with("_norm.weight")) {
        log(LogLevel::kWarn, place_ + tensor.name + " is left out: llama.cpp has no use for norms in an adapter");
      } else {
        refuse(ErrorCode::kDataLoss, "the tensor " + tensor.name + " ends in neither .lora_a nor .lora_b");
      }
    }
    if (pairs.empty()) refuse(ErrorCode::kDataLoss, "expected tensors named *.lora_a, found none");
    return pairs;
  }

 private:
  [[noreturn]] void refuse(ErrorCode code, const std::string& message) const { throw Error(code, place_ + message); }

  LoraPair read_pair(const GgufTensor& a) const {
    LoraPair pair{.name = a.name.substr(0, a.name.size() - kLoraA.size()), .a = &a};
    pair.b = file_.find(pair.name + std::string(kLoraB));
    if (pair.b == nullptr) refuse(ErrorCode::kDataLoss, "expected " + pair.name + ".lora_b beside its lora_a");
    if (pair.name == "token_embd.weight") {
      refuse(ErrorCode::kUnimplemented, "it changes the embedding, which fragments do not; make it without that target");
    }
    for (const GgufTensor* tensor : {pair.a, pair.b}) {
      if (tensor->ne.size() > 2) refuse(ErrorCode::kUnimplemented, tensor->name + ": factors of experts are not supported");
      if (tensor->ne.size() != 2 || tensor->ne[0] == 0 || tensor->ne[1] == 0) refuse(ErrorCode::kDataLoss, tensor->name + " is no matrix");
      if (!readable(tensor->type)) {
        refuse(ErrorCode::kUnimplemented, tensor->name + ": expected F32, F16, BF16 or Q8_0, found " +
                                              std::string(gguf_type_info(static_cast<uint32_t>(tensor->type)).value().name));
      }
    }
    if (a.ne[1] != pair.b->ne[0]) {
      refuse(ErrorCode::kDataLoss,
             pair.name + ": rank of lora_a is " + std::to_string(a.ne[1]) + ", lora_b has " + std::to_string(pair.b->ne[0]));
    }
    pair.n_in = static_cast<size_t>(a.ne[0]);
    pair.rank = static_cast<size_t>(a.ne[1]);
    pair.n_out = static_cast<size_t>(pair.b->ne[1]);
    if (alpha_ != 0) pair.scale = alpha_ / static_cast<double>(pair.rank);
    return pair;
  }

  const GgufFile& file_;
  std::string place_;
  double alpha_ = 0;
};

}  // namespace

std::vector<LoraPair> lora_pairs(const GgufFile& file, const std::string& place) { return PairReader(file, place).read(); }

std::vector<float> tensor_values(const GgufFile& file, const GgufTensor& tensor) {
  std::vector<float> values(tensor.values());
  dequantize_rows(file, tensor, 0, values.size() / tensor.ne[0], values);
  check_finite(values, tensor.name);
  return values;
}

std::vector<float> unpack(std::span<const std::byte> bytes, GgufType type, const std::string& name) {
  const size_t width = type == GgufType::kF32 ? 4 : 2;
  std::vector<float> values(bytes.size() / width);
  if (type == GgufType::kF32) {
    std::memcpy(values.data(), bytes.data(), values.size() * width);
  } else {
    for (size_t i = 0; i < values.size(); ++i) {
      uint16_t bits = 0;
      std::memcpy(&bits, bytes.data() + i * width, width);
      values[i] = type == GgufType::kF16 ? from_half(bits) : std::bit_cast<float>(uint32_t{bits} << 16);
    }
  }
  check_finite(values, name);
  return values;
}

std::vector<std::byte> pack(std::span<const float> values, GgufType type) {
  if (type == GgufType::kF32) {
    const auto bytes = std::as_bytes(values);
    return {bytes.begin(), bytes.end()};
  }
  std::vector<uint16_t> halves(values.size());
  std::transform(values.begin(), values.end(), halves.begin(), to_half);
  const auto bytes = std::as_bytes(std::span(halves));
  return {bytes.begin(), bytes.end()};
}

void report_weights(const ProgressFn& progress, std::string_view stage, size_t done, size_t total) {
  if (!progress) return;
  progress({.stage = stage, .done = static_cast<double>(done), .total = static_cast<double>(total), .unit = "weights"});
}

void check_fragment_name(const std::string& name, const std::string& place) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), plain)) {
    throw Error(ErrorCode::kInvalidArgument, place + " name: expected letters, digits, '.', '_' and '-', found '" + name + "'");
  }
}

void check_free(const std::filesystem::path& out, bool force, const std::string& place) {
  std::error_code ignored;
  if (std::filesystem::is_directory(out, ignored)) {
    throw Error(ErrorCode::kInvalidArgument, place + " " + out.string() + " is a folder, expected a file to write");
  }
  if (!force && std::filesystem::exists(out, ignored)) {
    throw Error(ErrorCode::kFailedPrecondition, place + " " + out.string() + " exists", "add --force to replace it, or name another");
  }
}

}  // namespace aicoder::fragment
