// fragment export, import, merge and diff as a user runs them, on a base of one layer made in the test.
#include "aicoder/fragment.h"
#include "cli/program.h"
#include "fragment/tiny_base.h"

namespace aicoder::test {
namespace {

class FragmentFiles : public Program {
 protected:
  void SetUp() override {
    tiny_of("llama").write(home_ / "tiny.gguf");
    const auto model = Model::load(home_ / "tiny.gguf");
    std::filesystem::create_directories(home_ / "fragments/tiny");
    random_fragment(*model, "coder", 0.2f, 4, 2, 1).write(home_ / "fragments/tiny/coder.gguf");
    random_fragment(*model, "math", 0.0f, 3, 3, 50).write(home_ / "fragments/tiny/math.gguf");
  }
};

TEST_F(FragmentFiles, ExportAndImportGoThereAndBack) {
  const auto exported = run_json({"fragment", "export", "coder", "-m", "tiny.gguf", "--to", "peft", "--out", "peft/coder"}, 0);
  EXPECT_EQ(exported["strength"], 0.2);
  EXPECT_EQ(exported["tensors"], 7);
  EXPECT_TRUE(std::filesystem::exists(home_ / "peft/coder/adapter_config.json"));
  const auto imported = run_json({"fragment", "import", "peft/coder", "-m", "tiny.gguf", "--name", "back", "--role", "coder"}, 0);
  EXPECT_EQ(imported["recipe"], "imported");
  EXPECT_EQ(imported["strength"], 0.2);
  EXPECT_EQ(imported["evidence"].size(), 0u);
  EXPECT_EQ(run_json({"fragment", "inspect", "back"}, 0)["path"], (home_ / "fragments/tiny/back.gguf").string());
  const auto text = run({"fragment", "inspect", "back"}).out;
  EXPECT_NE(text.find("recipe     imported, rank 4\n"), std::string::npos) << text;
}

TEST_F(FragmentFiles, ExportAndImportDoNotOverwriteUnasked) {
  const std::vector<std::string> out = {"fragment", "export", "coder", "-m", "tiny.gguf", "--out", "peft"};
  EXPECT_EQ(run(out).exit_code, 0);
  EXPECT_EQ(run_json(out, 2)["error"]["code"], "failed_precondition");
  auto forced = out;
  forced.emplace_back("--force");
  EXPECT_EQ(run(forced).exit_code, 0);
  const std::vector<std::string> in = {"fragment", "import", "peft", "-m", "tiny.gguf", "--name", "coder"};
  EXPECT_NE(run_json(in, 2)["error"]["message"].get<std::string>().find("exists"), std::string::npos);
}

TEST_F(FragmentFiles, ExportAndImportSayWhatIsWrong) {
  const auto zero = run_json({"fragment", "export", "math", "-m", "tiny.gguf", "--out", "peft"}, 2)["error"];
  EXPECT_EQ(zero["fix"], "say the one you want: --strength 0.2");
  EXPECT_EQ(run_json({"fragment", "export", "coder", "-m", "tiny.gguf", "--out", "peft", "--strength", "0"}, 2)["error"]["code"],
            "invalid_argument");
  EXPECT_EQ(run_json({"fragment", "export", "coder", "-m", "tiny.gguf", "--out", "peft", "--to", "onnx"}, 2)["error"]["fix"],
            "aicoder fragment export --help");
  EXPECT_EQ(run_json({"fragment", "export", "nobody", "-m", "tiny.gguf", "--out", "peft"}, 2)["error"]["code"], "not_found");
  EXPECT_EQ(run_json({"fragment", "import", "nowhere", "-m", "tiny.gguf", "--name", "x"}, 2)["error"]["code"], "not_found");
  EXPECT_EQ(run_json({"fragment", "import", "nowhere", "-m", "tiny.gguf", "--name", "../x"}, 2)["error"]["code"], "invalid_argument");
  EXPECT_FALSE(std::filesystem::exists(home_ / "peft"));
}

TEST_F(FragmentFiles, MergeWritesBesideTheFirstPart) {
  const auto merged = run_json({"fragment", "merge", "coder", "math:0.5", "--name", "both"}, 0);
  EXPECT_EQ(merged["path"], (home_ / "fragments/tiny/both.gguf").string());
  EXPECT_EQ(merged["recipe"], "merge-concat");
  EXPECT_EQ(merged["strength"], 1.0);
  EXPECT_EQ(merged["retained_energy"], 1.0);
  EXPECT_EQ(merged["parents"][0]["weight"], 0.2);
  EXPECT_EQ(merged["parents"][1]["name"], "math");
  EXPECT_EQ(merged["parents"][1]["hash"], sha256_file(home_ / "fragments/tiny/math.gguf"));
  const auto text = run({"fragment", "inspect", "both"}).out;
  EXPECT_NE(text.find("recipe     merge-concat of coder:0.2, math:0.5, rank 7\n"), std::string::npos) << text;
  EXPECT_EQ(run_json({"fragment", "merge", "coder", "math:0.5", "--name", "both"}, 2)["error"]["code"], "failed_precondition");
  EXPECT_EQ(run({"fragment", "merge", "coder", "math:0.5", "--name", "both", "--force"}).exit_code, 0);
}

TEST_F(FragmentFiles, MergeReportsWhatARankKeeps) {
  for (const char* method : {"concat", "ties", "dare"}) {
    const auto merged =
        run_json({"fragment", "merge", "coder", "math:0.5", "-o", "out/both.gguf", "--method", method, "--rank", "3", "--force"}, 0);
    EXPECT_EQ(merged["name"], "both") << "that of the file";
    EXPECT_EQ(merged["rank"], 3) << method;
    EXPECT_LT(merged["retained_energy"], 1.0) << method;
  }
  const auto text = run({"fragment", "merge", "coder", "math:0.5", "-o", "out/b.gguf", "--rank", "3"}).out;
  EXPECT_NE(text.find("blk.0.ffn_down.weight                3  0."), std::string::npos) << text;
}

TEST_F(FragmentFiles, MergeSaysWhatIsWrong) {
  EXPECT_EQ(run_json({"fragment", "merge", "coder", "math", "--name", "x"}, 2)["error"]["fix"], "say the weight you want: math:0.2");
  EXPECT_EQ(run_json({"fragment", "merge", "coder", "math:0.5"}, 2)["error"]["fix"], "give --name NAME or --out FILE");
  EXPECT_EQ(run_json({"fragment", "merge", "coder", "--name", "x"}, 2)["error"]["code"], "invalid_argument");
  EXPECT_EQ(run_json({"fragment", "merge", "coder", "nobody", "--name", "x"}, 2)["error"]["code"], "not_found");
  EXPECT_EQ(run_json({"fragment", "merge", "coder", "math:0.5", "--name", "x", "--method", "slerp"}, 2)["error"]["fix"], "--method concat");
  EXPECT_EQ(run_json({"fragment", "merge", "coder", "math:0.5", "--name", "a/b"}, 2)["error"]["code"], "invalid_argument");
  EXPECT_FALSE(std::filesystem::exists(home_ / "fragments/tiny/x.gguf"));
}

TEST_F(FragmentFiles, DiffSortsTheWorstFirst) {
  const auto diff = run_json({"fragment", "diff", "coder", "math"}, 0);
  ASSERT_EQ(diff["tensors"].size(), 7u);
  for (size_t i = 1; i < 7; ++i) EXPECT_GE(diff["tensors"][i - 1]["relative"], diff["tensors"][i]["relative"]);
  EXPECT_NEAR(diff["total"]["cosine"], 0.0, 0.2) << "random factors are nearly orthogonal";
  bool strength = false;
  for (const auto& entry : diff["metadata"]) strength |= entry["key"] == "aicoder.strength" && entry["a"] == "0.2" && entry["b"] == "0";
  EXPECT_TRUE(strength) << diff["metadata"];
  const auto text = run({"fragment", "diff", "coder", "math", "--top", "2"}).out;
  EXPECT_NE(text.find("... 5 more\nall "), std::string::npos) << text;
  EXPECT_EQ(run_json({"fragment", "diff", "coder", "coder"}, 0)["total"]["relative"], 0.0);
  EXPECT_EQ(run_json({"fragment", "diff", "coder", "nobody"}, 2)["error"]["code"], "not_found");
}

}  // namespace
}  // namespace aicoder::test
