// The file of tools/imatrix of llama.cpp, which its quantizer reads too. Layout: docs/formats/imatrix.md.
#include <algorithm>
#include <cmath>
#include <string>

#include "aicoder/fragment.h"

namespace aicoder {
namespace {

constexpr std::string_view kSums = ".in_sum2", kCounts = ".counts", kSketch = ".sketch";
constexpr char kSketchSize[] = "aicoder.sketch.size", kSketchError[] = "aicoder.sketch.error";
constexpr uint32_t kImatrixVersion = 1;
constexpr uint32_t kChunkSize = 512;  // of llama-imatrix by default; only its legacy format depends on it

[[noreturn]] void broken(const std::filesystem::path& path, const std::string& message) {
  throw Error(ErrorCode::kDataLoss, "[imatrix_read] " + path.filename().string() + ": " + message);
}

/// false for an expert tensor, which has one column of sums per expert.
bool read_layer(const GgufFile& file, const GgufTensor& sums, const std::string& name, LayerStats& layer) {
  const GgufTensor* counts = file.find(name + std::string(kCounts));
  if (counts == nullptr) broken(file.path(), "expected " + name + std::string(kCounts) + " beside " + sums.name + ", found none");
  if (sums.type != GgufType::kF32 || counts->type != GgufType::kF32) broken(file.path(), name + ": expected sums and counts in F32");
  if (counts->values() != 1 || sums.values() != sums.ne.at(0)) return false;
  const std::span<const float> values = file.floats(sums);
  const float count = file.floats(*counts)[0];
  if (values.empty()) broken(file.path(), sums.name + ": expected at least one sum");
  if (!(count >= 0 && count < 1e15f)) broken(file.path(), counts->name + ": expected a count, found " + std::to_string(count));
  for (const float value : values) {
    if (!std::isfinite(value) || value < 0) {
      broken(file.path(), sums.name + ": expected finite sums of squares, found " + std::to_string(value));
    }
  }
  layer.sum_squares.assign(values.begin(), values.end());
  layer.tokens = static_cast<uint64_t>(std::llround(count));
  return true;
}

/// Second moments: tensors of ours, which other readers of imatrix files pass over.
void read_sketches(const GgufFile& file, ActivationStats& stats) {
  for (const GgufTensor& tensor : file.tensors()) {
    if (!tensor.name.ends_with(kSketch)) continue;
    if (tensor.type != GgufType::kF32 || tensor.ne.size() > 2) broken(file.path(), tensor.name + ": expected a matrix in F32");
    const std::span<const float> rows = file.floats(tensor);
    if (!std::all_of(rows.begin(), rows.end(), [](float v) { return std::isfinite(v); })) {
      broken(file.path(), tensor.name + ": expected finite values");
    }
    InputSketch& sketch = stats.sketches[tensor.name.substr(0, tensor.name.size() - kSketch.size())];
    sketch.n_in = static_cast<size_t>(tensor.ne.at(0));
    sketch.rows.assign(rows.begin(), rows.end());
  }
  if (stats.sketches.empty()) return;
  const int64_t size = file.get_int(kSketchSize).value_or(0);
  const auto errors = file.get_floats(kSketchError).value_or(std::vector<float>{});
  if (errors.size() != stats.sketches.size()) {
    broken(file.path(), std::string(kSketchError) + ": expected " + std::to_string(stats.sketches.size()) + " values, found " +
                            std::to_string(errors.size()));
  }
  size_t i = 0;
  for (auto& [name, sketch] : stats.sketches) {
    sketch.error = static_cast<double>(errors[i++]);
    if (!std::isfinite(sketch.error) || sketch.error < 0) broken(file.path(), std::string(kSketchError) + ": expected bounds, not below 0");
    if (size < 1 || sketch.n_rows() == 0 || sketch.n_rows() > static_cast<size_t>(size)) {
      broken(file.path(),
             name + std::string(kSketch) + ": expected 1 to " + std::to_string(size) + " rows, found " + std::to_string(sketch.n_rows()));
    }
    sketch.size = static_cast<size_t>(size);
  }
}

void write_sketches(const ActivationStats& stats, GgufWriter& writer) {
  if (stats.sketches.empty()) return;
  std::vector<float> errors;
  const size_t size = stats.sketches.begin()->second.size;
  for (const auto& [name, sketch] : stats.sketches) {
    if (sketch.n_rows() == 0 || sketch.n_rows() > sketch.size || sketch.size != size) {
      throw Error(ErrorCode::kInvalidArgument, "[imatrix_write] " + name + ": expected a compressed sketch of " + std::to_string(size) +
                                                   " rows, as the others, found " + std::to_string(sketch.n_rows()));
    }
    writer.add_tensor(name + std::string(kSketch), GgufType::kF32, {sketch.n_in, sketch.n_rows()}, std::as_bytes(std::span(sketch.rows)));
    // Rounded up: it stays a bound.
    errors.push_back(std::nextafter(static_cast<float>(sketch.error), sketch.error > 0 ? HUGE_VALF : 0.0f));
  }
  writer.set(kSketchSize, static_cast<uint32_t>(size));
  writer.set(kSketchError, GgufArray(std::move(errors)));
}

}  // namespace

ActivationStats read_imatrix(const std::filesystem::path& path) {
  const GgufFile file = GgufFile::open(path);
  if (const std::string type = file.get_string("general.type").value_or("nothing"); type != "imatrix") {
    throw Error(ErrorCode::kInvalidArgument,
                "[imatrix_read] " + path.filename().string() + ": expected general.type imatrix, found " + type);
  }
  const bool ours = file.metadata().contains("aicoder.version");
  if (const int64_t version = file.get_int("aicoder.version").value_or(kImatrixVersion); version != kImatrixVersion) {
    throw Error(ErrorCode::kFailedPrecondition,
                "[imatrix_read] " + path.filename().string() + ": expected version 1, found " + std::to_string(version), "update aicoder");
  }
  ActivationStats stats;
  for (const GgufTensor& tensor : file.tensors()) {
    if (!tensor.name.ends_with(kSums)) continue;
    const std::string name = tensor.name.substr(0, tensor.name.size() - kSums.size());
    LayerStats layer;
    if (!read_layer(file, tensor, name, layer)) {
      log(LogLevel::kWarn, "[imatrix_read] " + path.filename().string() + ": " + name + " has several matrices; left out");
      continue;
    }
    stats.tokens = std::max(stats.tokens, layer.tokens);
    stats.layers.emplace(name, std::move(layer));
  }
  if (stats.layers.empty()) broken(path, "expected tensors named *.in_sum2, found none");
  if (!ours) {
    stats.dataset_hashes = file.get_strings("imatrix.datasets").value_or(std::vector<std::string>{});
    return stats;
  }
  read_sketches(file, stats);
  stats.base_fingerprint = file.get_string("aicoder.base.fingerprint").value_or("");
  stats.dataset_hashes = file.get_strings("aicoder.calibration.hashes").value_or(std::vector<std::string>{});
  if (const auto tokens = file.get_int("aicoder.tokens"); tokens && *tokens >= 0) stats.tokens = static_cast<uint64_t>(*tokens);
  if (const auto largest = file.get_floats("aicoder.max_abs")) {
    if (largest->size() != stats.layers.size()) {
      broken(path,
             "aicoder.max_abs: expected " + std::to_string(stats.layers.size()) + " values, found " + std::to_string(largest->size()));
    }
    size_t i = 0;
    for (auto& [name, layer] : stats.layers) {
      layer.max_abs = (*largest)[i++];
      if (!std::isfinite(layer.max_abs) || layer.max_abs < 0) broken(path, "aicoder.max_abs: expected finite values");
    }
  }
  return stats;
}

void write_imatrix(const ActivationStats& stats, const std::filesystem::path& path) {
  GgufWriter writer;
  uint64_t most = 0;
  std::vector<float> largest;
  for (const auto& [name, layer] : stats.layers) {
    std::vector<float> sums(layer.sum_squares.size());
    std::transform(layer.sum_squares.begin(), layer.sum_squares.end(), sums.begin(), [](double s) { return static_cast<float>(s); });
    if (sums.empty() || !std::all_of(sums.begin(), sums.end(), [](float s) { return std::isfinite(s) && s >= 0; })) {
      throw Error(ErrorCode::kInvalidArgument, "[imatrix_write] " + name + ": expected finite sums of squares");
    }
    const uint64_t width = sums.size();
    writer.add_f32(name + std::string(kSums), {width}, std::move(sums));
    writer.add_f32(name + std::string(kCounts), {1}, {static_cast<float>(layer.tokens)});
    largest.push_back(layer.max_abs);
    most = std::max(most, layer.tokens);
  }
  if (stats.layers.empty()) throw Error(ErrorCode::kInvalidArgument, "[imatrix_write] expected statistics of at least one layer");
  write_sketches(stats, writer);
  std::vector<std::string> datasets;
  for (const std::string& hash : stats.dataset_hashes) datasets.push_back("sha256:" + hash);
  writer.set("general.type", std::string("imatrix"));
  writer.set("imatrix.datasets", GgufArray(datasets));
  writer.set("imatrix.chunk_count", static_cast<uint32_t>((most + kChunkSize - 1) / kChunkSize));
  writer.set("imatrix.chunk_size", kChunkSize);
  writer.set("aicoder.version", kImatrixVersion);
  writer.set("aicoder.base.fingerprint", stats.base_fingerprint);
  writer.set("aicoder.calibration.hashes", GgufArray(stats.dataset_hashes));
  writer.set("aicoder.tokens", stats.tokens);
  writer.set("aicoder.max_abs", GgufArray(std::move(largest)));
  writer.write(path);
}

}  // namespace aicoder
