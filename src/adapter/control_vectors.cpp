#include <charconv>
#include <cmath>
#include <string>

#include "aicoder/adapter.h"

namespace aicoder {
namespace {

constexpr std::string_view kPrefix = "aicoder.cvec.";

[[noreturn]] void broken(const GgufFile& file, const std::string& message) {
  throw Error(ErrorCode::kDataLoss, "[lora_load] " + file.path().string() + ": " + message, "build it again");
}

size_t layer_of(const GgufFile& file, const std::string& key) {
  size_t layer = 0;
  const char *first = key.data() + kPrefix.size(), *last = key.data() + key.size();
  const auto [end, error] = std::from_chars(first, last, layer);
  if (error != std::errc() || end != last || layer == 0 || std::to_string(layer) != std::string_view(first, last)) {
    broken(file, key + ": expected the number of a layer from 1 on");
  }
  return layer;
}

}  // namespace

std::map<size_t, std::vector<float>> control_vectors(const GgufFile& file) {
  std::map<size_t, std::vector<float>> vectors;
  for (auto entry = file.metadata().lower_bound(kPrefix); entry != file.metadata().end() && entry->first.starts_with(kPrefix); ++entry) {
    const auto* array = std::get_if<GgufArray>(&entry->second);
    const auto* values = array == nullptr ? nullptr : std::get_if<std::vector<float>>(array);
    if (values == nullptr || values->empty()) broken(file, entry->first + ": expected an array of F32 values");
    for (const float value : *values) {
      if (!std::isfinite(value)) broken(file, entry->first + ": expected finite values");
    }
    if (!vectors.empty() && vectors.begin()->second.size() != values->size()) {
      broken(file, entry->first + ": expected " + std::to_string(vectors.begin()->second.size()) + " values as in the others, found " +
                       std::to_string(values->size()));
    }
    vectors[layer_of(file, entry->first)] = *values;
  }
  return vectors;
}

}  // namespace aicoder
