// Pipeline shards.
#include "model/graph/cut.hpp"
#include "model/graph/extract.hpp"
#include "model/tensor_type.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

namespace tokamak {

namespace {

/// (group, layer) of an op that touches kept state, whichever namespace it is of.
std::optional<std::pair<std::int64_t, std::int64_t>> state_of(const graph& g, const graph_op& op) {
  const auto group = integer_attribute(op, "group", -1), layer = integer_attribute(op, "layer", -1);
  if (group < 0 || layer < 0 || group >= static_cast<std::int64_t>(g.groups().size()))
    return std::nullopt;
  return std::pair(group, layer);
}

/// For each position between ops: the only rows value alive there, or no_value if there are none or several.
std::vector<value_id> single_live_values(const graph& g) {
  const auto n_ops = g.ops().size();
  std::vector<std::size_t> first(g.values().size(), n_ops + 1), last(g.values().size(), 0);
  for (value_id id = 0; id < g.values().size(); ++id)
    if ((g.values()[id].flags & TK_VALUE_INPUT) != 0)
      first[id] = 0;
  for (std::size_t i = 0; i < n_ops; ++i) {
    for (const auto id : g.ops()[i].outputs)
      first[id] = i + 1; // alive from the position behind the op
    for (const auto id : g.ops()[i].inputs)
      if (id != no_value)
        last[id] = i; // up to the position before its last reader
  }
  std::vector<value_id> single(n_ops + 1, no_value);
  std::vector<int> alive(n_ops + 1, 0);
  for (value_id id = 0; id < g.values().size(); ++id)
    if (g.values()[id].kind != TK_WEIGHT)
      for (std::size_t at = first[id]; at <= last[id]; ++at) {
        ++alive[at];
        single[at] = g.values()[id].kind == TK_ROWS ? id : no_value;
      }
  for (std::size_t at = 0; at <= n_ops; ++at)
    if (alive[at] != 1)
      single[at] = no_value;
  return single;
}

/// Positions where one layer has ended and the next not begun: the last such before the next layer's state is touched.
std::vector<std::size_t> layer_borders(const graph& g) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::pair<std::size_t, std::size_t>> reach; // first and last op
  for (std::size_t i = 0; i < g.ops().size(); ++i)
    if (const auto state = state_of(g, g.ops()[i]))
      reach.try_emplace(*state, i, i).first->second.second = i;
  std::vector<std::pair<std::size_t, std::size_t>> layers;
  for (const auto& [state, range] : reach)
    layers.push_back(range);
  std::sort(layers.begin(), layers.end());
  const auto single = single_live_values(g);
  std::vector<std::size_t> borders;
  std::size_t ended = 0; // position behind every layer seen so far
  for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
    ended = std::max(ended, layers[i].second + 1);
    std::size_t at = layers[i + 1].first;
    while (at > ended && single[at] == no_value)
      --at;
    if (at >= ended && single[at] != no_value && at <= layers[i + 1].first && (borders.empty() || at > borders.back()))
      borders.push_back(at);
  }
  return borders;
}

/// Bytes of the weights that ops [begin, end) read in a step and that `seen` does not hold yet.
std::uint64_t step_bytes(const graph& g, std::size_t begin, std::size_t end, std::vector<bool>& seen) {
  std::uint64_t bytes = 0;
  for (std::size_t i = begin; i < end; ++i)
    for (const auto id : g.ops()[i].inputs) {
      if (id == no_value || seen[id] || g.values()[id].kind != TK_WEIGHT || g.ops()[i].name == "tokamak.embed")
        continue;
      seen[id] = true;
      bytes += bytes_of(static_cast<tensor_type>(g.values()[id].format), g.values()[id].dims).value_or(0);
    }
  return bytes;
}

/// Least possible maximum when `costs` are dealt, in order, to at most n parts.
std::uint64_t least_maximum(const std::vector<std::uint64_t>& costs, std::size_t n) {
  std::uint64_t low = *std::max_element(costs.begin(), costs.end()); // the answer lies in low ... high
  std::uint64_t high = std::accumulate(costs.begin(), costs.end(), std::uint64_t{0});
  while (low < high) {
    const auto limit = low + (high - low) / 2;
    std::size_t parts = 1;
    std::uint64_t sum = 0;
    for (const auto cost : costs) {
      if (sum + cost > limit) {
        ++parts;
        sum = 0;
      }
      sum += cost;
    }
    (parts <= n ? high : low) = parts <= n ? limit : limit + 1;
  }
  return low;
}

/// How many of `costs` each of n parts takes, one at least: the costliest part is cheapest, and of such ways the most
/// even one (least sum of squares) is taken.
std::vector<std::size_t> balance(const std::vector<std::uint64_t>& costs, std::size_t n) {
  const auto m = costs.size();
  const auto limit = least_maximum(costs, n);
  // best[k][i]: least sum of squares when the first i costs make k parts; from[k][i]: where the last of them begins.
  constexpr auto never = std::numeric_limits<double>::infinity();
  std::vector<std::vector<double>> best(n + 1, std::vector<double>(m + 1, never));
  std::vector<std::vector<std::size_t>> from(n + 1, std::vector<std::size_t>(m + 1, 0));
  best[0][0] = 0;
  for (std::size_t k = 1; k <= n; ++k)
    for (std::size_t i = k; i <= m; ++i) {
      std::uint64_t tail = 0;
      for (std::size_t begin = i; begin >= k; --begin) { // the last part is costs [begin - 1, i)
        tail += costs[begin - 1];
        const double squares = best[k - 1][begin - 1] + static_cast<double>(tail) * static_cast<double>(tail);
        if (tail <= limit && squares < best[k][i]) {
          best[k][i] = squares;
          from[k][i] = begin - 1;
        }
      }
    }
  std::vector<std::size_t> counts(n);
  for (std::size_t k = n, i = m; k > 0; i = from[k][i], --k)
    counts[k - 1] = i - from[k][i];
  return counts;
}

/// Gives a shard's layers numbers from 0 and its groups only those layers.
expected<void> renumber(layer_shard& shard, const std::vector<std::uint32_t>& layers_before) {
  auto& g = shard.part;
  const auto groups = g.groups().size();
  std::vector<std::int64_t> low(groups, -1), high(groups, -1);
  for (const auto& op : g.ops())
    if (const auto state = state_of(g, op)) {
      const auto i = static_cast<std::size_t>(state->first);
      low[i] = low[i] < 0 ? state->second : std::min(low[i], state->second);
      high[i] = std::max(high[i], state->second);
    }
  graph numbered;
  for (const auto& value : g.values())
    numbered.add_value(value);
  for (std::size_t i = 0; i < groups; ++i) {
    auto group = g.groups()[i];
    if (low[i] >= 0 && low[i] != layers_before[i])
      return fail(errc::unsupported,
                  fmt::format("layers of cache group '{}' are not in order: a shard would begin with layer {} after {} "
                              "layers", group.name, low[i], layers_before[i]));
    group.n_layers = low[i] < 0 ? 0 : static_cast<std::uint32_t>(high[i] - low[i] + 1);
    shard.first_layer.push_back(layers_before[i]);
    numbered.add_group(std::move(group));
  }
  for (const auto& definition : g.definitions())
    numbered.define_op(definition);
  for (auto op : g.ops()) {
    if (const auto state = state_of(g, op))
      set_attribute(op, "layer", state->second - low[static_cast<std::size_t>(state->first)]);
    numbered.add_op(std::move(op));
  }
  g = std::move(numbered);
  return {};
}

} // namespace

expected<std::vector<layer_shard>> cut_layers(const graph& g, std::uint32_t n) {
  if (n == 0)
    return fail(errc::invalid_argument, "a model cannot be cut into 0 shards");
  auto positions = layer_borders(g);
  if (n > positions.size() + 1)
    return fail(errc::invalid_argument,
                fmt::format("a model of {} layers cannot be cut into {} shards", positions.size() + 1, n));
  positions.insert(positions.begin(), 0);
  positions.push_back(g.ops().size());
  std::vector<std::uint64_t> costs;
  std::vector<bool> seen(g.values().size());
  for (std::size_t i = 0; i + 1 < positions.size(); ++i)
    costs.push_back(step_bytes(g, positions[i], positions[i + 1], seen));

  const auto single = single_live_values(g);
  std::vector<layer_shard> shards;
  std::vector<std::uint32_t> layers_before(g.groups().size(), 0);
  std::size_t piece = 0;
  for (const auto count : balance(costs, n)) {
    const auto begin = positions[piece], end = positions[piece += count];
    layer_shard shard;
    shard.part = extract_ops(g, begin, end);
    shard.input = begin == 0 ? "" : g.values()[single[begin]].name;
    shard.output = end == g.ops().size() ? "" : g.values()[single[end]].name;
    std::vector<bool> own(g.values().size());
    shard.step_bytes = step_bytes(g, begin, end, own);
    if (auto ok = renumber(shard, layers_before); !ok)
      return fail(ok.error());
    for (std::size_t i = 0; i < layers_before.size(); ++i)
      layers_before[i] += shard.part.groups()[i].n_layers;
    shards.push_back(std::move(shard));
  }
  return shards;
}

} // namespace tokamak
