#include "model/fingerprint.h"

#include <algorithm>
#include <vector>

#include "aicoder/core.h"

namespace aicoder {
namespace {

constexpr size_t kSampleBytes = 4096;

void update_int(Sha256& hash, uint64_t value) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
  hash.update({bytes, sizeof bytes});
}

void update_text(Sha256& hash, std::string_view text) {
  update_int(hash, text.size());
  hash.update(text);
}

}  // namespace

std::string model_fingerprint(const GgufFile& file) {
  Sha256 hash;
  update_text(hash, "aicoder base 1");
  update_text(hash, file.get_string("general.architecture").value_or(""));
  // By name, so that a file rewritten in another tensor order keeps its identity.
  std::vector<const GgufTensor*> tensors;
  for (const auto& tensor : file.tensors()) tensors.push_back(&tensor);
  std::sort(tensors.begin(), tensors.end(), [](auto* a, auto* b) { return a->name < b->name; });
  for (const auto* tensor : tensors) {
    update_text(hash, tensor->name);
    update_int(hash, static_cast<uint64_t>(tensor->type));
    update_int(hash, tensor->ne.size());
    for (uint64_t n : tensor->ne) update_int(hash, n);
    const auto bytes = file.bytes(*tensor);
    const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (all.size() <= 3 * kSampleBytes) {
      hash.update(all);
    } else {
      hash.update(all.substr(0, kSampleBytes));
      hash.update(all.substr(all.size() / 2, kSampleBytes));
      hash.update(all.substr(all.size() - kSampleBytes));
    }
  }
  return hash.hex();
}

}  // namespace aicoder
