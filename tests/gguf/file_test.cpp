#include <sys/stat.h>

#include <gtest/gtest.h>

#include "aicoder/gguf.h"
#include "gguf/sample_files.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

class GgufFileTest : public ::testing::Test {
 protected:
  GgufFile write_and_open(const GgufWriter& writer) {
    writer.write(dir_ / "f.gguf");
    return GgufFile::open(dir_ / "f.gguf");
  }
  test::TempDir dir_;
};

TEST_F(GgufFileTest, MissingFileIsNotFound) { EXPECT_ERROR((void)GgufFile::open(dir_ / "no.gguf"), ErrorCode::kNotFound, "no.gguf"); }

TEST_F(GgufFileTest, FolderAndPipeAreRefusedWithoutHanging) {
  EXPECT_ERROR((void)GgufFile::open(dir_.path()), ErrorCode::kInvalidArgument, "not a regular file");
  ASSERT_EQ(::mkfifo((dir_ / "pipe").c_str(), 0600), 0);
  EXPECT_ERROR((void)GgufFile::open(dir_ / "pipe"), ErrorCode::kInvalidArgument, "not a regular file");
}

TEST_F(GgufFileTest, EmptyFileIsTruncated) {
  write_file_atomic(dir_ / "empty.gguf", "");
  EXPECT_ERROR((void)GgufFile::open(dir_ / "empty.gguf"), ErrorCode::kDataLoss, "truncated: file has 0 bytes");
}

TEST_F(GgufFileTest, IntegersOfEveryWidthConvert) {
  GgufWriter writer;
  writer.set("u8", uint8_t{200});
  writer.set("i8", int8_t{-100});
  writer.set("u16", uint16_t{60000});
  writer.set("i16", int16_t{-30000});
  writer.set("u32", uint32_t{4'000'000'000});
  writer.set("i32", int32_t{-2'000'000'000});
  writer.set("u64", uint64_t{1} << 62);
  writer.set("i64", int64_t{-1} << 62);
  const auto file = write_and_open(writer);
  EXPECT_EQ(file.get_int("u8"), 200);
  EXPECT_EQ(file.get_int("i8"), -100);
  EXPECT_EQ(file.get_int("u16"), 60000);
  EXPECT_EQ(file.get_int("i16"), -30000);
  EXPECT_EQ(file.get_int("u32"), 4'000'000'000);
  EXPECT_EQ(file.get_int("i32"), -2'000'000'000);
  EXPECT_EQ(file.get_int("u64"), int64_t{1} << 62);
  EXPECT_EQ(file.get_int("i64"), int64_t{-1} << 62);
  EXPECT_EQ(file.get_float("u8"), 200.0);
}

TEST_F(GgufFileTest, AbsentKeysAreEmptyAndOtherTypesAreRefused) {
  GgufWriter writer;
  writer.set("text", "words");
  writer.set("flag", true);
  writer.set("huge", uint64_t{UINT64_MAX});
  writer.set("number", 2.5);
  writer.set("strings", GgufArray(std::vector<std::string>{"a", "b"}));
  writer.set("doubles", GgufArray(std::vector<double>{0.5, 1.5}));
  const auto file = write_and_open(writer);
  EXPECT_EQ(file.get_string("none"), std::nullopt);
  EXPECT_EQ(file.get_int("none"), std::nullopt);
  EXPECT_EQ(file.get_float("none"), std::nullopt);
  EXPECT_EQ(file.get_bool("none"), std::nullopt);
  EXPECT_EQ(file.get_strings("none"), std::nullopt);
  EXPECT_EQ(file.get_floats("none"), std::nullopt);

  EXPECT_EQ(file.get_string("text"), "words");
  EXPECT_EQ(file.get_bool("flag"), true);
  EXPECT_EQ(file.get_float("number"), 2.5);
  EXPECT_EQ(file.get_strings("strings"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(file.get_floats("doubles"), (std::vector<float>{0.5f, 1.5f}));

  EXPECT_ERROR((void)file.get_string("flag"), ErrorCode::kDataLoss, "metadata 'flag' is not a string");
  EXPECT_ERROR((void)file.get_int("text"), ErrorCode::kDataLoss, "metadata 'text' is not an integer");
  EXPECT_ERROR((void)file.get_int("flag"), ErrorCode::kDataLoss, "is not an integer");
  EXPECT_ERROR((void)file.get_int("huge"), ErrorCode::kDataLoss, "is not an integer of at most 63 bits");
  EXPECT_ERROR((void)file.get_float("text"), ErrorCode::kDataLoss, "is not a number");
  EXPECT_ERROR((void)file.get_bool("number"), ErrorCode::kDataLoss, "is not a bool");
  EXPECT_ERROR((void)file.get_strings("doubles"), ErrorCode::kDataLoss, "is not an array of strings");
  EXPECT_ERROR((void)file.get_floats("strings"), ErrorCode::kDataLoss, "is not an array of floats");
}

TEST_F(GgufFileTest, FloatsReadsF32InPlaceAndRefusesOthers) {
  GgufWriter writer;
  writer.add_f32("weights", {3, 2}, {1, 2, 3, 4, 5, 6});
  const std::vector<std::byte> half(8);
  writer.add_tensor("half", GgufType::kF16, {4}, half);
  const auto file = write_and_open(writer);
  const auto values = file.floats(*file.find("weights"));
  EXPECT_EQ(std::vector<float>(values.begin(), values.end()), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_ERROR((void)file.floats(*file.find("half")), ErrorCode::kInvalidArgument, "tensor 'half' is F16, expected F32");
  EXPECT_EQ(file.find("none"), nullptr);
}

TEST_F(GgufFileTest, TensorOfAnotherFileHasNoBytesHere) {
  GgufWriter writer;
  writer.add_f32("small", {1}, {1});
  const auto file = write_and_open(writer);
  GgufTensor foreign;
  foreign.bytes = 1 << 20;
  EXPECT_TRUE(file.bytes(foreign).empty());
  foreign.bytes = 4;
  foreign.offset = UINT64_MAX - 1;
  EXPECT_TRUE(file.bytes(foreign).empty());
}

TEST_F(GgufFileTest, CopiesKeepTheMappingAliveAfterTheFileIsReplaced) {
  GgufWriter writer;
  writer.add_f32("w", {1}, {7});
  std::optional<GgufFile> first = write_and_open(writer);
  const GgufFile copy = *first;
  first.reset();
  std::filesystem::remove(dir_ / "f.gguf");
  EXPECT_EQ(copy.floats(*copy.find("w"))[0], 7.0f);
}

}  // namespace
}  // namespace aicoder
