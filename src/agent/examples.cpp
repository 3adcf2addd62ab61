// Reads the examples a task gives into checks. Everything that could be read two ways is left out: a wrong check would throw
// away right answers, and a right answer's failing check would be reported to the user as the truth.
#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "agent/python_expression.h"
#include "aicoder/agent.h"

namespace aicoder {
namespace {

using agent::is_identifier_char;
using agent::is_identifier_start;
using agent::PythonLiteral;

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  size_t at = 0;
  while (at <= text.size()) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    at = end + 1;
  }
  return lines;
}

std::string_view trim(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// A call of something the solution must bring: an assertion over builtins alone passes for any answer.
bool calls_something_own(std::string_view expression) {
  auto names = agent::called_names(expression);
  return std::any_of(names.begin(), names.end(), [](const std::string& name) { return !agent::is_python_builtin(name); });
}

/// Digits after the point of a float literal such as 0.33; 0 for exponents.
size_t decimals(std::string_view literal) {
  size_t point = literal.find('.');
  if (point == std::string_view::npos || literal.find_first_of("eE") != std::string_view::npos) return 0;
  size_t n = 0;
  while (point + 1 + n < literal.size() && std::isdigit(static_cast<unsigned char>(literal[point + 1 + n]))) ++n;
  return n;
}

std::string make_check(std::string_view left, std::string_view right, const PythonLiteral& literal, bool prose) {
  std::string l(trim(left)), r(trim(right));
  if (literal.is_float) {
    // A document may round what it shows (0.33); computed floats differ in the last bits anyway.
    size_t shown = decimals(r);
    std::string tolerance = prose && shown >= 2 ? "0.51e-" + std::to_string(shown) : "1e-6 * max(1.0, abs(" + r + "))";
    return "assert abs((" + l + ") - (" + r + ")) <= " + tolerance;
  }
  if (literal.is_float_list) {
    return "assert (lambda got, want: len(got) == len(want) and all(abs(g - w) <= 1e-6 * max(1.0, abs(w)) for g, w in zip(got, want)))(" +
           l + ", " + r + ")";
  }
  return "assert (" + l + ") == " + r;
}

struct Found {
  Example example;
  std::string left, right;   ///< blanks removed, for finding contradictions
  std::string function;      ///< the name called; empty when not known
  bool equals_sign = false;  ///< "f(1) = 2"
};

/// The tokens with one blank between: equal for code that differs in spacing, not for strings that do.
std::string squeezed(std::string_view text) {
  agent::PythonLexer lexer(text);
  std::string out;
  for (agent::PythonToken token = lexer.next(); token.kind != agent::TokenKind::kEnd; token = lexer.next()) {
    out += std::string(token.text) + " ";
    if (token.kind == agent::TokenKind::kString && token.text.starts_with('"')) {
      out[out.size() - token.text.size() - 1] = '\'';
      out[out.size() - 2] = '\'';
    }
  }
  return out;
}

// ---- doctests ----

std::string_view without_comment(std::string_view code) {
  agent::PythonLexer lexer(code);
  while (true) {
    agent::PythonToken token = lexer.next();
    if (token.kind == agent::TokenKind::kComment) return trim(code.substr(0, token.begin));
    if (token.kind == agent::TokenKind::kEnd || token.kind == agent::TokenKind::kError) return trim(code);
  }
}

/// "name = expression", which later lines of the same doctest may need.
bool is_assignment(std::string_view code) {
  agent::PythonLexer lexer(code);
  agent::PythonToken name = lexer.next(), equals = lexer.next();
  if (name.kind != agent::TokenKind::kName || agent::is_python_keyword(name.text) || !equals.is("=")) return false;
  return agent::is_expression(code.substr(equals.end));
}

void read_doctests(const std::vector<std::string_view>& lines, std::vector<Found>& out, std::vector<bool>& used) {
  std::string setup;
  bool setup_broken = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = trim(lines[i]);
    if (!line.starts_with(">>>")) {
      if (line.empty() || line.starts_with("\"\"\"") || line.starts_with("'''")) {
        // A blank line ends an expected output, not the session; a closing docstring ends both.
        if (!line.empty()) {
          setup.clear();
          setup_broken = false;
        }
      }
      continue;
    }
    used[i] = true;
    std::string code(trim(line.substr(3)));
    while (i + 1 < lines.size() && trim(lines[i + 1]).starts_with("...")) {
      std::string_view more = trim(lines[++i]).substr(3);
      used[i] = true;
      code += "\n" + std::string(more);
    }
    std::string source(without_comment(code));
    std::vector<std::string_view> expected;
    for (size_t j = i + 1; j < lines.size(); ++j) {
      std::string_view next = trim(lines[j]);
      if (next.empty() || next.starts_with(">>>") || next.starts_with("\"\"\"") || next.starts_with("'''")) break;
      expected.push_back(next);
    }
    if (expected.empty()) {
      if (is_assignment(source)) {
        setup += source + "\n";
      } else if (source.starts_with("import ") || source.starts_with("from ")) {
        continue;  // `from solution import f`: the solution is already there
      } else if (source.find("==") != std::string::npos && agent::is_expression(source)) {
        used[i] = false;  // `>>> f(1) == 2` without an output is an equation: the prose reader takes it
      } else {
        setup_broken = true;  // a call for its effect, a loop: what follows may depend on it
      }
      continue;
    }
    if (setup_broken || !agent::is_expression(source) || !calls_something_own(source)) continue;
    // The expected output is one literal, on one line or over all of them; prose may follow on the next line.
    std::string whole;
    for (std::string_view part : expected) whole += std::string(part) + "\n";
    std::string_view right = trim(whole);
    auto literal = agent::parse_literal(right, 0);
    bool complete = literal && trim(right.substr(literal->end)).empty();
    if (!complete) {
      right = expected.front();
      literal = agent::parse_literal(right, 0);
      bool prose_follows = expected.size() > 1 && std::isalpha(static_cast<unsigned char>(expected[1].front()));
      complete = literal && trim(right.substr(literal->end)).empty() && prose_follows;
    }
    if (!complete) continue;
    for (size_t j = i + 1; j <= i + expected.size(); ++j) used[j] = true;
    out.push_back({{setup + make_check(source, right, *literal, false), "doctest"}, squeezed(setup + source), squeezed(right), {}});
  }
}

// ---- assert lines ----

void read_asserts(const std::vector<std::string_view>& lines, std::vector<Found>& out, std::vector<bool>& used) {
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = trim(lines[i]);
    while (line.starts_with('`') || line.starts_with("- ") || line.starts_with("* ")) line = trim(line.substr(1));
    if (used[i] || !line.starts_with("assert ")) continue;
    std::string code(line);
    size_t last = i;
    auto complete = [&]() -> std::optional<std::string> {
      std::string_view body = std::string_view(code).substr(7);
      auto end = agent::parse_expression(body, 0);
      if (!end) return std::nullopt;
      std::string_view rest = trim(body.substr(*end));
      while (rest.starts_with('`')) rest = trim(rest.substr(1));
      bool message = rest.starts_with(',') && agent::is_expression(trim(rest.substr(1)));
      if (rest.empty() || rest.starts_with('#') || message) return "assert " + std::string(trim(body.substr(0, *end)));
      return std::nullopt;
    };
    auto check = complete();
    while (!check && last + 1 < lines.size() && last - i < 40 && !trim(lines[last + 1]).empty()) {
      if (trim(lines[last + 1]).starts_with("assert ")) break;
      code += "\n" + std::string(lines[++last]);
      check = complete();
    }
    if (!check || !calls_something_own(std::string_view(*check).substr(7))) continue;
    // "assert f" alone parses but says nothing; a comparison or a call is needed, and calls_something_own saw a call.
    for (size_t j = i; j <= last; ++j) used[j] = true;
    out.push_back({{*check, "assert"}, squeezed(*check), "", {}});
    i = last;
  }
}

// ---- prose: f(x) == y, f(x) -> y, f(x) returns y ----

struct Arrow {
  std::string_view text;
  bool word;       ///< needs blanks around it, and says what is, not only what should be
  bool normative;  ///< "should return"
};
constexpr Arrow kArrows[] = {
    {"==>", false, false},       {"-->", false, false},        {"==", false, false},          {"=>", false, false},
    {"->", false, false},        {"➞", false, false},          {"→", false, false},           {"➡", false, false},
    {"⇒", false, false},         {"=", false, false},          {"should return", true, true}, {"should be", true, true},
    {"must return", true, true}, {"should give", true, true},  {"will return", true, false},  {"would return", true, false},
    {"must be", true, true},     {"should equal", true, true}, {"equals", true, false},       {"returns", true, false},
    {"gives", true, false},      {"return", true, false},      {"is equal to", true, false},  {"evaluates to", true, false}};

/// Words of the sentence that say the example may be of wrong or past behaviour.
bool talks_about_a_fault(std::string_view sentence) {
  std::string lower;
  for (char c : sentence) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static constexpr std::string_view kWords[] = {
      "bug", "wrong", "current", "incorrect", "actual", "instead", "fix",  "but ", "error", "fails", "broken", "not ", "never",
      "n't", "if ",   "unless",  "while ",    "before", "버그",    "잘못", "대신", "지금",  "현재",  "오류",   "틀린", "않"};
  return std::any_of(std::begin(kWords), std::end(kWords), [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

/// What may follow the right side: nothing that could continue the expression or offer a second answer.
bool ends_cleanly(std::string_view rest, bool normative) {
  if (rest.starts_with('`')) rest.remove_prefix(1);
  if (rest.starts_with("**")) rest.remove_prefix(2);
  std::string_view after = trim(rest);
  if (after.empty() || after.starts_with('#')) return true;
  if (after.starts_with('.') || after.starts_with(';'))
    return after.size() == 1 || std::isspace(static_cast<unsigned char>(after[1])) || after[1] == '.';
  if (after.starts_with(')') && trim(after.substr(1)).empty()) return true;
  if (after.starts_with(") ") || after.starts_with("\"\"\"") || after.starts_with("'''") || after.starts_with("//") ||
      after.starts_with('('))
    return true;
  if (after.starts_with(',')) {
    // ", f(3) == 4" and ", because ..." end it; ", 5" could be the second half of a tuple.
    std::string_view next = trim(after.substr(1));
    if (next.empty()) return true;
    return is_identifier_start(next.front()) && !next.starts_with("or ") && !next.starts_with("None") && !next.starts_with("True") &&
           !next.starts_with("False") && !next.starts_with("not ");
  }
  static constexpr std::string_view kWords[] = {"and ", "because", "since ", "as ", "whereas", "while "};
  if (std::any_of(std::begin(kWords), std::end(kWords), [&](std::string_view word) { return after.starts_with(word); })) return true;
  return normative && (after.starts_with("but ") || after.starts_with("not ") || after.starts_with("instead"));
}

std::string_view sentence_before(std::string_view line, size_t at) {
  size_t begin = at == 0 ? std::string_view::npos : line.rfind(". ", at - 1);
  begin = begin == std::string_view::npos ? 0 : begin + 2;
  return line.substr(begin, at - begin);
}

struct RightSide {
  std::string text;
  PythonLiteral literal;
};
std::optional<RightSide> right_side(std::string_view line, size_t at) {
  for (auto [word, python] : {std::pair<std::string_view, std::string_view>{"true", "True"}, {"false", "False"}}) {
    bool here = line.substr(at).starts_with(word) && (at + word.size() == line.size() || !is_identifier_char(line[at + word.size()]));
    if (here) return RightSide{std::string(python), {.end = at + word.size()}};
  }
  auto literal = agent::parse_literal(line, at);
  if (!literal) return std::nullopt;
  std::string_view text = line.substr(at, literal->end - at);
  // ("Venus"): a string to Python, a tuple to some writers.
  if (text.starts_with('(') && literal->is_parenthesized) return std::nullopt;
  return RightSide{std::string(text), *literal};
}

void read_prose_line(std::string_view line, std::string_view previous, std::vector<Found>& out) {
  for (size_t i = 0; i < line.size(); ++i) {
    bool starts = is_identifier_start(line[i]) && (i == 0 || (!is_identifier_char(line[i - 1]) && line[i - 1] != '.'));
    if (!starts) continue;
    auto call = agent::parse_literal_call(line, i);
    if (!call || agent::is_python_builtin(call->name)) {
      while (i + 1 < line.size() && is_identifier_char(line[i + 1])) ++i;
      continue;
    }
    size_t call_begin = i;
    std::string_view before = trim(line.substr(0, i));
    // `not f(1) == 2`, `x + f(1) == 2`, `"f(1) == 2"`: the call is part of something larger.
    bool part_of_more = before.ends_with("def") || before.ends_with("not") || before.ends_with("assert") || before.ends_with("lambda");
    if (!before.empty() && std::string_view("+-*/%=<>|&^,.[{@\"'!").find(before.back()) != std::string_view::npos) {
      // A doctest prompt, a bullet, a quote of an earlier example, a list of examples end in these too; an operator right before does not.
      bool bullet = before == ">>>" || before == "-" || before == "*" || before == "+" || (before.back() == ',' && !before.ends_with("(,"));
      part_of_more = part_of_more || !bullet || before.find('[') != std::string_view::npos;
      if (before.back() == '.' && i > 0 && line[i - 1] == ' ') part_of_more = false;
      if (before.ends_with("**") && trim(before.substr(0, before.size() - 2)).empty()) part_of_more = false;
    }
    size_t end = call->end;
    size_t left_end = end;
    // `f(1)  # returns 2` says it in a comment.
    while (end < line.size() && (line[end] == ' ' || line[end] == '\t' || line[end] == '`' || line[end] == '#')) ++end;
    const Arrow* arrow = nullptr;
    for (const Arrow& candidate : kArrows) {
      if (line.substr(end).starts_with(candidate.text)) {
        arrow = &candidate;
        break;
      }
    }
    i = left_end - 1;
    if (arrow == nullptr || part_of_more) continue;
    // "load() -> None" is a signature, not an example.
    if (arrow->text == "->" && trim(line.substr(call_begin + call->name.size(), left_end - call_begin - call->name.size())) == "()")
      continue;
    size_t right = end + arrow->text.size();
    if (arrow->word && right < line.size() && line[right] != ' ' && line[right] != ':') continue;
    while (right < line.size() && (line[right] == ' ' || line[right] == '\t' || line[right] == '`' || line[right] == ':')) ++right;
    auto want = right_side(line, right);
    if (!want || !ends_cleanly(line.substr(want->literal.end), arrow->normative)) continue;
    std::string around = std::string(sentence_before(line, call_begin)) + " " + std::string(line.substr(want->literal.end));
    bool fault = talks_about_a_fault(around) || (arrow->word && talks_about_a_fault(previous));
    // "f(1) should return 2, not 3" names the fault and still says what is right.
    if (fault && !(arrow->normative && !talks_about_a_fault(sentence_before(line, call_begin)))) continue;
    std::string_view source = line.substr(call_begin, left_end - call_begin);
    out.push_back({{make_check(source, want->text, want->literal, true), "prose"},
                   squeezed(source),
                   squeezed(want->text),
                   call->name,
                   arrow->text == "="});
    i = want->literal.end - 1;
  }
}

// ---- "For lst = [1, 2], k = 3 the output should be 4" and "Input: ... / Output: ...", for the one function the task gives ----

struct Signature {
  std::string name;
  std::vector<std::string> parameters, required;
};

std::vector<std::string> defined_functions(const std::vector<std::string_view>& lines) {
  std::vector<std::string> names;
  for (std::string_view line : lines) {
    std::string_view code = trim(line);
    if (!code.starts_with("def ")) continue;
    size_t end = code.find('(');
    if (end != std::string_view::npos) names.emplace_back(trim(code.substr(4, end - 4)));
  }
  return names;
}

/// "tri(n) = 1 + n / 2": then "tri(1) = 3" is part of a definition in mathematics, not an example of a call.
bool is_recurrence(std::string_view text, std::string_view name) {
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    bool whole = at == 0 || !is_identifier_char(text[at - 1]);
    if (!whole || agent::parse_literal_call(text, at)) continue;
    agent::PythonLexer lexer(text, at + name.size());
    agent::PythonToken token = lexer.next();
    if (!token.is("(")) continue;
    while (lexer.depth() > 0 && token.kind != agent::TokenKind::kEnd && token.kind != agent::TokenKind::kError) token = lexer.next();
    if (token.is(")") && lexer.next().is("=")) return true;
  }
  return false;
}

std::optional<Signature> only_signature(const std::vector<std::string_view>& lines) {
  std::optional<Signature> found;
  for (std::string_view line : lines) {
    if (!line.starts_with("def ")) continue;
    if (found) return std::nullopt;
    agent::PythonLexer lexer(line, 4);
    Signature signature{std::string(lexer.next().text), {}, {}};
    if (!lexer.next().is("(")) return std::nullopt;
    bool at_name = true;
    for (agent::PythonToken token = lexer.next(); lexer.depth() > 0; token = lexer.next()) {
      if (token.kind == agent::TokenKind::kEnd || token.kind == agent::TokenKind::kError || token.is("*") || token.is("**"))
        return std::nullopt;
      if (at_name && token.kind == agent::TokenKind::kName) {
        signature.parameters.emplace_back(token.text);
        signature.required.emplace_back(token.text);
      }
      if (token.is("=") && lexer.depth() == 1 && !signature.required.empty()) signature.required.pop_back();
      at_name = token.is(",") && lexer.depth() == 1;
    }
    found = signature;
  }
  return found;
}

/// "a = 1, b = [2]" at `at`; its end, with the call it stands for in `call`. One bare literal stands for the only parameter.
std::optional<size_t> read_bindings(std::string_view line, size_t at, const Signature& signature, bool bare_allowed, std::string& call) {
  std::map<std::string, std::string> bound;
  size_t end = at;
  while (true) {
    agent::PythonLexer lexer(line, at);
    agent::PythonToken name = lexer.next(), equals = lexer.next();
    if (name.kind != agent::TokenKind::kName || !equals.is("=")) break;
    size_t value = equals.end;
    while (value < line.size() && line[value] == ' ') ++value;
    auto literal = agent::parse_literal(line, value);
    if (!literal || !bound.emplace(name.text, line.substr(value, literal->end - value)).second) return std::nullopt;
    end = at = literal->end;
    std::string_view rest = line.substr(at);
    std::string_view next = trim(rest);
    if (next.starts_with(",") || next.starts_with("and ")) {
      at += static_cast<size_t>(next.data() - rest.data()) + (next.starts_with(",") ? 1 : 4);
    } else {
      break;
    }
  }
  if (bound.empty() && bare_allowed && signature.parameters.size() == 1) {
    while (at < line.size() && line[at] == ' ') ++at;
    auto literal = agent::parse_literal(line, at);
    if (!literal) return std::nullopt;
    call = signature.name + "(" + std::string(line.substr(at, literal->end - at)) + ")";
    return literal->end;
  }
  if (bound.empty()) return std::nullopt;
  std::string arguments;
  for (const auto& [name, value] : bound) {
    if (std::find(signature.parameters.begin(), signature.parameters.end(), name) == signature.parameters.end()) return std::nullopt;
  }
  for (const std::string& name : signature.parameters) {
    auto it = bound.find(name);
    bool required = std::find(signature.required.begin(), signature.required.end(), name) != signature.required.end();
    if (it == bound.end() && required) return std::nullopt;
    if (it != bound.end()) arguments += (arguments.empty() ? "" : ", ") + name + "=" + it->second;
  }
  call = signature.name + "(" + arguments + ")";
  return end;
}

void read_bound_examples(const std::vector<std::string_view>& lines, std::vector<Found>& out) {
  auto signature = only_signature(lines);
  if (!signature || signature->parameters.empty()) return;
  auto add = [&](const std::string& call, std::string_view line, size_t at) {
    while (at < line.size() && (line[at] == ' ' || line[at] == ':' || line[at] == '`')) ++at;
    auto want = right_side(line, at);
    if (!want || !ends_cleanly(line.substr(want->literal.end), false)) return;
    out.push_back({{make_check(call, want->text, want->literal, true), "prose"}, squeezed(call), squeezed(want->text), signature->name});
  };
  static constexpr std::string_view kOutputs[] = {"output should be", "result should be", "output is",
                                                  "result is",        "should return",    "return value is"};
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = trim(lines[i]);
    std::string call;
    if (line.starts_with("For ") || line.starts_with("for ") || line.starts_with("Given ")) {
      auto end = read_bindings(line, line.find(' ') + 1, *signature, false, call);
      if (!end) continue;
      for (std::string_view word : kOutputs) {
        size_t at = line.find(word, *end);
        if (at == std::string_view::npos) continue;
        add(call, line, at + word.size());
        break;
      }
    } else if (line.starts_with("Input:") || line.starts_with("input:")) {
      auto end = read_bindings(line, 6, *signature, true, call);
      if (!end || !trim(line.substr(*end)).empty() || i + 1 >= lines.size()) continue;
      std::string_view next = trim(lines[i + 1]);
      if (next.starts_with("Output:") || next.starts_with("output:")) add(call, next, 7);
    }
  }
}

}  // namespace

std::vector<Example> read_examples(std::string_view task_or_prompt) {
  std::vector<std::string_view> lines = split_lines(task_or_prompt);
  std::vector<bool> used(lines.size(), false);
  std::vector<Found> found;
  read_doctests(lines, found, used);
  read_asserts(lines, found, used);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!used[i] && lines[i].size() < 2000) read_prose_line(lines[i], i > 0 ? lines[i - 1] : std::string_view(), found);
  }
  read_bound_examples(lines, found);
  // Two different right sides for one left side: at least one was misread or is a counter-example; neither is used.
  std::map<std::string, std::set<std::string>> rights;
  for (const Found& f : found) rights[f.left].insert(f.right);
  std::vector<Example> examples;
  std::set<std::string> seen;
  std::vector<std::string> defined = defined_functions(lines);
  for (const Found& f : found) {
    // Prose that calls what the given code does not define has a slip in the name, or speaks of something else.
    if (!f.function.empty() && !defined.empty() && std::find(defined.begin(), defined.end(), f.function) == defined.end()) continue;
    if (f.equals_sign && is_recurrence(task_or_prompt, f.function)) continue;
    if (rights[f.left].size() == 1 && seen.insert(f.left).second) examples.push_back(f.example);
  }
  return examples;
}

}  // namespace aicoder
