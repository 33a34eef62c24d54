// Fusions: requests whose members answer, stop, fail, refuse or are left by the client. Each must end once, and nothing
// may be asked for after its end.
#include <fmt/format.h>

#include <memory>

#include "plugin/conformance/fake_endpoint.hpp"
#include "plugin/conformance/kinds.hpp"

namespace tokamak::plugin::conformance {
namespace {

constexpr int most_events = 100'000;

/// An instance with as few members as the plugin accepts.
struct fusion_under_test {
  std::vector<std::string> names{"pool-a", "pool-b", "pool-c", "pool-d"};
  std::vector<tk_fusion_member> members;
  std::uint64_t clock_us = 0;
  expected<fusion_instance> made = fail(errc::internal, "not created");

  explicit fusion_under_test(const subject& s) {
    host_settings settings = s.settings();
    settings.now_us = [this] { return clock_us; };
    for (const auto& n : names) {
      members.push_back({to_tk(n), 1});
      made = fusion_instance::create(s.plugins, s.use, settings, members);
      if (made) return;
    }
  }
  fusion_under_test(const fusion_under_test&) = delete;
  fusion_under_test& operator=(const fusion_under_test&) = delete;
  auto n() const { return static_cast<std::uint32_t>(members.size()); }
};

/// Runs one request to its end. `must_answer`: it may not fail, and tokens must reach the client.
outcome run_request(fusion_under_test& f, const scenario& how, std::uint64_t seed, bool must_answer) {
  fake_endpoint endpoint(how, f.n(), seed, 1000, f.clock_us);
  endpoint.begin(*f.made);
  for (int i = 0; endpoint.advance(); ++i)
    if (i == most_events) return broken(fmt::format("the request is not over after {} events", most_events));
  const auto at = [&](std::string what) {
    return broken(fmt::format("max_tokens {}, seed {}: {}", how.max_tokens, seed, what));
  };
  if (!endpoint.fault().empty()) return at(endpoint.fault());
  if (!endpoint.ended()) return at("nothing more can happen, but the request was neither finished nor failed");
  if (must_answer && endpoint.failed()) return at("failed though its members answered: " + endpoint.failure());
  if (must_answer && endpoint.delivered() == 0) return at("finished, but no token reached the client");
  const std::uint64_t bound = f.made->worst_case_tokens(how.max_tokens);
  if (endpoint.computed() > bound)
    return at(fmt::format("{} tokens were computed, worst_case_tokens said {}", endpoint.computed(), bound));
  return passed();
}

outcome check_scenarios(fusion_under_test& f, const subject& s, scenario how, bool must_answer) {
  for (const std::uint32_t max_tokens : {1u, 7u, 64u})
    for (std::uint64_t i = 0; i < 20; ++i) {
      how.max_tokens = max_tokens;
      if (auto o = run_request(f, how, s.seed + i, must_answer); !o.passed) return o;
    }
  return passed();
}

outcome check_cancel(fusion_under_test& f, const subject& s) {
  for (int after = 0; after < 40; ++after) {
    fake_endpoint endpoint({64, -1, -1, false, after}, f.n(), s.seed + static_cast<std::uint64_t>(after), 1000,
                           f.clock_us);
    endpoint.begin(*f.made);
    while (endpoint.advance()) {
    }
    if (!endpoint.fault().empty()) return broken(fmt::format("cancelled after {} events: {}", after, endpoint.fault()));
  }
  return passed();
}

outcome check_together(fusion_under_test& f, const subject& s) {
  std::vector<std::unique_ptr<fake_endpoint>> requests;
  for (std::uint64_t i = 0; i < 8; ++i) {
    requests.push_back(std::make_unique<fake_endpoint>(scenario{32, -1, i == 3 ? 5 : -1, false, i == 5 ? 6 : -1}, f.n(),
                                                       s.seed + i, (i + 1) * 100'000, f.clock_us));
    requests.back()->begin(*f.made);
  }
  for (int i = 0, alive = 1; alive && i < most_events; ++i) {
    alive = 0;
    for (auto& r : requests) alive += r->advance();
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!requests[i]->fault().empty()) return broken(requests[i]->fault());
    if (i != 5 && !requests[i]->ended())
      return broken(fmt::format("request {} of {} at a time was never over", i, requests.size()));
  }
  return passed();
}

} // namespace

void check_fusion(checks& c, const subject& s) {
  fusion_under_test f(s);
  c.run("is created", [&] {
    return f.made ? passed(fmt::format("with {} member{}", f.n(), f.n() == 1 ? "" : "s"))
                  : broken(f.made.error().message);
  });
  if (!f.made) return;
  c.run("answers, and stays within worst_case_tokens", [&] { return check_scenarios(f, s, {}, true); });
  c.run("answers when members stop by themselves", [&] { return check_scenarios(f, s, {0, 5, -1, false, -1}, true); });
  c.run("ends a request whose members fail at once", [&] {
    return check_scenarios(f, s, {0, -1, 0, false, -1}, false);
  });
  c.run("ends a request whose members fail on the way", [&] {
    return check_scenarios(f, s, {0, -1, 4, false, -1}, false);
  });
  c.run("ends a request whose members cannot be opened", [&] {
    return check_scenarios(f, s, {0, -1, -1, true, -1}, false);
  });
  c.run("can be left at any time, and is silent then", [&] { return check_cancel(f, s); });
  c.run("keeps requests apart", [&] { return check_together(f, s); });
}

} // namespace tokamak::plugin::conformance
