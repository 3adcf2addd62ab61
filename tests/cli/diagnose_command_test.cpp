#include "aicoder/core.h"
#include "cli/program.h"

namespace aicoder::test {
namespace {

using DiagnoseText = Program;
using DiagnoseBleu = Program;

TEST_F(DiagnoseText, TellsPurityContaminationAndLines) {
  write_file_atomic(home_ / "a.txt", "안녕하세요 여러분\n<b>bold</b> 글 😀\n");
  const auto json = run_json({"diagnose", "text", "a.txt"}, 0);
  EXPECT_DOUBLE_EQ(json["purity"], 9.0 / 15);
  EXPECT_EQ(json["contamination"]["html"], 2);
  EXPECT_EQ(json["contamination"]["emoji"], 1);
  EXPECT_EQ(json["contamination"]["code"], 0);
  ASSERT_EQ(json["lines"].size(), 2u);
  EXPECT_EQ(json["lines"][1]["line"], 2);
  const auto human = run({"diagnose", "text", "a.txt"});
  EXPECT_NE(human.out.find("purity 0.6000"), std::string::npos) << human.out;
  EXPECT_NE(human.out.find("line 2: <b>"), std::string::npos) << human.out;
}

TEST_F(DiagnoseText, ReadsStandardInputAndOptions) {
  EXPECT_DOUBLE_EQ(run_json({"diagnose", "text", "--allow", "TV", "-"}, 0, "TV를 봤다\n")["purity"], 1.0);
  EXPECT_DOUBLE_EQ(run_json({"diagnose", "text", "--script", "latin", "-"}, 0, "all latin\n")["purity"], 1.0);
  EXPECT_DOUBLE_EQ(run_json({"diagnose", "text", "--skip-code", "-"}, 0, "글\n```\ncode\n```\n")["purity"], 1.0);
}

TEST_F(DiagnoseText, RowsHaveLabels) {
  const auto json = run_json({"diagnose", "text", "--jsonl", std::string(AICODER_SOURCE_DIR) + "/tests/data/language/v1/sample.jsonl"}, 0);
  EXPECT_EQ(json["n"], json["items"].size());
  for (const char* key : {"id", "label", "purity", "contamination"}) EXPECT_TRUE(json["items"][0].contains(key)) << key;
}

TEST_F(DiagnoseText, RefusesWhatItCannotRead) {
  EXPECT_EQ(run_json({"diagnose", "text"}, 2)["error"]["code"], "invalid_argument");
  EXPECT_EQ(run_json({"diagnose", "text", "none.txt"}, 2)["error"]["code"], "not_found");
  EXPECT_EQ(run_json({"diagnose", "text", "--script", "klingon", "-"}, 2)["error"]["code"], "invalid_argument");
  write_file_atomic(home_ / "rows.jsonl", "{\"text\": \"a\"}\n{\"no\": 1}\n");
  EXPECT_NE(run_json({"diagnose", "text", "--jsonl", "rows.jsonl"}, 2)["error"]["message"].get<std::string>().find("line 2"),
            std::string::npos);
  write_file_atomic(home_ / "empty.jsonl", "\n");
  EXPECT_EQ(run_json({"diagnose", "text", "--jsonl", "empty.jsonl"}, 2)["error"]["code"], "invalid_argument");
  std::string bytes;
  for (int i = 0; i < 70000; ++i) bytes += static_cast<char>(i * 131 % 256);
  write_file_atomic(home_ / "binary", bytes);
  EXPECT_GT(run_json({"diagnose", "text", "binary"}, 0)["contamination"]["control"].get<int>(), 0) << "bytes are no error";
}

TEST_F(DiagnoseBleu, ScoresAgainstOneOrMoreReferences) {
  write_file_atomic(home_ / "h.txt", "the cat sat on the mat\n나는 집에 갔다\n");
  write_file_atomic(home_ / "r.txt", "the cat sat on a mat\n나는 집에 갔다\n");
  const auto json = run_json({"diagnose", "bleu", "h.txt", "r.txt"}, 0);
  EXPECT_NEAR(json["bleu1"], 8.0 / 9, 1e-12);
  EXPECT_GT(json["chrf"], 0.7);
  EXPECT_DOUBLE_EQ(run_json({"diagnose", "bleu", "h.txt", "r.txt", "h.txt"}, 0)["bleu4"], 1.0);
  write_file_atomic(home_ / "short.txt", "one\n");
  EXPECT_NE(run_json({"diagnose", "bleu", "h.txt", "short.txt"}, 2)["error"]["message"].get<std::string>().find("1 lines"),
            std::string::npos);
  EXPECT_EQ(run_json({"diagnose", "bleu", "--tokenize", "x", "h.txt", "r.txt"}, 2)["error"]["code"], "invalid_argument");
}

}  // namespace
}  // namespace aicoder::test
