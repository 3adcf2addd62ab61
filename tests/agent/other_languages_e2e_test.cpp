// Projects in C++, JavaScript, TypeScript, Go and Rust in the real sandbox, with their real tools; the loop with a scripted model on the
// two sample projects.
#include "agent/other_languages.h"

#include "agent/plan.h"
#include "agent/rerun.h"

namespace aicoder::agent {
namespace {

namespace fs = std::filesystem;
using test::FakeGenerator;
using test::source_file;
using test::write;
using Names = std::set<std::string>;

/// The TypeScript compiler, put into the cache once by the script.
fs::path installed_packages() {
  const HostProcessResult set_up =
      run_host_process({.argv = {AICODER_SOURCE_DIR "/scripts/setup/languages.sh"}, .timeout = std::chrono::minutes(4)});
  if (set_up.exit_code != 0) throw std::runtime_error("scripts/setup/languages.sh failed: " + set_up.err);
  return set_up.out.substr(0, set_up.out.find('\n'));
}

class OtherLanguages : public testing::Test {
 protected:
  OtherLanguages() : guard_(home_.path()) {}
  /// The facts of the folder as a run would read them.
  BoxReport tests(const std::map<std::string, std::string>& edits = {}) {
    Workspace workspace(dir_.path());
    return run_given_tests(box_, {.dir = workspace.copy(), .files = edits, .limits = {}}, read_facts(workspace.files()), dir_.path(), {});
  }
  static std::map<std::string, std::string> statuses(const BoxReport& report) {
    std::map<std::string, std::string> out;
    for (const auto& [id, outcome] : report.results) out[id] = outcome.status;
    return out;
  }
  using Statuses = std::map<std::string, std::string>;
  test::TempDir home_, dir_;
  test::HomeGuard guard_;
  Sandbox box_;
};

TEST_F(OtherLanguages, CMake) {
  write(dir_ / "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.20)\nproject(p CXX)\nenable_testing()\nadd_executable(sum_test tests/sum_test.cpp sum.cpp)\n"
        "target_include_directories(sum_test PRIVATE .)\nadd_test(NAME good COMMAND sum_test good)\nadd_test(NAME bad COMMAND sum_test "
        "bad)\n");
  write(dir_ / "sum.h", "int sum(int a, int b);\n");
  write(dir_ / "sum.cpp", "#include \"sum.h\"\nint sum(int a, int b) { return a - b; }\n");
  write(dir_ / "tests/sum_test.cpp",
        "#include <cassert>\n#include <string>\n#include \"sum.h\"\nint main(int, char** v) {\n  if (std::string(v[1]) == \"good\") "
        "assert(sum(2, 0) == 2);\n"
        "  else assert(sum(2, 2) == 4);\n}\n");
  BoxReport report = tests();
  ASSERT_TRUE(report.done) << report.box.err;
  EXPECT_EQ(report.framework, "ctest");
  EXPECT_EQ(statuses(report), (Statuses{{"tests/sum_test.cpp::good", "passed"}, {"tests/sum_test.cpp::bad", "failed"}}));
  const Outcome& bad = report.results["tests/sum_test.cpp::bad"];
  EXPECT_NE(bad.message.find("sum(2, 2) == 4"), std::string::npos) << bad.message;
  ASSERT_FALSE(bad.frames.empty());
  EXPECT_EQ(bad.frames[0].file, "tests/sum_test.cpp");
  EXPECT_EQ(bad.frames[0].line, 6U);

  report = tests({{"sum.cpp", "#include \"sum.h\"\nint sum(int a, int b) { return a + b; }\n"}});
  EXPECT_EQ(statuses(report), (Statuses{{"tests/sum_test.cpp::good", "passed"}, {"tests/sum_test.cpp::bad", "passed"}}));

  report = tests({{"sum.cpp", "#include \"sum.h\"\nint sum(int a, int b) { return a + c; }\n"}});
  EXPECT_EQ(failing_tests(report), (std::vector<std::string>{"tests/sum_test.cpp::bad", "tests/sum_test.cpp::good"}))
      << "what does not build, fails";
  const Outcome* build = outcome_of(report, "tests/sum_test.cpp::bad");
  ASSERT_NE(build, nullptr);
  EXPECT_EQ(build->type, "CompileError");
  ASSERT_FALSE(build->frames.empty());
  EXPECT_EQ(build->frames[0].file, "sum.cpp");
  EXPECT_EQ(build->frames[0].line, 2U);

  report = tests({{"sum.cpp", "#include \"sum.h\"\n"}});
  EXPECT_EQ(outcome_of(report, "tests/sum_test.cpp::bad")->type, "LinkError");
}

TEST_F(OtherLanguages, Make) {
  write(dir_ / "Makefile", "test: test_a\n\t./test_a\ntest_a: test_a.c a.c\n\tgcc -o test_a test_a.c a.c\n");
  write(dir_ / "a.c", "int twice(int x) { return x; }\n");
  write(dir_ / "test_a.c", "#include <assert.h>\nint twice(int);\nint main(void) { assert(twice(2) == 4); return 0; }\n");
  EXPECT_EQ(statuses(tests()), (Statuses{{"test_a.c::make test", "failed"}}));
  EXPECT_EQ(statuses(tests({{"a.c", "int twice(int x) { return 2 * x; }\n"}})), (Statuses{{"test_a.c::make test", "passed"}}));
}

TEST_F(OtherLanguages, Node) {
  write(dir_ / "package.json", "{\"type\": \"module\"}\n");
  write(dir_ / "sum.js", "export function sum(a, b) {\n  return a - b;\n}\n");
  write(dir_ / "sum.test.js",
        "import assert from 'node:assert/strict';\nimport { describe, test } from 'node:test';\nimport { sum } from './sum.js';\n"
        "test('zero', () => assert.equal(sum(2, 0), 2));\ndescribe('more', () => {\n  test('two', () => assert.equal(sum(2, 2), 4));\n"
        "  test('later', { skip: true }, () => {});\n});\n");
  BoxReport report = tests();
  ASSERT_TRUE(report.done) << report.box.err;
  EXPECT_EQ(statuses(report),
            (Statuses{{"sum.test.js::zero", "passed"}, {"sum.test.js::more::two", "failed"}, {"sum.test.js::more::later", "skipped"}}));
  EXPECT_NE(report.results["sum.test.js::more::two"].message.find("4"), std::string::npos);
  EXPECT_EQ(statuses(tests({{"sum.js", "export const sum = (a, b) => a + b;\n"}}))["sum.test.js::more::two"], "passed");

  report = tests({{"sum.js", "export const other = 1;\n"}});
  ASSERT_TRUE(report.module_errors.contains("sum.test.js")) << report.box.out;
  EXPECT_NE(report.module_errors["sum.test.js"].message.find("sum"), std::string::npos) << report.module_errors["sum.test.js"].message;
  EXPECT_EQ(failing_tests(report).size(), 3U);

  report = tests({{"sum.js", "process.exit(0);\nexport function sum() {}\n"}});
  EXPECT_EQ(statuses(report).count("sum.test.js::zero"), 0U) << "a test that did not run has not passed";
  // A test that prints what our reporter prints convinces nobody: it is the worse report that stands.
  report = tests({{"sum.js", "console.log(JSON.stringify({path: ['more', 'two'], ok: true}));\nexport const sum = () => 0;\n"}});
  EXPECT_EQ(statuses(report)["sum.test.js::more::two"], "failed");
}

TEST_F(OtherLanguages, Go) {
  write(dir_ / "go.mod", "module example.com/sum\n\ngo 1.19\n");
  write(dir_ / "sum.go", "package sum\n\nfunc Sum(a, b int) int { return a - b }\n");
  write(dir_ / "sum_test.go",
        "package sum\n\nimport \"testing\"\n\nfunc TestZero(t *testing.T) {\n\tif Sum(2, 0) != 2 {\n\t\tt.Fatal(\"no\")\n\t}\n}\n\n"
        "func TestTwo(t *testing.T) {\n\tif got := Sum(2, 2); got != 4 {\n\t\tt.Errorf(\"Sum(2, 2) = %d, want 4\", got)\n\t}\n}\n");
  BoxReport report = tests();
  ASSERT_TRUE(report.done) << report.box.err << report.box.detail;
  EXPECT_EQ(statuses(report), (Statuses{{"sum_test.go::TestZero", "passed"}, {"sum_test.go::TestTwo", "failed"}})) << report.box.out;
  EXPECT_NE(report.results["sum_test.go::TestTwo"].message.find("Sum(2, 2) = 0, want 4"), std::string::npos);
  report = tests({{"sum.go", "package sum\n\nfunc Sum(a, b int) int { return a + c }\n"}});
  EXPECT_EQ(failing_tests(report), (std::vector<std::string>{"sum_test.go::TestTwo", "sum_test.go::TestZero"}));
  EXPECT_NE(report.module_errors["sum_test.go"].message.find("sum.go:3"), std::string::npos) << report.module_errors["sum_test.go"].message;
}

TEST_F(OtherLanguages, Cargo) {
  write(dir_ / "Cargo.toml", "[package]\nname = \"sum\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
  write(dir_ / "src/lib.rs",
        "pub fn sum(a: i32, b: i32) -> i32 {\n    a - b\n}\n\n#[cfg(test)]\nmod inner {\n    #[test]\n    fn zero() {\n        "
        "assert_eq!(super::sum(2, 0), 2);\n    }\n}\n");
  write(dir_ / "tests/two.rs", "#[test]\nfn two() {\n    assert_eq!(sum::sum(2, 2), 4);\n}\n");
  BoxReport report = tests();
  ASSERT_TRUE(report.done) << report.box.err << report.box.detail;
  EXPECT_EQ(statuses(report), (Statuses{{"src/lib.rs::inner::zero", "passed"}, {"tests/two.rs::two", "failed"}})) << report.box.out;
  ASSERT_FALSE(report.results["tests/two.rs::two"].frames.empty());
  EXPECT_EQ(report.results["tests/two.rs::two"].frames[0].line, 3U);
  report = tests({{"src/lib.rs", "pub fn sum(a: i32, b: i32) -> i32 {\n    a + c\n}\n"}});
  EXPECT_EQ(report.module_errors["tests/two.rs"].type, "CompileError");
  ASSERT_FALSE(report.module_errors["tests/two.rs"].frames.empty());
  EXPECT_EQ(report.module_errors["tests/two.rs"].frames[0].file, "src/lib.rs");
}

TEST_F(OtherLanguages, TypeScriptNeedsItsCompiler) {
  write(dir_ / "tsconfig.json", R"({"compilerOptions": {"target": "es2022", "module": "nodenext", "strict": true, "types": ["node"]}})");
  write(dir_ / "package.json", "{\"type\": \"module\"}\n");
  write(dir_ / "sum.ts", "export function sum(a: number, b: number): number {\n  return a - b;\n}\n");
  write(dir_ / "sum.test.ts",
        "import assert from 'node:assert/strict';\nimport { test } from 'node:test';\nimport { sum } from './sum.js';\n"
        "test('two', () => assert.equal(sum(2, 2), 4));\n");
  fs::create_directory_symlink(installed_packages(), dir_ / "node_modules");
  EXPECT_EQ(statuses(tests()), (Statuses{{"sum.test.ts::two", "failed"}}));
  EXPECT_EQ(statuses(tests({{"sum.ts", "export const sum = (a: number, b: number): number => a + b;\n"}})),
            (Statuses{{"sum.test.ts::two", "passed"}}));
  BoxReport report = tests({{"sum.ts", "export const sum = (a: number, b: number): string => a + b;\n"}});
  EXPECT_EQ(report.module_errors["sum.test.ts"].type, "CompileError") << report.box.out;
  ASSERT_FALSE(report.module_errors["sum.test.ts"].frames.empty());
  EXPECT_EQ(report.module_errors["sum.test.ts"].frames[0].file, "sum.ts");
}

/// The loop on a sample project; `solution` holds the files a right model would write.
class SampleProject : public OtherLanguages {
 protected:
  void take(const std::string& name) {
    fs::copy(fs::path(AICODER_SOURCE_DIR) / "examples" / name, dir_.path(), fs::copy_options::recursive);
  }
  AgentResult run(const FakeGenerator::Answer& answer, AgentOptions options = {}) {
    FakeGenerator generator(answer);
    generator.n_ctx = 16384;
    return Agent(generator, &box_, options).run({.task = read_file(dir_ / "TASK.md"), .dir = dir_.path()}, {});
  }
  static FakeGenerator::Answer from(const std::string& folder) {
    return [folder](const GenerationRequest& request, size_t) -> std::string {
      const std::string& text = request.messages.back().content;
      const size_t at = text.find("File to change: ");
      if (at == std::string::npos) return "NONE";
      const std::string path = text.substr(at + 16, text.find(':', at + 16) - at - 16);
      const fs::path file = fs::path(AICODER_SOURCE_DIR) / folder / path;
      return fs::exists(file) ? read_file(file) : "NONE";
    };
  }
  SandboxResult outside_the_loop(const std::vector<std::string>& argv, const std::map<std::string, std::string>& files) {
    SandboxRequest request;
    request.argv = argv;
    request.dir = dir_.path();
    request.files = files;
    request.programs = {"node", "npm"};
    request.limits = {.cpu = std::chrono::seconds(120),
                      .wall = std::chrono::seconds(120),
                      .memory_bytes = uint64_t{2} << 30,
                      .processes = 256,
                      .file_bytes = uint64_t{64} << 20,
                      .scratch_bytes = uint64_t{256} << 20};
    return box_.run(request);
  }
};

TEST_F(SampleProject, LoginInCppIsVerifiedAndSurvivesTheHiddenTests) {
  take("login_cpp");
  const AgentResult result = run(from("tests/agent/data/login_cpp_solution"));
  EXPECT_EQ(result.verification, Verification::kVerified) << result.answer;
  EXPECT_EQ(result.verification_detail, "12 of 12 given tests passed (8 of 12 failed before)");
  EXPECT_TRUE(result.findings.empty()) << result.findings[0];
  apply_changes(result, dir_.path());
  const SandboxResult hidden =
      outside_the_loop({"sh", "-c", "g++ -std=c++20 -Isrc -o /tmp/hidden hidden_test.cpp src/*.cpp -lcrypto && /tmp/hidden"},
                       {{"hidden_test.cpp", source_file("tests/agent/data/login_cpp_hidden/hidden_test.cpp")}});
  EXPECT_EQ(hidden.exit_code, 0) << hidden.out << hidden.err;
}

TEST_F(SampleProject, LoginInTypeScriptIsVerifiedAndSurvivesTheHiddenTests) {
  take("login_ts");
  fs::create_directory_symlink(installed_packages(), dir_ / "node_modules");
  const AgentResult result = run(from("tests/agent/data/login_ts_solution"));
  EXPECT_EQ(result.verification, Verification::kVerified) << result.answer;
  EXPECT_EQ(result.verification_detail, "12 of 12 given tests passed (8 of 12 failed before)");
  EXPECT_TRUE(result.findings.empty()) << result.findings[0];
  apply_changes(result, dir_.path());
  Workspace workspace(dir_.path());
  ProjectFacts facts = read_facts(workspace.files());
  facts.test_files = {"tests/hidden.test.ts"};
  const BoxReport hidden =
      run_given_tests(box_,
                      {.dir = workspace.copy(),
                       .files = {{"tests/hidden.test.ts", source_file("tests/agent/data/login_ts_hidden/hidden.test.ts")}},
                       .limits = {}},
                      facts, dir_.path(), {});
  EXPECT_EQ(hidden.n_passed(), 3U) << hidden.box.out;
}

TEST_F(SampleProject, WithoutTheCompilerNothingIsVerifiedAndItSaysWhy) {
  take("login_ts");
  const AgentResult result = run(from("tests/agent/data/login_ts_solution"), {.n_candidates = 1, .max_repairs = 0});
  EXPECT_NE(result.verification, Verification::kVerified);
  EXPECT_NE(result.answer.find("npm install"), std::string::npos) << result.answer;
}

TEST_F(SampleProject, CppThatEndsTheTestProgramIsNotVerified) {
  take("login_cpp");
  const AgentResult result = run(
      [](const GenerationRequest& request, size_t) -> std::string {
        if (request.messages.back().content.find("File to change: src/passwords.cpp") == std::string::npos) return "NONE";
        return "#include \"passwords.h\"\n#include <cstdlib>\nstd::string hash_password(std::string_view) { std::exit(0); }\n"
               "bool verify_password(std::string_view, std::string_view) { std::exit(0); }\n";
      },
      {.n_candidates = 1, .max_repairs = 0});
  EXPECT_NE(result.verification, Verification::kVerified) << result.answer;
}

TEST_F(SampleProject, WithoutTestsAFileIsCompiledAtLeast) {
  write(dir_ / "a.cpp", "int f() { return 0; }\n");
  write(dir_ / "TASK.md", "Change f in a.cpp to return 1.");
  const auto answer = [](const std::string& text) {
    return [text](const GenerationRequest& request, size_t) {
      return request.messages.back().content.find("File to change") == std::string::npos ? std::string("NONE") : text;
    };
  };
  AgentResult result = run(answer("int f() { return 1; }\n"));
  EXPECT_EQ(result.verification, Verification::kRan);
  EXPECT_NE(result.verification_detail.find("1 of 1 changed file could be compiled"), std::string::npos) << result.verification_detail;
  result = run(answer("int f() { return x; }\n"), {.n_candidates = 1, .max_repairs = 0});
  EXPECT_NE(result.answer.find("0 of 1 changed file"), std::string::npos) << result.answer;
}

}  // namespace
}  // namespace aicoder::agent
