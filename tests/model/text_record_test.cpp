#include <gtest/gtest.h>
#include <zlib.h>

#include "aicoder/model.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

std::filesystem::path write(const test::TempDir& dir, const std::string& name, const std::string& content) {
  write_file_atomic(dir / name, content);
  return dir / name;
}

std::filesystem::path write_gz(const test::TempDir& dir, const std::string& name, const std::string& content) {
  gzFile file = gzopen((dir / name).c_str(), "wb");
  gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
  gzclose(file);
  return dir / name;
}

TEST(TextRecords, PlainTextIsOneRecord) {
  const test::TempDir dir;
  const auto records = read_text_records(write(dir, "a.txt", "first\n\nthird line\r\n한글\n"));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].text, "first\n\nthird line\n한글");
  EXPECT_TRUE(records[0].messages.empty());
}

TEST(TextRecords, RowsOfEveryDocumentedShape) {
  const test::TempDir dir;
  const auto records = read_text_records(write(dir, "a.jsonl",
                                               R"({"text": "plain"})"
                                               "\n"
                                               R"({"prompt": "p", "completion": "c", "id": 3})"
                                               "\n\n"
                                               R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]})"
                                               "\r\n"));
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].text, "plain");
  ASSERT_EQ(records[1].messages.size(), 2u);
  EXPECT_EQ(records[1].messages[0].role, "user");
  EXPECT_EQ(records[1].messages[0].content, "p");
  EXPECT_EQ(records[1].messages[1].role, "assistant");
  EXPECT_EQ(records[1].messages[1].content, "c");
  EXPECT_EQ(records[2].messages[0].role, "system");
  EXPECT_EQ(records[2].messages[1].content, "u");
}

TEST(TextRecords, RowsOfCalibrationSets) {
  const test::TempDir dir;
  const auto records = read_text_records(write(dir, "a.jsonl",
                                               "{\"question\": \"q\", \"answer\": \"a\"}\n"
                                               "{\"instruction\": \"i\", \"code\": \"c\", \"path\": \"x.py\"}\n"
                                               "{\"instruction\": \"i\", \"output\": \"o\"}\n"));
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].messages[1].content, "a");
  EXPECT_EQ(records[1].messages[1].content, "c");
  EXPECT_EQ(records[2].messages[1].content, "o");
}

TEST(TextRecords, DocumentedShapesComeFirst) {
  const test::TempDir dir;
  const auto records = read_text_records(write(dir, "a.jsonl", R"({"text": "t", "question": "q", "answer": "a"})"));
  EXPECT_EQ(records.at(0).text, "t");
}

TEST(TextRecords, GzipIsReadLikePlain) {
  const test::TempDir dir;
  EXPECT_EQ(read_text_records(write_gz(dir, "a.txt.gz", "x\ny\n")).at(0).text, "x\ny");
  EXPECT_EQ(read_text_records(write_gz(dir, "a.jsonl.gz", "{\"text\": \"x\"}\n")).at(0).text, "x");
}

TEST(TextRecords, BadRowsAreNamedByLine) {
  const test::TempDir dir;
  const auto expect = [&](const std::string& content, const std::string& part) {
    EXPECT_ERROR(read_text_records(write(dir, "a.jsonl", content)), ErrorCode::kInvalidArgument, part);
  };
  expect("{\"text\": \"x\"}\n{\"text\": ", "line 2: not valid JSON");
  expect("{\"text\": \"x\"}\n[1]", "line 2: expected a JSON object, found array");
  expect("{\"text\": 3}", "line 1: 'text' is no string but number");
  expect("{\"prompt\": \"p\"}", "expected text, prompt + completion or messages, found prompt");
  expect("{}", "found no keys");
  expect("{\"messages\": []}", "'messages' is no list with entries");
  expect("{\"messages\": [{\"role\": \"user\"}]}", "'content' is missing");
  expect("{\"messages\": [\"x\"]}", "an entry of 'messages' is no object");
  expect("{\"text\": \"x\"}\n\n{\"text\": \"\xff\"}", "line 3: not UTF-8");
  expect("{\"text\": " + std::string(100000, '['), "line 1: JSON nested deeper than 64 levels");
}

TEST(TextRecords, TextThatIsNotUtf8IsRefusedByLine) {
  const test::TempDir dir;
  EXPECT_ERROR(read_text_records(write(dir, "a.txt", "ok\n\xc3\x28\n")), ErrorCode::kInvalidArgument, "line 2: not UTF-8");
}

TEST(TextRecords, FilesWithoutTextAreRefused) {
  const test::TempDir dir;
  for (const char* name : {"a.txt", "a.jsonl"}) {
    EXPECT_ERROR(read_text_records(write(dir, name, "")), ErrorCode::kInvalidArgument, "holds no text");
    EXPECT_ERROR(read_text_records(write(dir, name, " \n\n")), ErrorCode::kInvalidArgument, "holds no text");
  }
}

TEST(TextRecords, OtherFilesAreRefused) {
  const test::TempDir dir;
  EXPECT_ERROR(read_text_records(dir / "missing.txt"), ErrorCode::kNotFound, "missing.txt");
  EXPECT_ERROR(read_text_records(write(dir, "a.csv", "x")), ErrorCode::kInvalidArgument, "expected .txt or .jsonl");
  auto cut = read_file(write_gz(dir, "b.txt.gz", std::string(10000, 'x') + "y"));
  cut.resize(cut.size() - 12);
  EXPECT_ERROR(read_text_records(write(dir, "c.txt.gz", cut)), ErrorCode::kDataLoss, "c.txt.gz");
}

}  // namespace
}  // namespace aicoder
