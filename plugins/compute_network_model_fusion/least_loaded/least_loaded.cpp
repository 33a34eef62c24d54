// placement "least_loaded": the engine that would serve the request soonest, judged by its queue and speed.
#include <tokamak/plugin.hpp>

#include <algorithm>
#include <cstdint>

namespace {

namespace sdk = tokamak::sdk;

class least_loaded : public sdk::placement {
 public:
  static constexpr const char* name = "least_loaded";
  static constexpr const char* summary = "Picks the available engine with the least work in relation to its speed.";
  static constexpr tk_option_spec options[] = {
      sdk::optional("waiting_weight", TK_REAL, "2.0", "what a waiting request counts beside a running one (0 to 1000)"),
      sdk::optional("use_speed", TK_BOOLEAN, "true",
                    "divide the load by measured tokens/s where all engines report it")};

  least_loaded(sdk::host, const sdk::option_table& o)
      : waiting_weight_(o.real("waiting_weight", 0, 1000)), use_speed_(o.boolean("use_speed")) {}
  static void validate(const sdk::option_table& o) { o.real("waiting_weight", 0, 1000); }

  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member> members) {
    const bool speeds = use_speed_ && std::all_of(members.begin(), members.end(), [](const tk_placement_member& m) {
      return !m.available || m.tokens_per_s > 0;
    });
    std::size_t chosen = members.size();
    measure best;
    // Equals take turns: the search starts behind the last choice.
    for (std::size_t k = 0; k < members.size(); ++k) {
      const std::size_t i = (next_ + k) % members.size();
      if (!members[i].available) continue;
      const measure m = judge(members[i], speeds);
      if (chosen == members.size() || m < best) {
        best = m;
        chosen = i;
      }
    }
    if (chosen < members.size()) next_ = chosen + 1;
    return chosen;
  }

 private:
  /// Less is better; `full` (share of cache blocks in use) decides between equal loads.
  struct measure {
    double load = 0;
    double full = 0;
    friend bool operator<(const measure& a, const measure& b) {
      return a.load != b.load ? a.load < b.load : a.full < b.full;
    }
  };

  measure judge(const tk_placement_member& m, bool speeds) const {
    // The request itself counts, so that an idle slow engine is not better than an idle fast one.
    const double work = 1.0 + m.running + waiting_weight_ * m.waiting;
    const double full = m.blocks_total ? 1.0 - static_cast<double>(m.blocks_free) / m.blocks_total : 0;
    return {speeds ? work / m.tokens_per_s : work, full};
  }

  double waiting_weight_;
  bool use_speed_;
  std::size_t next_ = 0;
};

} // namespace

TOKAMAK_PLUGIN("least_loaded", "0.1.0", "Apache-2.0", "The engine with the least work.", least_loaded)
