#include "agent/source_facts.h"

#include <gtest/gtest.h>

#include <cstring>

#include "agent/project_facts.h"

namespace aicoder::agent {
namespace {

using Names = std::set<std::string>;

std::map<std::string, SnapshotFile> project(std::initializer_list<std::pair<const char*, const char*>> files) {
  std::map<std::string, SnapshotFile> out;
  for (const auto& [path, content] : files) out[path] = {true, content, 0};
  return out;
}

TEST(SourceFacts, CommentsAndStringsAreBlankedAtTheirPlace) {
  EXPECT_EQ(without_comments("a = \"//x\"; // c\n/* d\n */b", "c++", false), "a = \"//x\";     \n    \n   b");
  EXPECT_EQ(without_comments("f(\"a\\\"b\", 'c');", "c++", true), "f(\"    \", 'c');");
  EXPECT_EQ(without_comments("let a = 'it''s'", "javascript", true), "let a = '  '' '");
  EXPECT_EQ(without_comments("fn f<'a>(x: &'a str) // '", "rust", true), "fn f<'a>(x: &'a str)     ");
  EXPECT_EQ(without_comments("s := `a\n\"b`", "go", true), "s := ` \n  `");
  EXPECT_EQ(without_comments("\"no end", "c", true).size(), 7U);
  for (const char* cut : {"'", "'a", "\"\\", "/*", "/", "`", "x = '"})
    EXPECT_EQ(without_comments(cut, "c++", true).size(), std::strlen(cut)) << cut;
}

TEST(SourceFacts, SymbolsOfEachLanguage) {
  EXPECT_EQ(defined_symbols("std::string hash_password(std::string_view p) {\n  if (p.empty()) return {};\n}\nclass App {\n};\n", "c++"),
            (Names{"hash_password", "App"}));
  EXPECT_EQ(defined_symbols("Response App::health() const { return {}; }\n", "c++"), Names{"health"});
  EXPECT_EQ(defined_symbols(
                "export function a() {}\nconst b = async (x: number): number => x;\nexport class C {\n  private m(x: T): R {\n  }\n}\n",
                "typescript"),
            (Names{"a", "b", "C", "m"}));
  EXPECT_EQ(defined_symbols("func (s *Store) Add(n string) bool {\ntype Store struct {\nfunc New() *Store {\n", "go"),
            (Names{"Add", "Store", "New"}));
  EXPECT_EQ(defined_symbols("pub struct S;\nimpl S { pub fn add(&self) {} }\n// fn no() {}\n", "rust"), (Names{"S", "add"}));
  EXPECT_EQ(defined_symbols("def f(): pass", "python"), Names{});
}

TEST(SourceFacts, FilesTakenIn) {
  auto files = project({{"src/a.h", ""}, {"src/a.cpp", ""}, {"include/b.h", ""}, {"lib/b.cc", ""}, {"tests/t.cpp", ""}});
  EXPECT_EQ(taken_in_files("tests/t.cpp", "#include \"a.h\"\n#include <b.h>\n#include <vector>\n// #include \"c.h\"\n", "c++", files),
            (Names{"src/a.h", "src/a.cpp", "include/b.h", "lib/b.cc"}));
  files = project({{"src/a.ts", ""}, {"src/b/index.ts", ""}, {"tests/a.test.ts", ""}, {"src/c.js", ""}});
  EXPECT_EQ(taken_in_files("tests/a.test.ts",
                           "import { x } from \"../src/a.js\";\nconst c = require('../src/c');\nimport '../src/b';\nimport fs from 'fs';\n"
                           "import e from '../../etc/passwd';\n",
                           "typescript", files),
            (Names{"src/a.ts", "src/b/index.ts", "src/c.js"}));
  files = project({{"auth.go", ""}, {"auth_test.go", ""}, {"store/store.go", ""}, {"other/o.go", ""}});
  EXPECT_EQ(taken_in_files("auth_test.go", "import (\n\t\"testing\"\n\t\"example.com/login/store\"\n)\n", "go", files),
            (Names{"auth.go", "store/store.go"}));
  files = project({{"src/lib.rs", ""}, {"src/auth.rs", ""}, {"tests/t.rs", ""}});
  EXPECT_EQ(taken_in_files("tests/t.rs", "use login::auth;\nuse std::fs;\n", "rust", files), (Names{"src/lib.rs", "src/auth.rs"}));
  EXPECT_EQ(taken_in_files("src/lib.rs", "pub mod auth;\n", "rust", files), Names{"src/auth.rs"});
}

TEST(SourceFacts, TestsAndWhatDecidesAboutThemAreTold) {
  for (const char* path :
       {"tests/app_test.cpp", "test_a.c", "src/a.test.ts", "a.spec.js", "__tests__/a.js", "auth_test.go", "tests/api.rs", "test_a.py"})
    EXPECT_TRUE(is_test_path(path)) << path;
  for (const char* path : {"src/app.cpp", "tests/cases.h", "src/latest.ts", "contest.js", "auth.go", "src/api.rs", "attest.py"})
    EXPECT_FALSE(is_test_path(path)) << path;
  for (const char* path : {"CMakeLists.txt", "sub/CMakeLists.txt", "package.json", "tsconfig.json", "go.mod", "Cargo.toml", "build.rs",
                           "a.cmake", ".cargo/config.toml", "tests/cases.h"})
    EXPECT_TRUE(is_protected_path(path)) << path;
  const ProjectFacts facts = read_facts(project({{"Cargo.toml", ""}, {"src/lib.rs", "#[cfg(test)]\nmod t {\n#[test]\nfn a() {}\n}\n"}}));
  EXPECT_EQ(facts.test_files, std::vector<std::string>{"src/lib.rs"}) << "tests inside a source count";
  EXPECT_FALSE(facts.find("src/lib.rs")->is_protected) << "and it can be edited";
}

TEST(SourceFacts, ElisionsAreSeen) {
  for (const char* text : {"// ... rest of the code\n", "  /* ... existing code ... */\n", "// ...\n", "// … other methods\n"})
    EXPECT_TRUE(leaves_something_out(text)) << text;
  for (const char* text : {"// the rest of the buffer\n", "f(a...); // ... here\n", "// remaining bytes\n", ""})
    EXPECT_FALSE(leaves_something_out(text)) << text;
}

}  // namespace
}  // namespace aicoder::agent
