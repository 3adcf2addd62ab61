#include "adapter/lora_check.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <string>

#include "aicoder/adapter.h"

namespace aicoder {
namespace {

constexpr std::string_view kSuffixA = ".lora_a", kSuffixB = ".lora_b";

struct Pair {
  const GgufTensor* a = nullptr;
  const GgufTensor* b = nullptr;
};

class LoraCheck {
 public:
  LoraCheck(const GgufFile& file, const Model& base) : file_(file), base_(base), vectors_(control_vectors(file)) {}

  void run() {
    check_metadata();
    check_base();
    check_control_vectors();
    collect_pairs();
    for (const auto& [name, pair] : pairs_) check_pair(name, pair);
  }

 private:
  [[noreturn]] void refuse(ErrorCode code, const std::string& what, const std::string& fix = {}) const {
    throw Error(code, "[lora_load] " + file_.path().string() + ": " + what, fix);
  }
  [[noreturn]] void refuse_base(const std::string& what) const {
    refuse(ErrorCode::kFailedPrecondition, what, "use it with its own base model, or build it again for this one");
  }

  void check_metadata() const {
    const std::string type = file_.get_string("general.type").value_or("model");
    if (type != "adapter")
      refuse(ErrorCode::kInvalidArgument, "expected general.type 'adapter', found '" + type + "'", "give a fragment or a LoRA file");
    const std::string kind = file_.get_string("adapter.type").value_or("");
    if (kind != "lora") refuse(ErrorCode::kInvalidArgument, "expected adapter.type 'lora', found '" + kind + "'");
    // llama.cpp reads the alpha as F32 without looking and aborts on another type.
    if (auto alpha = file_.metadata().find("adapter.lora.alpha"); alpha != file_.metadata().end()) {
      const auto* value = std::get_if<float>(&alpha->second);
      if (value == nullptr) refuse(ErrorCode::kDataLoss, "adapter.lora.alpha is no F32");
      if (!std::isfinite(*value)) refuse(ErrorCode::kDataLoss, "adapter.lora.alpha is not finite");
    }
    if (file_.tensors().empty() && vectors_.empty()) refuse(ErrorCode::kDataLoss, "the file holds no tensors and no control vectors");
  }

  void check_base() const {
    const std::string architecture = file_.get_string("general.architecture").value_or("");
    if (architecture != base_.architecture()) {
      refuse_base("made for architecture '" + architecture + "', the base " + base_.name() + " is '" + base_.architecture() + "'");
    }
    const auto fingerprint = file_.get_string("aicoder.base.fingerprint");
    if (fingerprint && *fingerprint != base_.fingerprint()) {
      const std::string name = file_.get_string("aicoder.base.name").value_or("another base");
      refuse_base("made for " + name + " (fingerprint " + *fingerprint + "), the base is " + base_.name() + " (fingerprint " +
                  base_.fingerprint() + ")");
    }
  }

  void check_control_vectors() const {
    for (const auto& [layer, vector] : vectors_) {
      if (layer < base_.n_layer() && vector.size() == base_.n_embd()) continue;
      refuse_base("its control vector of " + std::to_string(vector.size()) + " values after layer " + std::to_string(layer) +
                  " does not fit the base's " + std::to_string(base_.n_layer()) + " layers of " + std::to_string(base_.n_embd()));
    }
  }

  void collect_pairs() {
    for (const auto& tensor : file_.tensors()) {
      const std::string_view name = tensor.name;
      if (name.ends_with(kSuffixA)) {
        pairs_[std::string(name.substr(0, name.size() - kSuffixA.size()))].a = &tensor;
      } else if (name.ends_with(kSuffixB)) {
        pairs_[std::string(name.substr(0, name.size() - kSuffixB.size()))].b = &tensor;
      } else if (name.ends_with("_norm.weight")) {
        log(LogLevel::kWarn, "[lora_load] " + tensor.name + " is left out: llama.cpp has no use for norms in an adapter");
      } else {
        refuse(ErrorCode::kDataLoss, "the tensor " + tensor.name + " ends in neither .lora_a nor .lora_b");
      }
    }
    if (pairs_.empty() && vectors_.empty()) refuse(ErrorCode::kDataLoss, "the file holds no pair of .lora_a and .lora_b");
  }

  static uint64_t dim(const GgufTensor& tensor, size_t i) { return i < tensor.ne.size() ? tensor.ne[i] : 1; }
  static std::string shape(const GgufTensor& tensor) {
    std::string text = "[";
    for (size_t i = 0; i < tensor.ne.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(tensor.ne[i]);
    return text + "]";
  }

  void check_pair(const std::string& name, const Pair& pair) const {
    if (pair.a == nullptr || pair.b == nullptr) {
      refuse(ErrorCode::kDataLoss, name + " has no " + std::string(pair.a == nullptr ? kSuffixA : kSuffixB).substr(1));
    }
    const GgufTensor* base = base_.file().find(name);
    if (base == nullptr) refuse_base("the base " + base_.name() + " has no tensor " + name);
    const GgufTensor &a = *pair.a, &b = *pair.b;
    for (const GgufTensor* tensor : {&a, &b}) {
      const bool known = tensor->type == GgufType::kF32 || tensor->type == GgufType::kF16 || tensor->type == GgufType::kBF16 ||
                         tensor->type == GgufType::kQ8_0;
      if (!known) {
        refuse(ErrorCode::kInvalidArgument, tensor->name + " is " +
                                                std::string(gguf_type_info(static_cast<uint32_t>(tensor->type)).value().name) +
                                                ", expected F32, F16, BF16 or Q8_0");
      }
    }
    if (dim(a, 0) == 0 || dim(b, 0) == 0) refuse(ErrorCode::kDataLoss, name + " has an empty factor");
    // The embedding is looked up, not multiplied: llama.cpp takes A there as [rank, n_vocab], one row a token.
    const bool embedding = name.ends_with("token_embd.weight");
    const uint64_t in = embedding ? dim(a, 1) : dim(a, 0), rank_a = embedding ? dim(a, 0) : dim(a, 1);
    const uint64_t base_in = embedding ? dim(*base, 1) : dim(*base, 0), base_out = embedding ? dim(*base, 0) : dim(*base, 1);
    if (rank_a != dim(b, 0)) {
      refuse(ErrorCode::kDataLoss,
             "rank of " + a.name + " is " + std::to_string(rank_a) + ", " + b.name + " has " + std::to_string(dim(b, 0)));
    }
    const bool experts_fit = dim(a, 2) == dim(*base, 2) && dim(b, 2) == dim(*base, 2) && dim(a, 3) == 1 && dim(b, 3) == 1;
    if (in != base_in || dim(b, 1) != base_out || !experts_fit) {
      refuse_base(name + ": factors " + shape(a) + " and " + shape(b) + " do not fit the base's " + shape(*base) + " (ggml order)");
    }
    check_finite(a);
    check_finite(b);
  }

  /// One NaN in a factor makes every logit NaN.
  void check_finite(const GgufTensor& tensor) const {
    const auto bytes = file_.bytes(tensor);
    bool finite = true;
    if (tensor.type == GgufType::kF32) {
      for (float value : file_.floats(tensor)) finite = finite && std::isfinite(value);
    } else if (tensor.type == GgufType::kF16 || tensor.type == GgufType::kBF16) {
      const uint16_t exponent = tensor.type == GgufType::kF16 ? 0x7C00 : 0x7F80;
      for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
        uint16_t bits = 0;
        std::memcpy(&bits, bytes.data() + i, sizeof bits);
        finite = finite && (bits & exponent) != exponent;
      }
    }
    if (!finite) refuse(ErrorCode::kDataLoss, tensor.name + " holds values that are not finite");
  }

  const GgufFile& file_;
  const Model& base_;
  std::map<size_t, std::vector<float>> vectors_;
  std::map<std::string, Pair> pairs_;
};

}  // namespace

void check_lora_file(const GgufFile& file, const Model& base) { LoraCheck(file, base).run(); }

float lora_default_strength(const GgufFile& file) {
  const double strength = file.get_float("aicoder.strength").value_or(1.0);
  if (!std::isfinite(strength)) {
    throw Error(ErrorCode::kDataLoss, "[lora_load] " + file.path().string() + ": aicoder.strength is not finite");
  }
  return static_cast<float>(strength);
}

size_t lora_active_from(const GgufFile& file) {
  const int64_t message = file.get_int("aicoder.active_from").value_or(0);
  if (message < 0) {
    throw Error(ErrorCode::kDataLoss, "[lora_load] " + file.path().string() + ": aicoder.active_from is " + std::to_string(message));
  }
  return static_cast<size_t>(message);
}

}  // namespace aicoder
