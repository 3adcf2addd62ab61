// Filters on text. What is not text is printed first, as Jinja2 does.
#include "model/jinja_filters.h"
#include "model/jinja_text.h"

namespace aicoder::jinja {

namespace {

Value indent(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments bound(runtime, "indent", std::move(arguments), {"width", "first", "blank"});
  if (!input.is_string()) runtime.fail("'indent' needs a str, found " + std::string(input.type_name()));
  const Value width = bound.get(0, Value(int64_t{4}));
  std::string margin;
  if (width.is_string()) {
    margin = width.string();
  } else {
    const int64_t n = std::max<int64_t>(0, bound.get_integer(0, 4));
    runtime.charge_bytes(static_cast<size_t>(n));
    margin = std::string(static_cast<size_t>(n), ' ');
  }
  const bool blank = bound.get_bool(2, false);
  const std::string source = input.string() + "\n";
  std::string out = bound.get_bool(1, false) ? margin : std::string();
  bool first = true;
  for (std::string_view line : split_lines(source)) {
    if (!first) out += "\n";
    if (!first && (blank || !line.empty())) out += margin;
    out += line;
    first = false;
    runtime.charge_bytes(margin.size() + line.size() + 1);
  }
  return runtime.text(std::move(out));
}

/// Capital after a blank, a hyphen or an opening bracket: not str.title(), which starts a word after any non-letter.
Value title_filter(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments none(runtime, "title", std::move(arguments), {});
  const std::string in = runtime.to_text(input);
  runtime.charge_bytes(4 * in.size());
  std::string out;
  std::u32string word;
  const auto flush = [&] {
    if (word.empty()) return;
    const auto capitalized = capitalize(to_utf8(word));
    if (!capitalized) runtime.fail_unsupported("upper and lower case of letters beyond ASCII");
    out += *capitalized;
    word.clear();
  };
  for (char32_t c : to_code_points(in)) {
    const bool boundary = is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    if (!boundary) {
      word.push_back(c);
      continue;
    }
    flush();
    append_utf8(out, c);
  }
  flush();
  return runtime.text(std::move(out));
}

/// A str method used as a filter.
Value by_method(Runtime& runtime, const Value& input, const char* method, Arguments arguments) {
  const Value text = runtime.text(runtime.to_text(input));
  return runtime.method(text, method).as<CallablePtr>()->call(runtime, arguments);
}

}  // namespace

const Filters& text_filters() {
  static const Filters kFilters = {
      {"trim",
       [](Runtime& r, const Value& in, Arguments a) {
         const BoundArguments bound(r, "trim", std::move(a), {"chars"});
         return by_method(r, in, "strip", {.positional = {bound.get(0, Value(None{}))}, .named = {}});
       }},
      {"upper", [](Runtime& r, const Value& in, Arguments a) { return by_method(r, in, "upper", std::move(a)); }},
      {"lower", [](Runtime& r, const Value& in, Arguments a) { return by_method(r, in, "lower", std::move(a)); }},
      {"capitalize", [](Runtime& r, const Value& in, Arguments a) { return by_method(r, in, "capitalize", std::move(a)); }},
      {"title", title_filter},
      {"replace",
       [](Runtime& r, const Value& in, Arguments a) {
         const BoundArguments bound(r, "replace", std::move(a), {"old", "new", "count"});
         Arguments call;
         for (size_t i = 0; i < 2; ++i) call.positional.push_back(Value(r.to_text(bound.require(i))));
         if (bound.has(2) && !bound.require(2).is_none()) call.positional.push_back(bound.require(2));
         return by_method(r, in, "replace", std::move(call));
       }},
      {"indent", indent},
  };
  return kFilters;
}

}  // namespace aicoder::jinja
