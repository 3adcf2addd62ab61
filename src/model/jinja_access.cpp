// Getting at what is inside a value: a.b, a[b], a[i:j:k], iteration, len().
#include <algorithm>

#include "model/jinja_runtime.h"
#include "model/jinja_text.h"

namespace aicoder::jinja {

Value Runtime::make_list(std::vector<Value> items, ListKind kind) {
  charge(3 * items.size() + 1);
  return Value::list(std::move(items), kind);
}

void Runtime::check_key(const Value& key) const {
  const bool list = key.is_list() && key.as<ListPtr>()->kind == ListKind::kList;
  if (list || key.is_dict()) fail("a value of type " + std::string(key.type_name()) + " cannot be a key");
  if (key.is_list() && key.as<ListPtr>()->kind == ListKind::kTuple) {
    for (const Value& item : key.items()) check_key(item);
  }
}

const Value* Runtime::lookup(const Dict& dict, const Value& key) {
  charge(dict.items.size() / 16 + 1);
  for (const auto& [k, v] : dict.items) {
    // Most keys are strings: compared here without a charge for each.
    if (k.is_string() != key.is_string()) continue;
    if (k.is_string() ? k.string() == key.string() : equal(k, key)) return &v;
  }
  return nullptr;
}

Value Runtime::make_dict(std::vector<std::pair<Value, Value>> items) {
  Dict unique;
  for (auto& [key, value] : items) {
    check_key(key);
    charge(6);
    if (const Value* existing = lookup(unique, key)) {
      const auto it = std::find_if(unique.items.begin(), unique.items.end(), [&](const auto& pair) { return &pair.second == existing; });
      it->second = std::move(value);
    } else {
      unique.items.emplace_back(std::move(key), std::move(value));
    }
  }
  return Value::dict(std::move(unique.items));
}

namespace {

Value missing(const Value& object, const std::string& name) {
  return Value::undefined("'" + std::string(object.type_name()) + " object' has no attribute '" + name + "'");
}

Value loop_attribute(const Value& object, const std::string& name) {
  const Loop& loop = *object.as<LoopPtr>();
  const auto number = [](size_t n) { return Value(static_cast<int64_t>(n)); };
  if (name == "index") return number(loop.index + 1);
  if (name == "index0") return number(loop.index);
  if (name == "revindex") return number(loop.items.size() - loop.index);
  if (name == "revindex0") return number(loop.items.size() - loop.index - 1);
  if (name == "first") return Value(loop.index == 0);
  if (name == "last") return Value(loop.index + 1 == loop.items.size());
  if (name == "length") return number(loop.items.size());
  if (name == "depth") return Value(int64_t{1});  // counts recursive loops only, which are refused
  if (name == "depth0") return Value(int64_t{0});
  if (name == "previtem") return loop.index > 0 ? loop.items[loop.index - 1] : Value::undefined("there is no previous item");
  if (name == "nextitem")
    return loop.index + 1 < loop.items.size() ? loop.items[loop.index + 1] : Value::undefined("there is no next item");
  return missing(object, name);
}

}  // namespace

Value Runtime::attribute(const Value& object, const std::string& name) {
  charge(1);
  if (object.is_undefined()) fail(object.why());
  if (object.is<Namespace*>()) {
    ++namespace_reads_;
    for (const auto& [n, value] : object.as<Namespace*>()->attributes) {
      if (n == name) return value;
    }
    return missing(object, name);
  }
  if (object.is<LoopPtr>()) {
    const Value value = method(object, name);
    return value.is_undefined() ? loop_attribute(object, name) : value;
  }
  // Python's order: a method hides a key of the same name, so message.items is the method.
  Value bound = method(object, name);
  if (!bound.is_undefined()) return bound;
  if (object.is_dict()) {
    charge(object.pairs().size() / 16);
    if (const Value* value = object.find(name)) return *value;
  }
  return missing(object, name);
}

Value Runtime::item(const Value& object, const Value& key) {
  charge(1);
  if (object.is_undefined()) fail(object.why());
  const auto none = [&] { return Value::undefined("'" + std::string(object.type_name()) + " object' has no element " + repr(key)); };
  if (object.is_dict()) {
    if (const Value* value = lookup(*object.as<DictPtr>(), key)) return *value;
  } else if (key.is_integer() && (object.is_string() || object.is_list())) {
    const auto at = [&](size_t n) -> std::optional<size_t> {
      const int64_t index = key.integer() < 0 ? key.integer() + static_cast<int64_t>(n) : key.integer();
      return index >= 0 && index < static_cast<int64_t>(n) ? std::optional(static_cast<size_t>(index)) : std::nullopt;
    };
    if (object.is_list()) {
      if (object.as<ListPtr>()->kind >= ListKind::kGenerator) return none();
      const auto index = at(object.items().size());
      return index ? object.items()[*index] : none();
    }
    charge_bytes(object.string().size());
    const std::u32string characters = to_code_points(object.string());
    const auto index = at(characters.size());
    return index ? Value(to_utf8(characters.substr(*index, 1))) : none();
  }
  if (key.is_string()) {
    if (object.is<Namespace*>() || object.is<LoopPtr>()) return attribute(object, key.string());
    const Value bound = method(object, key.string());
    if (!bound.is_undefined()) return bound;
  }
  return none();
}

Value Runtime::slice(const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.is_undefined()) fail(object.why());
  for (const Value* part : {&start, &stop, &step}) {
    if (!part->is_none() && !part->is_integer()) fail("a slice needs integers, found " + std::string(part->type_name()));
  }
  const bool sequence = object.is_list() && object.as<ListPtr>()->kind < ListKind::kGenerator;
  if (!object.is_string() && !sequence) fail("a value of type " + std::string(object.type_name()) + " has no slices");
  charge_bytes(object.is_string() ? object.string().size() : 16);
  const std::u32string characters = object.is_string() ? to_code_points(object.string()) : std::u32string();
  const auto n = static_cast<int64_t>(object.is_string() ? characters.size() : object.items().size());
  const int64_t by = step.is_none() ? 1 : step.integer();
  if (by == 0) fail("a slice of step 0");
  // Python's rule: bounds count from the end when negative and are clamped to what the direction can reach.
  const int64_t low = by > 0 ? 0 : -1;
  const int64_t high = by > 0 ? n : n - 1;
  const auto bound = [&](const Value& v, int64_t otherwise) {
    if (v.is_none()) return otherwise;
    const int64_t i = v.integer() < 0 ? std::max<int64_t>(v.integer(), -n - 1) + n : v.integer();
    return std::clamp(i, low, high);
  };
  const int64_t first = bound(start, by > 0 ? 0 : n - 1);
  const int64_t last = bound(stop, by > 0 ? n : -1);
  std::u32string text;
  std::vector<Value> items;
  for (int64_t i = first; by > 0 ? i < last : i > last;) {
    if (object.is_string()) {
      text.push_back(characters[static_cast<size_t>(i)]);
    } else {
      charge(1);
      items.push_back(object.items()[static_cast<size_t>(i)]);
    }
    if (__builtin_add_overflow(i, by, &i)) break;
  }
  return object.is_string() ? this->text(to_utf8(text)) : make_list(std::move(items), object.as<ListPtr>()->kind);
}

std::vector<Value> Runtime::iterate(const Value& value) {
  std::vector<Value> items;
  if (value.is_undefined()) return items;
  if (value.is_list()) {
    List& list = *value.as<ListPtr>();
    const size_t from = list.kind == ListKind::kGenerator ? std::exchange(list.next, list.items.size()) : 0;
    charge(2 * (list.items.size() - from) + 1);
    items.assign(list.items.begin() + static_cast<std::ptrdiff_t>(from), list.items.end());
  } else if (value.is_dict()) {
    charge(2 * value.pairs().size() + 1);
    for (const auto& [key, v] : value.pairs()) items.push_back(key);
  } else if (value.is_string()) {
    charge(4 * value.string().size() + 1);
    for (char32_t c : to_code_points(value.string())) items.push_back(Value(to_utf8(std::u32string(1, c))));
  } else if (value.is<LoopPtr>()) {
    fail_unsupported("iterating 'loop'");
  } else {
    fail("a value of type " + std::string(value.type_name()) + " cannot be iterated");
  }
  return items;
}

std::optional<size_t> Runtime::length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) {
    charge(value.string().size() / 16 + 1);
    return count_code_points(value.string());
  }
  if (value.is_dict()) return value.pairs().size();
  if (value.is<LoopPtr>()) return value.as<LoopPtr>()->items.size();
  if (value.is_list() && value.as<ListPtr>()->kind != ListKind::kGenerator) return value.items().size();
  return std::nullopt;
}

}  // namespace aicoder::jinja
