// Python's rules for the arguments of filters, tests, functions and methods.
#include <algorithm>

#include "model/jinja_runtime.h"

namespace aicoder::jinja {

BoundArguments::BoundArguments(Runtime& runtime, std::string_view callee, Arguments arguments,
                               std::initializer_list<std::string_view> names)
    : runtime_(runtime), callee_(callee), names_(names), values_(names.size()) {
  if (arguments.positional.size() > names_.size()) {
    runtime.fail("'" + callee_ + "' takes at most " + std::to_string(names_.size()) + " arguments, found " +
                 std::to_string(arguments.positional.size()));
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = std::move(arguments.positional[i]);
  for (auto& [name, value] : arguments.named) {
    const auto it = std::find(names_.begin(), names_.end(), name);
    if (it == names_.end()) runtime.fail("'" + callee_ + "' has no parameter '" + name + "'");
    auto& slot = values_[static_cast<size_t>(it - names_.begin())];
    if (slot) runtime.fail("'" + callee_ + "' got '" + name + "' twice");
    slot = std::move(value);
  }
}

const Value& BoundArguments::require(size_t i) const {
  if (!values_[i]) runtime_.fail("'" + callee_ + "' needs '" + std::string(names_[i]) + "'");
  return *values_[i];
}

int64_t BoundArguments::get_integer(size_t i, int64_t fallback) const {
  if (!values_[i]) return fallback;
  if (!values_[i]->is_integer()) {
    runtime_.fail("'" + callee_ + "' needs an integer '" + std::string(names_[i]) + "', found " + std::string(values_[i]->type_name()));
  }
  return values_[i]->integer();
}

std::string BoundArguments::get_text(size_t i, std::string fallback) const {
  if (!values_[i]) return fallback;
  if (!values_[i]->is_string()) {
    runtime_.fail("'" + callee_ + "' needs a str '" + std::string(names_[i]) + "', found " + std::string(values_[i]->type_name()));
  }
  return values_[i]->string();
}

}  // namespace aicoder::jinja
