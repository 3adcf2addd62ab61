// The grammars against an independent reader of GBNF and Python's jsonschema (gbnf_oracle.py), and every refusal.
#include "server/schema_grammar.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::server {
namespace {

struct Case {
  const char* name;
  const char* schema;
  std::vector<std::string> accept, reject;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {"any", "{}", {"1", "null", R"({"a": [1, {"b": "c"}]})", "[]", "-0.5e+10"}, {"", "01", "1.", "{a: 1}", R"("\ud800")"}},
      {"string", R"({"type": "string"})", {R"("")", R"("a\nb é 한 😀 é")"}, {"\"\n\"", R"("\x")", "a"}},
      {"length", R"({"type": "string", "minLength": 2, "maxLength": 4})", {R"("ab")", R"("\"\\😀한")"}, {R"("a")", R"("abcde")"}},
      {"integer", R"({"type": "integer"})", {"0", "-12", "123456789"}, {"1.0", "01", "+1", "1e3"}},
      {"range",
       R"({"type": "integer", "minimum": 7, "maximum": 1203})",
       {"7", "9", "10", "99", "100", "1000", "1199", "1203"},
       {"6", "0", "1204", "2000", "-8", "07"}},
      {"negative",
       R"({"type": "integer", "minimum": -120, "exclusiveMaximum": 5})",
       {"-120", "-99", "-1", "0", "4"},
       {"-121", "5", "-0", "-1000"}},
      {"below", R"({"type": "integer", "maximum": -3})", {"-3", "-10", "-4000"}, {"-2", "0", "3"}},
      {"above", R"({"type": "integer", "exclusiveMinimum": 99})", {"100", "101", "5000000"}, {"99", "1", "0", "-100"}},
      {"number", R"({"type": "number", "minimum": 0, "maximum": 1})", {"0", "0.5", "1", "1.0", "0.999"}, {"1.5", "-0.5", "1.01", "2"}},
      {"number below",
       R"({"type": "number", "minimum": -2, "maximum": 3})",
       {"-2", "-1.99", "-0.1", "0.1", "2.9", "3.0"},
       {"-2.1", "3.1", "-3"}},
      {"number open", R"({"type": "number", "minimum": 10})", {"10", "10.5", "99", "12345.678"}, {"9.9", "-10", "1"}},
      {"enum",
       R"({"enum": ["a", "b\"c", 1, null, true, {"x": [1]}]})",
       {R"("a")", R"("b\"c")", "1", "null", R"({"x":[1]})"},
       {"\"b\"", "2"}},
      {"enum of a type", R"({"type": "string", "enum": ["a", 1]})", {R"("a")"}, {"1"}},
      {"const", R"({"const": "fixed"})", {R"("fixed")"}, {R"("other")"}},
      {"types", R"({"type": ["string", "null"], "minLength": 1})", {R"("a")", "null"}, {R"("")", "1"}},
      {"object",
       R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"type": "boolean"}}, "required": ["a", "c"]})",
       {R"({"a":1,"c":true})", R"({"a": 1, "b": "x", "c": false})", "{\n  \"a\": 1,\n  \"c\": true\n}"},
       {R"({"a":1})", R"({"c":true,"a":1})", R"({"a":1,"c":true,})", R"({"a":1,"c":true,"d":1})"}},
      {"all optional",
       R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}}, "additionalProperties": false})",
       {"{}", R"({"a":1})", R"({"b":1})", R"({"c":1})", R"({"a":1,"c":1})", R"({"b":1,"c":1})", R"({"a":1,"b":1,"c":1})"},
       {R"({,"a":1})", R"({"b":1,"a":1})", R"({"a":1 "b":1})"}},
      {"optional then required",
       R"({"properties": {"a": {"type": "null"}, "b": {"type": "null"}, "c": {"type": "null"}}, "required": ["b"]})",
       {R"({"b":null})", R"({"a":null,"b":null})", R"({"b":null,"c":null})"},
       {"{}", R"({"a":null})", R"({"a":null,"c":null})"}},
      {"map", R"({"type": "object", "additionalProperties": {"type": "integer"}})", {"{}", R"({"x":1,"y y":2})"}, {R"({"x":"1"})"}},
      {"no properties", R"({"type": "object", "properties": {}, "additionalProperties": false})", {"{}"}, {R"({"a":1})"}},
      {"required undeclared",
       R"({"type": "object", "required": ["k"], "additionalProperties": {"type": "boolean"}})",
       {R"({"k":true})"},
       {"{}", R"({"k":1})"}},
      {"odd names",
       R"({"type": "object", "properties": {"a\"b": {"const": 1}, "c\\d": {"const": 2}, "한": {"const": 3}}, "required": ["a\"b", "c\\d", "한"]})",
       {R"({"a\"b":1,"c\\d":2,"한":3})"},
       {"{}"}},
      {"array", R"({"type": "array", "items": {"type": "integer"}})", {"[]", "[1]", "[1, 2,3]"}, {"[1,]", "[\"a\"]"}},
      {"counted array",
       R"({"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3})",
       {"[true,false]", "[true,true,true]"},
       {"[]", "[true]", "[true,true,true,true]"}},
      {"at least one", R"({"type": "array", "items": {"type": "null"}, "minItems": 1})", {"[null]", "[null,null,null,null,null]"}, {"[]"}},
      {"empty array", R"({"type": "array", "maxItems": 0})", {"[]"}, {"[1]"}},
      {"tuple",
       R"({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false, "minItems": 2})",
       {R"(["a",1])"},
       {"[]", R"(["a"])", R"(["a",1,2])"}},
      {"tuple and more",
       R"({"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}, "minItems": 2, "maxItems": 3})",
       {R"(["a",1])", R"(["a",1,2])"},
       {R"(["a"])", R"(["a",1,2,3])"}},
      {"any of", R"({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]})", {"1", "[1]"}, {"\"1\""}},
      {"one of types", R"({"oneOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]})", {"1", "\"1\"", "null"}, {"true"}},
      {"one of kinds",
       R"({"oneOf": [{"type": "object", "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "required": ["kind", "x"]},
                                     {"type": "object", "properties": {"kind": {"const": "b"}, "y": {"type": "string"}}, "required": ["kind", "y"]}]})",
       {R"({"kind":"a","x":1})", R"({"kind":"b","y":""})"},
       {R"({"kind":"a","y":""})"}},
      {"list of nodes",
       R"({"$defs": {"node": {"type": "object", "properties": {"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
                            "required": ["value", "next"], "additionalProperties": false}}, "$ref": "#/$defs/node"})",
       {R"({"value":1,"next":null})", R"({"value":1,"next":{"value":2,"next":null}})"},
       {R"({"value":1})"}},
      {"tree by the root",
       R"({"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}, "required": ["children"]})",
       {R"({"children":[]})", R"({"children":[{"children":[]},{"children":[]}]})"},
       {R"({"children":[1]})"}},
      {"recursive alternatives",
       R"({"$defs": {"e": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#/$defs/e"}, "minItems": 1}]}}, "$ref": "#/$defs/e"})",
       {"1", "[1,[2,[3]]]"},
       {"[]", "[[]]"}},
      {"all of one", R"({"allOf": [{"type": "integer"}], "description": "x"})", {"1"}, {"\"a\""}},
      {"dates",
       R"({"type": "object", "properties": {"d": {"type": "string", "format": "date"}, "t": {"type": "string", "format": "date-time"}, "u": {"type": "string", "format": "uuid"}}, "required": ["d", "t", "u"]})",
       {R"({"d":"2026-11-22","t":"2026-11-22T10:15:30.5Z","u":"00000000-0000-4000-8000-00000000abcd"})"},
       {R"({"d":"2026-02-30","t":"","u":""})"}},
      {"pattern",
       R"({"type": "string", "pattern": "^[A-Z]{2}-\\d{3,5}(a|bc)?$"})",
       {R"("AB-123")", R"("XY-12345bc")"},
       {R"("AB-12")", R"("ab-123")", R"("AB-123x")"}},
      {"pattern unanchored",
       R"({"type": "string", "pattern": "ab|^x"})",
       {R"("zzab")", R"("ab")", R"("abzz")", R"("xyz")"},
       {R"("zx")", R"("")"}},
      {"pattern of sets",
       R"({"type": "string", "pattern": "^[^a-z\"]\\w*[\\s\\\\\"\\]-]\\S.(?:한|글)+$"})",
       {R"("A_9 x!한글")", R"("Zb\\-x한")", R"("Zb\tyz글")"},
       {R"("a x!한")"}},
      {"a person",
       R"({"title": "Person", "type": "object", "properties": {"name": {"title": "Name", "type": "string"}, "age": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 150}, {"type": "null"}], "default": null},
                       "tags": {"type": "array", "items": {"enum": ["x", "y"]}, "maxItems": 4, "uniqueItems": false}}, "required": ["name"], "additionalProperties": false, "$schema": "https://json-schema.org/draft/2020-12/schema"})",
       {R"({"name":"Ada","age":36,"tags":["x","y"]})", R"({"name":""})", R"({"name":"Ada","tags":[]})"},
       {R"({"age":3})", R"({"name":"","age":151})"}},
  };
  return list;
}

TEST(SchemaGrammar, WhatTheGrammarLetsThroughSatisfiesTheSchema) {
  ASSERT_STRNE(AICODER_TEST_PYTHON, "") << "make test";
  Json list = Json::array();
  for (const auto& one : cases()) {
    const auto schema = Json::parse(one.schema);
    list.push_back({{"name", one.name},
                    {"schema", schema},
                    {"grammar", schema_to_grammar(schema, "schema")},
                    {"accept", one.accept},
                    {"reject", one.reject}});
  }
  const test::TempDir dir;
  std::ofstream(dir / "cases.json") << list.dump();
  const auto result =
      run_host_process({.argv = {AICODER_TEST_PYTHON, AICODER_SOURCE_DIR "/tests/server/gbnf_oracle.py", (dir / "cases.json").string()}});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST(SchemaGrammar, RefusesWhatItDoesNotUnderstandByPlace) {
  const std::vector<std::pair<std::string, std::string>> refused = {
      {R"({"not": {"type": "string"}})", "schema: keyword 'not'"},
      {R"({"type": "object", "patternProperties": {}})", "keyword 'patternProperties'"},
      {R"({"type": "object", "properties": {"a": {"type": "string", "if": {}}}})", "schema.properties.a: keyword 'if'"},
      {R"({"type": "integer", "multipleOf": 3})", "multipleOf"},
      {R"({"type": "array", "uniqueItems": true})", "uniqueItems"},
      {R"({"type": "array", "contains": {}})", "contains"},
      {R"({"type": "object", "minProperties": 1})", "minProperties"},
      {R"({"type": "string", "format": "email"})", "schema.format"},
      {R"j({"type": "string", "pattern": "(?=a)"})j", "groups that begin with (?"},
      {R"({"type": "string", "pattern": "a*?"})", "lazy"},
      {R"({"type": "string", "pattern": "\\bx"})", "the escape \\b"},
      {R"j({"type": "string", "pattern": "(a"})j", "not closed"},
      {R"({"type": "string", "pattern": "[z-a]"})", "range"},
      {R"({"type": "string", "pattern": "a{5000}"})", "repetitions"},
      {R"({"type": "string", "pattern": "^a$", "maxLength": 3})", "beside pattern"},
      {R"({"type": "number", "exclusiveMinimum": 0})", "inclusive bounds"},
      {R"({"type": "integer", "minimum": 3, "maximum": 2})", "no number lies between"},
      {R"({"type": "string", "maxLength": 100000})", "more than 1000"},
      {R"({"type": "string", "minLength": -1})", "0 or more"},
      {R"({"type": "array", "minItems": 3, "maxItems": 2})", "minItems is more"},
      {R"({"type": "text"})", "schema.type"},
      {R"({"type": "string", "properties": {}})", "beside another type"},
      {R"({"minLength": 1, "minItems": 1})", "keywords of several types"},
      {R"({"enum": []})", "not empty"},
      {R"({"type": "integer", "enum": ["a"]})", "no value is left"},
      {R"({"enum": ["a"], "minLength": 1})", "beside 'enum'"},
      {R"({"anyOf": [{}], "type": "string"})", "beside 'anyOf'"},
      {R"({"allOf": [{}, {}]})", "only one schema"},
      {R"({"oneOf": [{"type": "integer"}, {"type": "number"}]})", "might both match"},
      {R"({"$ref": "https://example.org/x"})", "only references inside"},
      {R"({"$ref": "#/$defs/none"})", "is not in this schema"},
      {R"({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}})", "refers to itself"},
      {R"({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}})", "refers to itself"},
      {R"({"type": "object", "properties": {"x": {"$ref": "#"}}, "required": ["x"]})", "endless"},
      {R"({"type": "object", "required": ["x"], "additionalProperties": false})", "is no property"},
      {R"("text")", "must be an object"},
      {R"(false)", "allows no value"},
  };
  for (const auto& [schema, message] : refused) {
    SCOPED_TRACE(schema);
    EXPECT_ERROR((void)schema_to_grammar(Json::parse(schema), "schema"), ErrorCode::kInvalidArgument, message);
  }
}

TEST(SchemaGrammar, DepthSizeAndNumberAreLimited) {
  Json deep = {{"type", "integer"}};
  for (int i = 0; i < 40; ++i) deep = {{"type", "array"}, {"items", deep}};
  EXPECT_ERROR((void)schema_to_grammar(deep, "schema"), ErrorCode::kInvalidArgument, "nested deeper than 32");

  Json wide = {{"type", "object"}, {"properties", Json::object()}};
  for (int i = 0; i < 3000; ++i) wide["properties"]["p" + std::to_string(i)] = {{"type", "integer"}};
  EXPECT_ERROR((void)schema_to_grammar(wide, "schema"), ErrorCode::kInvalidArgument, "more than 2000 schemas");

  const Json large = {{"enum", Json::array({std::string(300'000, 'x')})}};
  EXPECT_ERROR((void)schema_to_grammar(large, "schema"), ErrorCode::kInvalidArgument, "larger than 262144 bytes");
}

TEST(SchemaGrammar, IntegerRangesHoldExactlyTheirNumbers) {
  // Every range of small bounds, every number around it: the oracle recognizes, here by brute force.
  Json list = Json::array();
  for (int low = -23; low <= 112; low += 9) {
    for (int high = low; high <= 131; high += 11) {
      const Json schema = {{"type", "integer"}, {"minimum", low}, {"maximum", high}};
      Json accept = Json::array(), reject = Json::array();
      for (int value = -140; value <= 140; ++value) (low <= value && value <= high ? accept : reject).push_back(std::to_string(value));
      list.push_back({{"name", std::to_string(low) + " to " + std::to_string(high)},
                      {"schema", schema},
                      {"grammar", schema_to_grammar(schema, "schema")},
                      {"accept", accept},
                      {"reject", reject}});
    }
  }
  const test::TempDir dir;
  std::ofstream(dir / "cases.json") << list.dump();
  const auto result =
      run_host_process({.argv = {AICODER_TEST_PYTHON, AICODER_SOURCE_DIR "/tests/server/gbnf_oracle.py", (dir / "cases.json").string()}});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST(SchemaGrammar, LiteralsAreEscaped) { EXPECT_EQ(gbnf_literal("a\"b\\c\nd"), R"("a\"b\\c\nd")"); }

}  // namespace
}  // namespace aicoder::server
