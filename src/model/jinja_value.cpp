#include "model/jinja_value.h"

#include <algorithm>

#include "aicoder/core.h"

namespace aicoder::jinja {

namespace {

int checked_depth(int deepest_child) {
  if (deepest_child + 1 > kMaxValueDepth) {
    throw Error(ErrorCode::kResourceExhausted,
                "[chat template] values are nested deeper than " + std::to_string(kMaxValueDepth) + " levels");
  }
  return deepest_child + 1;
}

}  // namespace

Value Value::list(std::vector<Value> items, ListKind kind) {
  int deepest = 0;
  for (const Value& item : items) deepest = std::max(deepest, item.depth());
  auto list = std::make_shared<List>();
  list->depth = checked_depth(deepest);
  list->items = std::move(items);
  list->kind = kind;
  return Value(Storage(std::move(list)));
}

Value Value::dict(std::vector<std::pair<Value, Value>> items) {
  int deepest = 0;
  for (const auto& [key, value] : items) deepest = std::max({deepest, key.depth(), value.depth()});
  auto dict = std::make_shared<Dict>();
  dict->depth = checked_depth(deepest);
  dict->items = std::move(items);
  return Value(Storage(DictPtr(std::move(dict))));
}

int Value::depth() const noexcept {
  if (const auto* list = std::get_if<ListPtr>(&storage_)) return (*list)->depth;
  if (const auto* dict = std::get_if<DictPtr>(&storage_)) return (*dict)->depth;
  if (const auto* callable = std::get_if<CallablePtr>(&storage_)) return (*callable)->depth;
  if (const auto* loop = std::get_if<LoopPtr>(&storage_)) return (*loop)->depth;
  return 0;
}

std::string Value::why() const {
  const auto* undefined = std::get_if<Undefined>(&storage_);
  return undefined != nullptr && undefined->why ? *undefined->why : "the value is undefined";
}

bool Value::truthy() const {
  if (is<Undefined>() || is<None>()) return false;
  if (const auto* b = std::get_if<bool>(&storage_)) return *b;
  if (const auto* i = std::get_if<int64_t>(&storage_)) return *i != 0;
  if (const auto* d = std::get_if<double>(&storage_)) return *d != 0.0;
  if (is_string()) return !string().empty();
  // A generator is always true in Python, even one with nothing left.
  if (is_list()) return as<ListPtr>()->kind == ListKind::kGenerator || !items().empty();
  if (is_dict()) return !pairs().empty();
  if (const auto* loop = std::get_if<LoopPtr>(&storage_)) return !(*loop)->items.empty();
  return true;
}

std::string_view Value::type_name() const noexcept {
  if (is<Undefined>()) return "Undefined";
  if (is<None>()) return "NoneType";
  if (is<bool>()) return "bool";
  if (is<int64_t>()) return "int";
  if (is<double>()) return "float";
  if (is<Str>()) return "str";
  if (is<DictPtr>()) return "dict";
  if (is<Namespace*>()) return "Namespace";
  if (is<CallablePtr>()) return "callable";
  if (is<LoopPtr>()) return "LoopContext";
  switch (as<ListPtr>()->kind) {
    case ListKind::kList:
      return "list";
    case ListKind::kTuple:
      return "tuple";
    case ListKind::kRange:
      return "range";
    case ListKind::kGenerator:
      return "generator";
    case ListKind::kView:
      return "dict view";
  }
  return "list";
}

const Value* Value::find(std::string_view key) const {
  if (!is_dict()) return nullptr;
  for (const auto& [k, v] : pairs()) {
    if (k.is_string() && k.string() == key) return &v;
  }
  return nullptr;
}

}  // namespace aicoder::jinja
