// Methods of strings, dictionaries, lists and loops, as Python has them. Those that would change a value are absent: the sandbox that
// transformers renders in forbids them too.
#include <algorithm>
#include <array>
#include <map>

#include "model/jinja_runtime.h"
#include "model/jinja_text.h"

namespace aicoder::jinja {

namespace {

using Method = Value (*)(Runtime&, const Value& self, Arguments);
using Methods = std::map<std::string_view, Method>;

// ---- str -------------------------------------------------------------------------------------------------------------

enum Side { kLeft = 1, kRight = 2, kBoth = 3 };

Value strip(Runtime& runtime, const Value& self, Arguments arguments, Side side) {
  const BoundArguments bound(runtime, "strip", std::move(arguments), {"chars"});
  const std::string& s = self.string();
  runtime.charge_bytes(s.size());
  if (!bound.has(0) || bound.require(0).is_none()) {
    const size_t start = (side & kLeft) != 0 ? leading_space(s) : 0;
    const std::string_view rest = std::string_view(s).substr(start);
    return Value(rest.substr(0, rest.size() - ((side & kRight) != 0 ? trailing_space(rest) : 0)));
  }
  const std::u32string characters = to_code_points(s), set = to_code_points(bound.get_text(0, {}));
  size_t start = 0, end = characters.size();
  const auto in_set = [&](char32_t c) { return set.find(c) != std::u32string::npos; };
  while ((side & kLeft) != 0 && start < end && in_set(characters[start])) ++start;
  while ((side & kRight) != 0 && start < end && in_set(characters[end - 1])) --end;
  return Value(to_utf8(characters.substr(start, end - start)));
}

Value split_at_space(Runtime& runtime, std::string_view s, int64_t limit, bool from_right) {
  std::vector<Value> parts;
  while (true) {
    s.remove_prefix(leading_space(s));
    s.remove_suffix(trailing_space(s));
    if (s.empty()) break;
    if (limit >= 0 && static_cast<int64_t>(parts.size()) == limit) {
      parts.push_back(Value(s));
      break;
    }
    // Steps over one word from the chosen end.
    size_t word = 0;
    if (!from_right) {
      while (word < s.size() && leading_space(s.substr(word)) == 0) ++word;
      parts.push_back(Value(s.substr(0, word)));
      s.remove_prefix(word);
    } else {
      word = s.size();
      while (word > 0 && trailing_space(s.substr(0, word)) == 0) --word;
      parts.push_back(Value(s.substr(word)));
      s.remove_suffix(s.size() - word);
    }
    runtime.charge(4);
  }
  if (from_right) std::reverse(parts.begin(), parts.end());
  return runtime.make_list(std::move(parts));
}

Value split(Runtime& runtime, const Value& self, Arguments arguments, bool from_right) {
  const BoundArguments bound(runtime, "split", std::move(arguments), {"sep", "maxsplit"});
  const int64_t limit = bound.get_integer(1, -1);
  std::string_view s = self.string();
  runtime.charge_bytes(2 * s.size());
  if (!bound.has(0) || bound.require(0).is_none()) return split_at_space(runtime, s, limit, from_right);
  const std::string separator = bound.get_text(0, {});
  if (separator.empty()) runtime.fail("'split' with an empty separator");
  std::vector<Value> parts;
  while (limit < 0 || static_cast<int64_t>(parts.size()) < limit) {
    const size_t at = from_right ? s.rfind(separator) : s.find(separator);
    if (at == std::string_view::npos) break;
    runtime.charge(4);
    if (from_right) {
      parts.push_back(Value(s.substr(at + separator.size())));
      s = s.substr(0, at);
    } else {
      parts.push_back(Value(s.substr(0, at)));
      s.remove_prefix(at + separator.size());
    }
  }
  parts.push_back(Value(s));
  if (from_right) std::reverse(parts.begin(), parts.end());
  return runtime.make_list(std::move(parts));
}

Value affix(Runtime& runtime, const Value& self, Arguments arguments, bool prefix) {
  const BoundArguments bound(runtime, prefix ? "startswith" : "endswith", std::move(arguments), {"prefix"});
  const Value& what = bound.require(0);
  const auto matches = [&](const Value& v) {
    if (!v.is_string()) runtime.fail("'startswith' and 'endswith' need a str, found " + std::string(v.type_name()));
    return prefix ? self.string().starts_with(v.string()) : self.string().ends_with(v.string());
  };
  if (what.is_list() && what.as<ListPtr>()->kind == ListKind::kTuple) {
    return Value(std::any_of(what.items().begin(), what.items().end(), matches));
  }
  return Value(matches(what));
}

Value replace(Runtime& runtime, const Value& self, Arguments arguments) {
  const BoundArguments bound(runtime, "replace", std::move(arguments), {"old", "new", "count"});
  bound.require(0);
  bound.require(1);
  const std::string from = bound.get_text(0, {}), to = bound.get_text(1, {});
  int64_t left = bound.get_integer(2, -1);
  const std::string& s = self.string();
  std::string out;
  size_t at = 0;
  if (from.empty()) {
    // Python puts the new text before every character and at the end.
    for (char32_t c : to_code_points(s)) {
      if (left != 0) {
        out += to;
        if (left > 0) --left;
      }
      append_utf8(out, c);
      runtime.charge_bytes(to.size() + 4);
    }
    if (left != 0) out += to;
    return runtime.text(std::move(out));
  }
  for (size_t hit = 0; left != 0 && (hit = s.find(from, at)) != std::string::npos; at = hit + from.size()) {
    runtime.charge_bytes((hit - at) + to.size());
    out.append(s, at, hit - at);
    out += to;
    if (left > 0) --left;
  }
  out.append(s, at);
  return runtime.text(std::move(out));
}

Value find(Runtime& runtime, const Value& self, Arguments arguments, bool from_right, bool must) {
  const BoundArguments bound(runtime, from_right ? "rfind" : "find", std::move(arguments), {"sub"});
  bound.require(0);
  const std::string sub = bound.get_text(0, {});
  const std::string& s = self.string();
  runtime.charge_bytes(s.size());
  const size_t at = from_right ? s.rfind(sub) : s.find(sub);
  if (at == std::string::npos) {
    if (must) runtime.fail("'index': the text is not there");
    return Value(int64_t{-1});
  }
  return Value(static_cast<int64_t>(count_code_points(std::string_view(s).substr(0, at))));
}

Value count(Runtime& runtime, const Value& self, Arguments arguments) {
  const BoundArguments bound(runtime, "count", std::move(arguments), {"sub"});
  bound.require(0);
  const std::string sub = bound.get_text(0, {});
  const std::string& s = self.string();
  runtime.charge_bytes(s.size());
  if (sub.empty()) return Value(static_cast<int64_t>(count_code_points(s)) + 1);
  int64_t n = 0;
  for (size_t at = 0; (at = s.find(sub, at)) != std::string::npos; at += sub.size()) ++n;
  return Value(n);
}

Value join(Runtime& runtime, const Value& self, Arguments arguments) {
  const BoundArguments bound(runtime, "join", std::move(arguments), {"iterable"});
  std::string out;
  bool first = true;
  for (const Value& item : runtime.iterate(bound.require(0))) {
    if (!item.is_string()) runtime.fail("'join' needs strings, found " + std::string(item.type_name()));
    if (!first) out += self.string();
    out += item.string();
    first = false;
    runtime.charge_bytes(item.string().size() + self.string().size());
  }
  return runtime.text(std::move(out));
}

Value remove_affix(Runtime& runtime, const Value& self, Arguments arguments, bool prefix) {
  const BoundArguments bound(runtime, prefix ? "removeprefix" : "removesuffix", std::move(arguments), {"prefix"});
  bound.require(0);
  const std::string what = bound.get_text(0, {});
  const std::string& s = self.string();
  runtime.charge_bytes(s.size());
  if (what.empty() || !(prefix ? s.starts_with(what) : s.ends_with(what))) return self;
  return Value(prefix ? s.substr(what.size()) : s.substr(0, s.size() - what.size()));
}

Value partition(Runtime& runtime, const Value& self, Arguments arguments, bool from_right) {
  const BoundArguments bound(runtime, "partition", std::move(arguments), {"sep"});
  bound.require(0);
  const std::string separator = bound.get_text(0, {});
  if (separator.empty()) runtime.fail("'partition' with an empty separator");
  const std::string& s = self.string();
  runtime.charge_bytes(s.size());
  const size_t at = from_right ? s.rfind(separator) : s.find(separator);
  std::vector<Value> parts;
  if (at != std::string::npos) {
    parts = {Value(s.substr(0, at)), Value(separator), Value(s.substr(at + separator.size()))};
  } else {
    parts = {from_right ? Value("") : self, Value(""), from_right ? self : Value("")};
  }
  return runtime.make_list(std::move(parts), ListKind::kTuple);
}

Value pad(Runtime& runtime, const Value& self, Arguments arguments, Side text_side) {
  const BoundArguments bound(runtime, "ljust", std::move(arguments), {"width", "fillchar"});
  bound.require(0);
  const std::u32string fill = to_code_points(bound.get_text(1, " "));
  if (fill.size() != 1) runtime.fail("'fillchar' must be one character");
  const auto width = static_cast<size_t>(std::max<int64_t>(0, bound.get_integer(0, 0)));
  runtime.charge_bytes(width);
  const std::u32string characters = to_code_points(self.string());
  if (characters.size() >= width) return self;
  const size_t all = width - characters.size();
  // Python's center puts the odd one left of an even width's text: all / 2 + (all & width & 1).
  const size_t left = text_side == kLeft ? 0 : text_side == kRight ? all : all / 2 + (all & width & 1);
  return runtime.text(to_utf8(std::u32string(left, fill[0]) + characters + std::u32string(all - left, fill[0])));
}

Value zfill(Runtime& runtime, const Value& self, Arguments arguments) {
  const BoundArguments bound(runtime, "zfill", std::move(arguments), {"width"});
  bound.require(0);
  const auto width = static_cast<size_t>(std::max<int64_t>(0, bound.get_integer(0, 0)));
  runtime.charge_bytes(width);
  const size_t n = count_code_points(self.string());
  if (n >= width) return self;
  const bool sign = self.string().starts_with('-') || self.string().starts_with('+');
  return runtime.text(self.string().substr(0, sign ? 1 : 0) + std::string(width - n, '0') + self.string().substr(sign ? 1 : 0));
}

Value split_lines_method(Runtime& runtime, const Value& self, Arguments arguments) {
  const BoundArguments bound(runtime, "splitlines", std::move(arguments), {"keepends"});
  if (bound.get_bool(0, false)) runtime.fail_unsupported("'splitlines' with keepends");
  runtime.charge_bytes(2 * self.string().size());
  std::vector<Value> lines;
  for (std::string_view line : split_lines(self.string())) lines.push_back(Value(line));
  return runtime.make_list(std::move(lines));
}

template <std::optional<std::string> (*convert)(std::string_view)>
Value converted(Runtime& runtime, const Value& self, Arguments arguments) {
  const BoundArguments none(runtime, "str method", std::move(arguments), {});
  runtime.charge_bytes(4 * self.string().size());
  auto result = convert(self.string());
  if (!result) runtime.fail_unsupported("upper and lower case of letters beyond ASCII");
  return runtime.text(std::move(*result));
}

template <CharClass what>
Value classified(Runtime& runtime, const Value& self, Arguments arguments) {
  const BoundArguments none(runtime, "str method", std::move(arguments), {});
  runtime.charge_bytes(4 * self.string().size());
  const auto result = all_are(self.string(), what);
  if (!result) runtime.fail_unsupported("the kind of characters beyond ASCII");
  return Value(*result);
}

const Methods& string_methods() {
  static const Methods kMethods = {
      {"strip", [](Runtime& r, const Value& s, Arguments a) { return strip(r, s, std::move(a), kBoth); }},
      {"lstrip", [](Runtime& r, const Value& s, Arguments a) { return strip(r, s, std::move(a), kLeft); }},
      {"rstrip", [](Runtime& r, const Value& s, Arguments a) { return strip(r, s, std::move(a), kRight); }},
      {"split", [](Runtime& r, const Value& s, Arguments a) { return split(r, s, std::move(a), false); }},
      {"rsplit", [](Runtime& r, const Value& s, Arguments a) { return split(r, s, std::move(a), true); }},
      {"splitlines", split_lines_method},
      {"startswith", [](Runtime& r, const Value& s, Arguments a) { return affix(r, s, std::move(a), true); }},
      {"endswith", [](Runtime& r, const Value& s, Arguments a) { return affix(r, s, std::move(a), false); }},
      {"removeprefix", [](Runtime& r, const Value& s, Arguments a) { return remove_affix(r, s, std::move(a), true); }},
      {"removesuffix", [](Runtime& r, const Value& s, Arguments a) { return remove_affix(r, s, std::move(a), false); }},
      {"partition", [](Runtime& r, const Value& s, Arguments a) { return partition(r, s, std::move(a), false); }},
      {"rpartition", [](Runtime& r, const Value& s, Arguments a) { return partition(r, s, std::move(a), true); }},
      {"find", [](Runtime& r, const Value& s, Arguments a) { return find(r, s, std::move(a), false, false); }},
      {"rfind", [](Runtime& r, const Value& s, Arguments a) { return find(r, s, std::move(a), true, false); }},
      {"index", [](Runtime& r, const Value& s, Arguments a) { return find(r, s, std::move(a), false, true); }},
      {"rindex", [](Runtime& r, const Value& s, Arguments a) { return find(r, s, std::move(a), true, true); }},
      {"ljust", [](Runtime& r, const Value& s, Arguments a) { return pad(r, s, std::move(a), kLeft); }},
      {"rjust", [](Runtime& r, const Value& s, Arguments a) { return pad(r, s, std::move(a), kRight); }},
      {"center", [](Runtime& r, const Value& s, Arguments a) { return pad(r, s, std::move(a), kBoth); }},
      {"zfill", zfill},
      {"replace", replace},
      {"count", count},
      {"join", join},
      {"upper", converted<upper>},
      {"lower", converted<lower>},
      {"title", converted<title>},
      {"capitalize", converted<capitalize>},
      {"isdigit", classified<CharClass::kDigit>},
      {"isdecimal", classified<CharClass::kDigit>},
      {"isalpha", classified<CharClass::kAlpha>},
      {"isalnum", classified<CharClass::kAlnum>},
      {"isspace", classified<CharClass::kSpace>},
      {"isupper", classified<CharClass::kUpper>},
      {"islower", classified<CharClass::kLower>},
  };
  return kMethods;
}

// ---- dict, list, loop ------------------------------------------------------------------------------------------------

Value dict_view(Runtime& runtime, const Value& self, bool keys, bool values) {
  std::vector<Value> items;
  for (const auto& [key, value] : self.pairs()) {
    if (keys && values) {
      items.push_back(runtime.make_list({key, value}, ListKind::kTuple));
    } else {
      items.push_back(keys ? key : value);
    }
  }
  return runtime.make_list(std::move(items), ListKind::kView);
}

const Methods& dict_methods() {
  static const Methods kMethods = {
      {"items",
       [](Runtime& r, const Value& s, Arguments a) {
         const BoundArguments none(r, "items", std::move(a), {});
         return dict_view(r, s, true, true);
       }},
      {"keys",
       [](Runtime& r, const Value& s, Arguments a) {
         const BoundArguments none(r, "keys", std::move(a), {});
         return dict_view(r, s, true, false);
       }},
      {"values",
       [](Runtime& r, const Value& s, Arguments a) {
         const BoundArguments none(r, "values", std::move(a), {});
         return dict_view(r, s, false, true);
       }},
      {"get",
       [](Runtime& r, const Value& s, Arguments a) {
         if (!a.named.empty()) r.fail("'get' takes no named arguments");
         const BoundArguments bound(r, "get", std::move(a), {"key", "default"});
         const Value* found = r.lookup(*s.as<DictPtr>(), bound.require(0));
         return found != nullptr ? *found : bound.get(1, Value(None{}));
       }},
      {"copy", [](Runtime&, const Value& s, Arguments) { return s; }},
  };
  return kMethods;
}

const Methods& list_methods() {
  static const Methods kMethods = {
      {"index",
       [](Runtime& r, const Value& s, Arguments a) {
         const BoundArguments bound(r, "index", std::move(a), {"value"});
         for (size_t i = 0; i < s.items().size(); ++i) {
           if (r.equal(s.items()[i], bound.require(0))) return Value(static_cast<int64_t>(i));
         }
         r.fail("'index': the value is not in the list");
       }},
      {"count",
       [](Runtime& r, const Value& s, Arguments a) {
         const BoundArguments bound(r, "count", std::move(a), {"value"});
         int64_t n = 0;
         for (const Value& item : s.items()) n += r.equal(item, bound.require(0)) ? 1 : 0;
         return Value(n);
       }},
      {"copy", [](Runtime&, const Value& s, Arguments) { return s; }},
  };
  return kMethods;
}

const Methods& loop_methods() {
  static const Methods kMethods = {
      {"cycle",
       [](Runtime& r, const Value& s, Arguments a) {
         if (a.positional.empty() || !a.named.empty()) r.fail("'loop.cycle' needs values");
         return a.positional[s.as<LoopPtr>()->index % a.positional.size()];
       }},
      {"changed",
       [](Runtime& r, const Value& s, Arguments a) {
         Loop& loop = *s.as<LoopPtr>();
         bool same = loop.has_changed && loop.changed.size() == a.positional.size();
         for (size_t i = 0; same && i < a.positional.size(); ++i) same = r.equal(loop.changed[i], a.positional[i]);
         for (const Value& value : a.positional) {
           if (value.depth() > 0) r.fail_unsupported("'loop.changed' of a value that is not plain");
         }
         loop.changed = std::move(a.positional);
         loop.has_changed = true;
         return Value(!same);
       }},
  };
  return kMethods;
}

/// Names that exist in Python but not here, so that the error is about them and not about something undefined.
constexpr std::array kUnsupportedStringMethods = {"format",      "format_map", "encode",   "expandtabs",   "translate",
                                                  "maketrans",   "swapcase",   "casefold", "isidentifier", "isnumeric",
                                                  "isprintable", "istitle",    "isascii"};
constexpr std::array kChangingMethods = {"append",  "clear", "extend",  "insert",     "pop",   "remove",
                                         "reverse", "sort",  "popitem", "setdefault", "update"};

}  // namespace

Value Runtime::method(const Value& object, const std::string& name) {
  const Methods* methods = nullptr;
  if (object.is_string()) {
    methods = &string_methods();
    if (std::find(kUnsupportedStringMethods.begin(), kUnsupportedStringMethods.end(), name) != kUnsupportedStringMethods.end()) {
      fail_unsupported("the str method '" + name + "'");
    }
  } else if (object.is_dict()) {
    methods = &dict_methods();
  } else if (object.is_list() && object.as<ListPtr>()->kind <= ListKind::kRange) {
    methods = &list_methods();
  } else if (object.is<LoopPtr>()) {
    methods = &loop_methods();
  }
  if (methods == nullptr) return {};
  const auto it = methods->find(name);
  if (it != methods->end()) {
    charge(8);
    Callable bound{.name = name,
                   .call = [self = object, call = it->second](Runtime& runtime, const Arguments& a) { return call(runtime, self, a); },
                   .depth = object.depth() + 1};
    if (bound.depth > kMaxValueDepth) fail("methods of methods are nested too deep");
    return Value(CallablePtr(std::make_shared<const Callable>(std::move(bound))));
  }
  const bool changing = (object.is_dict() || (object.is_list() && object.as<ListPtr>()->kind == ListKind::kList)) &&
                        std::find(kChangingMethods.begin(), kChangingMethods.end(), name) != kChangingMethods.end() &&
                        (object.is_dict() ? object.find(name) == nullptr : true);
  if (changing) fail("'" + name + "' would change a " + std::string(object.type_name()) + ", which templates may not");
  return {};
}

}  // namespace aicoder::jinja
