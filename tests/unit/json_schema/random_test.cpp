// Random schemas, random walks through their masks: each text that ends is a document that an independent validator takes, and each document of a schema that
// was made from it in the schema's order is read byte by byte. TOKAMAK_SEED and TOKAMAK_ROUNDS repeat or lengthen it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>

#include "unit/json_schema/matching.hpp"

using namespace tokamak::json_schema;
using json = nlohmann::ordered_json;

namespace {

std::size_t code_points(const std::string& s) {
  return static_cast<std::size_t>(std::count_if(s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// The standard's meaning of the keywords that random schemas use, told by value instead of by text.
bool valid(const json& s, const json& v, const json& root) {
  if (s.is_boolean()) return s.get<bool>();
  const auto number = [&](const char* key) { return s[key].get<double>(); };
  if (s.contains("$ref") && !valid(s["$ref"] == "#" ? root : root["$defs"][s["$ref"].get<std::string>().substr(8)], v, root)) return false;
  if (s.contains("allOf"))
    for (const auto& part : s["allOf"])
      if (!valid(part, v, root)) return false;
  if (s.contains("anyOf") && std::none_of(s["anyOf"].begin(), s["anyOf"].end(), [&](const json& part) { return valid(part, v, root); })) return false;
  if (s.contains("enum") && std::find(s["enum"].begin(), s["enum"].end(), v) == s["enum"].end()) return false;
  if (s.contains("type")) {
    const auto is = [&](const json& t) {
      return t == "object" ? v.is_object() : t == "array" ? v.is_array() : t == "string" ? v.is_string() : t == "boolean" ? v.is_boolean() : t == "null" ? v.is_null()
           : t == "number" ? v.is_number() : v.is_number_integer() || (v.is_number() && std::floor(v.get<double>()) == v.get<double>());
    };
    if (s["type"].is_array() ? std::none_of(s["type"].begin(), s["type"].end(), is) : !is(s["type"])) return false;
  }
  if (v.is_number()) {
    const auto x = v.get<double>();
    if (s.contains("minimum") && x < number("minimum")) return false;
    if (s.contains("exclusiveMinimum") && x <= number("exclusiveMinimum")) return false;
    if (s.contains("maximum") && x > number("maximum")) return false;
    if (s.contains("exclusiveMaximum") && x >= number("exclusiveMaximum")) return false;
    if (s.contains("multipleOf") && std::fmod(x, number("multipleOf")) != 0) return false;
  }
  if (v.is_string()) {
    const auto n = code_points(v.get<std::string>());
    if (s.contains("minLength") && n < s["minLength"]) return false;
    if (s.contains("maxLength") && n > s["maxLength"]) return false;
    if (s.contains("pattern") && !std::regex_search(v.get<std::string>(), std::regex(s["pattern"].get<std::string>()))) return false;
  }
  if (v.is_array()) {
    if (s.contains("minItems") && v.size() < s["minItems"]) return false;
    if (s.contains("maxItems") && v.size() > s["maxItems"]) return false;
    const auto prefix = s.contains("prefixItems") ? s["prefixItems"].size() : 0;
    for (std::size_t i = 0; i < v.size(); ++i)
      if (i < prefix ? !valid(s["prefixItems"][i], v[i], root) : s.contains("items") && !valid(s["items"], v[i], root)) return false;
  }
  if (v.is_object()) {
    if (s.contains("required"))
      for (const auto& key : s["required"])
        if (!v.contains(key.get<std::string>())) return false;
    for (const auto& [key, value] : v.items()) {
      const bool named = s.contains("properties") && s["properties"].contains(key);
      if (named ? !valid(s["properties"][key], value, root) : s.contains("additionalProperties") && !valid(s["additionalProperties"], value, root)) return false;
    }
  }
  return true;
}

// Values past the exact integers of a double are other values to whoever reads them.
bool has_long_number(const std::string& text) {
  int digits = 0;
  for (const char c : text)
    if ((digits = c >= '0' && c <= '9' ? digits + 1 : 0) > 15) return true;
  return false;
}

struct maker {
  std::mt19937 random;
  int below(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }
  bool one_in(int n) { return below(n) == 0; }

  json schema(int depth) {
    json s = json::object();
    switch (below(depth > 0 ? 12 : 6)) {
      case 0: {
        s["type"] = "string";
        // None that sees how many bytes a character has: std::regex reads bytes.
        const char* const patterns[] = {"^[a-z]{2,6}$", "ab+", "^\\d{1,3}(-\\w+)?$", "a|^b", "^(ab?|[0-4]+,)*$", "x?y$", "^\\s*[^\\d]"};
        if (one_in(3)) s["pattern"] = patterns[below(7)];
        if (!one_in(3)) bounds(s, "minLength", "maxLength", 4);
        if (one_in(8)) s = json{{"type", "string"}, {"format", one_in(2) ? "date" : one_in(2) ? "date-time" : one_in(2) ? "ipv4" : "uuid"}};
        return s;
      }
      case 1: {
        s["type"] = one_in(2) ? "integer" : "number";
        const int low = below(400) - 200;
        if (!one_in(3)) s[one_in(2) ? "minimum" : "exclusiveMinimum"] = one_in(3) ? json(low + 0.25) : json(low);
        if (!one_in(3)) s[one_in(2) ? "maximum" : "exclusiveMaximum"] = one_in(3) ? json(low + 30.5) : json(low + 2 + below(300));
        if (one_in(5)) s["multipleOf"] = s["type"] == "integer" ? json(1 + below(9)) : json(0.25);
        return s;
      }
      case 2: s["type"] = one_in(2) ? "boolean" : "null"; return s;
      case 3: s["enum"] = json::array({"a", below(30), nullptr, json::object({{"a", "b"}}), "name"}); return s;
      case 4: return json{{"type", json::array({"string", "null"})}, {"maxLength", below(3)}};
      case 5: return one_in(4) ? json(true) : one_in(3) ? json{{"type", "object"}} : json{{"const", below(100)}};
      case 6: case 7: case 8: {
        s["type"] = "object";
        const char* const keys[] = {"a", "ab", "name", "b\"", "\xc3\xa9", "na"};
        for (const char* key : keys)
          if (one_in(2)) {
            s["properties"][key] = schema(depth - 1);
            if (one_in(2)) s["required"].push_back(key);
          }
        if (one_in(3)) s["additionalProperties"] = one_in(3) ? json(false) : schema(depth - 1);
        return s;
      }
      case 9:
        s["type"] = "array";
        if (one_in(3)) s["prefixItems"] = json::array({schema(depth - 1), schema(depth - 1)});
        if (!one_in(4)) s["items"] = schema(depth - 1);
        bounds(s, "minItems", "maxItems", 3);
        return s;
      case 10: return json{{"anyOf", json::array({schema(depth - 1), schema(depth - 1)})}};
      default: return one_in(2) ? json{{"$ref", one_in(2) ? "#/$defs/d" : "#"}} : json{{"allOf", json::array({schema(depth - 1), schema(depth - 1)})}};
    }
  }
  void bounds(json& s, const char* least, const char* most, int n) {
    const int low = below(n);
    if (one_in(2)) s[least] = low;
    if (one_in(2)) s[most] = low + below(n);
  }
};

unsigned number_of(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

} // namespace

TEST_CASE("random walks through masks make documents that satisfy their schema") {
  const auto seed = number_of("TOKAMAK_SEED", 1), rounds = number_of("TOKAMAK_ROUNDS", 600);
  MESSAGE("TOKAMAK_SEED=" << seed);
  const char* const path = std::getenv("TOKAMAK_JSON_SCHEMA_WALKS"); // what was made, a line of JSON each, for another validator
  std::FILE* const out = path == nullptr ? nullptr : std::fopen(path, "w");
  const auto v = small_vocabulary();
  maker make{std::mt19937(seed)};
  std::size_t schemas = 0, documents = 0, read = 0, refused = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    json schema = make.schema(3);
    if (schema.is_object()) schema["$defs"]["d"] = make.schema(2);
    const auto text = schema.dump();
    std::shared_ptr<const grammar> g;
    try {
      g = compile(text);
    } catch (const schema_error&) {
      ++refused;
      continue;
    }
    ++schemas;
    CAPTURE(text);
    for (int walk = 0; walk < 10; ++walk) {
      matcher m(g, v);
      std::string made;
      std::vector<std::uint32_t> mask((v->size() + 31) / 32);
      for (int step = 0; step < 400; ++step) {
        if (m.must_end() || (m.may_end() && make.one_in(3))) break;
        m.allowed(mask);
        std::vector<std::int32_t> choices;
        for (std::int32_t t = 0; t < static_cast<std::int32_t>(v->size()); ++t)
          if (mask[static_cast<std::size_t>(t) / 32] >> (t % 32) & 1) choices.push_back(t);
        REQUIRE_MESSAGE(!choices.empty(), "a dead end after " << made);
        // Towards an end: what closes is preferred.
        std::int32_t t = choices[make.random() % choices.size()];
        if (step > 20)
          for (const char* closing : {"\"", "}", "]"})
            for (const auto c : choices)
              if (v->bytes(c) == closing && make.one_in(2)) t = c;
        REQUIRE(m.advance(t));
        made += v->bytes(t);
      }
      if (!m.may_end() || has_long_number(made)) continue;
      ++documents;
      CAPTURE(made);
      const auto value = json::parse(made, nullptr, false);
      CHECK(!value.is_discarded());
      CHECK(valid(schema, value, schema));
      if (out != nullptr) std::fprintf(out, "%s\n", json::array({schema, made}).dump(-1, ' ', true).c_str());
      // The same value as other writers would have written it, in the order it has.
      for (const auto& again : {value.dump(), value.dump(2)}) {
        matcher reader(g, v);
        const bool whole = reader.advance_bytes(again) && reader.may_end();
        if (made.find_first_of("eE.") == made.npos) CHECK_MESSAGE(whole, again);
        read += whole;
      }
    }
  }
  if (out != nullptr) std::fclose(out);
  MESSAGE(schemas << " schemas, " << documents << " documents, " << read << " of them read again, " << refused << " schemas refused");
  CHECK(documents > rounds);
}
