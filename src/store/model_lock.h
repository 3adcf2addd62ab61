// One process at a time fetches or removes a model.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>

namespace aicoder::store {

/// An advisory lock (flock) held until destruction; freed by the kernel when the process dies. The file stays: removing it would let two
/// processes hold locks on different files of one name.
class ModelLock {
 public:
  /// Waits as long as another holds it; `waiting` is called a few times a second meanwhile. \throws Error(kCancelled), kPermissionDenied.
  static ModelLock wait_for(const std::filesystem::path& file, const std::function<void()>& waiting, const std::stop_token& stop);
  /// nullopt when another holds it.
  static std::optional<ModelLock> try_for(const std::filesystem::path& file);

  ModelLock(ModelLock&& other) noexcept;
  ModelLock& operator=(ModelLock&&) = delete;
  ~ModelLock();

 private:
  explicit ModelLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace aicoder::store
