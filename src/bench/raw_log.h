// Every single measurement as one JSON object a line, so that a summary can be made again. Private to src/bench.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "aicoder/core.h"

namespace aicoder {

class RawLog {
 public:
  /// \param path  empty: nothing is kept.  \throws as AtomicFile.
  explicit RawLog(const std::filesystem::path& path) {
    if (!path.empty()) file_ = std::make_unique<AtomicFile>(path);
  }
  void add(const nlohmann::ordered_json& line) {
    if (file_) file_->write(line.dump() + "\n");
  }
  /// Without it nothing remains.
  void commit() {
    if (file_) file_->commit();
  }

 private:
  std::unique_ptr<AtomicFile> file_;
};

}  // namespace aicoder
