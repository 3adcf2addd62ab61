// Makes small zip archives (wheels) for tests, stored or deflated.
#pragma once

#include <zlib.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace aicoder::test {

struct ZipMember {
  std::string name;
  std::string content;
  bool deflate = false;
};

inline std::string raw_deflate(const std::string& content) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::runtime_error("deflateInit2");
  std::string packed(deflateBound(&stream, content.size()), '\0');
  std::string input = content;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw std::runtime_error("deflate");
  return packed;
}

inline void put_number(std::string& out, uint32_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

inline std::string make_zip(const std::vector<ZipMember>& members) {
  std::string archive, directory;
  for (const auto& member : members) {
    const std::string packed = member.deflate ? raw_deflate(member.content) : member.content;
    const auto offset = static_cast<uint32_t>(archive.size());
    std::string common;  // the fields that both headers share
    put_number(common, 20, 2);
    put_number(common, 0, 2);
    put_number(common, member.deflate ? 8 : 0, 2);
    put_number(common, 0, 4);
    put_number(common, static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(member.content.data()), member.content.size())), 4);
    put_number(common, static_cast<uint32_t>(packed.size()), 4);
    put_number(common, static_cast<uint32_t>(member.content.size()), 4);
    put_number(common, static_cast<uint32_t>(member.name.size()), 2);
    put_number(common, 0, 2);
    put_number(archive, 0x04034b50, 4);
    archive += common + member.name + packed;
    put_number(directory, 0x02014b50, 4);
    put_number(directory, 20, 2);
    directory += common;
    put_number(directory, 0, 2);
    put_number(directory, 0, 2);
    put_number(directory, 0, 2);
    put_number(directory, 0, 4);
    put_number(directory, offset, 4);
    directory += member.name;
  }
  const auto start = static_cast<uint32_t>(archive.size());
  archive += directory;
  put_number(archive, 0x06054b50, 4);
  put_number(archive, 0, 4);
  put_number(archive, static_cast<uint32_t>(members.size()), 2);
  put_number(archive, static_cast<uint32_t>(members.size()), 2);
  put_number(archive, static_cast<uint32_t>(directory.size()), 4);
  put_number(archive, start, 4);
  put_number(archive, 0, 2);
  return archive;
}

/// A wheel that pip accepts: `pieces` beside the metadata.
inline std::string make_wheel(const std::string& package, const std::string& version, std::vector<ZipMember> pieces) {
  const std::string info = package + "-" + version + ".dist-info/";
  std::string record;
  for (const auto& piece : pieces) record += piece.name + ",,\n";
  pieces.push_back({package + "/__init__.py", "raise SystemExit('imported')\n"});
  pieces.push_back({info + "METADATA", "Metadata-Version: 2.1\nName: " + package + "\nVersion: " + version + "\n", true});
  pieces.push_back({info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"});
  pieces.push_back({info + "RECORD", record});
  return make_zip(pieces);
}

}  // namespace aicoder::test
