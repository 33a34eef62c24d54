// The worst case of a request: what its fusion plugin says, times what members that are endpoints make of it.
#include "fake_catalog.hpp"

using namespace tokamak;
using namespace tokamak::topology;
using namespace tokamak::topology::testing;

namespace {

/// Three pools, an endpoint `inner` over two of them, and `outer` over `inner` and the third, both panels.
lines cost_errors(std::string_view outer_limits, std::string_view fusion = "panel") {
  return errors_of("[models.a]\npath = \"m.gguf\"\n[models.b]\npath = \"m.gguf\"\n[models.c]\npath = \"m.gguf\"\n"
                   "[endpoints.outer]\nmembers = [\"inner\", \"c\"]\nfusion = \"" + std::string(fusion) + "\"\n" + std::string(outer_limits) +
                   "[endpoints.inner]\nmembers = [\"a\", \"b\"]\nfusion = \"panel\"\n");
}

} // namespace

TEST_CASE("a request that may cost more than its endpoint allows is refused beforehand") {
  CHECK(cost_errors("max_tokens = 100\nmax_cost_tokens = 399\n") ==
        lines{"t.toml:11:19: a request to 'outer' for max_tokens = 100 may cost 400 tokens over all members; expected at most "
              "max_cost_tokens = 399"});
  CHECK(cost_errors("max_tokens = 100\nmax_cost_tokens = 400\n") == lines{});
}

TEST_CASE("a plugin that cannot say its worst case is taken as members times tokens") {
  CHECK(cost_errors("max_tokens = 10\nmax_cost_tokens = 39\n", "silent") ==
        lines{"t.toml:11:19: a request to 'outer' for max_tokens = 10 may cost 40 tokens over all members; expected at most "
              "max_cost_tokens = 39"});
}

TEST_CASE("a limit of costs needs a limit of tokens") {
  CHECK(cost_errors("max_cost_tokens = 5\n") ==
        lines{"t.toml:10:19: max_cost_tokens is 5 without max_tokens; expected max_tokens, which the worst case depends on"});
  CHECK(cost_errors("max_tokens = 5\n") == lines{});
}

TEST_CASE("costs that overflow are still too high") {
  std::string text = "[models.m]\npath = \"m.gguf\"\n[models.n]\npath = \"m.gguf\"\n";
  for (int i = 0; i < 100; ++i) {
    const auto below = i == 0 ? std::string("m\", \"n") : "e" + std::to_string(i - 1) + "\", \"n";
    text += "[endpoints.e" + std::to_string(i) + "]\nmembers = [\"" + below + "\"]\nfusion = \"panel\"\n";
  }
  text += "max_tokens = 16777216\nmax_cost_tokens = 4294967295\n";
  CHECK(errors_of(text) == lines{"t.toml:306:19: a request to 'e99' for max_tokens = 16777216 may cost 18446744073709551615 tokens "
                                 "over all members; expected at most max_cost_tokens = 4294967295"});
}
