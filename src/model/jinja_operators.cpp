// Python's operators, str() and repr().
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

#include "model/jinja_runtime.h"
#include "model/jinja_text.h"

namespace aicoder::jinja {

namespace {

/// repr() of a float: the shortest digits that read back as the same number, in Python's choice of notation.
std::string float_repr(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), d, std::chars_format::scientific);
  std::string_view shortest(buffer.data(), static_cast<size_t>(result.ptr - buffer.data()));
  std::string out;
  if (shortest.starts_with('-')) {
    out = "-";
    shortest.remove_prefix(1);
  }
  const size_t e = shortest.find('e');
  std::string digits;
  for (char c : shortest.substr(0, e)) {
    if (c != '.') digits.push_back(c);
  }
  int exponent = 0;
  const std::string_view exponent_text = shortest.substr(e + 1);
  std::from_chars(exponent_text.data() + (exponent_text[0] == '+' ? 1 : 0), exponent_text.data() + exponent_text.size(), exponent);
  if (exponent < -4 || exponent >= 16) {
    out += digits.substr(0, 1);
    if (digits.size() > 1) out += "." + digits.substr(1);
    std::array<char, 16> tail{};
    std::snprintf(tail.data(), tail.size(), "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
    return out + tail.data();
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string string_repr(std::string_view s) {
  const char quote = s.find('\'') != std::string_view::npos && s.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (char32_t c : to_code_points(s)) {
    std::array<char, 16> escape{};
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      append_utf8(out, c);
    } else {
      const char* format = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
      std::snprintf(escape.data(), escape.size(), format, static_cast<unsigned>(c));
      out += escape.data();
    }
  }
  out.push_back(quote);
  return out;
}

}  // namespace

std::string Runtime::to_text(const Value& value) {
  if (value.is_string()) return value.string();
  if (value.is_undefined()) return {};
  return repr(value);
}

std::string Runtime::repr(const Value& value) {
  charge(1);
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "None";
  if (value.is<bool>()) return value.as<bool>() ? "True" : "False";
  if (value.is<int64_t>()) return std::to_string(value.as<int64_t>());
  if (value.is<double>()) return float_repr(value.as<double>());
  if (value.is_string()) return string_repr(value.string());
  std::string out;
  if (value.is_dict()) {
    out = "{";
    for (const auto& [k, v] : value.pairs()) {
      out += (out.size() > 1 ? ", " : "") + repr(k) + ": " + repr(v);
      charge_bytes(out.size() / 16);
    }
    return out + "}";
  }
  const bool sequence = value.is_list() && (value.as<ListPtr>()->kind == ListKind::kList || value.as<ListPtr>()->kind == ListKind::kTuple);
  if (!sequence) fail_unsupported("printing a value of type " + std::string(value.type_name()));
  const bool tuple = value.as<ListPtr>()->kind == ListKind::kTuple;
  out = tuple ? "(" : "[";
  for (const Value& item : value.items()) {
    out += (out.size() > 1 ? ", " : "") + repr(item);
    if (out.size() > limits_.max_output_bytes) charge_bytes(out.size());
  }
  if (tuple && value.items().size() == 1) out += ",";
  charge_bytes(out.size());
  return out + (tuple ? ")" : "]");
}

bool Runtime::equal(const Value& a, const Value& b) {
  charge(1);
  if (a.is_number() && b.is_number()) {
    return a.is<double>() || b.is<double>() ? a.number() == b.number() : a.integer() == b.integer();
  }
  if (a.is_string() && b.is_string()) {
    charge(std::min(a.string().size(), b.string().size()) / 64);
    return a.string() == b.string();
  }
  if (a.is_list() && b.is_list()) {
    if (a.as<ListPtr>() == b.as<ListPtr>()) return true;
    const ListKind kind = a.as<ListPtr>()->kind;
    if (kind != b.as<ListPtr>()->kind || kind == ListKind::kGenerator || kind == ListKind::kView) return false;
    if (a.items().size() != b.items().size()) return false;
    for (size_t i = 0; i < a.items().size(); ++i) {
      if (!equal(a.items()[i], b.items()[i])) return false;
    }
    return true;
  }
  if (a.is_dict() && b.is_dict()) {
    if (a.pairs().size() != b.pairs().size()) return false;
    for (const auto& [key, value] : a.pairs()) {
      const Value* other = lookup(*b.as<DictPtr>(), key);
      if (other == nullptr || !equal(value, *other)) return false;
    }
    return true;
  }
  if (a.is_undefined() || a.is_none()) return a.is_undefined() ? b.is_undefined() : b.is_none();
  if (a.is<Namespace*>() && b.is<Namespace*>()) return a.as<Namespace*>() == b.as<Namespace*>();
  if (a.is<CallablePtr>() && b.is<CallablePtr>()) return a.as<CallablePtr>() == b.as<CallablePtr>();
  if (a.is<LoopPtr>() && b.is<LoopPtr>()) return a.as<LoopPtr>() == b.as<LoopPtr>();
  return false;
}

int Runtime::order(const Value& a, const Value& b, std::string_view op) {
  charge(1);
  const auto sign = [](auto x, auto y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (a.is_number() && b.is_number()) {
    return a.is<double>() || b.is<double>() ? sign(a.number(), b.number()) : sign(a.integer(), b.integer());
  }
  if (a.is_string() && b.is_string()) {
    charge(std::min(a.string().size(), b.string().size()) / 64);
    return a.string().compare(b.string());  // UTF-8 bytes sort as code points do
  }
  if (a.is_list() && b.is_list() && a.as<ListPtr>()->kind == b.as<ListPtr>()->kind && a.as<ListPtr>()->kind <= ListKind::kTuple) {
    for (size_t i = 0; i < std::min(a.items().size(), b.items().size()); ++i) {
      if (!equal(a.items()[i], b.items()[i])) return order(a.items()[i], b.items()[i], op);
    }
    return sign(a.items().size(), b.items().size());
  }
  for (const Value* v : {&a, &b}) {
    if (v->is_undefined()) fail(v->why());
  }
  fail("'" + std::string(op) + "' between " + std::string(a.type_name()) + " and " + std::string(b.type_name()));
}

bool Runtime::contains(const Value& container, const Value& item) {
  if (container.is_string()) {
    if (item.is_undefined()) fail(item.why());
    if (!item.is_string()) fail("'in' of a str needs a str, found " + std::string(item.type_name()));
    charge(container.string().size() / 16 + 1);
    return container.string().find(item.string()) != std::string::npos;
  }
  if (container.is_dict()) {
    check_key(item);
    return lookup(*container.as<DictPtr>(), item) != nullptr;
  }
  for (const Value& candidate : iterate(container)) {
    if (equal(candidate, item)) return true;
  }
  return false;
}

namespace {

int64_t integer_operation(const Runtime& runtime, std::string_view op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (op == "+") overflow = __builtin_add_overflow(a, b, &result);
  if (op == "-") overflow = __builtin_sub_overflow(a, b, &result);
  if (op == "*") overflow = __builtin_mul_overflow(a, b, &result);
  if (op == "//" || op == "%") {
    if (b == 0) runtime.fail("division by zero");
    // Python rounds towards minus infinity; INT64_MIN // -1 is the one quotient that does not fit.
    if (b == -1) {
      overflow = op == "//" && __builtin_sub_overflow(int64_t{0}, a, &result);
    } else {
      const int64_t quotient = a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
      result = op == "//" ? quotient : a - quotient * b;
    }
  }
  if (op == "**") {
    result = 1;
    for (int64_t base = a, n = b; n > 0 && !overflow; n >>= 1) {
      if ((n & 1) != 0) overflow = __builtin_mul_overflow(result, base, &result);
      if (n > 1) overflow = overflow || __builtin_mul_overflow(base, base, &base);
    }
  }
  if (overflow) runtime.fail_unsupported("an integer beyond 64 bits");
  return result;
}

double float_operation(const Runtime& runtime, std::string_view op, double a, double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "**") {
    if (a == 0 && b < 0) runtime.fail("0 to a negative power");
    if (a < 0 && b != std::floor(b)) runtime.fail_unsupported("a complex number");
    return std::pow(a, b);
  }
  if (b == 0) runtime.fail("division by zero");
  if (op == "/") return a / b;
  double remainder = std::fmod(a, b);
  if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
  if (op == "%") return remainder != 0 ? remainder : std::copysign(0.0, b);
  const double quotient = (a - remainder) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

}  // namespace

Value Runtime::binary(std::string_view op, const Value& a, const Value& b) {
  for (const Value* v : {&a, &b}) {
    if (v->is_undefined()) fail(v->why());
  }
  if (a.is_number() && b.is_number()) {
    if (a.is_integer() && b.is_integer()) {
      if (op == "/") return Value(float_operation(*this, op, a.number(), b.number()));
      if (op != "**" || b.integer() >= 0) return Value(integer_operation(*this, op, a.integer(), b.integer()));
    }
    return Value(float_operation(*this, op, a.number(), b.number()));
  }
  if (op == "+" && a.is_string() && b.is_string()) {
    charge_bytes(a.string().size() + b.string().size());
    return Value(a.string() + b.string());
  }
  const auto sequence = [](const Value& v) { return v.is_list() && v.as<ListPtr>()->kind <= ListKind::kTuple; };
  if (op == "+" && sequence(a) && sequence(b) && a.as<ListPtr>()->kind == b.as<ListPtr>()->kind) {
    charge(3 * (a.items().size() + b.items().size()));
    std::vector<Value> items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return make_list(std::move(items), a.as<ListPtr>()->kind);
  }
  if (op == "*" && (a.is_integer() || b.is_integer())) {
    const Value& many = a.is_integer() ? b : a;
    const auto times = static_cast<size_t>(std::max<int64_t>(0, a.is_integer() ? a.integer() : b.integer()));
    const size_t unit = many.is_string() ? many.string().size() : sequence(many) ? many.items().size() : 0;
    size_t total = 0;
    if (__builtin_mul_overflow(unit, times, &total)) total = std::numeric_limits<size_t>::max();
    if (many.is_string()) {
      charge_bytes(total);
      std::string out;
      out.reserve(total);
      for (size_t i = 0; i < (unit == 0 ? 0 : times); ++i) out += many.string();
      return Value(std::move(out));
    }
    if (sequence(many)) {
      charge(total > limits_.max_steps ? total : 3 * total);
      std::vector<Value> items;
      for (size_t i = 0; i < (unit == 0 ? 0 : times); ++i) items.insert(items.end(), many.items().begin(), many.items().end());
      return make_list(std::move(items), many.as<ListPtr>()->kind);
    }
  }
  if (op == "%" && a.is_string()) fail_unsupported("'%' formatting of a str");
  fail("'" + std::string(op) + "' between " + std::string(a.type_name()) + " and " + std::string(b.type_name()));
}

Value Runtime::unary(std::string_view op, const Value& a) const {
  if (op == "not") return Value(!a.truthy());
  if (a.is_undefined()) fail(a.why());
  if (!a.is_number()) fail("'" + std::string(op) + "' before " + std::string(a.type_name()));
  if (a.is<double>()) return Value(op == "-" ? -a.as<double>() : a.as<double>());
  return Value(op == "-" ? integer_operation(*this, "-", 0, a.integer()) : a.integer());
}

}  // namespace aicoder::jinja
