// Tests: x is defined.
#include <map>

#include "model/jinja_runtime.h"
#include "model/jinja_text.h"

namespace aicoder::jinja {

namespace {

using Test = bool (*)(Runtime&, const Value& subject, const Value* operand);
struct TestEntry {
  Test test;
  size_t operands;
};

bool is_kind(const Value& v, ListKind last) { return v.is_list() && v.as<ListPtr>()->kind <= last; }

int64_t remainder(Runtime& runtime, const Value& a, const Value& b) {
  const Value r = runtime.binary("%", a, b);
  return r.is_integer() ? r.integer() : r.number() == 0 ? 0 : r.number() == 1 ? 1 : 2;
}

/// `'trim' is filter`: by name, a key of Jinja2's table.
bool known(const Runtime& runtime, const Value& v, bool (*has)(std::string_view)) {
  runtime.check_key(v);
  return v.is_string() && has(v.string());
}

bool has_case(Runtime& runtime, const Value& v, CharClass what) {
  const auto result = all_are(runtime.to_text(v), what);
  if (!result) runtime.fail_unsupported("upper and lower case of letters beyond ASCII");
  return *result;
}

bool same(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is<bool>() || b.is<bool>()) return a.is<bool>() && b.is<bool>() && a.as<bool>() == b.as<bool>();
  if (a.is_list() && b.is_list()) return a.as<ListPtr>() == b.as<ListPtr>();
  if (a.is_dict() && b.is_dict()) return a.as<DictPtr>() == b.as<DictPtr>();
  if (a.is<Namespace*>() && b.is<Namespace*>()) return a.as<Namespace*>() == b.as<Namespace*>();
  if (a.type_name() != b.type_name()) return false;
  // Whether Python keeps one or two objects of an equal number or string is its secret.
  runtime.fail_unsupported("'sameas' between values of type " + std::string(a.type_name()));
}

const std::map<std::string_view, TestEntry>& tests() {
  static const std::map<std::string_view, TestEntry> kTests = {
      {"defined", {[](Runtime&, const Value& v, const Value*) { return !v.is_undefined(); }, 0}},
      {"undefined", {[](Runtime&, const Value& v, const Value*) { return v.is_undefined(); }, 0}},
      {"none", {[](Runtime&, const Value& v, const Value*) { return v.is_none(); }, 0}},
      {"string", {[](Runtime&, const Value& v, const Value*) { return v.is_string(); }, 0}},
      {"mapping", {[](Runtime&, const Value& v, const Value*) { return v.is_dict(); }, 0}},
      {"number", {[](Runtime&, const Value& v, const Value*) { return v.is_number(); }, 0}},
      {"integer", {[](Runtime&, const Value& v, const Value*) { return v.is<int64_t>(); }, 0}},
      {"float", {[](Runtime&, const Value& v, const Value*) { return v.is<double>(); }, 0}},
      {"boolean", {[](Runtime&, const Value& v, const Value*) { return v.is<bool>(); }, 0}},
      {"true", {[](Runtime&, const Value& v, const Value*) { return v.is<bool>() && v.as<bool>(); }, 0}},
      {"false", {[](Runtime&, const Value& v, const Value*) { return v.is<bool>() && !v.as<bool>(); }, 0}},
      // As Jinja2 has it: what has a length and takes an index, so dictionaries and even an undefined value.
      {"sequence",
       {[](Runtime&, const Value& v, const Value*) {
          return v.is_undefined() || v.is_string() || v.is_dict() || is_kind(v, ListKind::kRange);
        },
        0}},
      {"iterable",
       {[](Runtime&, const Value& v, const Value*) {
          return v.is_undefined() || v.is_string() || v.is_dict() || v.is_list() || v.is<LoopPtr>();
        },
        0}},
      {"callable", {[](Runtime&, const Value& v, const Value*) { return v.is<CallablePtr>() || v.is_undefined(); }, 0}},
      {"escaped", {[](Runtime&, const Value&, const Value*) { return false; }, 0}},
      {"odd", {[](Runtime& r, const Value& v, const Value*) { return remainder(r, v, Value(int64_t{2})) == 1; }, 0}},
      {"even", {[](Runtime& r, const Value& v, const Value*) { return remainder(r, v, Value(int64_t{2})) == 0; }, 0}},
      {"divisibleby", {[](Runtime& r, const Value& v, const Value* by) { return remainder(r, v, *by) == 0; }, 1}},
      {"lower", {[](Runtime& r, const Value& v, const Value*) { return has_case(r, v, CharClass::kLower); }, 0}},
      {"upper", {[](Runtime& r, const Value& v, const Value*) { return has_case(r, v, CharClass::kUpper); }, 0}},
      {"sameas", {[](Runtime& r, const Value& v, const Value* other) { return same(r, v, *other); }, 1}},
      {"in", {[](Runtime& r, const Value& v, const Value* seq) { return r.contains(*seq, v); }, 1}},
      {"filter", {[](Runtime& r, const Value& v, const Value*) { return known(r, v, Runtime::has_filter); }, 0}},
      {"test", {[](Runtime& r, const Value& v, const Value*) { return known(r, v, Runtime::has_test); }, 0}},
      {"eq", {[](Runtime& r, const Value& v, const Value* other) { return r.equal(v, *other); }, 1}},
      {"ne", {[](Runtime& r, const Value& v, const Value* other) { return !r.equal(v, *other); }, 1}},
      {"lt", {[](Runtime& r, const Value& v, const Value* other) { return r.order(v, *other, "<") < 0; }, 1}},
      {"le", {[](Runtime& r, const Value& v, const Value* other) { return r.order(v, *other, "<=") <= 0; }, 1}},
      {"gt", {[](Runtime& r, const Value& v, const Value* other) { return r.order(v, *other, ">") > 0; }, 1}},
      {"ge", {[](Runtime& r, const Value& v, const Value* other) { return r.order(v, *other, ">=") >= 0; }, 1}},
  };
  return kTests;
}

std::string_view canonical(std::string_view name) {
  static const std::map<std::string_view, std::string_view> kAliases = {
      {"equalto", "eq"}, {"==", "eq"}, {"!=", "ne"},          {"<", "lt"},  {"lessthan", "lt"},
      {"<=", "le"},      {">", "gt"},  {"greaterthan", "gt"}, {">=", "ge"},
  };
  const auto it = kAliases.find(name);
  return it != kAliases.end() ? it->second : name;
}

}  // namespace

bool Runtime::has_test(std::string_view name) { return tests().contains(canonical(name)); }

bool Runtime::apply_test(const std::string& name, const Value& input, Arguments arguments) {
  const auto it = tests().find(canonical(name));
  if (it == tests().end()) fail_unsupported("the test '" + name + "'");
  if (arguments.positional.size() != it->second.operands || !arguments.named.empty()) {
    fail("the test '" + name + "' takes " + std::to_string(it->second.operands) + " operands, found " +
         std::to_string(arguments.positional.size() + arguments.named.size()));
  }
  charge(2);
  return it->second.test(*this, input, arguments.positional.empty() ? nullptr : &arguments.positional[0]);
}

}  // namespace aicoder::jinja
