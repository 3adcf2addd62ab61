// The Python gguf package, written independently of this code, reads what we write and writes what we read.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "aicoder/core.h"
#include "aicoder/gguf.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

/// Runs tests/gguf/gguf_oracle.py. \throws Error(kFailedPrecondition) when the tests were configured without their Python.
std::string run_oracle(const std::string& mode, const std::filesystem::path& file) {
  if (std::string_view(AICODER_TEST_PYTHON).empty()) {
    throw Error(ErrorCode::kFailedPrecondition, "[test] AICODER_TEST_PYTHON is not set; make test", "make test");
  }
  HostProcess process;
  process.argv = {AICODER_TEST_PYTHON, AICODER_SOURCE_DIR "/tests/gguf/gguf_oracle.py", mode, file.string()};
  const auto result = run_host_process(process);
  if (result.exit_code != 0) throw std::runtime_error("gguf_oracle.py failed: " + result.err);
  return result.out;
}

TEST(GgufPythonOracle, PythonReadsWhatWeWrite) {
  const test::TempDir dir;
  GgufWriter writer;
  writer.set("general.architecture", "llama");
  writer.set("a.u8", uint8_t{255});
  writer.set("b.i16", int16_t{-7});
  writer.set("c.u64", uint64_t{18'000'000'000'000'000'000u});
  writer.set("d.f32", 0.25f);
  writer.set("e.f64", -1.5);
  writer.set("f.bool", true);
  writer.set("g.text", "한글 and ascii");
  writer.set("h.strings", GgufArray(std::vector<std::string>{"x", "", "y z"}));
  writer.set("i.i32s", GgufArray(std::vector<int32_t>{-1, 0, 1}));
  writer.set("j.bools", GgufArray(std::vector<bool>{true, false}));
  writer.add_f32("m.weight", {3, 2}, {1, 2, 3, 4, 5, 6});
  std::vector<std::byte> q8(68);
  for (size_t i = 0; i < q8.size(); ++i) q8[i] = static_cast<std::byte>(i);
  writer.add_tensor("q.weight", GgufType::kQ8_0, {32, 2}, q8);
  writer.write(dir / "ours.gguf");

  const auto sum = [](std::span<const std::byte> bytes) { return sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()}); };
  const std::vector<float> m{1, 2, 3, 4, 5, 6};
  const std::string expected = fmt::format(
      "a.u8 UINT8 255\n"
      "b.i16 INT16 -7\n"
      "c.u64 UINT64 18000000000000000000\n"
      "d.f32 FLOAT32 0.25\n"
      "e.f64 FLOAT64 -1.5\n"
      "f.bool BOOL True\n"
      "g.text STRING 한글 and ascii\n"
      "general.architecture STRING llama\n"
      "h.strings ARRAY[STRING] x||y z\n"
      "i.i32s ARRAY[INT32] -1|0|1\n"
      "j.bools ARRAY[BOOL] True|False\n"
      "tensor m.weight F32 [3, 2] {}\n"
      "tensor q.weight Q8_0 [32, 2] {}\n",
      sum(std::as_bytes(std::span(m))), sum(q8));
  EXPECT_EQ(run_oracle("describe", dir / "ours.gguf"), expected);
}

TEST(GgufPythonOracle, WeReadWhatPythonWrites) {
  const test::TempDir dir;
  (void)run_oracle("write", dir / "theirs.gguf");
  const auto file = GgufFile::open(dir / "theirs.gguf");
  EXPECT_EQ(file.get_string("general.architecture"), "qwen2");
  EXPECT_EQ(file.get_int("general.alignment"), 64);
  EXPECT_EQ(file.get_int("test.i8"), -8);
  EXPECT_EQ(file.get_int("test.u32"), 4'000'000'000);
  EXPECT_EQ(file.get_int("test.i64"), -(int64_t{1} << 40));
  EXPECT_EQ(file.get_float("test.f64"), 0.1);
  EXPECT_EQ(file.get_bool("test.flag"), false);
  EXPECT_EQ(file.get_string("test.text"), "줄\nbreak");
  EXPECT_EQ(file.get_strings("test.words"), (std::vector<std::string>{"하나", "two", ""}));
  EXPECT_EQ(file.get_floats("test.floats"), (std::vector<float>{0.5f, -2.0f}));

  ASSERT_EQ(file.tensors().size(), 3u);
  const auto* ramp = file.find("ramp");
  ASSERT_NE(ramp, nullptr);
  EXPECT_EQ(ramp->ne, (std::vector<uint64_t>{5, 3}));
  const auto values = file.floats(*ramp);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], static_cast<float>(i) * 0.5f);
  const auto* half = file.find("half");
  ASSERT_NE(half, nullptr);
  EXPECT_EQ(half->type, GgufType::kF16);
  EXPECT_EQ(half->bytes, 14u);
  const auto* packed = file.find("packed");
  ASSERT_NE(packed, nullptr);
  EXPECT_EQ(packed->type, GgufType::kQ8_0);
  EXPECT_EQ(packed->ne, (std::vector<uint64_t>{64, 2}));
  EXPECT_EQ(packed->bytes, 136u);
}

}  // namespace
}  // namespace aicoder
