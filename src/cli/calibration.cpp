#include "cli/calibration.h"

#include <fmt/format.h>

namespace aicoder::cli {

std::vector<TextRecord> read_all_records(const std::vector<std::string>& files) {
  std::vector<TextRecord> all;
  for (const auto& file : files) {
    auto records = read_text_records(file);
    std::move(records.begin(), records.end(), std::back_inserter(all));
  }
  return all;
}

bool is_statistics(const std::filesystem::path& path) { return path.extension() == ".gguf"; }

ActivationStats gather_statistics(Runtime& runtime, const std::shared_ptr<const Model>& model, const std::vector<std::string>& files,
                                  size_t max_tokens, int n_threads, size_t sketch_size) {
  ActivationStats all;
  for (const auto& file : files) {
    ActivationStats one = is_statistics(file) ? read_imatrix(file)
                                              : capture(model, read_text_records(file),
                                                        {.max_tokens = max_tokens / files.size(),
                                                         .n_threads = n_threads,
                                                         .sketch_size = sketch_size,
                                                         .progress = runtime.progress(),
                                                         .stop = runtime.interrupt.token()});
    if (sketch_size == 0) one.sketches.clear();
    if (sketch_size > 0 && one.sketches.empty()) {
      throw Error(ErrorCode::kInvalidArgument, fmt::format("[fragment] {} holds no second moments", file),
                  "aicoder fragment capture --second-moments --calib TEXT -o FILE");
    }
    all.merge(one);
  }
  return all;
}

std::string shipped_text(const std::string& set) {
  for (const char* ending : {".jsonl.gz", ".jsonl", ".txt.gz", ".txt"}) {
    const auto text = share_dir() / "calib" / (set + ending);
    if (std::filesystem::exists(text)) return text.string();
  }
  throw Error(ErrorCode::kNotFound,
              fmt::format("[fragment] no shipped calibration set '{}' under {}", set, (share_dir() / "calib").string()),
              "give your own with --calib FILE");
}

std::string shipped_calibration(const Model& model, const std::string& set, bool recapture) {
  const auto statistics = share_dir() / "stats" / model.path().stem() / (set + ".imatrix.gguf");
  if (!recapture && std::filesystem::exists(statistics) && read_imatrix(statistics).base_fingerprint == model.fingerprint())
    return statistics.string();
  return shipped_text(set);
}

}  // namespace aicoder::cli
