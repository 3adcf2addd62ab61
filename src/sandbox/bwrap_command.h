// The command line of bubblewrap for one box.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace aicoder::box {

/// A file of the box's /etc that the host hands over as an open descriptor.
struct EtcFile {
  const char* path;
  const char* content;
};
/// Made up, the same on every machine: who and where the program is, without names from the host.
const std::vector<EtcFile>& etc_files();

struct BwrapPlan {
  std::filesystem::path bwrap;
  uint64_t scratch_bytes = 0;
  struct Shown {
    std::filesystem::path from, at;
  };
  std::vector<Shown> read_only;  ///< host folders, and where the box has them
  int first_etc_fd = 0;          ///< etc_files()[i] is open as first_etc_fd + i
};
std::vector<std::string> bwrap_command(const BwrapPlan& plan);

/// $AICODER_BWRAP, else bubblewrap on this machine; empty when there is none.
std::filesystem::path find_bwrap();

}  // namespace aicoder::box
