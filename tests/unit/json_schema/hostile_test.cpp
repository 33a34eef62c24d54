// Schemas that are made to cost: each ends in time, with a grammar or an error.
#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <functional>

#include "unit/json_schema/matching.hpp"

using namespace tokamak::json_schema;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double slower = 20;
#else
constexpr double slower = 1;
#endif

std::string times(const std::string& s, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += s;
  return out;
}
std::string pattern(const std::string& p) { return R"({"type": "string", "pattern": ")" + p + "\"}"; }

// Doubling: each definition names the next one twice.
std::string doubling(const std::string& keyword, int n) {
  std::string out = R"({"$ref": "#/$defs/a0", "$defs": {)";
  for (int i = 0; i < n; ++i) {
    const auto next = R"({"$ref": "#/$defs/a)" + std::to_string(i + 1) + "\"}";
    out += "\"a" + std::to_string(i) + "\": {\"" + keyword + "\": [{\"allOf\": [" + next + "]}, " + next + "]}, ";
  }
  return out + "\"a" + std::to_string(n) + R"(": {"type": "object", "properties": {"x": {"type": "integer"}}}}})";
}

} // namespace

TEST_CASE("hostile schemas end within a second") {
  std::string many_enum, many_optional, many_branches, many_required, chain, products;
  for (int i = 0; i < 60'000; ++i) many_enum += (i ? ",\"v" : "\"v") + std::to_string(i * 7919) + '"';
  for (int i = 0; i < 5'000; ++i) many_optional += (i ? ",\"p" : "\"p") + std::to_string(i) + "\": {}";
  for (int i = 0; i < 5'000; ++i) many_branches += std::string(i ? "," : "") + R"({"type": "string", "minLength": )" + std::to_string(i) + "}";
  for (int i = 0; i < 5'000; ++i) many_required += (i ? ",\"p" : "\"p") + std::to_string(i) + '"';
  for (int i = 0; i < 2'000; ++i) chain += "\"a" + std::to_string(i) + R"(": {"$ref": "#/$defs/a)" + std::to_string(i + 1) + "\"},";
  for (int i = 0; i < 12; ++i) products += std::string(i ? "," : "") + R"({"anyOf": [{"required": ["a)" + std::to_string(i) + R"("]}, {"required": ["b)" + std::to_string(i) + R"("]}]})";
  const std::pair<std::string, std::string> schemas[] = {
    {"nested arrays", times("{\"items\":", 100'000)},
    {"nested closed", times("{\"items\":", 5'000) + "{}" + times("}", 5'000)},
    {"brackets", times("[", 1'000'000)},
    {"allOf doubling", doubling("allOf", 30)},
    {"anyOf doubling", doubling("anyOf", 30)},
    {"anyOf in allOf", "{\"type\": \"object\", \"allOf\": [" + products + "]}"},
    {"enum", "{\"enum\": [" + many_enum + "]}"},
    {"optional properties", "{\"properties\": {" + many_optional + "}}"},
    {"required properties", "{\"properties\": {" + many_optional + "}, \"required\": [" + many_required + "]}"},
    {"branches", "{\"anyOf\": [" + many_branches + "]}"},
    {"chain of references", R"({"$ref": "#/$defs/a0", "$defs": {)" + chain + R"("a2000": {}}})"},
    {"members", "{" + times("\"a\": 1,", 100'000) + "\"a\": 1}"},
    {"own members", "{\"properties\": {" + [] {
       std::string out;
       for (int i = 0; i < 70'000; ++i) out += "\"" + std::to_string(i) + "\":1,";
       return out;
     }() + "\"a\": 1}}"},
    {"star of star", pattern("^(a*)*$")},
    {"star of stars", pattern("^((a*)*b?)*$")},
    {"thousand thousands", pattern("^(a{1000}){1000}$")},
    {"thousands of nothing", pattern("^((){1000}){1000}$")},
    {"thousands of nothing, nested", pattern(times("(", 60) + times("){1000}", 60))},
    {"many repeats", pattern("^[^]{99999999}$")},
    {"exponential subsets", pattern("^(a|b)*a(a|b){30}$")},
    {"groups", pattern(times("(", 100'000))},
    {"alternatives", pattern(times("a|", 100'000))},
    {"classes", pattern("[" + times("a-z", 100'000) + "]")},
    {"pattern and length", R"({"pattern": "^[^]*a[^]*$", "minLength": 500, "maxLength": 9000})"},
    {"minLength", R"({"type": "string", "minLength": 1000000000})"},
    {"maxItems", R"({"type": "array", "minItems": 4000000000, "maxItems": 1e300})"},
    {"digits", "{\"minimum\": 1e99999}"},
    {"long number", "{\"minimum\": " + times("9", 100'000) + "}"},
    {"exponent of a multiple", "{\"multipleOf\": 1e-300}"},
    {"large multiple", "{\"type\": \"integer\", \"multipleOf\": 9999999999}"},
    {"itself", R"({"$ref": "#"})"},
    {"itself in anyOf", R"({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]})"},
    {"itself in allOf", R"({"allOf": [{"$ref": "#"}, {"$ref": "#"}]})"},
    {"itself, unrolled", R"({"properties": {"a": {"allOf": [{"$ref": "#"}, {"properties": {"a": {"allOf": [{"$ref": "#"}]}}}]}}})"},
    {"path", "{\"$ref\": \"#" + times("/a", 200'000) + "\"}"},
  };
  std::pair<double, std::string> slowest;
  for (const auto& [name, schema] : schemas) {
    const auto begin = std::clock(); // of this process, so that others on the machine do not count
    const auto error = error_of(schema);
    const auto took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    CAPTURE(name);
    CAPTURE(error);
    CHECK(took < slower);
    slowest = std::max(slowest, {took, name});
    CHECK(error.size() < 2000);
  }
  MESSAGE("the slowest: " << slowest.second << ", " << slowest.first << " s");
}

TEST_CASE("texts that are made to cost end in time") {
  const auto begin = std::clock(); // of this process, so that others on the machine do not count
  const std::pair<std::string, std::string> runs[] = {
    {"{}", times("[", 100'000)},
    {R"({"type": "string", "minLength": 1000000000})", "\"" + times("a", 100'000)},
    {R"({"anyOf": [{"properties": {"n": {"anyOf": [{"$ref": "#"}, {}]}}}, {"properties": {"n": {"$ref": "#"}, "m": {}}}]})", times("{\"n\":", 300)},
    {R"({"type": "array", "items": {}})", "[" + times("1,", 50'000)}};
  for (const auto& [schema, text] : runs) {
    matcher m(compile(schema), small_vocabulary());
    std::vector<std::uint32_t> mask((small_vocabulary()->size() + 31) / 32);
    std::size_t n = 0;
    for (const char c : text) {
      if (!m.advance_bytes({&c, 1})) break;
      if (++n % 1000 == 0) m.allowed(mask);
    }
    CAPTURE(schema);
    CHECK(n >= 300);
  }
  CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 10 * slower);
}
