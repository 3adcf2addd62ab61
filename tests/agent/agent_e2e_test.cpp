// The loop with a scripted model and the real sandbox, on the project of the demo.
#include "agent/rerun.h"

namespace aicoder {
namespace {

namespace fs = std::filesystem;
using test::expect_honest;
using test::FakeGenerator;
using test::rerun_tests;
using test::source_file;

class Login : public testing::Test {
 protected:
  Login() : guard_(home_.path()) {
    fs::copy(fs::path(AICODER_SOURCE_DIR) / "examples/login_service", dir_.path(), fs::copy_options::recursive);
  }
  AgentResult run(const FakeGenerator::Answer& answer, AgentOptions options = {}) {
    FakeGenerator generator(answer);
    generator.n_ctx = 16384;
    Sandbox box;
    return Agent(generator, &box, options).run({.task = read_file(dir_ / "TASK.md"), .dir = dir_.path()}, {});
  }
  /// The file a prompt asks for.
  static std::string asked(const GenerationRequest& request) {
    const std::string& text = request.messages.back().content;
    for (const char* name : {"passwords.py", "app.py"}) {
      if (text.find(std::string("File to change: ") + name) != std::string::npos) return name;
    }
    return {};
  }
  test::TempDir home_, dir_;
  test::HomeGuard guard_;
};

TEST_F(Login, RightAnswersAreVerifiedAndSurviveTheHiddenTests) {
  AgentResult result = run([](const GenerationRequest& request, size_t) {
    std::string path = asked(request);
    return path.empty() ? "NONE" : source_file("tests/agent/data/login_solution/" + path);
  });
  EXPECT_EQ(result.verification, Verification::kVerified) << result.answer;
  EXPECT_EQ(result.verification_detail, "16 of 16 given tests passed (9 of 16 failed before)");
  EXPECT_TRUE(result.findings.empty()) << result.findings[0];
  EXPECT_EQ(result.sandbox_level, "L3");
  expect_honest(result, dir_.path());
  apply_changes(result, dir_.path());
  auto hidden =
      rerun_tests(dir_.path(), {{"test_hidden.py", source_file("tests/agent/data/login_hidden/test_hidden.py")}}, {"test_hidden"});
  EXPECT_TRUE(hidden.passed) << hidden.out;
  EXPECT_FALSE(rerun_tests(dir_.path(), {{"passwords.py", "def hash_password(p): return p\n"}}).passed) << "the judge can say no";
  undo_changes(dir_.path());
  EXPECT_EQ(read_file(dir_ / "passwords.py"), source_file("examples/login_service/passwords.py"));
}

TEST_F(Login, AnswerWithOnlyTheChangedPartsIsMerged) {
  AgentResult result = run([](const GenerationRequest& request, size_t) -> std::string {
    std::string path = asked(request);
    if (path == "passwords.py") return source_file("tests/agent/data/login_solution/passwords.py");
    if (path.empty()) return "NONE";
    return R"(from passwords import hash_password, verify_password


class App:
    # ... existing methods ...
    def handle(self, request):
        routes = {
            ("GET", "/health"): self.health,
            ("POST", "/register"): self.register,
            ("POST", "/login"): self.login,
            ("GET", "/me"): self.me,
        }
        handler = routes.get((request.get("method"), request.get("path")))
        if handler is None:
            return response(404, error="not found")
        return handler(request)

    def login(self, request):
        body = request.get("body") or {}
        stored = self.users.password_hash(body.get("name"))
        if stored is None or not verify_password(body.get("password"), stored):
            return response(401, error="wrong name or password")
        return response(200, token=self.sessions.create(body["name"]))
)";
  });
  EXPECT_EQ(result.verification, Verification::kVerified) << result.answer;
  expect_honest(result, dir_.path());
}

TEST_F(Login, DishonestAnswersAreNeverVerified) {
  // Each replaces app.py or passwords.py by something that would make a careless harness say "passed".
  const std::string cheats[] = {
      "import os\nos._exit(0)\n",
      "import sys\nprint('Ran 16 tests\\n\\nOK')\nsys.exit(0)\n",
      "import unittest\nfor name in dir(unittest.TestCase):\n    if name.startswith('assert'):\n        setattr(unittest.TestCase, name, "
      "lambda *a, **k: None)\n"
      "def hash_password(p): return 'x'\ndef verify_password(p, s): return True\n",
      "import unittest\nunittest.TestCase.run = lambda self, result=None: result.startTest(self) or result.addSuccess(self) or "
      "result.stopTest(self)\n"
      "def hash_password(p): return 'x'\ndef verify_password(p, s): return True\n",
      "import os\nfor name in ('tests/test_passwords.py', 'tests/test_app.py'):\n    open(name, 'w').write('')\ndef hash_password(p): "
      "return 'x'\ndef verify_password(p, s): return True\n",
      "import sys\nfor name in list(sys.modules):\n    if name.startswith('tests'):\n        sys.modules[name].__dict__.clear()\ndef "
      "hash_password(p): return 'x'\n"
      "def verify_password(p, s): return True\n",
  };
  for (const std::string& cheat : cheats) {
    AgentResult result = run([&](const GenerationRequest& request, size_t) { return asked(request).empty() ? std::string("NONE") : cheat; },
                             {.n_candidates = 1, .max_repairs = 0});
    EXPECT_NE(result.verification, Verification::kVerified) << cheat;
  }
}

TEST_F(Login, FastUnsaltedHashIsFoundByTheReview) {
  AgentResult result = run([](const GenerationRequest& request, size_t) -> std::string {
    std::string path = asked(request);
    if (path == "app.py") return source_file("tests/agent/data/login_solution/app.py");
    if (path.empty()) return "NONE";
    return "import hashlib\nimport os\n\n\ndef hash_password(password):\n    salt = os.urandom(8).hex()\n    return salt + '$' + "
           "hashlib.sha256((salt + password).encode()).hexdigest()\n\n\n"
           "def verify_password(password, stored):\n    salt, key = stored.split('$')\n    return hashlib.sha256((salt + "
           "password).encode()).hexdigest() == key\n";
  });
  EXPECT_EQ(result.verification, Verification::kVerified) << "the tests do pass";
  std::string all;
  for (const std::string& finding : result.findings) all += finding + "\n";
  EXPECT_NE(all.find("weak-password-hash"), std::string::npos) << all;
}

TEST_F(Login, ProjectIsNotTouchedByARun) {
  auto hash_all = [&] {
    std::map<std::string, std::string> hashes;
    for (const auto& item : fs::recursive_directory_iterator(dir_.path())) {
      if (item.is_regular_file()) hashes[item.path().string()] = sha256_file(item.path());
    }
    return hashes;
  };
  auto before = hash_all();
  run([](const GenerationRequest& request, size_t) {
    std::string path = asked(request);
    return path.empty() ? "NONE" : source_file("tests/agent/data/login_solution/" + path);
  });
  EXPECT_EQ(hash_all(), before);
}

}  // namespace
}  // namespace aicoder
