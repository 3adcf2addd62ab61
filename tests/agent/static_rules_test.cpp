#include "agent/static_rules.h"

#include <gtest/gtest.h>

namespace aicoder::agent {
namespace {

std::vector<std::string> rules(std::string_view after, std::string_view before = "") {
  std::vector<std::string> out;
  for (const Finding& finding : check_rules("a.py", before, after)) out.push_back(finding.rule);
  return out;
}
using Rules = std::vector<std::string>;

struct Bad : testing::TestWithParam<std::pair<const char*, const char*>> {};
TEST_P(Bad, IsFound) { EXPECT_EQ(rules(GetParam().second), Rules{GetParam().first}) << GetParam().second; }
INSTANTIATE_TEST_SUITE_P(
    Rules, Bad,
    testing::Values(std::pair{"eval-exec", "x = eval(text)"}, std::pair{"shell-true", "subprocess.run(cmd, shell=True)"},
                    std::pair{"os-system", "os.system(cmd)"}, std::pair{"pickle-load", "pickle.loads(data)"},
                    std::pair{"yaml-load", "yaml.load(f)"}, std::pair{"sql-format", "db.execute(f\"SELECT {name}\")"},
                    std::pair{"sql-format", "db.execute(\"SELECT '%s'\" % name)"}, std::pair{"sql-format", "db.execute('SELECT ' + name)"},
                    std::pair{"tls-verify-off", "requests.get(url, verify=False)"}, std::pair{"digest-compare", "return digest == other"},
                    std::pair{"digest-compare", "return mac.hexdigest() == given"},
                    std::pair{"weak-random", "token = random.randint(0, 9)"}, std::pair{"hard-coded-secret", "API_KEY = \"abcd1234\""},
                    std::pair{"weak-password-hash", "def f(password):\n    return hashlib.sha256(password.encode()).hexdigest()"},
                    std::pair{"weak-password-hash", "pwd_hash = hashlib.md5(pwd)"}, std::pair{"fixed-salt", "salt = b\"pepper\""}));

struct Good : testing::TestWithParam<const char*> {};
TEST_P(Good, IsLeftAlone) { EXPECT_EQ(rules(GetParam()), Rules{}) << GetParam(); }
INSTANTIATE_TEST_SUITE_P(Rules, Good,
                         testing::Values("model.eval()", "re.compile(x)  # eval(text)", "\"\"\"Uses eval(x) and shell=True.\"\"\"",
                                         "s = 'os.system(x)'", "db.execute(\"SELECT ? FROM t\", (name,))",
                                         "yaml.load(f, Loader=yaml.SafeLoader)", "hmac.compare_digest(a, b)",
                                         "hashlib.pbkdf2_hmac('sha256', password.encode(), salt, 100000)",
                                         "hashlib.sha256(block).hexdigest()", "salt = os.urandom(16)", "token = secrets.token_hex(16)",
                                         "password = request.get('password')", "if name == other: pass"));

TEST(StaticRules, OnlyChangedLinesCount) {
  EXPECT_EQ(rules("x = eval(a)\ny = 1\n", "x = eval(a)\n"), Rules{});
  EXPECT_EQ(rules("x = eval(a)\ny = eval(b)\n", "x = eval(a)\n"), Rules{"eval-exec"});
}
TEST(StaticRules, NamesTheLine) { EXPECT_EQ(check_rules("d/a.py", "", "\n\nos.system(x)\n").at(0).text().substr(0, 9), "d/a.py:3:"); }
TEST(StaticRules, OtherFilesAndOddTextAreLeftAlone) {
  EXPECT_TRUE(check_rules("a.md", "", "eval(x)").empty());
  rules(std::string(100'000, 'x') + "eval(");
  rules("'''\x01\xff");
}
TEST(Tampering, FindsInterferenceWithTheTestRun) {
  for (const char* code : {"os._exit(0)", "import unittest", "from unittest import TestCase", "sys._getframe(1)", "gc.get_objects()",
                           "builtins.len = f", "open('/proc/self/mem')"}) {
    EXPECT_EQ(check_tampering("a.py", "", code).size(), 1U) << code;
  }
  EXPECT_TRUE(check_tampering("a.py", "", "import os\n# os._exit(0)\nx = 'unittest'\n").empty());
}

// ---- C, C++, JavaScript, TypeScript, Go, Rust ----

struct Place {
  const char *path, *rule, *code;
};
struct BadSource : testing::TestWithParam<Place> {};
TEST_P(BadSource, IsFound) {
  const auto found = check_rules(GetParam().path, "", GetParam().code);
  ASSERT_EQ(found.size(), 1U) << GetParam().code;
  EXPECT_EQ(found[0].rule, GetParam().rule);
  EXPECT_TRUE(check_rules(GetParam().path, GetParam().code, GetParam().code).empty()) << "what was there before is not this change's doing";
  EXPECT_TRUE(check_rules(GetParam().path, "", std::string("// ") + GetParam().code).empty()) << "nor is a comment";
}
INSTANTIATE_TEST_SUITE_P(
    Rules, BadSource,
    testing::Values(Place{"a.c", "unbounded-copy", "strcpy(to, from);"}, Place{"a.cpp", "shell-command", "system(command.c_str());"},
                    Place{"a.cpp", "weak-random", "int salt = rand();"},
                    Place{"a.cpp", "password-std-hash", "return std::hash<std::string>{}(p);"},
                    Place{"a.cpp", "digest-compare", "return derive_key(p, s) == other;"}, Place{"a.ts", "eval", "const x = eval(text);"},
                    Place{"a.js", "weak-random", "const t = Math.random();"}, Place{"a.ts", "weak-hash", "createHash('sha256')"},
                    Place{"a.ts", "digest-compare", "return hash === given;"}, Place{"a.js", "inner-html", "node.innerHTML = text;"},
                    Place{"a.js", "sql-format", "db.query(`SELECT ${name}`)"}, Place{"a.go", "weak-random", "\"math/rand\""},
                    Place{"a.go", "tls-verify-off", "InsecureSkipVerify: true"}, Place{"a.rs", "unsafe", "unsafe { *p }"},
                    Place{"a.go", "bind-all", "listen(\"0.0.0.0:80\")"},
                    Place{"a.cpp", "fixed-salt", "const std::string salt = \"pepper\";"},
                    Place{"a.ts", "hard-coded-secret", "const apiKey = \"abcd1234\";"}));

TEST(StaticRules, GoodSourceIsLeftAlone) {
  const Place good[] = {{"a.cpp", "", "const auto user = users_.find(name);"},
                        {"a.cpp", "", "if (salt && key && equal_in_constant_time(derive_key(p, *salt), *key)) return true;"},
                        {"a.ts", "", "if (stored === undefined) return false;"},
                        {"a.ts", "", "const token = randomBytes(16).toString(\"hex\");"},
                        {"a.go", "", "rand.Read(salt)"},
                        {"a.rs", "", "let s = \"unsafe { }\";"}};
  for (const Place& one : good) EXPECT_TRUE(check_rules(one.path, "", one.code).empty()) << one.code;
}

TEST(StaticRules, TamperingInOtherLanguages) {
  const Place bad[] = {{"a.cpp", "exits-process", "std::exit(0);"},
                       {"a.cpp", "patches-asserts", "#define assert(x)"},
                       {"a.cpp", "runs-at-exit", "atexit(done);"},
                       {"a.ts", "exits-process", "process.exit(0)"},
                       {"a.js", "touches-tests", "import a from \"node:assert\""},
                       {"a.go", "exits-process", "os.Exit(0)"},
                       {"a.rs", "exits-process", "std::process::exit(0)"},
                       {"a.c", "exits-process", "_exit(0);"}};
  for (const Place& one : bad) {
    const auto found = check_tampering(one.path, "", one.code);
    ASSERT_EQ(found.size(), 1U) << one.code;
    EXPECT_EQ(found[0].rule, one.rule);
  }
  EXPECT_TRUE(check_tampering("a.cpp", "", "on_exit_code = 1; // exit(0)").empty());
  const std::string tests = "#[cfg(test)]\nmod tests {\n  #[test]\n  fn a() { assert!(f()); }\n}\n";
  EXPECT_TRUE(check_tampering("src/lib.rs", "fn f() -> bool { false }\n" + tests, "fn f() -> bool { true }\n" + tests).empty());
  EXPECT_EQ(check_tampering("src/lib.rs", tests, "#[cfg(test)]\nmod tests {}\n").at(0).rule, "changes-tests");
}

}  // namespace
}  // namespace aicoder::agent
