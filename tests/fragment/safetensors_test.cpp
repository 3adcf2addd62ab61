#include "fragment/safetensors.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "fragment/oracle.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using fragment::parse_safe_header;
using fragment::SafetensorsFile;

std::string with_length(const std::string& json, const std::string& data, uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>((length >> (8 * i)) & 0xff);
  return bytes + json + data;
}

/// F32 [2] at bytes 0 to 8, with `fields` in place of its own.
std::string entry(const std::string& fields) { return R"({"t":{)" + fields + "}}"; }

TEST(Safetensors, FileIsReadBackByTheSafetensorsPackage) {
  test::TempDir dir;
  const std::vector<float> a = {1.5f, -2.0f, 0.25f, 3.0f, 4.0f, 5.0f};
  const std::vector<uint16_t> h = {0x3c00, 0xc000};  // 1, -2
  fragment::write_safetensors(dir / "t.safetensors",
                              std::vector<fragment::SafeSource>{{"x.a", GgufType::kF32, {2, 3}, std::as_bytes(std::span(a))},
                                                                {"x.h", GgufType::kF16, {2, 1}, std::as_bytes(std::span(h))}},
                              {{"format", "pt"}, {"quote", "\"\n"}});
  EXPECT_EQ(test::run_oracle({"safetensors_dump", dir.path()}),
            "{\"format\": \"pt\", \"quote\": \"\\\"\\n\"}\n"
            "x.a float32 [2, 3] [1.5, -2.0, 0.25, 3.0, 4.0, 5.0]\n"
            "x.h float16 [2, 1] [1.0, -2.0]\n");
  // The data section is aligned, as the format asks of writers.
  EXPECT_EQ(std::filesystem::file_size(dir / "t.safetensors") % 8, (6 * 4 + 2 * 2) % 8);
}

TEST(Safetensors, ReadsWhatTheSafetensorsPackageWrote) {
  test::TempDir dir;
  test::run_oracle({"safetensors_make", dir.path()});
  const auto file = SafetensorsFile::open(dir / "t.safetensors");
  EXPECT_EQ(file.header().metadata, (std::map<std::string, std::string>{{"who", "oracle"}}));
  ASSERT_EQ(file.header().tensors.size(), 4u);
  const auto* a = file.find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(a->type, GgufType::kF32);
  const auto bytes = file.bytes(*a);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), read_file(dir / "a"));
  const auto half = file.bytes(*file.find("b.h"));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(half.data()), half.size()), read_file(dir / "h"));
  EXPECT_EQ(file.find("i")->type, std::nullopt) << "a type without use here is known, so that the file can be checked";
  EXPECT_TRUE(file.bytes(*file.find("empty")).empty());
  EXPECT_EQ(file.find("b"), nullptr);
}

TEST(Safetensors, ReadsTensorsInAnyOrderOfNames) {
  const auto header = parse_safe_header(
      R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}   )", 8);
  ASSERT_EQ(header.tensors.size(), 2u);
  EXPECT_EQ(header.tensors[0].name, "a");
  EXPECT_EQ(header.tensors[0].type, GgufType::kBF16);
  EXPECT_TRUE(parse_safe_header("{}", 0).tensors.empty());
}

TEST(Safetensors, RefusesHeadersThatLie) {
  const auto refused = [](const std::string& json, uint64_t data, const char* message) {
    EXPECT_ERROR(parse_safe_header(json, data), ErrorCode::kDataLoss, message);
  };
  refused("", 0, "expected '{'");
  refused("  {}", 0, "expected '{'");
  refused("{", 0, "expected a JSON object");
  refused("{} x", 0, "expected a JSON object");
  refused(R"({"t":1})", 0, "expected an object");
  refused(entry(R"("shape":[2],"data_offsets":[0,8])"), 8, "expected a dtype");
  refused(entry(R"("dtype":"F32","data_offsets":[0,8])"), 8, "expected an array shape");
  refused(entry(R"("dtype":"F32","shape":[2])"), 8, "expected an array data_offsets");
  refused(entry(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), 8, "not negative");
  refused(entry(R"("dtype":"F32","shape":[2.5],"data_offsets":[0,8])"), 8, "not negative");
  refused(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,9])"), 8, "expected [begin, end]");
  refused(entry(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), 8, "expected [begin, end]");
  refused(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,16])"), 8, "ends at byte 16 of 8");
  refused(entry(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), 8, "disagree with its shape");
  refused(entry(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0])"), 0, "disagree with its shape");
  refused(entry(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8])"), 8, "at most 8 dimensions");
  refused(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), 12, "4 bytes after the last tensor");
  refused(entry(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])"), 12, "bytes 0 to 4 belong to no tensor");
  refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12,
          "overlaps");
  refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4,
          "'a' stands twice");
  refused(R"({"__metadata__":{"k":1}})", 0, "expected text");
  refused(R"({"__metadata__":"k"})", 0, "expected an object");
  refused(R"({"a":)" + std::string(100000, '[') + std::string(100000, ']') + "}", 0, "nested deeper");
  EXPECT_ERROR(parse_safe_header(entry(R"("dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2])"), 2), ErrorCode::kUnimplemented, "F8_E4M3");
}

TEST(Safetensors, RefusesLengthsOutsideTheFile) {
  test::TempDir dir;
  const auto refused = [&dir](const std::string& bytes, const char* message) {
    write_file_atomic(dir / "t", bytes);
    EXPECT_ERROR(SafetensorsFile::open(dir / "t"), ErrorCode::kDataLoss, message);
  };
  refused("", "at least 8 bytes");
  refused("1234567", "at least 8 bytes");
  refused(with_length("{}", "", 3), "does not fit the file");
  refused(with_length("{}", "", UINT64_MAX), "does not fit the file");
  refused(with_length(std::string((size_t{16} << 20) + 1, ' '), "", (uint64_t{16} << 20) + 1), "above the limit");
  refused(with_length("{}", "data", 2), "4 bytes after the last tensor");
  EXPECT_ERROR(SafetensorsFile::open(dir / "absent"), ErrorCode::kNotFound, "absent");
  EXPECT_ERROR(SafetensorsFile::open(dir.path()), ErrorCode::kNotFound, "no file");
}

TEST(Safetensors, RefusesToWriteWhatWouldNotBeRead) {
  test::TempDir dir;
  const std::vector<float> values(2);
  const auto bytes = std::as_bytes(std::span(values));
  const auto write = [&](const std::vector<fragment::SafeSource>& tensors) { fragment::write_safetensors(dir / "t", tensors, {}); };
  EXPECT_ERROR(write({{"a", GgufType::kF32, {3}, bytes}}), ErrorCode::kInvalidArgument, "disagree with its shape");
  EXPECT_ERROR(write({{"a", GgufType::kQ8_0, {2}, bytes}}), ErrorCode::kInvalidArgument, "expected F32, F16 or BF16");
  EXPECT_ERROR(write({{"a", GgufType::kF32, {2}, bytes}, {"a", GgufType::kF32, {2}, bytes}}), ErrorCode::kInvalidArgument, "twice");
  EXPECT_FALSE(std::filesystem::exists(dir / "t"));
}

TEST(Safetensors, AnyChangedByteIsReadOrRefusedAndNeverACrash) {
  test::TempDir dir;
  test::run_oracle({"safetensors_make", dir.path()});
  const std::string good = read_file(dir / "t.safetensors");
  std::mt19937 random(1);
  size_t refused = 0;
  const auto changed = [&](int round) {
    std::string bytes = good;
    for (int i = 0; i < 1 + round % 4; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (round % 7 == 0) bytes.resize(random() % bytes.size());
    return bytes;
  };
  const auto expect_read_or_refused = [&](const auto& read) {
    try {
      read();
    } catch (const Error& e) {
      ++refused;
      EXPECT_TRUE(e.code() == ErrorCode::kDataLoss || e.code() == ErrorCode::kUnimplemented) << e.what();
    }
  };
  for (int round = 0; round < 300; ++round) {
    const std::string bytes = changed(round);
    std::ofstream(dir / "m", std::ios::binary) << bytes;
    expect_read_or_refused([&] {
      const auto file = SafetensorsFile::open(dir / "m");
      for (const auto& tensor : file.header().tensors) EXPECT_LE(file.bytes(tensor).size(), bytes.size());
    });
  }
  const size_t header = good.rfind('}') + 1 - 8;
  for (int round = 0; round < 5000; ++round) {
    const std::string bytes = changed(round);
    expect_read_or_refused([&] {
      for (const auto& tensor : parse_safe_header(std::string_view(bytes).substr(std::min<size_t>(8, bytes.size()), header), 56).tensors) {
        EXPECT_LE(tensor.end, 56u);
      }
    });
  }
  EXPECT_GT(refused, 500u);
}

}  // namespace
}  // namespace aicoder
