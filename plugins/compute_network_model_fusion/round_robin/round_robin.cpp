// placement "round_robin": each available engine in turn, as often as its weight says.
#include <tokamak/plugin.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace {

namespace sdk = tokamak::sdk;

class round_robin : public sdk::placement {
 public:
  static constexpr const char* name = "round_robin";
  static constexpr const char* summary = "Picks the available engines in turn, as often as their weights say.";
  static constexpr tk_option_spec options[] = {
      sdk::optional("weights", TK_TABLE, "{}", "engine name = share (1 to 1000); engines not named have 1")};

  round_robin(sdk::host, const sdk::option_table& o) : weights_(read_weights(o)) {}
  static void validate(const sdk::option_table& o) { read_weights(o); }

  /// Smooth weighted round robin: every available engine gains its weight, the richest is chosen and pays what all
  /// gained. With equal weights that is plain turns; with 3 and 1 it is a a b a, not a a a b.
  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member> members) {
    std::int64_t total = 0;
    std::size_t chosen = members.size();
    std::int64_t* best = nullptr;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (!members[i].available) continue;
      turn& t = turn_of(sdk::view(members[i].name));
      t.credit += t.weight;
      total += t.weight;
      if (!best || t.credit > *best) {
        best = &t.credit;
        chosen = i;
      }
    }
    if (best) *best -= total;
    return chosen;
  }

 private:
  using weights = std::map<std::string, std::int64_t, std::less<>>;
  struct turn {
    std::int64_t weight = 1;
    std::int64_t credit = 0;
  };

  static weights read_weights(const sdk::option_table& o) {
    weights found;
    if (o.has("weights"))
      for (const auto& entry : o.get("weights").table().entries()) found.emplace(entry.name(), entry.integer(1, 1000));
    return found;
  }

  turn& turn_of(std::string_view member) {
    if (const auto it = turns_.find(member); it != turns_.end()) return it->second;
    const auto weight = weights_.find(member);
    return turns_.emplace(member, turn{weight == weights_.end() ? 1 : weight->second, 0}).first->second;
  }

  weights weights_;
  std::map<std::string, turn, std::less<>> turns_; // of every engine ever seen: a pool has tens
};

} // namespace

TOKAMAK_PLUGIN("round_robin", "0.1.0", "Apache-2.0", "Engines in turn.", round_robin)
