#include "gguf/parse.h"

#include <gtest/gtest.h>

#include "gguf/sample_files.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using test::Bytes;
using test::header;

gguf::Parsed parse(const std::string& bytes) { return gguf::parse(std::as_bytes(std::span(bytes)), "test.gguf"); }
gguf::Parsed parse(const Bytes& bytes) { return parse(bytes.str()); }

#define EXPECT_REFUSED(bytes, message_part) EXPECT_ERROR((void)parse(bytes), ErrorCode::kDataLoss, message_part)

constexpr uint32_t kUint32 = 4, kBool = 7, kString = 8, kArray = 9;

/// One F32 tensor of four values in the tensor list.
Bytes& tensor(Bytes& out, std::string_view name, uint64_t offset, std::vector<uint64_t> ne = {4}, uint32_t type = 0) {
  out.string(name).put(static_cast<uint32_t>(ne.size()));
  for (uint64_t n : ne) out.put(n);
  return out.put(type).put(offset);
}

TEST(GgufParse, FileWithoutContentIsAccepted) {
  const auto parsed = parse(header(0, 0));
  EXPECT_TRUE(parsed.metadata.empty());
  EXPECT_TRUE(parsed.tensors.empty());
}

TEST(GgufParse, VersionTwoIsAccepted) { EXPECT_NO_THROW((void)parse(header(0, 0, 2))); }

TEST(GgufParse, OtherVersionsAreRefused) {
  EXPECT_REFUSED(header(0, 0, 1), "GGUF version 1, expected 2 or 3");
  EXPECT_REFUSED(header(0, 0, 4), "GGUF version 4, expected 2 or 3");
  EXPECT_REFUSED(header(0, 0, 0), "GGUF version 0");
}

TEST(GgufParse, BigEndianFileIsRefusedByThatName) {
  EXPECT_REFUSED(Bytes().text("GGUF").text(std::string_view("\0\0\0\3", 4)).put<uint64_t>(0).put<uint64_t>(0), "big-endian");
  EXPECT_REFUSED(Bytes().text("FUGG").put<uint32_t>(3), "big-endian");
}

TEST(GgufParse, WrongMagicIsRefusedAndSaysWhatTheFileIs) {
  EXPECT_REFUSED(std::string("abcdefgh"), "the first bytes are 'abcd', expected 'GGUF'");
  EXPECT_REFUSED(std::string("version https://git-lfs.github.com/spec/v1\n"), "git-lfs pointer");
  EXPECT_REFUSED(std::string("<!DOCTYPE html><html>"), "web page");
  EXPECT_REFUSED(std::string("PK\3\4....."), "zip archive");
  EXPECT_REFUSED(std::string("lmgg...."), "old ggml format");
}

TEST(GgufParse, EmptyFileIsTruncated) { EXPECT_REFUSED(std::string(), "truncated: file has 0 bytes"); }

TEST(GgufParse, HugeCountsAreRefusedWithoutAllocating) {
  EXPECT_REFUSED(header(0, UINT64_MAX), "truncated");
  EXPECT_REFUSED(header(UINT64_MAX, 0), "truncated");
  EXPECT_REFUSED(header(uint64_t{1} << 61, 0), "truncated");
}

TEST(GgufParse, HugeStringLengthIsRefused) {
  EXPECT_REFUSED(header(0, 1).put(UINT64_MAX).text("some bytes follow here"), "claims 18446744073709551615 bytes");
  EXPECT_REFUSED(header(0, 1).put<uint64_t>(1000).text("some bytes follow here"), "truncated");
}

TEST(GgufParse, HugeArrayLengthIsRefused) {
  EXPECT_REFUSED(header(0, 1).string("a").put(kArray).put(kUint32).put(UINT64_MAX), "claims 18446744073709551615 elements");
  EXPECT_REFUSED(header(0, 1).string("a").put(kArray).put(kUint32).put<uint64_t>(1 << 29), "truncated");
  EXPECT_REFUSED(header(0, 1).string("a").put(kArray).put(kString).put<uint64_t>(1 << 29), "truncated");
  EXPECT_REFUSED(header(0, 1).string("a").put(kArray).put(kBool).put<uint64_t>(1 << 29), "truncated");
}

TEST(GgufParse, EmptyArrayKeepsItsType) {
  const auto parsed = parse(header(0, 1).string("a").put(kArray).put(kString).put<uint64_t>(0));
  EXPECT_EQ(parsed.metadata.at("a"), GgufValue(GgufArray(std::vector<std::string>{})));
}

TEST(GgufParse, ArrayOfArraysIsRefused) {
  EXPECT_REFUSED(header(0, 1).string("a").put(kArray).put(kArray).put<uint64_t>(1).put(kUint32).put<uint64_t>(0), "array of arrays");
}

TEST(GgufParse, UnknownMetadataTypesAreRefused) {
  EXPECT_REFUSED(header(0, 1).string("a").put<uint32_t>(13).put<uint64_t>(0), "metadata 'a' has unknown type 13");
  EXPECT_REFUSED(header(0, 1).string("a").put(kArray).put<uint32_t>(99).put<uint64_t>(0), "array of unknown type 99");
}

TEST(GgufParse, BoolOtherThanZeroOrOneIsRefused) {
  EXPECT_REFUSED(header(0, 1).string("a").put(kBool).put<uint8_t>(2), "expected 0 or 1");
  EXPECT_REFUSED(header(0, 1).string("a").put(kArray).put(kBool).put<uint64_t>(1).put<uint8_t>(255), "expected 0 or 1");
}

TEST(GgufParse, BadKeysAreRefused) {
  EXPECT_REFUSED(header(0, 1).string("").put(kBool).put<uint8_t>(1).put<uint64_t>(0), "key 0 is empty");
  EXPECT_REFUSED(header(0, 1).string(std::string_view("a\0b", 3)).put(kBool).put<uint8_t>(1), "zero byte");
  EXPECT_REFUSED(header(0, 2).string("a").put(kBool).put<uint8_t>(1).string("a").put(kBool).put<uint8_t>(1), "key 'a' occurs twice");
}

TEST(GgufParse, BadAlignmentIsRefused) {
  EXPECT_REFUSED(header(0, 1).string("general.alignment").put(kUint32).put<uint32_t>(0), "general.alignment is 0");
  EXPECT_REFUSED(header(0, 1).string("general.alignment").put(kUint32).put<uint32_t>(48), "general.alignment is 48");
  EXPECT_REFUSED(header(0, 1).string("general.alignment").put(kUint32).put<uint32_t>(4), "general.alignment is 4");
  EXPECT_REFUSED(header(0, 1).string("general.alignment").put(kBool).put<uint8_t>(1), "not of type uint32");
}

TEST(GgufParse, AlignmentFromTheFileIsUsed) {
  auto bytes = header(2, 1).string("general.alignment").put(kUint32).put<uint32_t>(64);
  tensor(bytes, "a", 0);
  tensor(bytes, "b", 64).pad_to(64).text(std::string(64 + 16, 'x'));
  const auto parsed = parse(bytes);
  EXPECT_EQ(parsed.data_start % 64, 0u);
  EXPECT_EQ(parsed.tensors[1].offset, 64u);
}

TEST(GgufParse, TensorOfNoDimensionsIsOneValue) {
  auto bytes = header(1, 0);
  tensor(bytes, "scalar", 0, {}).pad_to(32).text("abcd");
  EXPECT_EQ(parse(bytes).tensors.at(0).ne, std::vector<uint64_t>{1});
}

TEST(GgufParse, TensorThatEndsPastTheFileIsTruncated) {
  auto bytes = header(1, 0);
  tensor(bytes, "blk.0.weight", 0).pad_to(32);
  const size_t start = bytes.str().size();
  bytes.text(std::string(15, 'x'));
  EXPECT_REFUSED(
      bytes, "truncated: file has " + std::to_string(start + 15) + " bytes, tensor 'blk.0.weight' ends at " + std::to_string(start + 16));
  EXPECT_NO_THROW((void)parse(bytes.text("x")));
  EXPECT_NO_THROW((void)parse(bytes.text("trailing bytes are ignored")));
}

TEST(GgufParse, TensorsOutOfOrderOrOverlappingAreRefused) {
  for (uint64_t offset : {uint64_t{0}, uint64_t{16}, uint64_t{64}, UINT64_MAX, UINT64_MAX - 15}) {
    auto bytes = header(2, 0);
    tensor(bytes, "a", 0);
    tensor(bytes, "b", offset).pad_to(32).text(std::string(1000, 'x'));
    EXPECT_REFUSED(bytes, "expected 32");
  }
}

TEST(GgufParse, BadShapesAreRefused) {
  const uint64_t big = uint64_t{1} << 32;
  const struct {
    std::vector<uint64_t> ne;
    uint32_t type;
    const char* message;
  } cases[] = {
      {{0}, 0, "is empty"},
      {{4, 0}, 0, "is empty"},
      {{big, big}, 0, "too large"},
      {{UINT64_MAX}, 0, "too large"},
      {{big, big / 2 - 1}, 0, "too large"},  // the count of values fits, the bytes do not
      {{33}, 2, "not a multiple of the 32 values of a Q4_0 block"},
      {{1, 1, 1, 1, 1}, 0, "5 dimensions"},
      {{4}, 4, "tensor type 4 is unknown"},
      {{4}, 77777, "tensor type 77777 is unknown"},
  };
  for (const auto& bad : cases) {
    auto bytes = header(1, 0);
    tensor(bytes, "a", 0, bad.ne, bad.type).pad_to(32).text(std::string(64, 'x'));
    EXPECT_REFUSED(bytes, bad.message);
  }
}

TEST(GgufParse, BadTensorNamesAreRefused) {
  const std::string longest(63, 'n');
  auto fits = header(1, 0);
  tensor(fits, longest, 0).pad_to(32).text(std::string(16, 'x'));
  EXPECT_NO_THROW((void)parse(fits));
  auto too_long = header(1, 0);
  tensor(too_long, longest + "n", 0).pad_to(32).text(std::string(16, 'x'));
  EXPECT_REFUSED(too_long, "64 bytes, the limit is 63");
  auto empty = header(1, 0);
  tensor(empty, "", 0).pad_to(32).text(std::string(16, 'x'));
  EXPECT_REFUSED(empty, "the name of tensor 0 is empty");
  auto zero = header(1, 0);
  tensor(zero, std::string_view("a\0b", 3), 0).pad_to(32).text(std::string(16, 'x'));
  EXPECT_REFUSED(zero, "zero byte");
  auto twice = header(2, 0);
  tensor(twice, "a", 0);
  tensor(twice, "a", 32).pad_to(32).text(std::string(64, 'x'));
  EXPECT_REFUSED(twice, "tensor 'a' occurs twice");
}

TEST(GgufParse, MessagesCarryNoControlCharactersFromTheFile) {
  try {
    (void)parse(header(0, 1).string("a\x1b[31m\xff").put<uint32_t>(50).put<uint64_t>(0));
    FAIL() << "accepted";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\x1b'), std::string::npos);
    EXPECT_TRUE(is_utf8(message));
  }
}

}  // namespace
}  // namespace aicoder
