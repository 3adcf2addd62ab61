#include "store/wheel.h"

#include <gtest/gtest.h>

#include <random>

#include "aicoder/core.h"
#include "store/zip_maker.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using store::Wheel;

Wheel open(const std::string& bytes) { return Wheel(std::as_bytes(std::span(bytes)), "test.whl"); }

std::string content_of(const Wheel& wheel, const store::WheelMember& member) {
  std::string content;
  wheel.extract(member, [&](std::string_view bytes) { content += bytes; });
  return content;
}

std::string noise(size_t bytes, uint32_t seed) {
  std::mt19937 random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random() % 7);
  return text;
}

TEST(Wheel, StoredAndDeflatedMembersComeBackAsTheyWere) {
  const std::string large = noise(3'000'000, 1);
  const std::string bytes = test::make_zip({{"a", ""}, {"b", "stored"}, {"c", large, true}, {"d", large, false}, {"e", "", true}});
  const Wheel wheel = open(bytes);
  ASSERT_EQ(wheel.members().size(), 5u);
  EXPECT_EQ(content_of(wheel, wheel.members()[0]), "");
  EXPECT_EQ(content_of(wheel, wheel.members()[1]), "stored");
  EXPECT_EQ(content_of(wheel, wheel.members()[2]), large);
  EXPECT_EQ(content_of(wheel, wheel.members()[3]), large);
  EXPECT_EQ(content_of(wheel, wheel.members()[4]), "");
}

TEST(Wheel, GgufPiecesAreTheDataMembersInNameOrder) {
  const std::string bytes = test::make_zip({{"p/data/m.gguf.part01", "2"},
                                            {"p/__init__.py", "x"},
                                            {"p/data/m.gguf.part00", "1"},
                                            {"p-1.0.dist-info/fake.bin", "x"},
                                            {"p/data/part9.bin", "3"},
                                            {"p/readme.txt", "x"}});
  std::vector<std::string> names;
  for (const auto& piece : open(bytes).gguf_pieces()) names.push_back(piece.name);
  EXPECT_EQ(names, (std::vector<std::string>{"p/data/m.gguf.part00", "p/data/m.gguf.part01", "p/data/part9.bin"}));
}

TEST(Wheel, ArchiveWithACommentIsRead) {
  std::string bytes = test::make_zip({{"a", "content"}});
  bytes[bytes.size() - 2] = 5;
  bytes += "PK\5\6!";  // a comment that looks like an end record
  const Wheel wheel = open(bytes);
  EXPECT_EQ(content_of(wheel, wheel.members().at(0)), "content");
}

TEST(Wheel, DamagedContentFailsItsChecksum) {
  std::string bytes = test::make_zip({{"a", "some content"}});
  bytes[bytes.find("some")] = 'S';
  const Wheel wheel = open(bytes);
  EXPECT_ERROR((void)content_of(wheel, wheel.members()[0]), ErrorCode::kDataLoss, "member 'a' fails its checksum");
}

TEST(Wheel, WhatIsNotReadIsRefusedByName) {
  EXPECT_ERROR((void)open(""), ErrorCode::kDataLoss, "not a zip archive");
  EXPECT_ERROR((void)open(std::string(1000, 'x')), ErrorCode::kDataLoss, "not a zip archive");
  const std::string good = test::make_zip({{"a", "content"}});
  const size_t directory = good.find("PK\1\2");

  std::string encrypted = good;
  encrypted[directory + 8] = 1;
  EXPECT_ERROR((void)open(encrypted), ErrorCode::kDataLoss, "'a' is encrypted");

  std::string other_method = good;
  other_method[directory + 10] = 14;
  const Wheel lzma = open(other_method);
  EXPECT_ERROR((void)content_of(lzma, lzma.members()[0]), ErrorCode::kDataLoss, "compression method 14");

  std::string zip64 = good;
  zip64.replace(good.size() - 6, 4, "\xff\xff\xff\xff");
  EXPECT_ERROR((void)open(zip64), ErrorCode::kDataLoss, "zip64");

  std::string outside = good;
  outside.replace(good.size() - 6, 4, std::string("\xff\xff\xff\x0f", 4));
  EXPECT_ERROR((void)open(outside), ErrorCode::kDataLoss, "outside the file");
}

TEST(Wheel, MemberLongerThanItClaimsIsStoppedEarly) {
  // A deflate bomb: 10 MB of zeros that claim to be 5 bytes.
  std::string zeros;
  zeros.resize(10'000'000);
  std::string bytes = test::make_zip({{"bomb", zeros, true}});
  const size_t directory = bytes.find("PK\1\2");
  bytes.replace(directory + 24, 4, std::string("\5\0\0\0", 4));
  const Wheel wheel = open(bytes);
  size_t seen = 0;
  EXPECT_ERROR(wheel.extract(wheel.members()[0], [&](std::string_view piece) { seen += piece.size(); }), ErrorCode::kDataLoss,
               "longer than its 5 bytes");
  EXPECT_EQ(seen, 0u);
}

TEST(Wheel, DamageNeverCrashes) {
  const std::string original =
      test::make_wheel("pkg", "1.0", {{"pkg/data/part01.bin", noise(2000, 3), true}, {"pkg/m.gguf", noise(500, 4)}});
  std::mt19937_64 random(7);
  size_t refused = 0, read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = original;
    for (uint64_t n = 1 + random() % 3; n > 0; --n) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    try {
      const Wheel wheel = open(bytes);
      for (const auto& member : wheel.members()) (void)content_of(wheel, member);
      ++read;
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::kDataLoss) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 10'000u);
  EXPECT_GT(read, 10u);  // changes of dates and the like
}

TEST(Wheel, ReadsWhatPythonsZipfileWrites) {
  if (std::string_view(AICODER_TEST_PYTHON).empty()) FAIL() << "AICODER_TEST_PYTHON is not set; make test";
  const test::TempDir dir;
  HostProcess process;
  process.argv = {AICODER_TEST_PYTHON, "-c",
                  "import sys, zipfile\n"
                  "with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as z:\n"
                  "    z.writestr('p/한글.gguf', bytes(range(256)) * 1000)\n"
                  "    z.writestr(zipfile.ZipInfo('p/stored.bin'), b'as it is')\n",
                  (dir / "python.whl").string()};
  ASSERT_EQ(run_host_process(process).exit_code, 0);
  const std::string bytes = read_file(dir / "python.whl");
  const Wheel wheel = open(bytes);
  const auto pieces = wheel.gguf_pieces();
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(content_of(wheel, pieces[0]), "as it is");
  EXPECT_EQ(pieces[1].name, "p/한글.gguf");
  EXPECT_EQ(content_of(wheel, pieces[1]).size(), 256'000u);
}

}  // namespace
}  // namespace aicoder
