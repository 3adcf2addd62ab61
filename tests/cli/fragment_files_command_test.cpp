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

}  // namespace
}  // namespace aicoder::test
