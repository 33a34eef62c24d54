// fusion "route": which member a request goes to, and what is wrong with rules that cannot be.
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "plugin/check_options.hpp"
#include "plugin/fusion_instance.hpp"
#include "unit/plugins_policy/installed.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

option_value text(std::string s) { return value(std::move(s)); }
option_value table(option_value::table t) { return value(std::move(t)); }
option_value array(option_value::array a) { return value(std::move(a)); }

expected<fusion_instance> route(option_value::array rules, option_value::table more = {}) {
  static const std::array members{tk_fusion_member{to_tk("small"), 1}, tk_fusion_member{to_tk("large"), 1},
                                  tk_fusion_member{to_tk("code"), 0}};
  more.push_back({"rules", array(std::move(rules))});
  return fusion_instance::create(installed(), use("route", std::move(more)), settings(), members);
}

struct asked {
  std::string model = "chat", tenant;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::size_t characters = 10;
};

/// The member that such a request is opened at.
std::uint32_t member_for(fusion_instance& fusion, const asked& a) {
  std::vector<tk_label> labels;
  for (const auto& [key, content] : a.metadata) labels.push_back({to_tk(key), to_tk(content)});
  tk_request r{};
  r.size = sizeof r;
  r.max_tokens = 5;
  r.model = to_tk(a.model);
  r.tenant = to_tk(a.tenant);
  r.metadata = labels.data();
  r.n_metadata = labels.size();
  r.prompt_characters = a.characters;
  std::uint32_t chosen = UINT32_MAX;
  tk_fusion_host host{};
  host.size = sizeof host;
  host.open = [](void* call, const tk_open* how, std::uint64_t* sequence, tk_error*) -> tk_status {
    CHECK(how->generate == 5);
    CHECK(how->use_request_prompt == 1);
    *static_cast<std::uint32_t*>(call) = how->target;
    *sequence = 1;
    return TK_OK;
  };
  auto call = fusion.begin(r, host, &chosen);
  REQUIRE_MESSAGE(call, call.error().to_string());
  return chosen;
}

std::string refusal(option_value::array rules, option_value::table more = {}) {
  const auto made = route(std::move(rules), std::move(more));
  return made ? "taken" : made.error().where + ": " + made.error().message;
}

} // namespace

TEST_CASE("a request goes to the member of the first rule whose conditions all hold") {
  auto fusion = route({table({{"to", text("code")}, {"model", array({text("coder"), text("codex")})}}),
                       table({{"to", text("large")}, {"tenant", text("gold")}, {"prompt_min", number(100)}}),
                       table({{"to", text("large")}, {"metadata", table({{"tier", text("paid")}, {"lang", array({text("de"), text("fr")})}})}}),
                       table({{"to", text("small")}, {"prompt_max", number(50)}}),
                       table({{"to", text("code")}, {"prompt_min", number(1000)}, {"prompt_max", number(1000)}})},
                      {{"otherwise", text("large")}});
  REQUIRE_MESSAGE(fusion, fusion.error().to_string());
  CHECK(member_for(*fusion, {"codex", "gold", {}, 500}) == 2);
  CHECK(member_for(*fusion, {"chat", "gold", {}, 100}) == 1);
  CHECK(member_for(*fusion, {"chat", "gold", {}, 99}) == 1);   // otherwise
  CHECK(member_for(*fusion, {"chat", "gold", {}, 50}) == 0);
  CHECK(member_for(*fusion, {"chat", "", {{"tier", "paid"}, {"lang", "fr"}}, 1}) == 1);
  CHECK(member_for(*fusion, {"chat", "", {{"tier", "paid"}, {"lang", "en"}}, 1}) == 0);
  CHECK(member_for(*fusion, {"chat", "", {{"lang", "fr"}}, 1}) == 0);
  CHECK(member_for(*fusion, {"chat", "", {}, 1000}) == 2);
  CHECK(member_for(*fusion, {"chat", "", {}, 1001}) == 1);
  CHECK(fusion->worst_case_tokens(40) == 40); // one member answers
}

TEST_CASE("without rules, or where none matches, the first member answers") {
  auto none = route({});
  REQUIRE(none);
  CHECK(member_for(*none, {}) == 0);
  auto other = route({table({{"to", text("large")}, {"tenant", text("gold")}})});
  REQUIRE(other);
  CHECK(member_for(*other, {}) == 0);
  auto always = route({table({{"to", text("code")}})});
  REQUIRE(always);
  CHECK(member_for(*always, {}) == 2);
}

TEST_CASE("a rule that cannot be is refused where it stands") {
  const std::string at = "t.toml:3:7: ";
  CHECK(refusal({table({{"to", text("medium")}})}) == at + "fusion 'route': 'rules[0]': no member 'medium'; members: small, large, code");
  CHECK(refusal({}, {{"otherwise", text("medium")}}) == at + "fusion 'route': 'otherwise': no member 'medium'; members: small, large, code");
  CHECK(refusal({table({{"tenant", text("gold")}})}) == at + "fusion 'route': 'rules[0]': names no member; expected to = \"MEMBER\"");
  CHECK(refusal({table({{"to", text("small")}, {"tenants", text("gold")}})}) ==
        at + "fusion 'route': 'tenants': unknown in a rule; expected to, model, tenant, prompt_min, prompt_max or metadata");
  CHECK(refusal({table({{"to", text("small")}, {"prompt_min", number(9)}, {"prompt_max", number(8)}})}) ==
        at + "fusion 'route': 'rules[0]': no prompt has at least 9 and at most 8 characters");
  CHECK(refusal({table({{"to", text("small")}, {"model", array({})}})}) ==
        at + "fusion 'route': 'model': is empty, so that the rule could never match");
  CHECK(refusal({table({{"to", text("small")}, {"prompt_min", number(-1)}})}).starts_with(at + "fusion 'route': 'prompt_min' must be between 0 and "));
  CHECK(refusal({text("small")}) == at + "fusion 'route': 'rules[0]' must be a table");
  CHECK(refusal({table({{"to", number(1)}})}) == at + "fusion 'route': 'to' must be a string");
}

TEST_CASE("a topology's check sees wrong rules without starting anything") {
  const auto found = installed().find(TK_KIND_FUSION, "route");
  REQUIRE(found);
  const auto problems = check_options(*found, table({{"rules", array({table({{"to", number(1)}})})}}), "t.toml");
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].where + ": " + problems[0].message == "t.toml:3:7: fusion 'route': 'to' must be a string");
}
