// Templates of strangers: what is outside the subset is named with its line, and nothing hangs, overflows the stack or eats the memory.
#include <gtest/gtest.h>

#include <ctime>

#include "model/jinja_oracle.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using test::render;

std::string repeat(const std::string& text, size_t n) {
  std::string out;
  for (size_t i = 0; i < n; ++i) out += text;
  return out;
}

#define EXPECT_UNIMPLEMENTED(source, part) EXPECT_ERROR(render(source), ErrorCode::kUnimplemented, part)
/// The same walls, nearer, so that running into each takes milliseconds.
jinja::Limits near() {
  jinja::Limits limits;
  limits.max_steps = 4'000'000;
  limits.max_output_bytes = size_t{1} << 18;
  return limits;
}

#define EXPECT_EXHAUSTED(source, part) EXPECT_ERROR(render(source, test::Json::object(), near()), ErrorCode::kResourceExhausted, part)

TEST(JinjaRefusals, NameTheConstructAndItsLine) {
  EXPECT_UNIMPLEMENTED("\n\n{% include 'x' %}", "line 3: the tag '{% include %}'");
  EXPECT_UNIMPLEMENTED("{% call m() %}{% endcall %}", "line 1: the tag '{% call %}'");
  EXPECT_UNIMPLEMENTED("\n{{ 'x'|urlize }}", "line 2: the filter 'urlize'");
  EXPECT_UNIMPLEMENTED("{{ 'x' is prime }}", "line 1: the test 'prime'");
  EXPECT_UNIMPLEMENTED("{{ '{}'.format(1) }}", "line 1: the str method 'format'");
  EXPECT_UNIMPLEMENTED("{{ '%s' % 1 }}", "'%' formatting");
  EXPECT_UNIMPLEMENTED("\n{% for x in [1] recursive %}{% endfor %}", "line 2: a recursive loop");
  EXPECT_UNIMPLEMENTED("{{ f(*args) }}", "'*' and '**' in a call");
  EXPECT_UNIMPLEMENTED("{{ range(3) }}", "printing a value of type range");
  EXPECT_UNIMPLEMENTED("{{ [1]|map('string') }}", "printing a value of type generator");
  EXPECT_UNIMPLEMENTED("{{ 'é'|upper }}", "letters beyond ASCII");
  EXPECT_UNIMPLEMENTED("{{ '<'|safe ~ '>' }}", "'safe' anywhere but at the end");
  EXPECT_UNIMPLEMENTED("{{ cycler(1) }}", "'cycler'");
  EXPECT_UNIMPLEMENTED("{{ 9223372036854775807 + 1 }}", "an integer beyond 64 bits");
  EXPECT_UNIMPLEMENTED("{{ 99999999999999999999 }}", "out of range");
  EXPECT_UNIMPLEMENTED("{% macro m() %}{{ varargs }}{% endmacro %}{{ m() }}", "'varargs' in a macro");
  EXPECT_UNIMPLEMENTED("{{ '\\N{DASH}' }}", "a character by name");
  EXPECT_UNIMPLEMENTED("{{ '\\ud83d' }}", "surrogate");
  EXPECT_UNIMPLEMENTED("{% set ns = namespace(x=0) %}{% for i in [1, 2] if ns.x == 0 %}{% set ns.x = 1 %}{% endfor %}",
                       "reads a namespace that its body changes");
}

TEST(JinjaRefusals, OnlyWhatIsReachedCounts) { EXPECT_EQ(render("{% if false %}{{ x|urlize }}{% endif %}ok"), "ok"); }

TEST(JinjaRefusals, MistakesOfTheTemplateNameTheLine) {
  EXPECT_ERROR(render("a\n{{ user.name }}"), ErrorCode::kInvalidArgument, "line 2: 'user' is undefined");
  EXPECT_ERROR(render("{{ raise_exception('System role not supported') }}"), ErrorCode::kInvalidArgument,
               "refuses these messages: System role not supported");
  EXPECT_UNIMPLEMENTED("a\nb {% if %}", "line 2: expected an expression, found '%}'");
  EXPECT_UNIMPLEMENTED("{% if x %}", "expected '{% endif %}', found the end of the template");
}

TEST(JinjaLimits, DeepNestingIsRefusedNotRecursedInto) {
  EXPECT_EXHAUSTED("{{ " + repeat("(", 100000) + "1" + repeat(")", 100000) + " }}", "nested deeper");
  EXPECT_EXHAUSTED("{{ " + repeat("[", 5000) + repeat("]", 5000) + " }}", "nested deeper");
  EXPECT_EXHAUSTED("{{ " + repeat("-", 100000) + "1 }}", "nested deeper");
  EXPECT_EXHAUSTED("{{ " + repeat("not ", 100000) + "1 }}", "nested deeper");
  EXPECT_EXHAUSTED("{{ 1" + repeat(" + 1", 50000) + " }}", "nested deeper");
  EXPECT_EXHAUSTED("{{ s" + repeat("|trim", 50000) + " }}", "nested deeper");
  EXPECT_EXHAUSTED("{{ s" + repeat(".x", 50000) + " }}", "nested deeper");
  EXPECT_EXHAUSTED("{{ s" + repeat(" if s else s", 50000) + " }}", "nested deeper");
  EXPECT_EXHAUSTED(repeat("{% if 1 %}", 10000), "nested deeper");
  EXPECT_EXHAUSTED("{% set " + repeat("(", 10000) + "a" + repeat(")", 10000) + " = 1 %}", "nested deeper");
  EXPECT_EXHAUSTED("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested too deep");
}

TEST(JinjaLimits, OneHundredLevelsAreFine) {
  EXPECT_EQ(render("{{ 1" + repeat(" + 1", 99) + " }}"), "100");
  EXPECT_EQ(render(repeat("{% if 1 %}", 90) + "x" + repeat("{% endif %}", 90)), "x");
  EXPECT_EQ(render("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{% endif %}.{% endmacro %}{{ f(50) }}"), repeat(".", 51));
}

TEST(JinjaLimits, EndlessWorkIsStopped) {
  EXPECT_EXHAUSTED("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "steps");
  EXPECT_EXHAUSTED("{% for a in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", "bytes");
  EXPECT_EXHAUSTED("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}", "steps");
}

TEST(JinjaLimits, TheDefaultsEndEndlessWorkToo) {
  const std::string source = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
  EXPECT_ERROR(render(source), ErrorCode::kResourceExhausted, "20000000 steps");
}

TEST(JinjaLimits, GrowingValuesAreStopped) {
  EXPECT_EXHAUSTED("{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "bytes");
  EXPECT_EXHAUSTED("{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "bytes");
  EXPECT_EXHAUSTED("{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}", "steps");
  EXPECT_EXHAUSTED("{{ 'x' * 9223372036854775807 }}", "bytes");
  EXPECT_EXHAUSTED("{{ 'xx' * 9223372036854775807 }}", "bytes");
  EXPECT_EXHAUSTED("{{ [1] * 9223372036854775807 }}", "steps");
  EXPECT_EXHAUSTED("{{ 'x'.center(9223372036854775807) }}", "bytes");
  EXPECT_EXHAUSTED("{{ 'x'.zfill(1000000000000) }}", "bytes");
  EXPECT_EXHAUSTED("{{ 'x'|indent(1000000000000, true) }}", "bytes");
  EXPECT_EXHAUSTED(
      "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s|replace('x', 'xxxxxxxx') %}{% endfor %}",
      "more than");
  EXPECT_EXHAUSTED("{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s|replace('', ns.s) %}{% endfor %}",
                   "more than");
  EXPECT_EXHAUSTED("{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s|join(ns.s) %}{% endfor %}",
                   "more than");
  EXPECT_EXHAUSTED("{{ [1]|batch(100000000000, 0)|list }}", "steps");
}

TEST(JinjaLimits, NestedValuesAreStoppedBeforeTheyOverflowTheStack) {
  EXPECT_EXHAUSTED("{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}", "nested deeper than 64");
  EXPECT_EXHAUSTED("{% set ns = namespace(l={}) %}{% for i in range(99999) %}{% set ns.l = {'k': ns.l.get} %}{% endfor %}",
                   "nested deeper than 64");
}

TEST(JinjaLimits, SharedPartsAreCountedEachTimeTheyAreWalked) {
  const std::string doubled = "{% set ns = namespace(l=[1, 1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}";
  EXPECT_EXHAUSTED(doubled + "{{ ns.l }}", "");
  EXPECT_EXHAUSTED(doubled + "{{ ns.l|tojson }}", "");
  EXPECT_EXHAUSTED(
      doubled + "{% set a = ns.l %}{% set ns.l = [1, 1] %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ a == ns.l }}",
      "steps");
}

TEST(JinjaLimits, NamespacesMayHoldThemselves) {
  EXPECT_EQ(render("{% set ns = namespace(x=1) %}{% set ns.me = ns %}{{ ns.me.me.x }}"), "1");
}

TEST(JinjaLimits, SourceAndOutputSizesAreLimited) {
  jinja::Limits limits;
  limits.max_source_bytes = 10;
  EXPECT_ERROR(render("12345678901", {}, limits), ErrorCode::kResourceExhausted, "11 bytes, at most 10");
  limits = {};
  limits.max_output_bytes = 100;
  EXPECT_EQ(render("{% for i in range(10) %}0123456789{% endfor %}", test::Json::object(), limits).size(), 100u);
  EXPECT_ERROR(render("{% for i in range(11) %}0123456789{% endfor %}", test::Json::object(), limits), ErrorCode::kResourceExhausted,
               "100 bytes");
}

TEST(JinjaLimits, ALongConversationIsWellWithinThem) {
  test::Json variables = {{"messages", test::Json::array()}, {"bos_token", "<s>"}};
  for (int i = 0; i < 1000; ++i)
    variables["messages"].push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", repeat("word ", 1000)}});
  const std::string text = render(read_file(AICODER_SOURCE_DIR "/tests/data/chat_templates/gemma.jinja"), variables);
  EXPECT_GT(text.size(), 4'990'000u);
}

TEST(JinjaFunctions, StrftimeNowGivesTheDate) {
  const std::time_t before = std::time(nullptr);
  const std::string text = render("{{ strftime_now('%Y-%m-%d') }}");
  const std::time_t after = std::time(nullptr);
  const auto date = [](std::time_t t) {
    std::tm local{};
    localtime_r(&t, &local);
    char buffer[16];
    return std::string(buffer, std::strftime(buffer, sizeof buffer, "%Y-%m-%d", &local));
  };
  EXPECT_TRUE(text == date(before) || text == date(after)) << text;
}

TEST(Jinja, IllFormedUtf8PassesThrough) { EXPECT_EQ(render("\xff\xfe{{ x }}", {{"x", "ok"}}), "\xff\xfeok"); }

}  // namespace
}  // namespace aicoder
