// Filters on any value, and the look-up by name.
#include "model/jinja_filters.h"

#include <array>

namespace aicoder::jinja {

namespace {

const Filters& general_filters() {
  static const Filters kFilters = {
      {"default",
       [](Runtime& r, const Value& in, Arguments a) {
         const BoundArguments bound(r, "default", std::move(a), {"default_value", "boolean"});
         return in.is_undefined() || (bound.get_bool(1, false) && !in.truthy()) ? bound.get(0, Value("")) : in;
       }},
      {"string",
       [](Runtime& r, const Value& in, Arguments a) {
         const BoundArguments none(r, "string", std::move(a), {});
         return r.text(r.to_text(in));
       }},
      {"tojson", [](Runtime& r, const Value& in, Arguments a) { return r.text(r.to_json(in, a)); }},
      {"safe", [](Runtime& r, const Value&, Arguments) -> Value { r.fail_unsupported("'safe' anywhere but at the end of '{{ ... }}'"); }},
      {"attr",
       [](Runtime& r, const Value& in, Arguments a) {
         const BoundArguments bound(r, "attr", std::move(a), {"name"});
         bound.require(0);
         const std::string name = bound.get_text(0, {});
         // Unlike x.name, keys of a dict do not count.
         if (in.is_dict() || in.is_list() || in.is_string()) return r.method(in, name);
         return r.attribute(in, name);
       }},
      {"length",
       [](Runtime& r, const Value& in, Arguments a) {
         const BoundArguments none(r, "length", std::move(a), {});
         const auto n = r.length(in);
         if (!n) r.fail("a value of type " + std::string(in.type_name()) + " has no length");
         return Value(static_cast<int64_t>(*n));
       }},
  };
  return kFilters;
}

std::string_view canonical(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kAliases = {
      {{"count", "length"}, {"d", "default"}, {"e", "escape"}}};
  for (const auto& [alias, full] : kAliases) {
    if (alias == name) return full;
  }
  return name;
}

Filter find_filter(std::string_view name) {
  for (const Filters* table : {&general_filters(), &text_filters(), &number_filters(), &sequence_filters()}) {
    if (const auto it = table->find(canonical(name)); it != table->end()) return it->second;
  }
  return nullptr;
}

}  // namespace

bool Runtime::has_filter(std::string_view name) { return find_filter(name) != nullptr; }

Value Runtime::apply_filter(const std::string& name, const Value& input, Arguments arguments) {
  const Filter filter = find_filter(name);
  if (filter == nullptr) fail_unsupported("the filter '" + name + "'");
  charge(4);
  return filter(*this, input, std::move(arguments));
}

}  // namespace aicoder::jinja
