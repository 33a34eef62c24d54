// The C++ side of the SDK on its own: what it hands to C and what it makes of exceptions.
#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>

#include <tokamak/plugin.hpp>

using namespace tokamak::sdk;

namespace {

struct nobody : placement {
  static constexpr const char* name = "nobody";
  static constexpr const char* summary = "Chooses nobody.";
  nobody(host, const option_table&) {}
  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member> m) { return m.size(); }
};

} // namespace

TEST_CASE("an op keeps its attributes when its builder is copied and the first one is gone") {
  const std::array<double, 2> numbers{1.5, 2.5};
  tk_attribute list{};
  list.name = to_tk("list");
  list.type = TK_ARRAY;
  list.reals = numbers.data();
  list.n_reals = numbers.size();
  std::optional<op_builder> first;
  first.emplace("acme.an_op_with_a_long_name", 3);
  first->inputs({4, TK_NO_VALUE})
      .outputs({5})
      .integer("count", 7)
      .real("eps", 0.5)
      .string("style", "a style that is long");
  first->copy(list);
  first->get();
  const op_builder second = *first;
  first.reset();
  const tk_op op = second.get();
  CHECK(view(op.name) == "acme.an_op_with_a_long_name");
  CHECK(op.version == 3);
  REQUIRE(op.n_inputs == 2);
  CHECK(op.inputs[1] == TK_NO_VALUE);
  CHECK(op.outputs[0] == 5);
  REQUIRE(op.n_attributes == 4);
  CHECK(view(op.attributes[0].name) == "count");
  CHECK(op.attributes[0].integer == 7);
  CHECK(op.attributes[1].real == 0.5);
  CHECK(view(op.attributes[2].string) == "a style that is long");
  REQUIRE(op.attributes[3].n_reals == 2);
  CHECK(op.attributes[3].reals[1] == 2.5);
}

TEST_CASE("exceptions become codes, and a message is cut to fit") {
  tk_error e = empty_error();
  CHECK(guard(&e, [] {}) == TK_OK);
  CHECK(guard(&e, [] { throw failure(TK_IO, std::string(5000, 'x'), 3, 4); }) == TK_IO);
  CHECK(std::strlen(e.message) == sizeof e.message - 1);
  CHECK(e.line == 3);
  CHECK(e.column == 4);
  CHECK(guard(&e, [] { throw std::length_error("too long"); }) == TK_INTERNAL);
  CHECK(std::string(e.message) == "too long");
  CHECK(e.line == 0);
  CHECK(guard(nullptr, [] { throw std::bad_alloc(); }) == TK_OUT_OF_MEMORY);
  CHECK(guard(&e, [] { throw failure(TK_OK, "a failure that says it is none"); }) == TK_INTERNAL);
}

TEST_CASE("a host's error struct that is too short is not written to") {
  tk_error e = empty_error();
  e.size = 8;
  CHECK(report(&e, TK_IO, "no room") == TK_IO);
  CHECK(e.code == TK_OK);
  CHECK(e.message[0] == '\0');
}

TEST_CASE("a host of another ABI gets the head alone") {
  const auto* mine = descriptor<nobody>("n", "1", "l", "s", TK_ABI_MAJOR, TK_ABI_MINOR);
  CHECK(mine->n_extensions == 1);
  CHECK(mine->extensions[0].kind == TK_KIND_PLACEMENT);
  for (const auto& [major, minor] : {std::pair{TK_ABI_MAJOR + 1, 0}, std::pair{TK_ABI_MAJOR, TK_ABI_MINOR + 1}}) {
    const auto* head =
        descriptor<nobody>("n", "1", "l", "s", static_cast<std::uint32_t>(major), static_cast<std::uint32_t>(minor));
    CHECK(head->abi_major == TK_ABI_MAJOR);
    CHECK(head->n_extensions == 0);
  }
}
