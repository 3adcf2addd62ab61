// Dependencies flow one way: every #include of include/, src/ and apps/ is an edge that this table allows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "architecture/include_rules.h"

namespace aicoder::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A new module enters here and in docs/decisions/; a new edge is a decision, not a fix of this test.
const ModuleTable& module_table() {
  static const ModuleTable table = {
      {"core", {}},
      {"gguf", {"core"}},
      {"store", {"core", "gguf"}},
      {"model", {"gguf"}},
      {"adapter", {"model"}},
      {"engine", {"adapter"}},
      {"fragment", {"adapter"}},
      {"train", {"adapter", "text"}},
      {"text", {"core"}},
      {"sandbox", {"core"}},
      {"rag", {"model"}},
      {"agent", {"adapter", "sandbox", "rag", "text"}},
      {"diagnose", {"fragment", "train", "text"}},
      {"eval", {"agent", "fragment", "train", "diagnose"}},
      {"learn", {"eval"}},
      {"bench", {"learn", "store", "engine"}},
      {"server", {"bench", "engine"}},
      {"cli", {"bench", "server"}},
      {"apps", {"cli", "server"}},
  };
  return table;
}

const std::filesystem::path kRoot = AICODER_SOURCE_DIR;

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Relative paths with '/', sorted.
std::vector<std::string> sources_below(const std::vector<std::string>& folders, const std::vector<std::string>& endings) {
  std::vector<std::string> found;
  for (const std::string& folder : folders) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / folder)) {
      const std::string ending = entry.path().extension().string();
      if (entry.is_regular_file() && std::ranges::find(endings, ending) != endings.end()) {
        found.push_back(entry.path().lexically_relative(kRoot).generic_string());
      }
    }
  }
  std::ranges::sort(found);
  return found;
}

std::vector<std::string> problems_of(std::string_view path, std::string_view text) {
  return include_problems(path, text, with_everything_reachable(module_table()));
}

TEST(ModuleTable, HasNoCycleAndNoUnknownModule) { EXPECT_THAT(table_problems(module_table()), IsEmpty()); }

TEST(ModuleTable, CycleIsFound) {
  EXPECT_THAT(table_problems({{"a", {"b"}}, {"b", {"c"}}, {"c", {"a"}}}), SizeIs(3));
  EXPECT_THAT(table_problems({{"a", {"ghost"}}}), ElementsAre("a uses ghost, which is no module"));
}

TEST(IncludeDirection, EveryIncludeOfTheTreeIsAllowed) {
  const auto files = sources_below({"include", "src", "apps"}, {".h", ".cpp"});
  ASSERT_GT(files.size(), 20U) << "the tree was not found at " << kRoot;
  for (const std::string& file : files) {
    for (const std::string& problem : problems_of(file, content_of(kRoot / file))) ADD_FAILURE() << problem;
  }
}

TEST(IncludeDirection, EveryLinkOfTheTreeIsAllowed) {
  const auto reachable = with_everything_reachable(module_table());
  size_t modules = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "src")) {
    if (!entry.is_directory()) continue;
    ++modules;
    const std::string module = entry.path().filename().string();
    for (const std::string& problem : uses_problems(module, content_of(entry.path() / "CMakeLists.txt"), reachable))
      ADD_FAILURE() << problem;
  }
  EXPECT_GE(modules, 10U);
}

TEST(IncludeDirection, EdgeAgainstTheTableIsFound) {
  EXPECT_THAT(problems_of("src/model/x.cpp", "#include \"aicoder/agent.h\"\n"),
              ElementsAre("src/model/x.cpp:1: includes aicoder/agent.h: model may not use agent"));
  EXPECT_THAT(problems_of("src/sandbox/x.cpp", "#include \"aicoder/gguf.h\"\n"), SizeIs(1));
  EXPECT_THAT(problems_of("include/aicoder/core.h", "#include \"aicoder/gguf.h\"\n"), SizeIs(1));
  EXPECT_THAT(problems_of("src/server/x.cpp", "#include \"aicoder/cli.h\"\n"), SizeIs(1))
      << "cli uses server (decision 0009), server never cli";
}

TEST(IncludeDirection, EdgeAllowedOverAnotherModulePasses) {
  EXPECT_THAT(problems_of("src/agent/x.cpp", "#include \"aicoder/gguf.h\"\n#include \"aicoder/core.h\"\n#include <vector>\n"), IsEmpty());
}

TEST(IncludeDirection, PrivateHeaderOfAnotherModuleIsFound) {
  EXPECT_THAT(problems_of("src/agent/x.cpp", "#include \"model/llama_handles.h\"\n"), ElementsAre(HasSubstr("a private header of model")));
  EXPECT_THAT(problems_of("src/model/x.cpp", "#include \"model/llama_handles.h\"\n"), IsEmpty());
  EXPECT_THAT(problems_of("include/aicoder/model.h", "#include \"model/llama_handles.h\"\n"), SizeIs(1));
  EXPECT_THAT(problems_of("src/model/x.cpp", "#include \"llama_handles.h\"\n"), SizeIs(1)) << "without its folder its owner is unknown";
  EXPECT_THAT(problems_of("src/model/x.cpp", "#include \"../agent/x.h\"\n"), SizeIs(1));
}

TEST(IncludeDirection, EngineHeaderOutsideTheEngineModulesIsFound) {
  for (const char* header : {"<llama.h>", "<ggml.h>", "<ggml-backend.h>", "\"gguf.h\"", "<llama-cpp.h>"}) {
    const std::string text = std::string("  #  include ") + header + "\n";
    EXPECT_THAT(problems_of("src/agent/x.cpp", text), SizeIs(1)) << header;
    EXPECT_THAT(problems_of("include/aicoder/model.h", text), SizeIs(1)) << header;
    EXPECT_THAT(problems_of("src/adapter/x.cpp", text), IsEmpty()) << header;
  }
  EXPECT_THAT(problems_of("src/agent/x.cpp", "#include \"aicoder/gguf.h\"\n"), IsEmpty()) << "our own gguf.h is no engine header";
}

TEST(IncludeDirection, ThirdPartyHeaderInAPublicHeaderIsFound) {
  EXPECT_THAT(problems_of("include/aicoder/eval.h", "#include <nlohmann/json.hpp>\n"), SizeIs(1));
  EXPECT_THAT(problems_of("include/aicoder/core.h", "#include <unistd.h>\n"), SizeIs(1));
  EXPECT_THAT(problems_of("src/eval/x.cpp", "#include <nlohmann/json.hpp>\n"), IsEmpty());
}

TEST(IncludeDirection, ThirdPartyTypeInAPublicHeaderIsFound) {
  EXPECT_THAT(problems_of("include/aicoder/model.h", "\nstruct llama_model;\n"),
              ElementsAre("include/aicoder/model.h:2: third-party name llama_ in a public header"));
  EXPECT_THAT(problems_of("include/aicoder/model.h", "// as llama_model does\n/* ggml_tensor */ const char* s = \"nlohmann\";\n"),
              IsEmpty());
  EXPECT_THAT(problems_of("include/aicoder/core.h", "int my_llama_count;\n"), IsEmpty());
}

TEST(IncludeDirection, FileOutsideTheTableIsFound) { EXPECT_THAT(problems_of("src/util/x.cpp", ""), SizeIs(1)); }

TEST(IncludeDirection, LinkAgainstTheTableIsFound) {
  const auto reachable = with_everything_reachable(module_table());
  EXPECT_THAT(uses_problems("model", "aicoder_module(model\n  SOURCES a.cpp\n  USES core agent\n  LIBS llama)", reachable),
              ElementsAre("src/model/CMakeLists.txt: model may not use agent"));
  EXPECT_THAT(uses_problems("model", "aicoder_module(model SOURCES a.cpp USES core LIBS llama)", reachable), IsEmpty());
}

// A report, not a rule: some files are tested through the function that uses them.
TEST(TestLayout, SourcesWithoutATestFileAreListed) {
  size_t with = 0;
  std::vector<std::string> without;
  for (const std::string& file : sources_below({"src"}, {".cpp"})) {
    const std::filesystem::path source(file.substr(std::string("src/").size()));
    const auto test = kRoot / "tests" / source.parent_path() / (source.stem().string() + "_test.cpp");
    if (std::filesystem::exists(test)) {
      ++with;
    } else {
      without.push_back(file);
    }
  }
  EXPECT_GT(with + without.size(), 10U);
  std::cout << with << " sources have a test of their name, " << without.size() << " are tested through others:\n";
  for (const std::string& file : without) std::cout << "  " << file << "\n";
}

}  // namespace
}  // namespace aicoder::test
