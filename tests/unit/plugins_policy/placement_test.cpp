// placements "round_robin" and "least_loaded": who is chosen, in which order.
#include "plugin/placement_instance.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "unit/plugins_policy/installed.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

tk_placement_member member(const char* name, std::uint32_t running = 0, std::uint32_t waiting = 0) {
  tk_placement_member m{};
  m.name = to_tk(name);
  m.available = 1;
  m.running = running;
  m.waiting = waiting;
  return m;
}

placement_instance make(std::string name, option_value::table options = {}) {
  auto made = placement_instance::create(installed(), use(std::move(name), std::move(options)), settings());
  REQUIRE_MESSAGE(made, made.error().to_string());
  return std::move(*made);
}

/// Names of the next n choices, "-" for none.
std::string choices(placement_instance& p, const std::vector<tk_placement_member>& members, int n) {
  tk_placement_request request{};
  request.size = sizeof request;
  std::string all;
  for (int i = 0; i < n; ++i) {
    const auto chosen = p.choose(request, members);
    all += chosen ? std::string(from_tk(members[*chosen].name)) : "-";
  }
  return all;
}

} // namespace

TEST_CASE("round_robin takes each engine in turn") {
  auto p = make("round_robin");
  CHECK(choices(p, {member("a"), member("b"), member("c")}, 7) == "abcabca");
}

TEST_CASE("round_robin passes over engines that drain and takes them back") {
  auto p = make("round_robin");
  std::vector<tk_placement_member> members{member("a"), member("b"), member("c")};
  members[1].available = 0;
  CHECK(choices(p, members, 4) == "acac");
  members[1].available = 1;
  CHECK(choices(p, members, 6) == "abcabc");
}

TEST_CASE("round_robin follows engines by name when the list changes") {
  auto p = make("round_robin");
  CHECK(choices(p, {member("a"), member("b")}, 1) == "a");
  CHECK(choices(p, {member("b"), member("a")}, 1) == "b");
  CHECK(choices(p, {member("c"), member("b"), member("a")}, 3) == "cba");
}

TEST_CASE("round_robin spreads by weight, without bunching") {
  auto p = make("round_robin", {{"weights", value(option_value::table{{"a", number(3)}})}});
  CHECK(choices(p, {member("a"), member("b")}, 8) == "aabaaaba");
}

TEST_CASE("round_robin chooses nobody if nobody is available") {
  auto p = make("round_robin");
  std::vector<tk_placement_member> members{member("a")};
  members[0].available = 0;
  CHECK(choices(p, members, 2) == "--");
  CHECK(choices(p, {}, 1) == "-");
}

TEST_CASE("round_robin refuses weights that are no shares") {
  const auto bad = [](option_value v) {
    return placement_instance::create(
               installed(), use("round_robin", {{"weights", value(option_value::table{{"a", v}})}}), settings())
        .error();
  };
  CHECK(bad(number(0)) == error{errc::invalid_argument,
                                "placement 'round_robin': 'a' must be between 1 and 1000, found 0", "t.toml:3:7"});
  CHECK(bad(value(std::string("x"))).message == "placement 'round_robin': 'a' must be an integer");
}

TEST_CASE("least_loaded takes the shortest queue, a waiting request counting twice a running one") {
  auto p = make("least_loaded");
  CHECK(choices(p, {member("a", 3), member("b", 2), member("c", 4)}, 2) == "bb");
  CHECK(choices(p, {member("a", 3, 0), member("b", 1, 2)}, 1) == "a");
  auto q = make("least_loaded", {{"waiting_weight", value(0.5)}});
  CHECK(choices(q, {member("a", 3, 0), member("b", 1, 2)}, 1) == "b");
}

TEST_CASE("least_loaded lets equals take turns") {
  auto p = make("least_loaded");
  CHECK(choices(p, {member("a"), member("b"), member("c")}, 5) == "abcab");
}

TEST_CASE("least_loaded weighs a queue by the engine's speed where all report it") {
  auto p = make("least_loaded");
  std::vector<tk_placement_member> members{member("slow", 1), member("fast", 5)};
  members[0].tokens_per_s = 10;
  members[1].tokens_per_s = 100;
  CHECK(choices(p, members, 1) == "fast"); // 6/100 < 2/10
  members[0].tokens_per_s = 0;             // not measured yet
  CHECK(choices(p, members, 1) == "slow");
  members[0].tokens_per_s = 10;
  auto q = make("least_loaded", {{"use_speed", value(false)}});
  CHECK(choices(q, members, 1) == "slow");
}

TEST_CASE("least_loaded prefers the emptier cache between equal queues") {
  auto p = make("least_loaded");
  std::vector<tk_placement_member> members{member("a"), member("b")};
  members[0].blocks_total = members[1].blocks_total = 100;
  members[0].blocks_free = 10;
  members[1].blocks_free = 90;
  CHECK(choices(p, members, 3) == "bbb");
}

TEST_CASE("least_loaded never chooses an engine that is not available") {
  auto p = make("least_loaded");
  std::vector<tk_placement_member> members{member("a", 50), member("b")};
  members[1].available = 0;
  CHECK(choices(p, members, 3) == "aaa");
  members[0].available = 0;
  CHECK(choices(p, members, 1) == "-");
  CHECK(choices(p, {}, 1) == "-");
}

TEST_CASE("least_loaded refuses a negative weight") {
  CHECK(placement_instance::create(installed(), use("least_loaded", {{"waiting_weight", value(-1.0)}}), settings())
            .error() == error{errc::invalid_argument,
                              "placement 'least_loaded': 'waiting_weight' must be between 0 and 1000, found -1",
                              "t.toml:3:7"});
}
