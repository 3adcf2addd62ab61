#include "cli/program.h"

namespace aicoder::test {
namespace {

class RagCommand : public Program {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(home_ / "project");
    write_file_atomic(home_ / "project/bank.py",
                      "def withdraw(account, amount):\n    account.balance -= amount\n\n\ndef open_account():\n    return {}\n");
    write_file_atomic(home_ / "project/notes.md", "# 저장\n\n검색기는 문서를 색인에 저장한다.\n");
  }
};

TEST_F(RagCommand, IndexesAndFinds) {
  EXPECT_EQ(run_json({"rag", "search", "x", "--dir", "project"}, 2)["error"]["code"], "not_found");
  const auto made = run_json({"rag", "index", "project"}, 0);
  EXPECT_EQ(made["files"], 2);
  EXPECT_EQ(made["added"], 2);
  EXPECT_TRUE(made.contains("chunks") && made.contains("seconds"));
  EXPECT_EQ(run_json({"rag", "index", "project"}, 0)["added"], 0);
  const auto found = run_json({"rag", "search", "--dir", "project", "-k", "1", "how is an amount withdrawn from the balance"}, 0);
  ASSERT_EQ(found["results"].size(), 1U);
  EXPECT_EQ(found["results"][0]["path"], "bank.py");
  EXPECT_EQ(found["results"][0]["line"], 1);
  EXPECT_NE(found["results"][0]["text"].get<std::string>().find("balance -= amount"), std::string::npos);
  EXPECT_TRUE(found["results"][0].contains("score"));
  EXPECT_EQ(run_json({"rag", "search", "--dir", "project", "저장 방법"}, 0)["results"][0]["path"], "notes.md");
}

TEST_F(RagCommand, RefusesWhatCannotBe) {
  EXPECT_EQ(run_json({"rag", "index", "nowhere"}, 2)["error"]["code"], "not_found");
  run_json({"rag", "index", "project"}, 0);
  EXPECT_EQ(run_json({"rag", "search", "--dir", "project", "--mode", "vectors", "x"}, 2)["error"]["code"], "invalid_argument");
  write_file_atomic(home_ / "mine.txt", "not an index");
  EXPECT_EQ(run_json({"rag", "index", "--fresh", "--index", "mine.txt", "project"}, 2)["error"]["code"], "failed_precondition");
  EXPECT_EQ(read_file(home_ / "mine.txt"), "not an index");
}

TEST_F(RagCommand, BenchJudgesDocstringsAgainstFunctions) {
  std::string code;
  for (const char* name : {"alpha", "beta", "gamma"}) {
    code += std::string("def make_") + name + "(x):\n    \"\"\"Makes the " + name + " of a number.\"\"\"\n    " + name +
            " = x\n    return " + name + "\n\n";
  }
  write_file_atomic(home_ / "project/more.py", code);
  const auto json = run_json({"bench", "retrieve", "project", "--sizes", "50"}, 0);
  EXPECT_EQ(json["pairs"], 3);
  ASSERT_EQ(json["quality"].size(), 2U);
  EXPECT_EQ(json["quality"][0]["recall_at_1"], 1.0) << json;
  EXPECT_EQ(json["speed"][0]["chunks"], 50);
  EXPECT_GT(json["speed"][0]["fused_queries_per_s"], 0);
  EXPECT_EQ(run_json({"bench", "retrieve", "mine.txt"}, 2)["error"]["code"], "not_found");
}

}  // namespace
}  // namespace aicoder::test
