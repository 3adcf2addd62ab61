// A whole file, mapped for reading.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace aicoder::store {

class MappedFile {
 public:
  /// \throws Error(kNotFound), kResourceExhausted.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), size_}; }

 private:
  void* address_ = nullptr;
  size_t size_ = 0;
};

}  // namespace aicoder::store
