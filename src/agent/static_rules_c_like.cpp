// Rules for the languages whose comments are // and /* */.
#include <regex>
#include <set>

#include "agent/ascii.h"
#include "agent/project_facts.h"
#include "agent/source_facts.h"
#include "agent/static_rules.h"

namespace aicoder::agent {
namespace {

struct Rule {
  std::set<std::string_view> languages;
  const char* name;
  std::regex pattern;
  bool on_text;  ///< match with the contents of strings
  const char* message;
};
const std::set<std::string_view> kC = {"c", "c++"}, kScript = {"javascript", "typescript"}, kGo = {"go"}, kRust = {"rust"};
const std::set<std::string_view> kAll = {"c", "c++", "javascript", "typescript", "go", "rust"};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::vector<Finding> apply(const std::vector<Rule>& rules, const std::string& path, std::string_view before, std::string_view after) {
  const std::string language = language_of(path);
  std::vector<Finding> findings;
  if (!is_c_like(language)) return findings;
  std::set<std::string> known;
  for (const std::string& line : lines_of(without_comments(before, language, false))) known.insert(trimmed(line));
  const std::vector<std::string> text = lines_of(without_comments(after, language, false)),
                                 code = lines_of(without_comments(after, language, true));
  for (size_t i = 0; i < text.size(); ++i) {
    // A line of thousands of characters is data; std::regex would recurse deeply on it.
    if (text[i].size() > 1000 || known.contains(trimmed(text[i]))) continue;
    for (const Rule& rule : rules) {
      if (!rule.languages.contains(language)) continue;
      if (std::regex_search(rule.on_text ? text[i] : code[i], rule.pattern)) findings.push_back({rule.name, path, i + 1, rule.message});
    }
  }
  return findings;
}

}  // namespace

std::vector<Finding> check_c_like_rules(const std::string& path, std::string_view before, std::string_view after) {
  static const std::vector<Rule> kRules = {
      {kC, "unbounded-copy", std::regex(R"(\b(strcpy|strcat|sprintf|vsprintf|gets)\s*\()"), false,
       "writes without a bound; use snprintf or std::string"},
      {kC, "shell-command", std::regex(R"(\b(system|popen)\s*\()"), false,
       "runs a shell; use posix_spawn or execve with a list of arguments"},
      {kC, "weak-random", std::regex(R"(\b(s?rand|random|rand_r)\s*\(|\bstd::mt19937)"), false,
       "predictable; secrets need getrandom or RAND_bytes"},
      {kC, "weak-hash", std::regex(R"(\b(MD5|SHA1|EVP_md5|EVP_sha1)\s*\()"), false,
       "MD5 and SHA-1 protect nothing; use SHA-256, for passwords a key derivation"},
      {kC, "password-std-hash", std::regex(R"(std::hash\s*<)"), false, "std::hash is no cryptographic hash"},
      {kC, "digest-compare",
       std::regex(
           R"((digest|signature|hmac|password_hash|hashed|derived|key)\w*(\([^()]*\))?\s*[!=]=\s*(?!nullptr|std::nullopt|0\b|"")\w)"),
       false, "digests compared with ==, which leaks timing; compare in constant time"},
      {kScript, "eval", std::regex(R"((^|[^\w.])(eval|Function)\s*\()"), false, "runs text as code; parse it instead"},
      {kScript, "shell-command", std::regex(R"(\b(exec|execSync)\s*\(\s*[`"'\w].*(\$\{|\+))"), true,
       "input reaches a shell; use execFile with a list of arguments"},
      {kScript, "inner-html", std::regex(R"(\.(innerHTML|outerHTML)\s*=|document\.write\s*\()"), false,
       "text becomes markup; use textContent"},
      {kScript, "weak-random", std::regex(R"(\bMath\.random\s*\()"), false, "predictable; secrets need crypto.randomBytes"},
      {kScript, "weak-hash", std::regex(R"re(createHash\s*\(\s*["'](md5|sha1|sha256|sha512)["']\s*\))re"), true,
       "a fast hash; for passwords use scryptSync with a random salt"},
      {kScript, "digest-compare",
       std::regex(R"((digest|signature|hmac|hash|hashed|derived)\w*(\([^()]*\))?\s*[!=]==?\s*(?!null|undefined|""|'')\w)",
                  std::regex::icase),
       false, "digests compared with ===, which leaks timing; use crypto.timingSafeEqual"},
      {kScript, "tls-verify-off", std::regex(R"(rejectUnauthorized\s*:\s*false|NODE_TLS_REJECT_UNAUTHORIZED)"), true,
       "TLS certificates are not checked"},
      {kScript, "sql-format", std::regex(R"re(\b(query|execute|run|all|get)\s*\(\s*(`[^`]*\$\{|["'][^"']*["']\s*\+))re"), true,
       "SQL built from strings; pass values as parameters"},
      {kGo, "shell-command", std::regex(R"re(exec\.Command\s*\(\s*"(ba|z|da)?sh"\s*,\s*"-c")re"), true,
       "runs a shell; pass the program and its arguments"},
      {kGo, "weak-random", std::regex(R"re("math/rand(/v2)?")re"), true, "predictable; secrets need crypto/rand"},
      {kGo, "weak-hash", std::regex(R"re("crypto/(md5|sha1)")re"), true, "MD5 and SHA-1 protect nothing"},
      {kGo, "tls-verify-off", std::regex(R"(InsecureSkipVerify\s*:\s*true)"), false, "TLS certificates are not checked"},
      {kGo, "sql-format", std::regex(R"re(\.(Query|QueryRow|Exec)\w*\(\s*(fmt\.Sprintf|"[^"]*"\s*\+))re"), true,
       "SQL built from strings; pass values as parameters"},
      {kRust, "unsafe", std::regex(R"(\bunsafe\s*(\{|fn|impl))"), false, "unsafe code: the compiler checks nothing here"},
      {kRust, "shell-command", std::regex(R"re(Command::new\s*\(\s*"(ba|z|da)?sh"\s*\))re"), true,
       "runs a shell; pass the program and its arguments"},
      {kRust, "tls-verify-off", std::regex(R"(danger_accept_invalid_certs\s*\(\s*true)"), false, "TLS certificates are not checked"},
      {kAll, "hard-coded-secret",
       std::regex(R"re(\b\w*(password|passwd|secret|api_?key)\w*\s*(:\s*\w+\s*)?[:=]?=\s*["'][^"']{4,}["']\s*;?\s*$)re", std::regex::icase),
       true, "a secret in the source; read it from the environment or a file"},
      {kAll, "fixed-salt", std::regex(R"re(\bsalt\w*\s*(:\s*\w+\s*)?[:=]?=\s*["'])re"), true,
       "a salt written in the source; draw one for each password"},
      {kAll, "bind-all", std::regex(R"(["']0\.0\.0\.0(:\d+)?["'])"), true, "listens on every interface"},
  };
  return apply(kRules, path, before, after);
}

std::vector<Finding> check_c_like_tampering(const std::string& path, std::string_view before, std::string_view after) {
  // A test program that ends with status 0 has passed for ctest: code under test must not end it.
  static const std::vector<Rule> kRules = {
      {kC, "exits-process", std::regex(R"((^|[^\w.>])(_exit|_Exit|exit|quick_exit|abort|kill|raise)\s*\()"), false,
       "ends the process from inside"},
      {kC, "runs-at-exit", std::regex(R"(\b(atexit|at_quick_exit|on_exit)\s*\(|__attribute__\s*\(\(\s*(constructor|destructor))"), false,
       "runs around main"},
      {kC, "patches-asserts",
       std::regex(R"(^\s*#\s*(define|undef)\s+(assert|NDEBUG|EXPECT\w*|ASSERT\w*|CHECK\w*|TEST\w*|REQUIRE\w*|main)\b)"), false,
       "replaces the assertions of the tests"},
      {kC, "reaches-below", std::regex(R"(\b(ptrace|LD_PRELOAD|dlsym|syscall|mprotect)\b|/proc/(self|\d+))"), true,
       "reaches below the language"},
      {kScript, "exits-process", std::regex(R"(\bprocess\s*\.\s*(exit|kill|abort|reallyExit|exitCode)\b)"), false,
       "ends the process or sets its status from inside"},
      {kScript, "touches-tests", std::regex(R"re(["'](node:test|node:assert(/strict)?|assert|vitest|@jest/globals)["'])re"), true,
       "imports the test framework in code that is not a test"},
      {kScript, "patches-globals", std::regex(R"(\b(globalThis|global|Object\.prototype|Error\.prototype)\s*(\.\w+|\[[^\]]*\])\s*=[^=])"),
       false, "replaces what others rely on"},
      {kGo, "exits-process", std::regex(R"(\bos\.Exit\s*\(|\bsyscall\.(Exit|Kill)\b)"), false, "ends the process from inside"},
      {kGo, "touches-tests", std::regex(R"re(^\s*(import\s+)?"testing"\s*$)re"), true,
       "imports the test framework in code that is not a test"},
      {kRust, "exits-process", std::regex(R"(\bprocess::(exit|abort)\b)"), false, "ends the process from inside"},
      {kAll, "knows-runner", std::regex(R"(aicoder-(run|build|reporter))"), true, "knows the test run"},
  };
  std::vector<Finding> findings = apply(kRules, path, before, after);
  if (language_of(path) == "rust") {
    // Given tests that live in the source itself: each of the old ones must still be there, word for word.
    static const std::regex kTests(R"(#\[cfg\(test\)\])");
    std::smatch match;
    const std::string old(before);
    if (std::regex_search(old, match, kTests)) {
      const std::string tests = old.substr(static_cast<size_t>(match.position(0)));
      if (after.find(trimmed(tests)) == std::string_view::npos)
        findings.push_back({"changes-tests", path, 1, "changes the tests that the file holds"});
    }
  }
  return findings;
}

}  // namespace aicoder::agent
