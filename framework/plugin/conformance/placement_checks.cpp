// Placements: random pools with members that come and go; only available ones may be chosen.
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "plugin/conformance/kinds.hpp"
#include "plugin/placement_instance.hpp"

namespace tokamak::plugin::conformance {
namespace {

/// A pool whose names live only as long as one call, as in the framework.
struct pool {
  std::vector<std::string> names;
  std::vector<tk_placement_member> members;

  pool(std::mt19937_64& random, std::size_t n, unsigned available_of_4) {
    for (std::size_t i = 0; i < n; ++i) names.push_back("engine-" + std::to_string(i));
    for (std::size_t i = 0; i < n; ++i) {
      tk_placement_member m{};
      m.name = to_tk(names[i]);
      m.available = random() % 4 < available_of_4;
      m.running = static_cast<std::uint32_t>(random() % 64);
      m.waiting = random() % 3 ? 0 : static_cast<std::uint32_t>(random() % 100);
      m.blocks_total = 1000;
      m.blocks_free = static_cast<std::uint32_t>(random() % 1001);
      m.cached_prefix_tokens = static_cast<std::uint32_t>(random() % 32);
      m.tokens_per_s = random() % 4 ? static_cast<double>(random() % 1000) : 0;
      m.link_us = static_cast<double>(random() % 500);
      members.push_back(m);
    }
  }
  void make_idle(std::size_t i) {
    members[i].available = 1;
    members[i].running = members[i].waiting = 0;
    members[i].blocks_free = members[i].blocks_total;
  }
};

tk_placement_request request_of(const std::vector<std::int32_t>& tokens, std::uint64_t id) {
  tk_placement_request r{};
  r.size = sizeof r;
  r.id = id;
  r.tokens = tokens.data();
  r.n_tokens = tokens.size();
  r.max_tokens = 64;
  return r;
}

outcome check_random_pools(placement_instance& p, std::mt19937_64& random) {
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const std::vector<std::int32_t> tokens(random() % 64, 7);
    const pool members(random, random() % 12, 3);
    const auto chosen = p.choose(request_of(tokens, i), members.members);
    if (!chosen && chosen.error().code == errc::internal) return broken(chosen.error().message);
  }
  return passed();
}

outcome check_nobody(placement_instance& p, std::mt19937_64& random) {
  for (std::size_t n = 0; n < 8; ++n) {
    const pool members(random, n, 0);
    const auto chosen = p.choose(request_of({1, 2, 3}, n), members.members);
    if (chosen || chosen.error().code != errc::unavailable)
      return broken(fmt::format("chose one of {} members that are not available", n));
  }
  return passed();
}

outcome check_only_one(placement_instance& p, std::mt19937_64& random) {
  for (std::size_t i = 0; i < 100; ++i) {
    const std::size_t n = 1 + i % 9;
    pool members(random, n, 0);
    const std::size_t only = random() % n;
    members.make_idle(only);
    const auto chosen = p.choose(request_of({1, 2, 3}, i), members.members);
    if (!chosen) return broken(fmt::format("refused an idle engine that alone of {} was available", n));
    if (*chosen != only) return broken("chose another than the one available");
  }
  return passed();
}

} // namespace

void check_placement(checks& c, const subject& s) {
  std::mt19937_64 random(s.seed);
  auto made = placement_instance::create(s.plugins, s.use, s.settings());
  c.run("is created", [&] { return made ? passed() : broken(made.error().message); });
  if (!made) return;
  c.run("chooses only members that exist and are available", [&] { return check_random_pools(*made, random); });
  c.run("chooses nobody where nobody is available", [&] { return check_nobody(*made, random); });
  c.run("chooses the only available engine if that is idle", [&] { return check_only_one(*made, random); });
  c.run("two instances at a time do not disturb each other", [&] {
    auto other = placement_instance::create(s.plugins, s.use, s.settings());
    if (!other) return broken(other.error().message);
    if (auto o = check_random_pools(*other, random); !o.passed) return o;
    return check_random_pools(*made, random);
  });
}

} // namespace tokamak::plugin::conformance
