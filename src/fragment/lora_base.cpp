#include "fragment/lora_base.h"

namespace aicoder::fragment {

void check_same_base(const Model& base, const std::string& fingerprint, const std::string& name, const std::string& place) {
  if (fingerprint.empty() || fingerprint == base.fingerprint()) return;
  throw Error(ErrorCode::kFailedPrecondition,
              place + " made for base " + (name.empty() ? "" : name + " ") + "(" + fingerprint.substr(0, 12) + "), the model is " +
                  base.name() + " (" + base.fingerprint().substr(0, 12) + ")",
              "give its own base with -m");
}

void check_fits(const Model& base, const std::string& weight, size_t n_in, size_t n_out, const std::string& place) {
  const std::string fix = "give its own base with -m";
  const GgufTensor* tensor = base.file().find(weight);
  if (tensor == nullptr) throw Error(ErrorCode::kFailedPrecondition, place + " the base " + base.name() + " has no " + weight, fix);
  if (tensor->ne.size() != 2 || tensor->ne[0] != n_in || tensor->ne[1] != n_out) {
    const bool matrix = tensor->ne.size() == 2;
    throw Error(
        ErrorCode::kFailedPrecondition,
        place + " " + weight + ": factors for [" + std::to_string(n_out) + ", " + std::to_string(n_in) + "], the base " + base.name() +
            (matrix ? " has [" + std::to_string(tensor->ne[1]) + ", " + std::to_string(tensor->ne[0]) + "]" : " has no matrix there"),
        fix);
  }
}

}  // namespace aicoder::fragment
