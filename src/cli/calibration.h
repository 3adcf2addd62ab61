// Where the commands on fragments get their activation statistics from.
#pragma once

#include "aicoder/fragment.h"
#include "cli/runtime.h"

namespace aicoder::cli {

/// Rows of second-moment sketches where the user does not say.
inline constexpr size_t kSketchSize = 128;

/// The records of all files, in order. \throws as read_text_records.
std::vector<TextRecord> read_all_records(const std::vector<std::string>& files);
/// An imatrix file, not text.
bool is_statistics(const std::filesystem::path& path);
/// Statistics of each file, read when it is an imatrix, else captured on `max_tokens` shared evenly (0: all); all merged.
/// \param sketch_size  of the second moments; 0: without, and those of files are left out
ActivationStats gather_statistics(Runtime& runtime, const std::shared_ptr<const Model>& model, const std::vector<std::string>& files,
                                  size_t max_tokens, int n_threads, size_t sketch_size = 0);
/// The calibration text that ships as `set`. \throws Error(kNotFound).
std::string shipped_text(const std::string& set);
/// The statistics that ship for this base, else the text. \param recapture the text in any case
std::string shipped_calibration(const Model& model, const std::string& set, bool recapture);

}  // namespace aicoder::cli
