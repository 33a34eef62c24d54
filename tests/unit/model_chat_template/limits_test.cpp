// A hostile template ends with a clear error, whatever it tries to exhaust.
#include <doctest/doctest.h>

#include "model/chat_template/chat_template.hpp"

using namespace tokamak;

namespace {

/// Limits that make every test quick; the defaults differ only in size.
chat_template_limits small() {
  chat_template_limits limits;
  limits.output_bytes = 1 << 20;
  limits.text_bytes = 1 << 20;
  limits.live_bytes = 8 << 20;
  return limits;
}

/// The error of compiling or rendering; fails the test if there is none.
error refusal(const std::string& source, std::uint64_t steps = 200'000) {
  auto limits = small();
  limits.steps = steps;
  const auto compiled = chat_template::compile(source, "hostile", limits);
  if (!compiled) return compiled.error();
  const auto rendered = compiled->render({});
  REQUIRE_FALSE(rendered.has_value());
  return rendered.error();
}

std::string repeated(const std::string& part, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += part;
  return out;
}

constexpr const char* steps_message = "the template needs more than 200000 steps";
constexpr const char* text_message = "the template makes a string of more than 1048576 bytes";
constexpr const char* values_message = "the template needs more than 8388608 bytes of values";
constexpr const char* syntax_message = "the template is nested more than 200 levels deep";
constexpr const char* expression_message = "an expression is nested more than 200 levels deep";
constexpr const char* calls_message = "the template's calls are nested more than 1000 levels deep";
constexpr const char* data_message = "the data is nested more than 200 levels deep";

} // namespace

TEST_CASE("a loop that would run for ever stops at the step limit") {
  const auto e = refusal("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}");
  CHECK(e == error{errc::too_large, steps_message, "hostile:1"});
}

TEST_CASE("work inside one operation counts as steps") {
  const std::string doubling =
      "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% set ns.y = [ns.y, ns.y] %}{% endfor %}";
  CHECK(refusal(doubling + "{{ ns.x == ns.y }}").message == steps_message);
  CHECK(refusal(doubling + "{{ ns.x|string|length }}").message == steps_message);
  CHECK(refusal("{% set l = range(100000)|list %}{{ [-1 in l, -1 in l, -1 in l, -1 in l] }}").message == steps_message);
  CHECK(refusal("{% set s = 'ab' * 500000 %}{% for i in range(1000) %}{% set x = s|upper %}{% endfor %}").message ==
        steps_message);
  CHECK(refusal("{% set s = 'a' * 1000000 %}{% for i in range(1000) %}{{ s.find('a' * 30 ~ 'b') }}{% endfor %}")
            .message == steps_message);
  CHECK(refusal("{% set s = 'a' * 1000000 %}{% for i in range(1000) %}{{ s.find('a' * 500000 ~ 'b') }}{% endfor %}")
            .message == steps_message);
}

TEST_CASE("output that grows exponentially stops at a limit") {
  CHECK(refusal("{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}")
            .message == text_message);
  CHECK(refusal(repeated("{% filter replace('x', 'xx') %}", 60) + "x" + repeated("{% endfilter %}", 60)).code ==
        errc::too_large);
  CHECK(refusal("{% for i in range(100000) %}0123456789abcdef{% endfor %}").message ==
        "the template writes more than 1048576 bytes");
}

TEST_CASE("one huge string is refused before it is made") {
  for (const auto* source :
       {"{{ 'x' * 1000000000 }}", "{{ 'x'.center(999999999) }}", "{{ '%999999999d' % 3 }}",
        "{{ '%*d' % (999999999, 3) }}", "{{ '{:999999999}'.format('a') }}", "{{ 'a'.zfill(99999999) }}",
        "{{ 'a\\tb'.expandtabs(999999999) }}", "{{ 'a'|indent(999999999, true) }}",
        "{{ ('a' * 1000000)|replace('a', 'bbb') }}", "{{ (',' * 1000).join(['a'] * 5000) }}", "{{ ('<' * 1000000)|e }}",
        "{{ ('\\u00e9' * 400000)|tojson(true) }}"}) {
    CAPTURE(source);
    CHECK(refusal(source, 50'000'000).to_string() == std::string("hostile:1: ") + text_message + " (too_large)");
  }
  CHECK(refusal("{{ 'x' * 10 ** 30 }}").message ==
        "the repetition count is too large: 1000000000000000000000000000000");
  CHECK(refusal("{{ '%.2000f' % 1.5 }}").message == "a number's precision is more than 1000 digits");
  CHECK(refusal("{{ [1]|tojson(indent=2000) }}").message == "the indentation is more than 1000 spaces");
}

TEST_CASE("memory for values is bounded") {
  CHECK(refusal("{{ [1] * 1000000000 }}", 50'000'000).message == values_message);
  CHECK(refusal("{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = ns.l + [i] %}{% endfor %}")
            .message == values_message);
  CHECK(refusal("{{ ('a,' * 500000).split(',')|length }}", 50'000'000).message == values_message);
}

TEST_CASE("a range has at most as many items as in Jinja's sandbox") {
  CHECK(refusal("{{ range(100001) }}").message ==
        "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
  CHECK(chat_template::compile("{{ range(100000)|length }}", "t")->render({}) == "100000");
}

TEST_CASE("macros, loops and callers that call themselves stop at the depth limit") {
  CHECK(refusal("{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}") ==
        error{errc::too_large, calls_message, "hostile:1"});
  CHECK(refusal("{% macro m(x) %}{{ m(m(m(x))) }}{% endmacro %}{{ m(1) }}").message == calls_message);
  CHECK(refusal("{% macro m(x) %}{% if true %}{% for i in [1] %}{% set y %}{{ 1 + (2 * m([x])|length) }}{% endset %}"
                "{% endfor %}{% endif %}{% endmacro %}{{ m(1) }}")
            .message == calls_message);
  CHECK(refusal("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}").message == calls_message);
  CHECK(refusal("{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}").message ==
        calls_message);
}

TEST_CASE("source that nests too deeply is refused by the parser") {
  for (const auto& [open, close] : {std::pair{"(", ")"},
                                    {"[", "]"},
                                    {"{'a':", "}"},
                                    {"not ", ""},
                                    {"- ", ""},
                                    {"m(", ")"},
                                    {"a[", "]"},
                                    {"1 if a else ", ""},
                                    {"a|default(", ")"}}) {
    CAPTURE(open);
    CHECK(refusal("{{ " + repeated(open, 50'000) + "1" + repeated(close, 50'000) + " }}") ==
          error{errc::too_large, syntax_message, "hostile:1"});
  }
  for (const auto* tag : {"{% if a %}", "{% for x in a %}", "{% macro m() %}", "{% call m() %}", "{% filter upper %}",
                          "{% set x %}", "{% with %}", "{% generation %}", "{% for x in a recursive %}"}) {
    CAPTURE(tag);
    CHECK(refusal(repeated(tag, 5'000)).message == syntax_message);
  }
  CHECK(refusal("{% set " + repeated("(", 5'000) + "a" + repeated(",)", 5'000) + " = 1 %}").message == syntax_message);
}

TEST_CASE("a long chain of operands is no deep tree, or is refused") {
  CHECK(chat_template::compile("{{ 1" + repeated(" + 1", 20'000) + " }}", "t")->render({}) == "20001");
  CHECK(chat_template::compile("{{ true" + repeated(" and true", 20'000) + " }}", "t")->render({}) == "True");
  CHECK(chat_template::compile("{{ 'a'" + repeated(" ~ 'a'", 20'000) + " }}", "t")->render({})->size() == 20'001);
  CHECK(refusal("{{ a" + repeated(".b", 20'000) + " }}").message == expression_message);
  CHECK(refusal("{{ a" + repeated("|upper", 20'000) + " }}").message == expression_message);
  CHECK(refusal("{{ a" + repeated("()", 20'000) + " }}").message == expression_message);
  CHECK(refusal("{{ a" + repeated(" if b", 20'000) + " }}").message == expression_message);
}

TEST_CASE("values that nest too deeply cannot be printed, compared or hashed, and are freed without harm") {
  const std::string nested =
      "{% set ns = namespace(x=(1,), y=(1,)) %}{% for i in range(5000) %}{% set ns.x = (ns.x,) %}"
      "{% set ns.y = (ns.y,) %}{% endfor %}";
  CHECK(chat_template::compile(nested, "t", small())->render({}) == "");
  for (const auto* use : {"{{ ns.x }}", "{{ ns.x|tojson }}", "{{ ns.x == ns.y }}", "{{ ns.x < ns.y }}",
                          "{{ {ns.x: 1} }}", "{{ ns.x|pprint }}", "{{ [ns.x, ns.y]|sort }}"}) {
    CAPTURE(use);
    CHECK(refusal(nested + use) == error{errc::too_large, data_message, "hostile:1"});
  }
  CHECK(refusal("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns }}").message == data_message);
}

TEST_CASE("messages that nest too deeply are refused") {
  nlohmann::ordered_json deep = 1;
  for (int i = 0; i < 1000; ++i) deep = nlohmann::ordered_json::array({std::move(deep)});
  chat_template::input in;
  in.messages = std::move(deep);
  const auto got = chat_template::compile("x", "t")->render(in);
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error() == error{errc::too_large, data_message, "t"});
}

TEST_CASE("integers beyond 128 bits are an error, not a wrong number") {
  constexpr const char* overflow = "integer overflow: the result does not fit 128 bits";
  CHECK(refusal("{{ 2 ** 127 }}").message == overflow);
  CHECK(refusal("{{ 7 ** 10 ** 12 }}").message == overflow);
  CHECK(refusal("{% set m = 0 - 2 ** 126 - 2 ** 126 %}{{ m - 1 }}").message == overflow);
  CHECK(refusal("{% set m = 0 - 2 ** 126 - 2 ** 126 %}{{ -m }}").message == overflow);
  CHECK(refusal("{% set m = 0 - 2 ** 126 - 2 ** 126 %}{{ m // -1 }}").message == overflow);
  CHECK(refusal("{% set m = 0 - 2 ** 126 - 2 ** 126 %}{{ m * -1 }}").message == overflow);
  CHECK(chat_template::compile("{{ (0 - 2 ** 126 - 2 ** 126) % -1 }} {{ 0 - 2 ** 126 - 2 ** 126 }}", "t")->render({}) ==
        "0 -170141183460469231731687303715884105728");
  CHECK(refusal("{{ 1e300|int }}").message == "integer overflow: 1e+300 does not fit 128 bits");
  CHECK(refusal("{{ 1" + repeated("0", 60) + " }}").message.starts_with("integer overflow: 1000"));
}

TEST_CASE("a generator that asks for itself is stopped") {
  const auto e = refusal(
      "{% set ns = namespace(l=1) %}{% for x in [1, 2, 3] if ns.l is number or ns.l.last %}"
      "{% set ns.l = loop %}{{ loop.last }}{% endfor %}");
  CHECK(e == error{errc::invalid_argument, "generator already executing", "hostile:1"});
}

TEST_CASE("generators that ask each other stop at the depth limit") {
  const std::string chain = "{% set ns = namespace(g=[1]) %}{% for i in range(10000) %}{% set ns.g = ns.g|map('string') %}{% endfor %}";
  CHECK(refusal(chain + "{{ ns.g|list }}") == error{errc::too_large, calls_message, "hostile:1"});
  CHECK(refusal(chain + "{% for x in ns.g %}{% endfor %}").message == calls_message);
}

TEST_CASE("a flood of keyword arguments or parameters is refused") {
  std::string named, parameters;
  for (int i = 0; i < 5'000; ++i) {
    named += fmt::format("a{}=1,", i);
    parameters += fmt::format("{}a{}", i == 0 ? "" : ",", i);
  }
  CHECK(refusal("{{ dict(" + named + ") }}") == error{errc::too_large, "a call has more than 1000 keyword arguments", "hostile:1"});
  CHECK(refusal("{% macro m(" + parameters + ") %}{% endmacro %}") == error{errc::too_large, "a macro has more than 1000 parameters", "hostile:1"});
}

TEST_CASE("looking at every character of a long text costs more than copying it") {
  auto limits = small();
  limits.steps = 80'000;
  const auto fits = [&](const std::string& source) {
    return chat_template::compile("{% set s = 'é' * 100000 %}" + source, "t", limits)->render({}).has_value();
  };
  CHECK(fits("{{ s ~ 'x' }}"));
  CHECK_FALSE(fits("{{ s[::-1] }}"));
  CHECK_FALSE(fits("{{ s.upper() }}"));
  CHECK_FALSE(fits("{{ s[99999] }}"));
}

TEST_CASE("loops and macros that outlive their block stay usable") {
  const auto render = [](std::string_view source) { return chat_template::compile(source, "t", small())->render({}); };
  CHECK(render("{% set ns = namespace() %}{% for i in [1, 2] %}{% set k = 'k' ~ i %}{% macro m() %}{{ k }}{{ i }}{% "
               "endmacro %}"
               "{% set ns.m = m %}{% endfor %}{% for i in [7, 8] %}{% set k = 'z' %}{{ ns.m() }} {% endfor %}") ==
        "k22 k22 ");
  CHECK(render("{% set ns = namespace() %}{% for o in [5] %}{% set q = 'q' %}{% for x in [1] recursive %}{{ x }}{{ q "
               "}}{{ o }}"
               "{% set ns.l = loop %}{% endfor %}{% endfor %}{% for z in [1] %}{% set q = 'x' %}{{ ns.l([2, 3]) }}{% "
               "endfor %}") == "1q52q53q5");
  CHECK(render("{% set ns = namespace() %}{% for o in [5] %}{% for x in [4, 5, 6] if x >= o %}{% set ns.l = loop %}{% "
               "break %}"
               "{% endfor %}{% endfor %}{% for o in [0] %}{{ ns.l.length }}{{ ns.l.nextitem }}{% endfor %}") == "26");
}

TEST_CASE("source beyond its limit is refused unread") {
  chat_template_limits limits;
  limits.source_bytes = 10;
  const auto got = chat_template::compile("01234567890", "t", limits);
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error() == error{errc::too_large, "the template is longer than 10 bytes", "t"});
}
