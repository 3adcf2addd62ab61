// Expressions.
#include "model/jinja_runtime.h"

namespace aicoder::jinja {

Value Runtime::eval(const Expr& expr) {
  const Nesting nesting(*this);
  charge(1);
  set_line(expr.line);
  switch (expr.kind) {
    case ExprKind::kConstant:
      return expr.value;
    case ExprKind::kName:
      return eval_name(expr.name);
    case ExprKind::kList:
    case ExprKind::kTuple: {
      std::vector<Value> items;
      for (const auto& child : expr.children) items.push_back(eval(*child));
      return make_list(std::move(items), expr.kind == ExprKind::kList ? ListKind::kList : ListKind::kTuple);
    }
    case ExprKind::kDict: {
      std::vector<std::pair<Value, Value>> items;
      for (size_t i = 0; i < expr.children.size(); i += 2) {
        Value key = eval(*expr.children[i]);
        items.emplace_back(std::move(key), eval(*expr.children[i + 1]));
      }
      return make_dict(std::move(items));
    }
    case ExprKind::kAttribute: {
      const Value object = eval(*expr.children[0]);
      set_line(expr.line);
      return attribute(object, expr.name);
    }
    case ExprKind::kItem: {
      const Value object = eval(*expr.children[0]);
      const Value key = eval(*expr.children[1]);
      set_line(expr.line);
      return item(object, key);
    }
    case ExprKind::kSlice: {
      const Value object = eval(*expr.children[0]);
      Value parts[3] = {Value(None{}), Value(None{}), Value(None{})};
      for (size_t i = 0; i < 3; ++i) {
        if (expr.children[i + 1]) parts[i] = eval(*expr.children[i + 1]);
      }
      set_line(expr.line);
      return slice(object, parts[0], parts[1], parts[2]);
    }
    case ExprKind::kCall:
      return eval_call(expr);
    case ExprKind::kFilter: {
      const Value input = eval(*expr.children[0]);
      Arguments arguments = eval_arguments(expr);
      set_line(expr.line);
      return apply_filter(expr.name, input, std::move(arguments));
    }
    case ExprKind::kTest: {
      const Value input = eval(*expr.children[0]);
      Arguments arguments = eval_arguments(expr);
      set_line(expr.line);
      return Value(apply_test(expr.name, input, std::move(arguments)));
    }
    case ExprKind::kUnary: {
      const Value operand = eval(*expr.children[0]);
      set_line(expr.line);
      return unary(expr.name, operand);
    }
    case ExprKind::kBinary: {
      Value left = eval(*expr.children[0]);
      if (expr.name == "and" || expr.name == "or") return left.truthy() == (expr.name == "or") ? left : eval(*expr.children[1]);
      const Value right = eval(*expr.children[1]);
      set_line(expr.line);
      return binary(expr.name, left, right);
    }
    case ExprKind::kConcat: {
      std::string joined;
      for (const auto& child : expr.children) {
        joined += to_text(eval(*child));
        charge_bytes(joined.size());
      }
      return Value(std::move(joined));
    }
    case ExprKind::kCompare:
      return eval_compare(expr);
    case ExprKind::kTernary:
      if (eval(*expr.children[0]).truthy()) return eval(*expr.children[1]);
      if (expr.children[2]) return eval(*expr.children[2]);
      return Value::undefined("the inline if has no else and its condition is false");
  }
  return {};
}

/// `x|safe` marks text as not to be escaped. Nothing is escaped here, so it changes nothing where the text is printed; anywhere else
/// Jinja2 would begin to escape what the marked text is joined with, which is refused (jinja_filters.cpp).
Value Runtime::eval_output(const Expr& expr) {
  const Expr* inner = &expr;
  while (inner->kind == ExprKind::kFilter && inner->name == "safe" && inner->arguments.empty()) inner = inner->children[0].get();
  return inner == &expr ? eval(expr) : text(to_text(eval(*inner)));
}

Value Runtime::eval_name(const std::string& name) {
  bool in_macro = false;
  for (Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    charge(1);
    in_macro = in_macro || scope->is_macro;
    for (const auto& [n, value] : scope->names) {
      if (n == name) return value;
    }
  }
  if (in_macro && (name == "varargs" || name == "kwargs" || name == "caller")) fail_unsupported("'" + name + "' in a macro");
  return Value::undefined("'" + name + "' is undefined");
}

Arguments Runtime::eval_arguments(const Expr& expr) {
  Arguments arguments;
  for (const auto& argument : expr.arguments) arguments.positional.push_back(eval(*argument));
  for (const auto& [name, argument] : expr.named) arguments.named.emplace_back(name, eval(*argument));
  return arguments;
}

Value Runtime::eval_call(const Expr& expr) {
  const Value callee = eval(*expr.children[0]);
  const Arguments arguments = eval_arguments(expr);
  set_line(expr.line);
  if (callee.is_undefined()) fail(callee.why() + ", but it is called");
  if (callee.is<LoopPtr>()) fail_unsupported("calling 'loop' (a recursive loop)");
  if (!callee.is<CallablePtr>()) fail("a value of type " + std::string(callee.type_name()) + " is called");
  return callee.as<CallablePtr>()->call(*this, arguments);
}

bool Runtime::compare(const std::string& op, const Value& a, const Value& b) {
  if (op == "==") return equal(a, b);
  if (op == "!=") return !equal(a, b);
  if (op == "in") return contains(b, a);
  if (op == "not in") return !contains(b, a);
  // Not a number compares false with everything, which an order of three outcomes cannot say.
  if (a.is_number() && b.is_number() && (a.number() != a.number() || b.number() != b.number())) return false;
  const int o = order(a, b, op);
  if (op == "<") return o < 0;
  if (op == "<=") return o <= 0;
  if (op == ">") return o > 0;
  return o >= 0;
}

Value Runtime::eval_compare(const Expr& expr) {
  Value left = eval(*expr.children[0]);
  for (size_t i = 0; i < expr.operators.size(); ++i) {
    Value right = eval(*expr.children[i + 1]);
    set_line(expr.line);
    if (!compare(expr.operators[i], left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

}  // namespace aicoder::jinja
