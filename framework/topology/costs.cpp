// Endpoints that call endpoints: no cycles, and the worst case of a request within its limit.
#include "topology/draft.hpp"
#include "topology/spelling.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>

namespace tokamak::topology {
namespace {

constexpr std::size_t is_pool = std::numeric_limits<std::size_t>::max();

/// For each endpoint, the index of each member among the endpoints, or is_pool.
std::vector<std::vector<std::size_t>> resolve_members(const topology& t) {
  std::unordered_map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < t.endpoints.size(); ++i) index.emplace(t.endpoints[i].name, i);
  for (const auto& p : t.pools) index[p.name] = is_pool; // a pool goes before an endpoint of its name
  std::vector<std::vector<std::size_t>> out(t.endpoints.size());
  for (std::size_t i = 0; i < t.endpoints.size(); ++i)
    for (const auto& name : t.endpoints[i].members) out[i].push_back(index.at(name));
  return out;
}

/// A depth-first walk with its own stack, since a chain of endpoints may be as long as the file.
class walk {
public:
  walk(draft& d, const std::vector<std::vector<std::size_t>>& members) : d_(d), members_(members) {}

  /// All endpoints, each behind those that it calls. Reports every edge that closes a cycle.
  std::vector<std::size_t> run() {
    state_.assign(members_.size(), state::fresh);
    for (std::size_t i = 0; i < members_.size(); ++i)
      if (state_[i] == state::fresh) visit(i);
    return std::move(order_);
  }

private:
  enum class state : char { fresh, open, done };
  struct step {
    std::size_t endpoint, next_member;
  };

  void visit(std::size_t root) {
    enter(root);
    while (!path_.empty()) {
      auto& [at, next] = path_.back();
      if (next == members_[at].size()) {
        state_[at] = state::done;
        order_.push_back(at);
        path_.pop_back();
        continue;
      }
      const auto member = members_[at][next++];
      if (member == is_pool || state_[member] == state::done) continue;
      if (state_[member] == state::fresh)
        enter(member);
      else
        report(member);
    }
  }

  void enter(std::size_t endpoint) {
    state_[endpoint] = state::open;
    path_.push_back({endpoint, 0});
  }

  void report(std::size_t first) {
    const auto& last = path_.back();
    std::string cycle;
    if (!d_.found.full()) {
      const auto begin = std::find_if(path_.begin(), path_.end(), [&](const step& s) { return s.endpoint == first; });
      for (auto s = begin; s != path_.end(); ++s) cycle += d_.result.endpoints[s->endpoint].name + " -> ";
    }
    d_.found.error(d_.endpoint_member_places[last.endpoint][last.next_member - 1],
                   fmt::format("endpoints form a cycle: {}{}; expected members that lead to pools", cycle,
                               d_.result.endpoints[first].name));
  }

  draft& d_;
  const std::vector<std::vector<std::size_t>>& members_;
  std::vector<state> state_;
  std::vector<step> path_;
  std::vector<std::size_t> order_;
};

std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  return a != 0 && b > std::numeric_limits<std::uint64_t>::max() / a ? std::numeric_limits<std::uint64_t>::max() : a * b;
}

/// cost[e]: upper bound of the tokens that a request of `tokens` to endpoint e computes. The plugin counts its members as
/// pools; a member that is an endpoint multiplies that by what it makes of one token.
std::vector<std::uint64_t> worst_cases(const draft& d, const std::vector<std::vector<std::size_t>>& members,
                                       const std::vector<std::size_t>& order, std::uint32_t tokens) {
  std::vector<std::uint64_t> cost(members.size(), tokens);
  for (const auto e : order) {
    const auto& endpoint = d.result.endpoints[e];
    const auto stated = d.catalog->worst_case_tokens(endpoint.fusion.plugin, endpoint.fusion.options, endpoint.members, tokens);
    std::uint64_t factor = 1;
    for (const auto m : members[e])
      if (m != is_pool) factor = std::max(factor, cost[m] / tokens + (cost[m] % tokens != 0));
    cost[e] = times(stated.value_or(times(endpoint.members.size(), tokens)), factor);
  }
  return cost;
}

} // namespace

void check_endpoints(draft& d) {
  const auto members = resolve_members(d.result);
  const auto errors_before = d.found.count();
  const auto order = walk(d, members).run();
  if (d.found.count() != errors_before || !d.catalog) return;

  std::unordered_map<std::uint32_t, std::vector<std::uint64_t>> by_tokens; // few different limits are in use
  for (std::size_t e = 0; e < members.size(); ++e) {
    const auto& endpoint = d.result.endpoints[e];
    if (endpoint.max_cost_tokens == 0 || endpoint.max_tokens == 0) continue;
    auto& cost = by_tokens[endpoint.max_tokens];
    if (cost.empty()) cost = worst_cases(d, members, order, endpoint.max_tokens);
    if (cost[e] > endpoint.max_cost_tokens)
      d.found.error(d.endpoint_cost_places[e], errc::too_large,
                    fmt::format("a request to {} for max_tokens = {} may cost {} tokens over all members; expected at most "
                                "max_cost_tokens = {}", in_quotes(endpoint.name), endpoint.max_tokens, cost[e],
                                endpoint.max_cost_tokens));
  }
}

} // namespace tokamak::topology
