// fusion "route": each request goes to one member, chosen by the first rule that it matches.
#include "rule.hpp"

namespace {

namespace sdk = tokamak::sdk;
using tokamak::route::rule;

std::vector<rule> rules_of(const sdk::option_table& options) {
  std::vector<rule> rules;
  for (const auto& entry : options.get("rules").array()) rules.emplace_back(entry);
  return rules;
}

class route : public sdk::fusion {
public:
  static constexpr const char* name = "route";
  static constexpr const char* summary = "Sends each request to the member that the first matching rule names.";
  static constexpr tk_option_spec options[] = {
      sdk::optional("rules", TK_ARRAY, "[]",
                    "In order: { to = MEMBER, model, tenant, prompt_min, prompt_max, metadata }; all given must match."),
      sdk::optional("otherwise", TK_STRING, "\"\"", "The member for requests that no rule matches; default: the first.")};

  route(sdk::host, const sdk::option_table& given, std::span<const tk_fusion_member> members) {
    for (const auto& r : rules_of(given)) {
      rules_.push_back(r);
      targets_.push_back(index_of(r.to(), members, r.where()));
    }
    if (const auto otherwise = given.get("otherwise"); !otherwise.string().empty())
      otherwise_ = index_of(otherwise.string(), members, otherwise);
  }

  static void validate(const sdk::option_table& given) { rules_of(given); }

  /// One member answers.
  std::uint64_t worst_case_tokens(std::uint32_t max_tokens) const { return max_tokens; }

  std::uint32_t choose(const tk_request& r) const {
    for (std::size_t i = 0; i < rules_.size(); ++i)
      if (rules_[i].matches(r)) return targets_[i];
    return otherwise_;
  }

  struct request : sdk::relay {
    request(route& from, const tk_request& r, sdk::fusion_call call) : relay(call, r, from.choose(r)) {}
  };

private:
  static std::uint32_t index_of(std::string_view member, std::span<const tk_fusion_member> members, const sdk::option& where) {
    std::string known;
    for (std::uint32_t i = 0; i < members.size(); ++i) {
      if (sdk::view(members[i].name) == member) return i;
      known += (known.empty() ? "" : ", ") + std::string(sdk::view(members[i].name));
    }
    where.fail("no member '" + std::string(member) + "'; members: " + known);
  }

  std::vector<rule> rules_;
  std::vector<std::uint32_t> targets_; // of rules_
  std::uint32_t otherwise_ = 0;
};

} // namespace

TOKAMAK_PLUGIN("route", "0.1.0", "Apache-2.0", "One of several models for each request, by rules.", route)
