#include "agent/static_rules.h"

#include <algorithm>
#include <regex>
#include <set>

#include "agent/ascii.h"
#include "agent/python_lexer.h"

namespace aicoder::agent {
namespace {

struct Line {
  size_t number;
  std::string code;  ///< strings emptied, comments removed
  std::string text;  ///< as written, comments removed
};

/// Lines with comments removed; in `code` string contents are blanked, so that a rule on calls does not fire on a text about them.
std::vector<Line> code_lines(std::string_view source) {
  std::string blanked(source), stripped(source);
  PythonLexer lexer(source);
  size_t previous_end = 0;
  auto blank = [](std::string& s, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (s[i] != '\n') s[i] = ' ';
    }
  };
  bool statement_start = true;
  for (PythonToken token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
    // Comments inside brackets are not tokens; they lie between two tokens.
    for (size_t i = previous_end; i < token.begin; ++i) {
      if (source[i] != '#') continue;
      size_t end = std::min(source.find('\n', i), token.begin);
      blank(blanked, i, end);
      blank(stripped, i, end);
      i = end;
    }
    if (token.kind == TokenKind::kComment) {
      blank(blanked, token.begin, token.end);
      blank(stripped, token.begin, token.end);
    }
    if (token.kind == TokenKind::kString) {
      size_t quote = token.text.find_first_of("\"'");
      bool triple =
          token.text.size() >= quote + 6 && token.text[quote] == token.text[quote + 1] && token.text[quote] == token.text[quote + 2];
      size_t width = triple ? 3 : 1;
      if (token.end - token.begin >= quote + 2 * width) blank(blanked, token.begin + quote + width, token.end - width);
      if (statement_start) blank(stripped, token.begin, token.end);  // a docstring is prose
    }
    statement_start = token.kind == TokenKind::kNewline || token.is(":") || (statement_start && token.kind == TokenKind::kComment);
    previous_end = token.end;
  }
  std::vector<Line> lines;
  size_t number = 1;
  for (size_t at = 0; at < source.size(); ++number) {
    size_t end = std::min(source.find('\n', at), source.size());
    lines.push_back({number, blanked.substr(at, end - at), stripped.substr(at, end - at)});
    at = end + 1;
  }
  return lines;
}

std::set<std::string> known_lines(std::string_view before) {
  std::set<std::string> known;
  for (const Line& line : code_lines(before)) known.insert(trimmed(line.text));
  return known;
}

struct Rule {
  const char* name;
  std::regex pattern;
  bool on_text;  ///< match with string contents
  const char* message;
};

std::vector<Finding> apply(const std::vector<Rule>& rules, const std::string& path, std::string_view before, std::string_view after) {
  std::vector<Finding> findings;
  std::set<std::string> known = known_lines(before);
  for (const Line& line : code_lines(after)) {
    // A line of thousands of characters is data; std::regex would recurse deeply on it.
    if (line.text.size() > 1000 || known.contains(trimmed(line.text))) continue;
    for (const Rule& rule : rules) {
      if (std::regex_search(rule.on_text ? line.text : line.code, rule.pattern))
        findings.push_back({rule.name, path, line.number, rule.message});
    }
  }
  return findings;
}

bool mentions_password(std::string_view text) {
  static const std::regex kPassword("passw|pwd|passphrase|비밀번호", std::regex::icase);
  return std::regex_search(text.begin(), text.end(), kPassword);
}

}  // namespace

std::vector<Finding> check_rules(const std::string& path, std::string_view before, std::string_view after) {
  if (!path.ends_with(".py")) return check_c_like_rules(path, before, after);
  static const std::vector<Rule> kRules = {
      {"eval-exec", std::regex(R"((^|[^\w.])(eval|exec)\s*\()"), false,
       "eval or exec runs text as code; parse it (ast.literal_eval, json) instead"},
      {"shell-true", std::regex(R"(shell\s*=\s*True)"), false, "shell=True lets input reach a shell; pass a list of arguments"},
      {"os-system", std::regex(R"(\bos\.(system|popen)\s*\()"), false, "os.system runs a shell; use subprocess.run with a list"},
      {"pickle-load", std::regex(R"(\b(pickle|cPickle|dill|marshal|shelve)\.(loads?|open)\s*\()"), false,
       "unpickling runs code of whoever wrote the data; use json"},
      {"yaml-load", std::regex(R"(\byaml\.load\s*\((?!.*Safe))"), false, "yaml.load builds any object; use yaml.safe_load"},
      {"sql-format", std::regex(R"re(execute(many|script)?\s*\(\s*(f["']|["'][^"']*["']\s*(%|\+|\.format)))re"), true,
       "SQL built from strings; pass values as parameters"},
      {"tls-verify-off", std::regex(R"(verify\s*=\s*False|CERT_NONE|_create_unverified_context)"), false,
       "TLS certificates are not checked"},
      {"digest-compare",
       std::regex(
           R"((digest|signature|hmac|mac|token|password_hash|hashed)\w*(\(\))?\s*[!=]=\s*(?!None\b|True\b|False\b)[A-Za-z_]|\w\s*[!=]=\s*\w*\.?(hex)?digest\(\))"),
       false, "digests compared with ==, which leaks timing; use hmac.compare_digest"},
      {"weak-random",
       std::regex(R"((salt|token|secret|session|nonce)\w*\s*=.*\brandom\.(random|randint|choice|choices|getrandbits|randbytes)\()"), false,
       "random is predictable; use the secrets module"},
      {"hard-coded-secret",
       std::regex(R"re(\b\w*(password|passwd|secret|api_?key|token)\w*\s*=\s*["'][^"']{4,}["']\s*$)re", std::regex::icase), true,
       "a secret in the source; read it from the environment or a file"},
      {"debug-on", std::regex(R"(\.run\(.*debug\s*=\s*True)"), false, "debug mode lets visitors run code"},
      {"tempfile-mktemp", std::regex(R"(\btempfile\.mktemp\s*\()"), false, "mktemp races; use mkstemp or NamedTemporaryFile"},
      {"bind-all", std::regex(R"(["']0\.0\.0\.0["'])"), true, "listens on every interface"},
  };
  std::vector<Finding> findings = apply(kRules, path, before, after);

  // A fast hash for passwords: salted or not, it is guessed at billions a second. Looked at with the lines around.
  static const std::regex kFastHash(R"(\bhashlib\.(md5|sha1|sha224|sha256|sha384|sha512|blake2[bs]|new)\s*\()");
  std::set<std::string> known = known_lines(before);
  std::vector<Line> lines = code_lines(after);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].code.size() > 1000 || known.contains(trimmed(lines[i].text)) || !std::regex_search(lines[i].code, kFastHash)) continue;
    std::string around;
    for (size_t j = i >= 6 ? i - 6 : 0; j < std::min(i + 3, lines.size()); ++j) around += lines[j].text + "\n";
    if (mentions_password(around) && lines[i].code.find("pbkdf2") == std::string::npos) {
      findings.push_back({"weak-password-hash", path, lines[i].number,
                          "a fast hash for a password; use hashlib.scrypt or hashlib.pbkdf2_hmac with a random salt for each user"});
    }
  }
  // A key derivation with a fixed salt is as good as none.
  static const std::regex kFixedSalt(R"re(\bsalt\s*=\s*b?["'])re");
  for (const Line& line : lines) {
    if (line.text.size() <= 1000 && !known.contains(trimmed(line.text)) && std::regex_search(line.text, kFixedSalt)) {
      findings.push_back(
          {"fixed-salt", path, line.number, "a salt written in the source; draw one for each password with os.urandom or secrets"});
    }
  }
  std::sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) { return a.line < b.line; });
  return findings;
}

std::vector<Finding> check_tampering(const std::string& path, std::string_view before, std::string_view after) {
  if (!path.ends_with(".py")) return check_c_like_tampering(path, before, after);
  static const std::vector<Rule> kRules = {
      {"exits-process", std::regex(R"(\bos\._exit\s*\(|\bos\.abort\s*\(|\bos\.kill(pg)?\s*\()"), false, "ends the process from inside"},
      {"touches-tests", std::regex(R"(^\s*(import|from)\s+(unittest|pytest|_pytest)\b)"), false,
       "imports the test framework in code that is not a test"},
      {"reads-frames", std::regex(R"(\bsys\._getframe|\binspect\.(stack|currentframe)|\bgc\.get_(objects|referrers))"), false,
       "looks into its callers"},
      {"patches-builtins", std::regex(R"(\bbuiltins\.\w+\s*=[^=]|\bsetattr\s*\(\s*(builtins|unittest))"), false, "replaces builtins"},
      {"knows-runner", std::regex(R"(aicoder-run|/proc/(self|\d+)|\bctypes\b|sys\.settrace|sys\.setprofile)"), true,
       "reaches below Python"},
  };
  return apply(kRules, path, before, after);
}

}  // namespace aicoder::agent
