// Filters that make or shape numbers.
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "model/jinja_filters.h"
#include "model/jinja_text.h"

namespace aicoder::jinja {

namespace {

/// The text without blanks around it and without the underscores that Python allows between digits.
std::optional<std::string> number_text(std::string_view s) {
  s.remove_prefix(leading_space(s));
  s.remove_suffix(trailing_space(s));
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    const auto alnum = [&](size_t k) { return k < s.size() && std::isalnum(static_cast<unsigned char>(s[k])) != 0; };
    if (s[i] != '_') {
      out.push_back(s[i]);
    } else if (i == 0 || !alnum(i - 1) || !alnum(i + 1)) {
      return std::nullopt;
    }
  }
  return out;
}

std::optional<double> parse_float(std::string_view s) {
  auto text = number_text(s);
  if (!text || text->empty()) return std::nullopt;
  if ((*text)[0] == '+') text->erase(0, 1);
  double d = 0;
  const auto result = std::from_chars(text->data(), text->data() + text->size(), d);
  if (result.ptr != text->data() + text->size()) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) return std::strtod(text->c_str(), nullptr);
  return result.ec == std::errc() ? std::optional(d) : std::nullopt;
}

std::optional<int64_t> parse_integer(Runtime& runtime, std::string_view s, int base) {
  auto text = number_text(s);
  if (!text || text->empty()) return std::nullopt;
  bool negative = false;
  if ((*text)[0] == '+' || (*text)[0] == '-') {
    negative = (*text)[0] == '-';
    text->erase(0, 1);
  }
  const char mark = text->size() > 2 && (*text)[0] == '0' ? static_cast<char>((*text)[1] | 0x20) : '\0';
  if ((base == 16 && mark == 'x') || (base == 8 && mark == 'o') || (base == 2 && mark == 'b')) text->erase(0, 2);
  if (text->empty() || (*text)[0] == '-') return std::nullopt;
  int64_t i = 0;
  const auto result = std::from_chars(text->data(), text->data() + text->size(), i, base);
  if (result.ptr != text->data() + text->size()) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) runtime.fail_unsupported("an integer beyond 64 bits");
  return result.ec == std::errc() ? std::optional(negative ? -i : i) : std::nullopt;
}

Value truncated(Runtime& runtime, double d, Value fallback) {
  if (std::isnan(d)) return fallback;
  if (!(std::fabs(d) < 9.2e18)) runtime.fail_unsupported("an integer beyond 64 bits");
  return Value(static_cast<int64_t>(d));
}

Value to_int(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments bound(runtime, "int", std::move(arguments), {"default", "base"});
  const Value fallback = bound.get(0, Value(int64_t{0}));
  if (input.is_undefined()) runtime.fail(input.why());
  if (input.is_integer()) return Value(input.integer());
  if (input.is<double>()) return truncated(runtime, input.number(), fallback);
  if (!input.is_string()) return fallback;
  const int64_t base = bound.get_integer(1, 10);
  if (base != 2 && base != 8 && base != 10 && base != 16) runtime.fail_unsupported("'int' with base " + std::to_string(base));
  if (const auto i = parse_integer(runtime, input.string(), static_cast<int>(base))) return Value(*i);
  if (const auto d = parse_float(input.string())) return truncated(runtime, *d, fallback);
  return fallback;
}

Value to_float(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments bound(runtime, "float", std::move(arguments), {"default"});
  if (input.is_undefined()) runtime.fail(input.why());
  if (input.is_number()) return Value(input.number());
  if (input.is_string()) {
    if (const auto d = parse_float(input.string())) return Value(*d);
  }
  return bound.get(0, Value(0.0));
}

/// Python's round(): to the nearest decimal of the exact binary value, halves to even; which is what printf does.
Value round_filter(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments bound(runtime, "round", std::move(arguments), {"precision", "method"});
  if (input.is_undefined()) runtime.fail(input.why());
  if (!input.is_number()) runtime.fail("'round' needs a number, found " + std::string(input.type_name()));
  const int64_t precision = bound.get_integer(0, 0);
  const std::string method = bound.get_text(1, "common");
  if (method != "common" && method != "ceil" && method != "floor")
    runtime.fail("'round' knows common, ceil and floor, not '" + method + "'");
  if (precision < 0 || precision > 15) runtime.fail_unsupported("'round' to " + std::to_string(precision) + " digits");
  if (method != "common") {
    const double scale = std::pow(10.0, static_cast<double>(precision));
    const double scaled = input.number() * scale;
    return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
  }
  if (input.is_integer()) return Value(input.integer());
  std::array<char, 512> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(precision), input.number());
  return Value(std::strtod(buffer.data(), nullptr));
}

Value absolute(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments none(runtime, "abs", std::move(arguments), {});
  if (input.is_undefined()) runtime.fail(input.why());
  if (!input.is_number()) runtime.fail("'abs' needs a number, found " + std::string(input.type_name()));
  if (input.is<double>()) return Value(std::fabs(input.as<double>()));
  return input.integer() < 0 ? runtime.unary("-", Value(input.integer())) : Value(input.integer());
}

}  // namespace

const Filters& number_filters() {
  static const Filters kFilters = {{"int", to_int}, {"float", to_float}, {"round", round_filter}, {"abs", absolute}};
  return kFilters;
}

}  // namespace aicoder::jinja
