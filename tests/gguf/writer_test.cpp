#include <gtest/gtest.h>

#include "aicoder/gguf.h"
#include "gguf/sample_files.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(GgufWriter, RandomContentComesBackAsItWas) {
  const test::TempDir dir;
  size_t tensors_seen = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto content = test::random_content(seed, 20);
    test::write_content(content, dir / "r.gguf");
    const auto file = GgufFile::open(dir / "r.gguf");
    ASSERT_EQ(file.metadata(), content.metadata) << "seed " << seed;
    ASSERT_EQ(file.tensors().size(), content.tensors.size());
    for (size_t i = 0; i < content.tensors.size(); ++i, ++tensors_seen) {
      const auto& tensor = file.tensors()[i];
      EXPECT_EQ(tensor.name, content.tensors[i].name);
      EXPECT_EQ(tensor.type, content.tensors[i].type);
      EXPECT_EQ(tensor.ne, content.tensors[i].ne);
      EXPECT_EQ(file.find(tensor.name), &tensor);
      const auto bytes = file.bytes(tensor);
      EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), content.tensors[i].data.begin(), content.tensors[i].data.end()));
    }
  }
  EXPECT_GT(tensors_seen, 500u);
}

TEST(GgufWriter, SameContentGivesTheSameBytes) {
  const test::TempDir dir;
  test::write_content(test::random_content(5), dir / "a.gguf");
  test::write_content(test::random_content(5), dir / "b.gguf");
  EXPECT_EQ(read_file(dir / "a.gguf"), read_file(dir / "b.gguf"));
}

TEST(GgufWriter, FileOfNothingIsReadable) {
  const test::TempDir dir;
  GgufWriter().write(dir / "empty.gguf");
  EXPECT_TRUE(GgufFile::open(dir / "empty.gguf").tensors().empty());
}

TEST(GgufWriter, DataSectionIsAlignedTo32UnlessSaidOtherwise) {
  const test::TempDir dir;
  for (uint32_t alignment : {32u, 8u, 256u}) {
    GgufWriter writer;
    if (alignment != 32) writer.set("general.alignment", alignment);
    writer.add_f32("a", {1}, {1});
    writer.add_f32("b", {1}, {2});
    writer.write(dir / "a.gguf");
    const auto file = GgufFile::open(dir / "a.gguf");
    EXPECT_EQ(file.tensors()[1].offset, alignment);
    EXPECT_EQ(file.floats(file.tensors()[1])[0], 2.0f);
    EXPECT_EQ(file.file_bytes() % alignment, 0u);
  }
}

TEST(GgufWriter, SettingAKeyAgainReplacesIt) {
  const test::TempDir dir;
  GgufWriter writer;
  writer.set("name", "old");
  writer.set("name", "new");
  writer.write(dir / "k.gguf");
  EXPECT_EQ(GgufFile::open(dir / "k.gguf").get_string("name"), "new");
}

TEST(GgufWriter, WrongSizeNameOrShapeIsRefused) {
  GgufWriter writer;
  const std::vector<std::byte> data(16);
  writer.add_tensor("a", GgufType::kF32, {4}, data);
  EXPECT_ERROR(writer.add_tensor("a", GgufType::kF32, {4}, data), ErrorCode::kInvalidArgument, "'a' was added before");
  EXPECT_ERROR(writer.add_tensor("b", GgufType::kF32, {5}, data), ErrorCode::kInvalidArgument, "takes 20 bytes as F32, got 16");
  EXPECT_ERROR(writer.add_tensor("b", GgufType::kQ4_0, {16}, data), ErrorCode::kInvalidArgument, "not a multiple of the 32 values");
  EXPECT_ERROR(writer.add_tensor("b", GgufType::kF32, {}, data), ErrorCode::kInvalidArgument, "0 dimensions");
  EXPECT_ERROR(writer.add_tensor("b", GgufType::kF32, {1, 1, 1, 1, 4}, data), ErrorCode::kInvalidArgument, "5 dimensions");
  EXPECT_ERROR(writer.add_tensor("", GgufType::kF32, {4}, data), ErrorCode::kInvalidArgument, "name is empty");
  EXPECT_ERROR(writer.add_tensor(std::string(64, 'n'), GgufType::kF32, {4}, data), ErrorCode::kInvalidArgument, "the limit is 63");
  EXPECT_ERROR(writer.add_tensor("b", static_cast<GgufType>(99), {4}, data), ErrorCode::kInvalidArgument, "type 99 is unknown");
  EXPECT_ERROR(writer.add_f32("b", {2}, {1.0f}), ErrorCode::kInvalidArgument, "takes 8 bytes as F32, got 4");
  EXPECT_ERROR(writer.set("", true), ErrorCode::kInvalidArgument, "key is empty");
  EXPECT_ERROR(writer.set("general.alignment", uint32_t{7}), ErrorCode::kInvalidArgument, "power of two");
  EXPECT_ERROR(writer.set("general.alignment", "32"), ErrorCode::kInvalidArgument, "must be a uint32");
}

TEST(GgufWriter, FailedWriteLeavesTheOldFileAndNothingElse) {
  const test::TempDir dir;
  EXPECT_ERROR(GgufWriter().write(dir / "missing" / "f.gguf"), ErrorCode::kNotFound, "");
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace aicoder
