// Damaged files: never a crash, and whatever our gate lets through ggml itself accepts.
#include <ggml.h>
#include <gguf.h>
#include <gtest/gtest.h>

#include <memory>

#include "gguf/parse.h"
#include "gguf/sample_files.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

struct GgufContextDeleter {
  void operator()(gguf_context* context) const { gguf_free(context); }
};

bool accepted(const std::string& bytes) {
  try {
    (void)gguf::parse(std::as_bytes(std::span(bytes)), "damaged.gguf");
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDataLoss) << error.what();
    return false;
  }
}

bool accepted_by_ggml(const std::string& bytes) {
  ggml_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  const gguf_init_params params{.no_alloc = true, .ctx = nullptr};
  return std::unique_ptr<gguf_context, GgufContextDeleter>(gguf_init_from_buffer(bytes.data(), bytes.size(), params)) != nullptr;
}

std::string sample_bytes(uint64_t seed) {
  const test::TempDir dir;
  test::write_content(test::random_content(seed), dir / "sample.gguf");
  return read_file(dir / "sample.gguf");
}

/// A sample with metadata and at least one tensor.
std::string full_sample() {
  for (uint64_t seed = 1;; ++seed) {
    const auto content = test::random_content(seed);
    if (content.metadata.size() > 4 && content.tensors.size() > 1) return sample_bytes(seed);
  }
}

TEST(GgufDamage, EveryTruncationIsRefusedOnceDataIsMissing) {
  const std::string whole = full_sample();
  const auto parsed = gguf::parse(std::as_bytes(std::span(whole)), "whole.gguf");
  const uint64_t needed = parsed.data_start + parsed.tensors.back().offset + parsed.tensors.back().bytes;
  ASSERT_LE(needed, whole.size());
  for (size_t length = 0; length < whole.size(); ++length) {
    // A copy of exactly this size, so that a sanitizer sees any read past the end.
    const std::string cut(whole.data(), length);
    ASSERT_EQ(accepted(cut), length >= needed) << "cut at " << length;
  }
}

TEST(GgufDamage, TwentyThousandMutationsNeverCrashAndGgmlAgreesWithWhatPasses) {
  std::mt19937_64 random(20261121);
  size_t passed = 0, refused = 0;
  std::string original;
  for (int round = 0; round < 20'000; ++round) {
    if (round % 100 == 0) original = sample_bytes(static_cast<uint64_t>(round));
    std::string bytes = original;
    for (uint64_t n = 1 + random() % 3; n > 0 && !bytes.empty(); --n) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
          break;
        case 1:
          bytes[at] = static_cast<char>(random() % 2 == 0 ? 0xff : 0x00);
          break;
        case 2:
          bytes.erase(at, 1 + random() % 8);
          break;
        default:
          bytes.insert(at, 1 + random() % 8, static_cast<char>(random()));
          break;
      }
    }
    if (!accepted(bytes)) {
      ++refused;
      continue;
    }
    ++passed;
    ASSERT_TRUE(accepted_by_ggml(bytes)) << "round " << round << ": our gate lets through what ggml refuses";
  }
  // Both branches must really be taken, or this test asserts nothing.
  EXPECT_GT(passed, 500u);
  EXPECT_GT(refused, 5'000u);
}

TEST(GgufDamage, WhatWeWriteGgmlReadsWithTheSamePlaces) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::string bytes = sample_bytes(seed);
    const auto parsed = gguf::parse(std::as_bytes(std::span(bytes)), "written.gguf");
    const gguf_init_params params{.no_alloc = true, .ctx = nullptr};
    const std::unique_ptr<gguf_context, GgufContextDeleter> theirs(gguf_init_from_buffer(bytes.data(), bytes.size(), params));
    ASSERT_NE(theirs, nullptr) << "seed " << seed;
    EXPECT_EQ(gguf_get_n_kv(theirs.get()), static_cast<int64_t>(parsed.metadata.size()));
    ASSERT_EQ(gguf_get_n_tensors(theirs.get()), static_cast<int64_t>(parsed.tensors.size()));
    EXPECT_EQ(gguf_get_data_offset(theirs.get()), parsed.data_start);
    for (size_t i = 0; i < parsed.tensors.size(); ++i) {
      const auto id = static_cast<int64_t>(i);
      EXPECT_EQ(gguf_get_tensor_name(theirs.get(), id), parsed.tensors[i].name);
      EXPECT_EQ(gguf_get_tensor_offset(theirs.get(), id), parsed.tensors[i].offset);
      EXPECT_EQ(gguf_get_tensor_size(theirs.get(), id), parsed.tensors[i].bytes);
    }
  }
}

}  // namespace
}  // namespace aicoder
