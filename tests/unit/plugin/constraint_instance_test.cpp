// A constraint plugin through its wrapper, and the check of texts before anything runs.
#include <doctest/doctest.h>

#include <array>

#include "plugin/constraint_texts.hpp"
#include "unit/plugin/test_plugins.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

registry plugins() {
  const scoped_environment none("TOKAMAK_PLUGIN_PATH", "");
  const std::array paths{test_plugin("alternatives")};
  auto r = registry::load(paths);
  REQUIRE_MESSAGE(r, r.error().to_string());
  return std::move(*r);
}

plugin_use use(std::string name) { return {std::move(name), option_value{option_value::table{}, 0, 0}, 12, 3}; }

const std::vector<std::string> tokens{"y", "yes", "no", "", "e", "es"};

std::uint32_t allowed(const constraint_instance::matcher& m) {
  std::array<std::uint32_t, 1> mask{0xffffffffu};
  m.allowed(mask);
  return mask[0];
}

} // namespace

TEST_CASE("a matcher says which tokens may come next, and where the answer may end") {
  const auto from = plugins();
  auto c = constraint_instance::create(from, use("alternatives"), {}, tokens);
  REQUIRE_MESSAGE(c, c.error().to_string());
  auto words = c->compile("yes|no|yessir");
  REQUIRE(words);
  auto m = c->match(*words);
  REQUIRE(m);
  CHECK(allowed(*m) == 0b000111);
  CHECK(m->ending() == TK_MAY_NOT_END);
  CHECK(m->advance(0));
  CHECK(allowed(*m) == 0b110000);
  CHECK(m->advance(5));
  CHECK(m->ending() == TK_MAY_END);
  auto other = c->match(*words); // the first one did not move it
  CHECK(allowed(*other) == 0b000111);
  CHECK(other->advance(2));
  CHECK(other->ending() == TK_MUST_END);
  CHECK_FALSE(other->advance(2));
  CHECK(allowed(*other) == 0);
  CHECK(other->ending() == TK_MAY_NOT_END);
}

TEST_CASE("matchers and compiled texts keep their constraint alive") {
  const auto from = plugins();
  constraint_instance::matcher m;
  {
    auto c = constraint_instance::create(from, use("alternatives"), {}, tokens);
    m = std::move(*c->match(*c->compile("yes")));
  }
  CHECK(m.advance(1));
  CHECK(m.ending() == TK_MUST_END);
}

TEST_CASE("texts are checked without a vocabulary, and errors say where in the text") {
  const auto from = plugins();
  const std::array uses{use("alternatives"), use("alternatives")};
  auto texts = constraint_texts::create("the service", from, uses, {});
  REQUIRE_MESSAGE(texts, texts.error().to_string());
  CHECK((*texts)->compile("alternatives", "yes|no"));
  CHECK((*texts)->compile("alternatives", "yes|").error() == error{errc::invalid_argument, "character 4: nothing found, a word expected", "constraint"});
  CHECK((*texts)->compile("grammar", "yes").error() ==
        error{errc::unsupported, "the service has no constraint 'grammar'; 'alternatives' expected", "constraint"});
  CHECK(constraint_texts::create("the service", from, std::array{use("nobody")}, {}).error().code == errc::not_found);
}
