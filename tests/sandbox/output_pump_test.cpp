#include "sandbox/output_pump.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>

#include "sandbox/unique_fd.h"

namespace aicoder::box {
namespace {

using Stream = OutputTail::Stream;

TEST(OutputTail, KeepsStreamsApart) {
  OutputTail tail(100);
  tail.add(Stream::kOut, "a");
  tail.add(Stream::kErr, "x");
  tail.add(Stream::kOut, "b");
  EXPECT_EQ(tail.text(Stream::kOut), "ab");
  EXPECT_EQ(tail.text(Stream::kErr), "x");
  EXPECT_FALSE(tail.over_limit());
}

TEST(OutputTail, ExactlyTheLimitIsNotOver) {
  OutputTail tail(4);
  tail.add(Stream::kOut, "1234");
  EXPECT_FALSE(tail.over_limit());
  tail.add(Stream::kErr, "5");
  EXPECT_TRUE(tail.over_limit());
  EXPECT_EQ(tail.text(Stream::kOut), "234");
  EXPECT_EQ(tail.text(Stream::kErr), "5");
}

TEST(OutputTail, HoldsTheLastBytesOfBothStreamsTogetherWhateverThePieces) {
  std::mt19937 random(7);
  OutputTail tail(1000);
  std::string order;  // which stream each byte went to
  std::string bytes;
  for (int i = 0; i < 500; ++i) {
    const auto stream = random() % 2 == 0 ? Stream::kOut : Stream::kErr;
    std::string piece(random() % 40, static_cast<char>('a' + i % 26));
    order += std::string(piece.size(), stream == Stream::kOut ? 'o' : 'e');
    bytes += piece;
    tail.add(stream, piece);
  }
  std::string out, err;
  for (size_t i = bytes.size() - 1000; i < bytes.size(); ++i) (order[i] == 'o' ? out : err) += bytes[i];
  EXPECT_EQ(tail.text(Stream::kOut), out);
  EXPECT_EQ(tail.text(Stream::kErr), err);
}

TEST(Pump, ReadsWhatIsThereAndTellsTheEnd) {
  int fds[2];
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  OutputTail tail(100);
  EXPECT_TRUE(pump(read_end.get(), Stream::kOut, tail)) << "nothing there yet is not the end";
  ASSERT_EQ(::write(write_end.get(), "hello", 5), 5);
  EXPECT_TRUE(pump(read_end.get(), Stream::kOut, tail));
  EXPECT_EQ(tail.text(Stream::kOut), "hello");
  write_end.reset();
  EXPECT_FALSE(pump(read_end.get(), Stream::kOut, tail));
}

}  // namespace
}  // namespace aicoder::box
