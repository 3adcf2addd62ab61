#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aicoder/train.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Rows : public ::testing::Test {
 protected:
  TrainingRows read(const std::string& content, const std::string& name = "rows.jsonl") const {
    write_file_atomic(dir_ / name, content);
    return read_training_rows(dir_ / name);
  }
  const TempDir dir_;
};

TEST_F(Rows, EveryShapeBecomesARecord) {
  const auto rows =
      read(R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
{"prompt": "q", "completion": "a"}
{"instruction": "do", "input": "this", "output": "done"}
{"instruction": "do", "input": "", "output": "done"}
{"question": "q", "answer": "a"}

{"text": "plain"}
{"text": ["one", "two"], "metadata": {"genre": "novel"}}
)");
  EXPECT_THAT(rows.bad, IsEmpty());
  EXPECT_THAT(rows.lines, ElementsAre(1, 2, 3, 4, 5, 7, 8));
  ASSERT_EQ(rows.records.size(), 7u);
  EXPECT_EQ(rows.records[0].messages.size(), 3u);
  EXPECT_EQ(rows.records[1].messages[1].role, "assistant");
  EXPECT_EQ(rows.records[2].messages[0].content, "do\n\nthis");
  EXPECT_EQ(rows.records[3].messages[0].content, "do");
  EXPECT_EQ(rows.records[4].messages[1].content, "a");
  EXPECT_EQ(rows.records[5].text, "plain");
  EXPECT_EQ(rows.records[6].text, "one\n\ntwo");
}

TEST_F(Rows, EachBadRowIsNamedWithItsLineAndReason) {
  const auto rows = read(std::string("{\"text\": \"good\"}\n") + "{not json}\n" + "[1]\n" + "{\"other\": 1}\n" + "{\"text\": 5}\n" +
                         "{\"text\": \"  \"}\n" + "{\"messages\": []}\n" + "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}\n" +
                         "{\"prompt\": \"q\", \"completion\": \"\"}\n" + "{\"text\": \"\xff\"}\n" + std::string(200, '[') + "\n" +
                         "{\"text\": [1]}\n" + "{\"instruction\": 1, \"output\": \"x\"}\n");
  EXPECT_EQ(rows.records.size(), 1u);
  const std::vector<const char*> reasons = {"not valid JSON",
                                            "expected a JSON object, found array",
                                            "expected messages",
                                            "'text' is no string but number",
                                            "the text is empty",
                                            "no list with entries",
                                            "no message of the assistant",
                                            "no message of the assistant",
                                            "not UTF-8",
                                            "nested deeper",
                                            "an entry of 'text'",
                                            "'instruction' is no string"};
  ASSERT_EQ(rows.bad.size(), reasons.size());
  for (size_t i = 0; i < reasons.size(); ++i) {
    EXPECT_EQ(rows.bad[i].line, i + 2);
    EXPECT_THAT(rows.bad[i].why, HasSubstr(reasons[i]));
  }
}

TEST_F(Rows, TextFileIsOneRecord) {
  const auto rows = read("one\ntwo\n", "book.txt");
  ASSERT_EQ(rows.records.size(), 1u);
  EXPECT_EQ(rows.records[0].text, "one\ntwo");
}

TEST_F(Rows, FilesWithoutAGoodRowAreRefused) {
  EXPECT_ERROR(read("", "empty.txt"), ErrorCode::kInvalidArgument, "holds no text");
  EXPECT_ERROR(read("\n\n"), ErrorCode::kInvalidArgument, "holds no text");
  EXPECT_ERROR(read("{}\n"), ErrorCode::kInvalidArgument, "line 1");
  EXPECT_ERROR(read("\xff\xfe\n", "bad.txt"), ErrorCode::kInvalidArgument, "not UTF-8");
  EXPECT_ERROR(read("x", "rows.csv"), ErrorCode::kInvalidArgument, "expected .txt or .jsonl");
  EXPECT_ERROR(read_training_rows(dir_ / "missing.jsonl"), ErrorCode::kNotFound, "missing.jsonl");
}

}  // namespace
}  // namespace aicoder::test
