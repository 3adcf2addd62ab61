// The functions every template sees.
#include <array>
#include <ctime>

#include "model/jinja_runtime.h"

namespace aicoder::jinja {

namespace {

/// Jinja2's sandbox allows no longer range either.
constexpr int64_t kMaxRange = 100000;

Value range(Runtime& runtime, const Arguments& arguments) {
  if (!arguments.named.empty()) runtime.fail("'range' takes no named arguments");
  const BoundArguments bound(runtime, "range", arguments, {"start", "stop", "step"});
  bound.require(0);
  const int64_t start = bound.has(1) ? bound.get_integer(0, 0) : 0;
  const int64_t stop = bound.has(1) ? bound.get_integer(1, 0) : bound.get_integer(0, 0);
  const int64_t step = bound.get_integer(2, 1);
  if (step == 0) runtime.fail("'range' with step 0");
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (static_cast<int64_t>(items.size()) == kMaxRange) runtime.fail("'range' of more than " + std::to_string(kMaxRange) + " numbers");
    items.push_back(Value(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return runtime.make_list(std::move(items), ListKind::kRange);
}

Value make_namespace(Runtime& runtime, const Arguments& arguments) {
  Namespace* made = runtime.new_namespace();
  const auto set = [&](const std::string& name, const Value& value) {
    for (auto& [n, v] : made->attributes) {
      if (n == name) {
        v = value;
        return;
      }
    }
    made->attributes.emplace_back(name, value);
  };
  if (arguments.positional.size() > 1) runtime.fail("'namespace' takes at most one dict");
  for (const Value& initial : arguments.positional) {
    if (!initial.is_dict()) runtime.fail_unsupported("'namespace' of a " + std::string(initial.type_name()));
    for (const auto& [key, value] : initial.pairs()) set(runtime.to_text(key), value);
  }
  for (const auto& [name, value] : arguments.named) set(name, value);
  runtime.charge(4 * made->attributes.size());
  return Value(made);
}

Value dict(Runtime& runtime, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.positional[0].is_dict())
    runtime.fail_unsupported("'dict' of something other than a dict");
  if (arguments.positional.size() > 1) runtime.fail("'dict' takes at most one dict");
  std::vector<std::pair<Value, Value>> items;
  if (!arguments.positional.empty()) items = arguments.positional[0].pairs();
  for (const auto& [name, value] : arguments.named) items.emplace_back(Value(name), value);
  return runtime.make_dict(std::move(items));
}

[[noreturn]] Value raise_exception(Runtime& runtime, const Arguments& arguments) {
  const BoundArguments bound(runtime, "raise_exception", arguments, {"message"});
  runtime.fail("the model's chat template refuses these messages: " + runtime.to_text(bound.require(0)));
}

Value strftime_now(Runtime& runtime, const Arguments& arguments) {
  const BoundArguments bound(runtime, "strftime_now", arguments, {"format"});
  bound.require(0);
  const std::string format = bound.get_text(0, {});
  if (format.empty() || format.size() > 256) runtime.fail("'strftime_now' needs a format of 1 to 256 bytes");
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 4096> buffer{};
  // The leading mark tells an empty result from a failure.
  const size_t n = std::strftime(buffer.data(), buffer.size(), ("." + format).c_str(), &local);
  if (n == 0) runtime.fail("'strftime_now' cannot format '" + format + "'");
  return runtime.text(std::string(buffer.data() + 1, n - 1));
}

}  // namespace

void Runtime::define_functions() {
  const auto add = [&](std::string_view name, Value (*function)(Runtime&, const Arguments&)) {
    auto callable = std::make_shared<const Callable>(Callable{.name = std::string(name), .call = function, .depth = 1});
    scope_->names.emplace_back(name, Value(CallablePtr(std::move(callable))));
  };
  add("range", range);
  add("namespace", make_namespace);
  add("dict", dict);
  add("raise_exception", raise_exception);
  add("strftime_now", strftime_now);
  add("cycler", [](Runtime& r, const Arguments&) -> Value { r.fail_unsupported("'cycler'"); });
  add("joiner", [](Runtime& r, const Arguments&) -> Value { r.fail_unsupported("'joiner'"); });
  add("lipsum", [](Runtime& r, const Arguments&) -> Value { r.fail_unsupported("'lipsum'"); });
}

}  // namespace aicoder::jinja
