#include <gtest/gtest.h>

#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

// FIPS 180-4 examples.
TEST(Sha256, MatchesPublishedVectors) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, PiecesGiveTheHashOfTheWhole) {
  Sha256 hash;
  hash.update("a");
  hash.update("bc");
  EXPECT_EQ(hash.hex(), sha256_hex("abc"));
}

TEST(Sha256File, HashesReportsProgressAndStops) {
  const test::TempDir dir;
  const std::string text(3 << 20, 'q');
  write_file_atomic(dir / "f", text);
  double last = 0;
  EXPECT_EQ(sha256_file(dir / "f", [&](const Progress& p) { last = p.done / p.total; }), sha256_hex(text));
  EXPECT_EQ(last, 1.0);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_ERROR(sha256_file(dir / "f", {}, stop.get_token()), ErrorCode::kCancelled, "stopped");
  EXPECT_ERROR(sha256_file(dir / "none"), ErrorCode::kNotFound, "none");
}

}  // namespace
}  // namespace aicoder
