// A Python-like value as templates see it. Strings, lists and dictionaries are immutable once made (the sandbox that transformers
// uses forbids changing them), so copies share. Nesting is limited when a container is made: nothing that walks one can run deep.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace aicoder::jinja {

class Runtime;
class Value;
struct Arguments;

struct Undefined {
  std::shared_ptr<const std::string> why;  ///< "'user' is undefined": the message when it is used in an operation; may be null
};
struct None {};

/// What Python type a sequence stands for. A generator (of map, select, ...) is read once, and cannot be printed or indexed.
enum class ListKind { kList, kTuple, kRange, kGenerator, kView };
struct List {
  std::vector<Value> items;
  ListKind kind = ListKind::kList;
  size_t next = 0;  ///< of a generator: how many items were read
  int depth = 1;
};
/// In insertion order. Templates' dictionaries are small: lookups are linear and charged as steps.
struct Dict {
  std::vector<std::pair<Value, Value>> items;
  int depth = 1;
};
/// The one thing templates can change. Owned by the Runtime, so that cycles need no care.
struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
};
struct Callable {
  std::string name;
  std::function<Value(Runtime&, const Arguments&)> call;
  int depth = 1;  ///< of the value a method is bound to, plus one
};
/// State of a `for`, as the variable `loop`.
struct Loop {
  std::vector<Value> items;
  size_t index = 0;
  int depth = 1;
  std::vector<Value> changed;  ///< arguments of the last loop.changed()
  bool has_changed = false;
};

using Str = std::shared_ptr<const std::string>;
using ListPtr = std::shared_ptr<List>;
using DictPtr = std::shared_ptr<const Dict>;
using CallablePtr = std::shared_ptr<const Callable>;
using LoopPtr = std::shared_ptr<Loop>;

inline constexpr int kMaxValueDepth = 64;

class Value {
 public:
  using Storage = std::variant<Undefined, None, bool, int64_t, double, Str, ListPtr, DictPtr, Namespace*, CallablePtr, LoopPtr>;

  Value() : storage_(Undefined{}) {}
  Value(None) : storage_(None{}) {}
  Value(Undefined u) : storage_(std::move(u)) {}
  explicit Value(bool b) : storage_(b) {}
  explicit Value(int64_t i) : storage_(i) {}
  explicit Value(double d) : storage_(d) {}
  explicit Value(std::string s) : storage_(std::make_shared<const std::string>(std::move(s))) {}
  explicit Value(std::string_view s) : Value(std::string(s)) {}
  explicit Value(const char* s) : Value(std::string(s)) {}
  explicit Value(Namespace* n) : storage_(n) {}
  explicit Value(CallablePtr c) : storage_(std::move(c)) {}
  explicit Value(LoopPtr l) : storage_(std::move(l)) {}
  static Value undefined(std::string why) { return Value(Undefined{std::make_shared<const std::string>(std::move(why))}); }
  /// \throws Error(kResourceExhausted) beyond kMaxValueDepth.
  static Value list(std::vector<Value> items, ListKind kind = ListKind::kList);
  /// Keys must differ (Runtime::make_dict merges equal ones). \throws as list.
  static Value dict(std::vector<std::pair<Value, Value>> items);

  template <typename T>
  bool is() const noexcept {
    return std::holds_alternative<T>(storage_);
  }
  template <typename T>
  const T& as() const {
    return std::get<T>(storage_);
  }
  bool is_undefined() const noexcept { return is<Undefined>(); }
  bool is_none() const noexcept { return is<None>(); }
  bool is_string() const noexcept { return is<Str>(); }
  bool is_list() const noexcept { return is<ListPtr>(); }
  bool is_dict() const noexcept { return is<DictPtr>(); }
  bool is_number() const noexcept { return is<bool>() || is<int64_t>() || is<double>(); }
  bool is_integer() const noexcept { return is<bool>() || is<int64_t>(); }  ///< as Python: True is 1
  const std::string& string() const { return *as<Str>(); }
  const std::vector<Value>& items() const { return as<ListPtr>()->items; }
  const std::vector<std::pair<Value, Value>>& pairs() const { return as<DictPtr>()->items; }
  int64_t integer() const { return is<bool>() ? int64_t{as<bool>()} : as<int64_t>(); }
  double number() const { return is<double>() ? as<double>() : static_cast<double>(integer()); }
  int depth() const noexcept;
  /// Of an undefined value: what is wrong with using it.
  std::string why() const;

  /// Python's bool().
  bool truthy() const;
  /// "str", "list", "Undefined", as in Python's messages.
  std::string_view type_name() const noexcept;
  /// nullptr when there is no such key or this is no dictionary.
  const Value* find(std::string_view key) const;

 private:
  explicit Value(Storage s) : storage_(std::move(s)) {}
  Storage storage_;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

}  // namespace aicoder::jinja
