// State of one rendering: scopes, limits, output; and the evaluator's pieces, one file each:
//   jinja_eval.cpp        statements                jinja_expression.cpp  expressions
//   jinja_operators.cpp   == < + * in str() repr()  jinja_access.cpp      a.b, a[b], slices, iteration
//   jinja_methods.cpp     'x'.strip(), d.items()    jinja_functions.cpp   range, namespace, raise_exception, ...
//   jinja_filters*.cpp    x|trim                    jinja_tests.cpp       x is defined
//   jinja_json.cpp        x|tojson
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aicoder/core.h"
#include "model/jinja.h"
#include "model/jinja_ast.h"

namespace aicoder::jinja {

struct Scope {
  Scope* parent = nullptr;
  bool is_macro = false;
  std::vector<std::pair<std::string_view, Value>> names;  ///< views into the tree or the caller's variables
};

enum class Flow { kNext, kBreak, kContinue };

class Runtime {
 public:
  Runtime(const Limits& limits, const Template::Variables& variables);
  std::string run(const Body& body);

  // limits
  /// Counts work before it is done. \throws Error(kResourceExhausted).
  void charge(size_t steps);
  /// Text made here: counted by its bytes.
  Value text(std::string s);
  void charge_bytes(size_t bytes);
  struct Nesting {
    Runtime& runtime;
    explicit Nesting(Runtime& r);
    ~Nesting() { --runtime.nesting_; }
  };

  // errors, at the line that is being evaluated
  [[noreturn]] void fail(const std::string& message) const;           ///< kInvalidArgument: the template misuses a value
  [[noreturn]] void fail_unsupported(const std::string& what) const;  ///< kUnimplemented
  void set_line(size_t line) noexcept { line_ = line; }

  // statements and expressions
  Flow run_body(const Body& body, std::string& out);
  Value eval(const Expr& expr);
  Value call_macro(const Stmt& macro, Scope* defined_in, const Arguments& arguments);
  Namespace* new_namespace();

  // values
  std::string to_text(const Value& value);  ///< str()
  std::string repr(const Value& value);
  bool equal(const Value& a, const Value& b);
  /// Negative, 0 or positive as a is before, equal to or after b. \throws Error(kInvalidArgument) for kinds without an order.
  int order(const Value& a, const Value& b, std::string_view op = "<");
  bool contains(const Value& container, const Value& item);
  Value binary(std::string_view op, const Value& a, const Value& b);
  Value unary(std::string_view op, const Value& a) const;
  Value make_list(std::vector<Value> items, ListKind kind = ListKind::kList);
  Value make_dict(std::vector<std::pair<Value, Value>> items);
  /// Refuses what Python cannot hash: lists, dicts, tuples that hold them. \throws Error(kInvalidArgument).
  void check_key(const Value& key) const;
  const Value* lookup(const Dict& dict, const Value& key);
  Value attribute(const Value& object, const std::string& name);
  Value item(const Value& object, const Value& key);
  Value slice(const Value& object, const Value& start, const Value& stop, const Value& step);
  /// What a `for` visits; reads a generator to its end.
  std::vector<Value> iterate(const Value& value);
  std::optional<size_t> length(const Value& value);  ///< nullopt for kinds without len()
  std::string to_json(const Value& value, const Arguments& arguments);

  // by name
  Value method(const Value& object, const std::string& name);  ///< Undefined when the kind has no such method
  Value apply_filter(const std::string& name, const Value& input, Arguments arguments);
  bool apply_test(const std::string& name, const Value& input, Arguments arguments);
  static bool has_filter(std::string_view name);
  static bool has_test(std::string_view name);

 private:
  Flow run_statement(const Stmt& stmt, std::string& out);
  Flow run_for(const Stmt& stmt, std::string& out);
  void assign(const Target& target, const Value& value);
  void write(std::string& out, std::string_view text);
  Arguments eval_arguments(const Expr& expr);
  Value eval_name(const std::string& name);
  Value eval_call(const Expr& expr);
  Value eval_compare(const Expr& expr);
  bool compare(const std::string& op, const Value& a, const Value& b);
  Value eval_output(const Expr& expr);
  Scope* push_scope();
  void define_functions();

  const Limits& limits_;
  size_t steps_left_;
  size_t line_ = 1;
  int nesting_ = 0;
  size_t namespace_reads_ = 0, namespace_writes_ = 0;
  std::deque<Scope> scopes_;  ///< all of them until the end: macros refer to the scope they were defined in
  std::deque<Namespace> namespaces_;
  Scope* scope_;
};

/// Arguments of a filter, test or function by Python's rules: by place, else by name. Left-overs are refused.
class BoundArguments {
 public:
  BoundArguments(Runtime& runtime, std::string_view callee, Arguments arguments, std::initializer_list<std::string_view> names);
  bool has(size_t i) const { return values_[i].has_value(); }
  /// The i-th, or the fallback when it was not given.
  Value get(size_t i, const Value& fallback) const { return values_[i] ? *values_[i] : fallback; }
  const Value& require(size_t i) const;
  bool get_bool(size_t i, bool fallback) const { return values_[i] ? values_[i]->truthy() : fallback; }
  int64_t get_integer(size_t i, int64_t fallback) const;
  std::string get_text(size_t i, std::string fallback) const;

 private:
  Runtime& runtime_;
  std::string callee_;
  std::vector<std::string_view> names_;
  std::vector<std::optional<Value>> values_;
};

}  // namespace aicoder::jinja
