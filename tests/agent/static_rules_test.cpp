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

}  // namespace
}  // namespace aicoder::agent
