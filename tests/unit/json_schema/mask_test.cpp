// Masks against the plain truth: a bit is set exactly where advance takes the token.
#include <doctest/doctest.h>

#include <random>
#include <thread>

#include "unit/json_schema/matching.hpp"

using namespace tokamak::json_schema;

namespace {

constexpr const char* schemas[] = {
  "{}",
  R"({"type": "object", "properties": {"name": {"type": "string", "maxLength": 7}, "a": {"type": ["integer", "null"], "minimum": -20, "maximum": 345}, "ab": {"enum": ["a", "ab", true]}}, "required": ["a"]})",
  R"({"type": "array", "items": {"anyOf": [{"type": "string", "minLength": 2}, {"$ref": "#"}, {"type": "number", "exclusiveMaximum": 12.5}]}, "minItems": 1, "maxItems": 3})",
  R"({"type": "string", "minLength": 3, "maxLength": 5})",
  R"({"pattern": "^(na|name|\\d{2,}-)+$"})",
  R"({"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "string", "format": "date"}})",
  R"({"type": "object", "minProperties": 2, "maxProperties": 3})",
  R"({"anyOf": [{"properties": {"a": {"const": "a"}, "b": {"type": "number"}}, "required": ["a", "b"]}, {"properties": {"a": {"type": "string"}, "name": {}}, "required": ["a"]}]})"};

std::vector<std::uint32_t> mask_of(const matcher& m, const vocabulary& v) {
  std::vector<std::uint32_t> mask((v.size() + 31) / 32, 0xffffffffu);
  m.allowed(mask);
  return mask;
}
bool has(const std::vector<std::uint32_t>& mask, std::int32_t t) { return (mask[static_cast<std::size_t>(t) / 32] >> (t % 32) & 1) != 0; }

} // namespace

TEST_CASE("a mask has exactly the tokens that advance takes") {
  const auto v = small_vocabulary();
  const auto n = static_cast<std::int32_t>(v->size());
  std::mt19937 random(7);
  for (const std::string schema : schemas) {
    CAPTURE(schema);
    const auto g = compile(schema);
    for (int round = 0; round < 30; ++round) {
      matcher m(g, v);
      for (int step = 0; step < 25; ++step) {
        const auto mask = mask_of(m, *v);
        CHECK(mask_of(m, *v) == mask); // the second time from the cache
        std::vector<std::int32_t> choices;
        for (std::int32_t t = 0; t < n; ++t) {
          matcher copy = m;
          const bool taken = copy.advance(t);
          if (taken != has(mask, t)) FAIL("token " << t << " \"" << v->bytes(t) << "\" is " << taken << " by advance in step " << step);
          if (taken) choices.push_back(t);
        }
        for (std::size_t bit = v->size(); bit < mask.size() * 32; ++bit) CHECK(!has(mask, static_cast<std::int32_t>(bit)));
        if (choices.empty()) {
          CHECK(m.must_end());
          break;
        }
        CHECK(!m.must_end());
        m.advance(choices[random() % choices.size()]);
      }
    }
  }
}

TEST_CASE("a refused token changes nothing") {
  matcher m(compile(R"({"type": "array", "items": {"type": "integer"}})"), small_vocabulary());
  CHECK(m.advance_bytes("[1"));
  const auto before = mask_of(m, *small_vocabulary());
  CHECK(!m.advance_bytes(",x"));
  CHECK(!m.advance(0));
  CHECK(!m.advance(-1));
  CHECK(!m.advance(1'000'000));
  CHECK(mask_of(m, *small_vocabulary()) == before);
  CHECK(!m.may_end());
  CHECK(m.advance_bytes("2]"));
  CHECK(m.may_end());
  CHECK(m.must_end());
  CHECK(!m.advance_bytes(" "));
}

TEST_CASE("a number may end and go on") {
  matcher m(compile(R"({"type": "integer"})"), small_vocabulary());
  CHECK(m.advance_bytes("12"));
  CHECK(m.may_end());
  CHECK(!m.must_end());
  matcher copy = m;
  CHECK(copy.advance_bytes("3"));
  CHECK(m.advance_bytes("4"));
}

TEST_CASE("bounds of a string decide near them only, and a token never passes them") {
  const std::string tokens[] = {"\"", "a", "aa", "aaaaaaaa", "a\"", "\"}", "{\"k\":\"", "\xc3\xa9", "\xc3", "\\n\\n"};
  const auto v = std::make_shared<const vocabulary>(tokens);
  matcher m(compile(R"({"type": "object", "properties": {"k": {"type": "string", "minLength": 3, "maxLength": 300}}, "required": ["k"]})"), v);
  CHECK(m.advance(6));
  const auto allowed = [&] { return mask_of(m, *v)[0]; };
  CHECK(allowed() == 0b1110001110u); // "a\"" would be too short
  for (int i = 0; i < 37; ++i) CHECK(m.advance(3));
  CHECK(allowed() == 0b1110110111u); // 296: eight more are too many
  CHECK(m.advance(2)); // 298
  CHECK(allowed() == 0b1110110111u);
  CHECK(m.advance(1)); // 299
  CHECK(allowed() == 0b0110110011u);
  CHECK(m.advance(7)); // 300
  CHECK(allowed() == 0b0000100001u);
}

TEST_CASE("threads share grammars and vocabularies") {
  const auto v = small_vocabulary();
  const auto g = compile(schemas[2]);
  std::vector<std::thread> threads;
  std::vector<int> bad(4);
  for (int k = 0; k < 4; ++k)
    threads.emplace_back([&, k] {
      std::mt19937 random(static_cast<unsigned>(k));
      for (int round = 0; round < 50; ++round) {
        matcher m(g, v);
        for (int step = 0; step < 30 && !m.must_end(); ++step) {
          const auto mask = mask_of(m, *v);
          std::int32_t t = 0;
          do t = static_cast<std::int32_t>(random() % v->size());
          while (!has(mask, t));
          bad[static_cast<std::size_t>(k)] += !m.advance(t);
        }
      }
    });
  for (auto& t : threads) t.join();
  CHECK(bad == std::vector<int>(4));
}
