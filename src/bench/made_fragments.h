// Fragments for measurements of speed, which does not depend on what is in them. Private to src/bench.
#pragma once

#include <filesystem>
#include <vector>

#include "aicoder/gguf.h"

namespace aicoder {

/// A folder of its own below the system's for temporary files; removed with its content.
class ScratchDir {
 public:
  ScratchDir();
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

constexpr size_t kMadeRank = 16;

/// A LoRA for every linear layer of the base, random factors in F16, as large and as fast as a built one of that rank and storage.
/// \throws Error(kUnimplemented) for a base without layers of the names that we know, and as GgufWriter::write.
void make_random_fragment(const GgufFile& base, size_t rank, uint32_t seed, const std::filesystem::path& out);

/// The given files, each checked to be there, and made ones in `dir` up to `n`.
/// \throws Error kInvalidArgument (more than n), kNotFound.
std::vector<std::filesystem::path> fill_up_fragments(const std::vector<std::filesystem::path>& given, size_t n, const GgufFile& base,
                                                     const std::filesystem::path& dir);

}  // namespace aicoder
