#include "server/schema_grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace aicoder::server {
namespace {

/// What every schema may share. Numbers stay below what overflows a double; a \u escape is never half of a surrogate pair.
const std::map<std::string, std::pair<std::string, std::vector<std::string>>>& shared_rules() {
  static const std::map<std::string, std::pair<std::string, std::vector<std::string>>> rules = {
      // Short on purpose: a small model otherwise fills the rest of its answer with blanks.
      {"ws", {R"(( " " | "\n" [ \t]{0,20} )?)", {}}},
      {"char", {R"([^"\\\x00-\x1F\x7F] | "\\" ( ["\\/bfnrt] | "u" ( [0-9A-CEFa-cef] [0-9A-Fa-f]{3} | [Dd] [0-7] [0-9A-Fa-f]{2} ) ))", {}}},
      {"string", {R"("\"" char* "\"")", {"char"}}},
      {"integer", {R"("-"? ( [0] | [1-9] [0-9]{0,15} ))", {}}},
      {"number", {R"("-"? ( [0] | [1-9] [0-9]{0,15} ) ( "." [0-9]{1,15} )? ( [eE] [-+]? [0-9]{1,2} )?)", {}}},
      {"boolean", {R"("true" | "false")", {}}},
      {"null", {R"("null")", {}}},
      {"member", {R"(string ":" ws value ws)", {"string", "ws", "value"}}},
      {"more-members", {R"("," ws member)", {"ws", "member"}}},
      {"object", {R"("{" ws ( member more-members* )? "}")", {"ws", "member", "more-members"}}},
      {"more-items", {R"("," ws value ws)", {"ws", "value"}}},
      {"array", {R"("[" ws ( value ws more-items* )? "]")", {"ws", "value", "more-items"}}},
      {"value", {"object | array | string | number | boolean | null", {"object", "array", "string", "number", "boolean", "null"}}},
      // Day 29 to 31 only where every reader agrees that the date exists.
      {"date",
       {R"([1-9] [0-9]{3} "-" ( ( [0] [1-9] | [1] [0-2] ) "-" ( [0] [1-9] | [1] [0-9] | [2] [0-8] ) | ( [0] [13-9] | [1] [0-2] ) "-" ( "29" | "30" ) | ( [0] [13578] | "10" | "12" ) "-31" ))",
        {}}},
      {"clock", {R"(( [01] [0-9] | [2] [0-3] ) ":" [0-5] [0-9] ":" [0-5] [0-9])", {}}},
      {"zone", {R"("Z" | [-+] ( [01] [0-9] | [2] [0-3] ) ":" [0-5] [0-9])", {}}},
      {"time", {R"(clock ( "." [0-9]{1,6} )? zone)", {"clock", "zone"}}},
      {"date-time", {R"(date "T" time)", {"date", "time"}}},
      {"hex4", {"[0-9a-f]{4}", {}}},
      {"uuid", {R"(hex4 hex4 "-" hex4 "-" hex4 "-" hex4 "-" hex4 hex4 hex4)", {"hex4"}}},
  };
  return rules;
}

constexpr std::array<std::string_view, 7> kTypes = {"null", "boolean", "integer", "number", "string", "array", "object"};
const std::set<std::string, std::less<>>& annotations() {
  static const std::set<std::string, std::less<>> names = {"title",      "description", "default",  "examples", "example",
                                                           "$schema",    "$comment",    "$id",      "$defs",    "definitions",
                                                           "deprecated", "readOnly",    "writeOnly"};
  return names;
}
/// Keywords by the type they speak of.
const std::map<std::string_view, std::string_view>& keyword_types() {
  static const std::map<std::string_view, std::string_view> names = {{"properties", "object"},
                                                                     {"required", "object"},
                                                                     {"additionalProperties", "object"},
                                                                     {"items", "array"},
                                                                     {"prefixItems", "array"},
                                                                     {"minItems", "array"},
                                                                     {"maxItems", "array"},
                                                                     {"uniqueItems", "array"},
                                                                     {"minLength", "string"},
                                                                     {"maxLength", "string"},
                                                                     {"pattern", "string"},
                                                                     {"format", "string"},
                                                                     {"minimum", "number"},
                                                                     {"maximum", "number"},
                                                                     {"exclusiveMinimum", "number"},
                                                                     {"exclusiveMaximum", "number"},
                                                                     {"multipleOf", "number"}};
  return names;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

bool has_type(const Json& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  if (type == "number") return value.is_number();
  return value.is_number_integer() || (value.is_number_float() && value.get<double>() == std::floor(value.get<double>()));
}

}  // namespace

std::string gbnf_literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

/// One schema and what it refers to.
class SchemaCompiler {
 public:
  SchemaCompiler(Grammar& grammar, const Json& root, std::string where) : grammar_(grammar), root_(root), where_(std::move(where)) {}

  std::string compile_root() {
    const std::string rule = compile(root_, where_, 0);
    if (!finite(root_, {}, 0)) refuse(where_, "every value of this schema would be endless: a required property leads back to it");
    return rule;
  }

 private:
  [[noreturn]] static void refuse(const std::string& place, const std::string& why) { throw unsupported(place, why); }

  std::string ws() { return grammar_.shared_rule("ws"); }

  void check_keywords(const Json& schema, const std::string& place, std::initializer_list<std::string_view> alone) const {
    for (const auto& [name, ignored] : schema.items()) {
      if (annotations().contains(name) || std::ranges::find(alone, name) != alone.end()) continue;
      refuse(place, fmt::format("keyword '{}' beside '{}' is not supported", name, *alone.begin()));
    }
  }

  /// The name of a rule for this schema.
  std::string compile(const Json& schema, const std::string& place, size_t depth) {
    if (depth > grammar_.limits_.depth) refuse(place, fmt::format("nested deeper than {}", grammar_.limits_.depth));
    if (++grammar_.nodes_ > grammar_.limits_.nodes) refuse(place, fmt::format("more than {} schemas in all", grammar_.limits_.nodes));
    if (schema.is_boolean()) {
      if (!schema.get<bool>()) refuse(place, "false allows no value");
      return grammar_.any_value();
    }
    if (!schema.is_object()) refuse(place, "a schema must be an object, true or false");
    if (schema.contains("$ref")) {
      check_keywords(schema, place, {"$ref"});
      return reference(schema["$ref"], place);
    }
    for (const char* name : {"anyOf", "oneOf"}) {
      if (!schema.contains(name)) continue;
      check_keywords(schema, place, {name});
      return alternatives(schema[name], place + "." + name, depth, std::string_view(name) == "oneOf");
    }
    if (schema.contains("allOf")) {
      check_keywords(schema, place, {"allOf"});
      if (!schema["allOf"].is_array() || schema["allOf"].size() != 1)
        refuse(place + ".allOf", "only one schema in it is supported; write them as one");
      return compile(schema["allOf"][0], place + ".allOf[0]", depth + 1);
    }
    if (schema.contains("const")) {
      check_keywords(schema, place, {"const", "type"});
      return values(Json::array({schema["const"]}), schema, place);
    }
    if (schema.contains("enum")) {
      check_keywords(schema, place, {"enum", "type"});
      if (!schema["enum"].is_array() || schema["enum"].empty()) refuse(place + ".enum", "expected an array that is not empty");
      return values(schema["enum"], schema, place);
    }
    return of_types(schema, place, depth);
  }

  std::string reference(const Json& ref, const std::string& place) {
    if (!ref.is_string()) refuse(place + ".$ref", "expected a string");
    const auto name = ref.get<std::string>();
    if (const auto known = references_.find(name); known != references_.end()) return known->second;
    const Json& target = resolve(name, place);
    std::set<std::string> path = {name};
    if (leads_back(target, path, 0)) refuse(place + ".$ref", fmt::format("'{}' refers to itself with nothing in between", name));
    // The name exists before the body, so that the body may refer back to it.
    const std::string rule = grammar_.add_rule("");
    const size_t slot = grammar_.rules_.size() - 1;
    references_[name] = rule;
    const std::string body = compile(target, "'" + name + "'", 1);
    grammar_.rules_[slot] = rule + " ::= " + body;
    return rule;
  }

  /// A loop of references and alternatives alone: no text would ever be written on the way.
  bool leads_back(const Json& schema, std::set<std::string>& path, size_t depth) {
    if (!schema.is_object() || depth > grammar_.limits_.depth || ++steps_ > kMaxSteps) return depth > grammar_.limits_.depth;
    if (schema.contains("$ref") && schema["$ref"].is_string()) {
      const auto name = schema["$ref"].get<std::string>();
      if (!path.insert(name).second) return true;
      const bool found = leads_back(resolve(name, where_), path, depth + 1);
      path.erase(name);
      return found;
    }
    for (const char* name : {"anyOf", "oneOf", "allOf"}) {
      if (!schema.contains(name)) continue;
      return std::ranges::any_of(schema[name], [&](const Json& one) { return leads_back(one, path, depth + 1); });
    }
    return false;
  }

  const Json& resolve(const std::string& name, const std::string& place) const {
    if (name != "#" && !name.starts_with("#/"))
      refuse(place + ".$ref", fmt::format("'{}': only references inside this schema, '#/$defs/NAME'", name));
    try {
      return root_.at(Json::json_pointer(name.substr(1)));
    } catch (const nlohmann::json::exception&) {
      refuse(place + ".$ref", fmt::format("'{}' is not in this schema", name));
    }
  }

  std::string alternatives(const Json& list, const std::string& place, size_t depth, bool exactly_one) {
    if (!list.is_array() || list.empty()) refuse(place, "expected an array that is not empty");
    if (exactly_one) check_disjoint(list, place);
    std::string body;
    for (size_t i = 0; i < list.size(); ++i) {
      body += (i == 0 ? "" : " | ") + compile(list[i], fmt::format("{}[{}]", place, i), depth + 1);
    }
    return grammar_.add_rule(body);
  }

  /// oneOf is anyOf where no value can match two of its schemas: other types, or a property with other constants.
  void check_disjoint(const Json& list, const std::string& place) const {
    for (size_t i = 0; i < list.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        const Json &a = followed(list[i], place), &b = followed(list[j], place);
        if (!other_types(a, b) && !other_constants(a, b) && !told_apart(a, b, place)) {
          refuse(place, fmt::format("[{}] and [{}] might both match; use anyOf, or give them a property with different constants", j, i));
        }
      }
    }
  }
  const Json& followed(const Json& schema, const std::string& place) const {
    const Json* at = &schema;
    for (int i = 0; i < 8 && at->is_object() && at->contains("$ref") && (*at)["$ref"].is_string(); ++i) at = &resolve((*at)["$ref"], place);
    return *at;
  }
  static std::set<std::string> types_of(const Json& schema) {
    std::set<std::string> out;
    if (!schema.is_object() || !schema.contains("type")) return out;
    const Json& type = schema["type"];
    const auto add = [&out](const Json& name) {
      if (name.is_string()) out.insert(name == "integer" ? "number" : name.get<std::string>());
    };
    if (type.is_array()) {
      for (const auto& name : type) add(name);
    } else {
      add(type);
    }
    return out;
  }
  static bool other_types(const Json& a, const Json& b) {
    const auto of_a = types_of(a), of_b = types_of(b);
    return !of_a.empty() && !of_b.empty() && std::ranges::none_of(of_a, [&](const auto& t) { return of_b.contains(t); });
  }
  static std::set<std::string> constants_of(const Json& schema) {
    std::set<std::string> out;
    if (!schema.is_object()) return out;
    if (schema.contains("const")) out.insert(dump(schema["const"]));
    if (schema.contains("enum") && schema["enum"].is_array()) {
      for (const auto& value : schema["enum"]) out.insert(dump(value));
    }
    return out;
  }
  static bool other_constants(const Json& a, const Json& b) {
    const auto of_a = constants_of(a), of_b = constants_of(b);
    return !of_a.empty() && !of_b.empty() && std::ranges::none_of(of_a, [&](const auto& v) { return of_b.contains(v); });
  }
  bool told_apart(const Json& a, const Json& b, const std::string& place) const {
    if (!a.is_object() || !b.is_object() || !a.contains("properties") || !b.contains("properties")) return false;
    if (!a["properties"].is_object() || !b["properties"].is_object()) return false;
    for (const auto& [name, of_a] : a["properties"].items()) {
      const auto of_b = b["properties"].find(name);
      if (of_b == b["properties"].end() || !is_required(a, name) || !is_required(b, name)) continue;
      if (other_constants(followed(of_a, place), followed(*of_b, place))) return true;
    }
    return false;
  }
  static bool is_required(const Json& schema, const std::string& name) {
    return schema.contains("required") && schema["required"].is_array() &&
           std::ranges::any_of(schema["required"], [&](const Json& r) { return r == name; });
  }

  std::string values(const Json& list, const Json& schema, const std::string& place) {
    const auto types = schema.contains("type") ? type_names(schema["type"], place) : std::vector<std::string>();
    std::string body;
    for (const auto& value : list) {
      if (!types.empty() && std::ranges::none_of(types, [&](const auto& t) { return has_type(value, t); })) continue;
      body += (body.empty() ? "" : " | ") + gbnf_literal(dump(value));
    }
    if (body.empty()) refuse(place, "no value is left that has the type");
    return grammar_.add_rule(body);
  }

  static std::vector<std::string> type_names(const Json& type, const std::string& place) {
    std::vector<std::string> names;
    for (const auto& name : type.is_array() ? type : Json::array({type})) {
      if (!name.is_string() || std::ranges::find(kTypes, name.get<std::string>()) == kTypes.end()) {
        refuse(place + ".type", "expected null, boolean, integer, number, string, array or object, or several of them");
      }
      names.push_back(name.get<std::string>());
    }
    if (names.empty()) refuse(place + ".type", "no type is left");
    return names;
  }

  std::string of_types(const Json& schema, const std::string& place, size_t depth) {
    std::set<std::string_view> spoken_of;
    for (const auto& [name, ignored] : schema.items()) {
      if (name == "type" || annotations().contains(name)) continue;
      const auto keyword = keyword_types().find(name);
      if (keyword == keyword_types().end()) refuse(place, fmt::format("keyword '{}' is not supported", name));
      spoken_of.insert(keyword->second);
    }
    std::vector<std::string> types;
    if (schema.contains("type")) {
      types = type_names(schema["type"], place);
    } else if (spoken_of.size() == 1) {
      types = {std::string(*spoken_of.begin())};
    } else if (spoken_of.empty()) {
      return grammar_.any_value();
    } else {
      refuse(place, "no type, and keywords of several types");
    }
    for (const auto kind : spoken_of) {
      const bool used = std::ranges::any_of(types, [&](const auto& t) { return t == kind || (kind == "number" && t == "integer"); });
      if (!used) refuse(place, fmt::format("keywords for type {} beside another type", kind));
    }
    std::string body;
    for (const auto& type : types) body += (body.empty() ? "" : " | ") + of_type(type, schema, place, depth);
    return types.size() == 1 ? body : grammar_.add_rule(body);
  }

  std::string of_type(const std::string& type, const Json& schema, const std::string& place, size_t depth) {
    if (type == "object") return object(schema, place, depth);
    if (type == "array") return array(schema, place, depth);
    if (type == "string") return string(schema, place);
    if (type == "integer" || type == "number") return number(type == "integer", schema, place);
    return grammar_.shared_rule(type);
  }

  // ---- strings and numbers -------------------------------------------------------------------------------------------

  size_t count(const Json& schema, const char* name, const std::string& place, size_t otherwise) const {
    if (!schema.contains(name)) return otherwise;
    const Json& value = schema[name];
    const std::string at = place + "." + name;
    if (!has_type(value, "integer") || value.get<double>() < 0) refuse(at, "expected a whole number of 0 or more");
    if (value.get<double>() > static_cast<double>(grammar_.limits_.repeats))
      refuse(at, fmt::format("more than {} cannot be counted", grammar_.limits_.repeats));
    return static_cast<size_t>(value.get<double>());
  }

  static constexpr size_t kOpen = SIZE_MAX;
  static std::string repetition(size_t least, size_t most) {
    return fmt::format("{{{},{}}}", least, most == kOpen ? "" : std::to_string(most));
  }

  std::string string(const Json& schema, const std::string& place) {
    const bool counted = schema.contains("minLength") || schema.contains("maxLength");
    const bool shaped = schema.contains("pattern") || schema.contains("format");
    if (!counted && !shaped) return grammar_.shared_rule("string");
    if (counted && shaped) refuse(place, "a length beside pattern or format is not supported; write it in the pattern: ^[a-z]{2,5}$");
    if (counted) {
      const size_t least = count(schema, "minLength", place, 0), most = count(schema, "maxLength", place, kOpen);
      if (least > most) refuse(place, "minLength is more than maxLength");
      return grammar_.add_rule(fmt::format(R"("\"" {}{} "\"")", grammar_.shared_rule("char"), repetition(least, most)));
    }
    if (schema.contains("pattern")) {
      if (schema.contains("format")) refuse(place, "pattern beside format is not supported");
      if (!schema["pattern"].is_string()) refuse(place + ".pattern", "expected a string");
      return grammar_.add_rule(
          fmt::format(R"("\"" {} "\"")", pattern_to_gbnf(grammar_, schema["pattern"].get<std::string>(), place + ".pattern")));
    }
    const Json& format = schema["format"];
    for (const char* known : {"date", "time", "date-time", "uuid"}) {
      if (format == known) return grammar_.add_rule(fmt::format(R"("\"" {} "\"")", grammar_.shared_rule(known)));
    }
    refuse(place + ".format", "only date, time, date-time and uuid are supported");
  }

  /// The nearest whole number inside the bound; `whole` says that the value itself must be whole.
  std::optional<int64_t> bound(const Json& schema, const char* name, const std::string& place, bool whole, bool lower) const {
    if (!schema.contains(name)) return std::nullopt;
    const std::string at = place + "." + name;
    if (!schema[name].is_number()) refuse(at, "expected a number");
    const auto value = schema[name].get<double>();
    if (!(std::abs(value) <= 9007199254740991.0)) refuse(at, "beyond 2^53 no number is exact");
    const double rounded = lower ? std::ceil(value) : std::floor(value);
    const bool exclusive = std::string_view(name).starts_with("exclusive");
    if (!whole && (exclusive || rounded != value)) refuse(at, "for type number only whole, inclusive bounds are supported");
    const auto nearest = static_cast<int64_t>(rounded);
    if (!exclusive || rounded != value) return nearest;
    return lower ? nearest + 1 : nearest - 1;
  }

  std::string number(bool whole, const Json& schema, const std::string& place) {
    if (schema.contains("multipleOf")) refuse(place, "keyword 'multipleOf' is not supported");
    std::optional<int64_t> low, high;
    for (const char* name : {"minimum", "exclusiveMinimum"}) {
      if (const auto value = bound(schema, name, place, whole, true)) low = std::max(low.value_or(*value), *value);
    }
    for (const char* name : {"maximum", "exclusiveMaximum"}) {
      if (const auto value = bound(schema, name, place, whole, false)) high = std::min(high.value_or(*value), *value);
    }
    if (!low && !high) return grammar_.shared_rule(whole ? "integer" : "number");
    if (low && high && *low > *high) refuse(place, "no number lies between the bounds");
    return grammar_.add_rule(whole ? integer_range_to_gbnf(low, high) : number_range_to_gbnf(low, high));
  }

  // ---- arrays and objects --------------------------------------------------------------------------------------------

  std::string array(const Json& schema, const std::string& place, size_t depth) {
    if (schema.contains("uniqueItems") && schema["uniqueItems"] != false) refuse(place, "keyword 'uniqueItems' is not supported");
    const size_t least = count(schema, "minItems", place, 0), most = count(schema, "maxItems", place, kOpen);
    if (least > most) refuse(place, "minItems is more than maxItems");
    std::vector<std::string> first;
    if (schema.contains("prefixItems")) {
      const Json& list = schema["prefixItems"];
      if (!list.is_array() || list.empty()) refuse(place + ".prefixItems", "expected an array that is not empty");
      for (size_t i = 0; i < list.size() && i < most; ++i)
        first.push_back(compile(list[i], fmt::format("{}.prefixItems[{}]", place, i), depth + 1));
    }
    const size_t n = first.size();
    std::string rest;  // empty: none after those
    if (schema.contains("items") && schema["items"] != false) {
      rest = compile(schema["items"], place + ".items", depth + 1);
    } else if (!schema.contains("items") && (n == 0 || least > n)) {
      rest = grammar_.any_value();
    }
    if (most <= n) rest.clear();
    if (rest.empty() && least > n) refuse(place, "minItems asks for more than the schema allows");
    const std::string more = rest.empty() ? "" : grammar_.add_rule(fmt::format(R"("," {0} {1} {0})", ws(), rest));
    std::string body;
    for (size_t i = 0; i < n; ++i) body += fmt::format(R"({}{} {} )", i == 0 ? "" : R"("," )" + ws() + " ", first[i], ws());
    if (n > 0) {
      if (!rest.empty()) body += more + repetition(least > n ? least - n : 0, most == kOpen ? kOpen : most - n);
    } else if (most > 0 && !rest.empty()) {
      const std::string one_or_more =
          fmt::format("{} {} {}{}", rest, ws(), more, repetition(least > 0 ? least - 1 : 0, most == kOpen ? kOpen : most - 1));
      body = least > 0 ? one_or_more : "( " + one_or_more + " )?";
    }
    return grammar_.add_rule(fmt::format(R"("[" {} {} "]")", ws(), body));
  }

  std::string pair(const std::string& key, const std::string& value) {
    return fmt::format(R"({} {} ":" {} {} {})", gbnf_literal(dump(Json(key))), ws(), ws(), value, ws());
  }

  std::string object(const Json& schema, const std::string& place, size_t depth) {
    const Json none = Json::object();
    const Json& properties = schema.contains("properties") ? schema["properties"] : none;
    if (!properties.is_object()) refuse(place + ".properties", "expected an object");
    const Json others = schema.contains("additionalProperties") ? schema["additionalProperties"] : Json(true);
    std::vector<std::pair<std::string, bool>> members;  // rule or text of "key": value; required
    for (const auto& [name, value] : properties.items()) {
      members.emplace_back(grammar_.add_rule(pair(name, compile(value, place + ".properties." + name, depth + 1))),
                           is_required(schema, name));
    }
    if (schema.contains("required")) {
      if (!schema["required"].is_array()) refuse(place + ".required", "expected an array");
      std::set<std::string> seen;
      for (const auto& name : schema["required"]) {
        if (!name.is_string()) refuse(place + ".required", "expected names");
        if (properties.contains(name.get<std::string>()) || !seen.insert(name).second) continue;
        if (others == false)
          refuse(place + ".required", fmt::format("'{}' is no property, and others are not allowed", name.get<std::string>()));
        members.emplace_back(grammar_.add_rule(pair(name, compile(others, place + ".additionalProperties", depth + 1))), true);
      }
    }
    if (members.empty() && others != false) {
      const std::string member = grammar_.add_rule(fmt::format(R"({} {} ":" {} {} {})", grammar_.shared_rule("string"), ws(), ws(),
                                                               compile(others, place + ".additionalProperties", depth + 1), ws()));
      const std::string more = grammar_.add_rule(fmt::format(R"("," {} {})", ws(), member));
      return grammar_.add_rule(fmt::format(R"("{{" {} ( {} {}* )? "}}")", ws(), member, more));
    }
    return grammar_.add_rule(fmt::format(R"("{{" {} {} "}}")", ws(), in_order(members)));
  }

  /// Members in their order, any of the optional ones left out. From the back: `after` is what may follow once one was written (it brings
  /// its comma), `first` what may follow while none was.
  std::string in_order(const std::vector<std::pair<std::string, bool>>& members) {
    std::string after, first;
    for (size_t i = members.size(); i-- > 0;) {
      const auto& [member, required] = members[i];
      const std::string with_comma = fmt::format(R"("," {} {})", ws(), member);
      const std::string alone = after.empty() ? member : member + " " + after;
      if (required || i + 1 == members.size()) {
        first = required ? alone : "( " + alone + " )?";
      } else {
        first = grammar_.add_rule(alone + " | " + (first.empty() ? "\"\"" : first));
      }
      const std::string step = required ? with_comma : "( " + with_comma + " )?";
      after = i == 0 ? "" : grammar_.add_rule(after.empty() ? step : step + " " + after);
    }
    return first;
  }

  // ---- endless values ------------------------------------------------------------------------------------------------

  /// False where no finite value exists. A smallest value never needs a reference inside itself again.
  bool finite(const Json& schema, std::set<std::string> inside, size_t depth) {
    if (!schema.is_object() || depth > grammar_.limits_.depth * 2 || ++steps_ > kMaxSteps) return true;
    if (schema.contains("$ref") && schema["$ref"].is_string()) {
      const auto name = schema["$ref"].get<std::string>();
      if (!inside.insert(name).second) return false;
      return finite(resolve(name, where_), inside, depth + 1);
    }
    for (const char* name : {"anyOf", "oneOf", "allOf"}) {
      if (!schema.contains(name)) continue;
      return std::ranges::any_of(schema[name], [&](const Json& one) { return finite(one, inside, depth + 1); });
    }
    const auto types = types_of(schema);
    if (types.size() > 1) return true;  // at least one of them has no parts
    if (schema.contains("properties")) {
      for (const auto& [name, value] : schema["properties"].items()) {
        if (is_required(schema, name) && !finite(value, inside, depth + 1)) return false;
      }
    }
    const bool needs_items = schema.contains("items") && schema.contains("minItems") && schema["minItems"] != 0;
    return !needs_items || finite(schema["items"], inside, depth + 1);
  }

  Grammar& grammar_;
  const Json& root_;
  std::string where_;
  std::map<std::string, std::string> references_;  // "#/$defs/a" -> its rule
  static constexpr size_t kMaxSteps = 20'000;
  size_t steps_ = 0;
};

std::string Grammar::shared_rule(const std::string& name) {
  const auto& [body, needs] = shared_rules().at(name);
  if (!shared_.emplace(name, body).second) return name;
  for (const auto& other : needs) shared_rule(other);
  return name;
}

std::string Grammar::add_rule(std::string body) {
  bytes_ += body.size();
  if (bytes_ > limits_.bytes) throw unsupported("schema", fmt::format("its grammar would be larger than {} bytes", limits_.bytes));
  std::string name = fmt::format("r{}", rules_.size());
  rules_.push_back(name + " ::= " + std::move(body));
  return name;
}

std::string Grammar::add_schema(const Json& schema, const std::string& where) {
  return SchemaCompiler(*this, schema, where).compile_root();
}
std::string Grammar::any_object() { return shared_rule("object"); }
std::string Grammar::any_value() { return shared_rule("value"); }

std::string Grammar::text(std::string_view root) const {
  std::string out = fmt::format("root ::= {}\n", root);
  for (const auto& rule : rules_) out += rule + "\n";
  for (const auto& [name, body] : shared_) out += name + " ::= " + body + "\n";
  return out;
}

std::string schema_to_grammar(const Json& schema, const std::string& where, const SchemaLimits& limits) {
  Grammar grammar(limits);
  return grammar.text(grammar.add_schema(schema, where));
}

}  // namespace aicoder::server
