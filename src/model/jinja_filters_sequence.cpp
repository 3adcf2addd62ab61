// Filters on sequences. map, select and their kin give generators, as in Jinja2: read once, printed only after |list.
#include <algorithm>
#include <charconv>

#include "model/jinja_filters.h"
#include "model/jinja_text.h"

namespace aicoder::jinja {

namespace {

/// "a.b.0" walks down: keys first, then attributes; digits are indices.
Value walk(Runtime& runtime, Value value, const Value& path, const Value& fallback) {
  const auto step = [&](const Value& key) {
    value = runtime.item(value, key);
    if (value.is_undefined() && !fallback.is_none()) value = fallback;
  };
  if (!path.is_string()) {
    step(path);
    return value;
  }
  std::string_view rest = path.string();
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    int64_t index = 0;
    const auto result = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool digits = !part.empty() && part[0] != '-' && result.ec == std::errc() && result.ptr == part.data() + part.size();
    step(digits ? Value(index) : Value(part));
    if (dot == std::string_view::npos) return value;
    rest.remove_prefix(dot + 1);
  }
}

Value fold_case(Runtime& runtime, const Value& value) {
  if (!value.is_string()) return value;
  auto folded = lower(value.string());
  if (!folded) runtime.fail_unsupported("upper and lower case of letters beyond ASCII");
  return runtime.text(std::move(*folded));
}

Value map_filter(Runtime& runtime, const Value& input, Arguments arguments) {
  std::vector<Value> out;
  if (!input.truthy()) return runtime.make_list({}, ListKind::kGenerator);
  if (arguments.positional.empty()) {
    const BoundArguments bound(runtime, "map", std::move(arguments), {"", "attribute", "default"});
    const Value fallback = bound.get(2, Value(None{}));
    for (const Value& item : runtime.iterate(input)) out.push_back(walk(runtime, item, bound.require(1), fallback));
  } else {
    const std::string name = runtime.to_text(arguments.positional[0]);
    arguments.positional.erase(arguments.positional.begin());
    for (const Value& item : runtime.iterate(input)) out.push_back(runtime.apply_filter(name, item, arguments));
  }
  return runtime.make_list(std::move(out), ListKind::kGenerator);
}

template <bool keep, bool by_attribute>
Value select_filter(Runtime& runtime, const Value& input, Arguments arguments) {
  if (!input.truthy()) return runtime.make_list({}, ListKind::kGenerator);
  Value attribute;
  if (by_attribute) {
    if (arguments.positional.empty()) runtime.fail("'selectattr' and 'rejectattr' need the name of an attribute");
    attribute = arguments.positional[0];
    arguments.positional.erase(arguments.positional.begin());
  }
  std::string test;
  if (!arguments.positional.empty()) {
    test = runtime.to_text(arguments.positional[0]);
    arguments.positional.erase(arguments.positional.begin());
  }
  std::vector<Value> out;
  for (const Value& item : runtime.iterate(input)) {
    const Value subject = by_attribute ? walk(runtime, item, attribute, Value(None{})) : item;
    const bool passes = test.empty() ? subject.truthy() : runtime.apply_test(test, subject, arguments);
    if (passes == keep) out.push_back(item);
  }
  return runtime.make_list(std::move(out), ListKind::kGenerator);
}

Value join(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments bound(runtime, "join", std::move(arguments), {"d", "attribute"});
  const std::string separator = runtime.to_text(bound.get(0, Value("")));
  std::string out;
  bool first = true;
  for (Value item : runtime.iterate(input)) {
    if (bound.has(1) && !bound.require(1).is_none()) item = walk(runtime, item, bound.require(1), Value(None{}));
    if (!first) out += separator;
    const std::string piece = runtime.to_text(item);
    runtime.charge_bytes(piece.size() + separator.size());
    out += piece;
    first = false;
  }
  return runtime.text(std::move(out));
}

Value first(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments none(runtime, "first", std::move(arguments), {});
  if (input.is_list() && input.as<ListPtr>()->kind == ListKind::kGenerator) {
    List& list = *input.as<ListPtr>();
    return list.next < list.items.size() ? list.items[list.next++] : Value::undefined("no first item, the sequence is empty");
  }
  const std::vector<Value> items = runtime.iterate(input);
  return items.empty() ? Value::undefined("no first item, the sequence is empty") : items.front();
}

Value last(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments none(runtime, "last", std::move(arguments), {});
  if (input.is_list() && input.as<ListPtr>()->kind == ListKind::kGenerator) runtime.fail("'last' of a generator; put |list before it");
  const std::vector<Value> items = runtime.iterate(input);
  return items.empty() ? Value::undefined("no last item, the sequence is empty") : items.back();
}

Value reverse(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments none(runtime, "reverse", std::move(arguments), {});
  if (input.is_string()) {
    const std::u32string characters = to_code_points(input.string());
    return runtime.text(to_utf8(std::u32string(characters.rbegin(), characters.rend())));
  }
  const bool generator = input.is_list() && input.as<ListPtr>()->kind == ListKind::kGenerator;
  std::vector<Value> items = runtime.iterate(input);
  std::reverse(items.begin(), items.end());
  return runtime.make_list(std::move(items), generator ? ListKind::kList : ListKind::kGenerator);
}

/// Sorts by key, keeping the order of equals also when reversed, as Python does.
template <typename T>
void sort_by(Runtime& runtime, std::vector<T>& items, bool descending, Value (*key)(Runtime&, const T&, const BoundArguments&),
             const BoundArguments& bound) {
  std::vector<std::pair<Value, T>> keyed;
  for (T& item : items) {
    Value k = key(runtime, item, bound);
    keyed.emplace_back(std::move(k), std::move(item));
  }
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    const int order = descending ? runtime.order(b.first, a.first) : runtime.order(a.first, b.first);
    return order < 0;
  });
  for (size_t i = 0; i < items.size(); ++i) items[i] = std::move(keyed[i].second);
}

Value sort(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments bound(runtime, "sort", std::move(arguments), {"reverse", "case_sensitive", "attribute"});
  std::vector<Value> items = runtime.iterate(input);
  sort_by<Value>(
      runtime, items, bound.get_bool(0, false),
      [](Runtime& r, const Value& item, const BoundArguments& b) {
        const auto folded = [&](const Value& v) { return b.get_bool(1, false) ? v : fold_case(r, v); };
        const Value path = b.get(2, Value(None{}));
        if (path.is_none()) return folded(item);
        if (!path.is_string()) return folded(walk(r, item, path, Value(None{})));
        // "a,b": by a, then by b.
        std::vector<Value> keys;
        std::string_view rest = path.string();
        for (size_t comma = 0; comma != std::string_view::npos;) {
          comma = rest.find(',');
          keys.push_back(folded(walk(r, item, Value(rest.substr(0, comma)), Value(None{}))));
          if (comma != std::string_view::npos) rest.remove_prefix(comma + 1);
        }
        return r.make_list(std::move(keys));
      },
      bound);
  return runtime.make_list(std::move(items));
}

Value dictsort(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments bound(runtime, "dictsort", std::move(arguments), {"case_sensitive", "by", "reverse"});
  const std::string by = bound.get_text(1, "key");
  if (by != "key" && by != "value") runtime.fail("'dictsort' sorts by key or value, not '" + by + "'");
  if (!input.is_dict()) runtime.fail("'dictsort' needs a dict, found " + std::string(input.type_name()));
  std::vector<std::pair<Value, Value>> items = input.pairs();
  sort_by<std::pair<Value, Value>>(
      runtime, items, bound.get_bool(2, false),
      [](Runtime& r, const std::pair<Value, Value>& item, const BoundArguments& b) {
        const Value& subject = b.get_text(1, "key") == "key" ? item.first : item.second;
        return b.get_bool(0, false) ? subject : fold_case(r, subject);
      },
      bound);
  std::vector<Value> out;
  for (auto& [key, value] : items) out.push_back(runtime.make_list({key, value}, ListKind::kTuple));
  return runtime.make_list(std::move(out));
}

Value unique(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments bound(runtime, "unique", std::move(arguments), {"case_sensitive", "attribute"});
  std::vector<Value> out, seen;
  for (const Value& item : runtime.iterate(input)) {
    Value key = bound.has(1) && !bound.require(1).is_none() ? walk(runtime, item, bound.require(1), Value(None{})) : item;
    if (!bound.get_bool(0, false)) key = fold_case(runtime, key);
    runtime.check_key(key);
    if (std::any_of(seen.begin(), seen.end(), [&](const Value& s) { return runtime.equal(s, key); })) continue;
    seen.push_back(key);
    out.push_back(item);
  }
  return runtime.make_list(std::move(out), ListKind::kGenerator);
}

template <bool largest>
Value extreme(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments bound(runtime, largest ? "max" : "min", std::move(arguments), {"case_sensitive", "attribute"});
  std::optional<Value> best, best_key;
  for (const Value& item : runtime.iterate(input)) {
    Value key = bound.has(1) && !bound.require(1).is_none() ? walk(runtime, item, bound.require(1), Value(None{})) : item;
    if (!bound.get_bool(0, false)) key = fold_case(runtime, key);
    if (!best || (largest ? runtime.order(key, *best_key) > 0 : runtime.order(key, *best_key) < 0)) {
      best = item;
      best_key = std::move(key);
    }
  }
  return best ? *best : Value::undefined("no aggregated item, the sequence is empty");
}

Value sum(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments bound(runtime, "sum", std::move(arguments), {"attribute", "start"});
  Value total = bound.get(1, Value(int64_t{0}));
  if (total.is_string()) runtime.fail("'sum' of strings; use join");
  for (Value item : runtime.iterate(input)) {
    if (bound.has(0) && !bound.require(0).is_none()) item = walk(runtime, item, bound.require(0), Value(None{}));
    total = runtime.binary("+", total, item);
  }
  return total;
}

Value batch(Runtime& runtime, const Value& input, Arguments arguments) {
  const BoundArguments bound(runtime, "batch", std::move(arguments), {"linecount", "fill_with"});
  const int64_t size = bound.get_integer(0, 0);
  bound.require(0);
  if (size < 1) runtime.fail("'batch' needs a positive count");
  std::vector<Value> out, row;
  const auto flush = [&] { out.push_back(runtime.make_list(std::exchange(row, {}))); };
  for (const Value& item : runtime.iterate(input)) {
    if (static_cast<int64_t>(row.size()) == size) flush();
    row.push_back(item);
  }
  if (!row.empty()) {
    const Value fill = bound.get(1, Value(None{}));
    while (!fill.is_none() && static_cast<int64_t>(row.size()) < size) {
      runtime.charge(4);
      row.push_back(fill);
    }
    flush();
  }
  return runtime.make_list(std::move(out), ListKind::kGenerator);
}

}  // namespace

const Filters& sequence_filters() {
  static const Filters kFilters = {
      {"map", map_filter},
      {"select", select_filter<true, false>},
      {"reject", select_filter<false, false>},
      {"selectattr", select_filter<true, true>},
      {"rejectattr", select_filter<false, true>},
      {"join", join},
      {"first", first},
      {"last", last},
      {"reverse", reverse},
      {"sort", sort},
      {"dictsort", dictsort},
      {"unique", unique},
      {"min", extreme<false>},
      {"max", extreme<true>},
      {"sum", sum},
      {"batch", batch},
      {"list",
       [](Runtime& r, const Value& in, Arguments a) {
         const BoundArguments none(r, "list", std::move(a), {});
         return r.make_list(r.iterate(in));
       }},
      {"items",
       [](Runtime& r, const Value& in, Arguments a) {
         const BoundArguments none(r, "items", std::move(a), {});
         if (in.is_undefined()) return r.make_list({}, ListKind::kGenerator);
         if (!in.is_dict()) r.fail("'items' needs a dict, found " + std::string(in.type_name()));
         std::vector<Value> out;
         for (const auto& [key, value] : in.pairs()) out.push_back(r.make_list({key, value}, ListKind::kTuple));
         return r.make_list(std::move(out), ListKind::kGenerator);
       }},
  };
  return kFilters;
}

}  // namespace aicoder::jinja
