// A fusion that steers two members token by token, whatever their vocabularies: it asks both for their candidates, adds
// up the probabilities of equal text, forces the best on both, and begins again.
#include <tokamak/plugin.hpp>

#include <array>
#include <cmath>
#include <map>

namespace {

namespace sdk = tokamak::sdk;

class lockstep : public sdk::fusion {
public:
  static constexpr const char* name = "lockstep";
  static constexpr const char* summary = "Adds two models' next-token probabilities by text and forces the best on both.";

  lockstep(sdk::host, const sdk::option_table&, std::span<const tk_fusion_member> members) {
    if (members.size() != 2) throw sdk::failure(TK_INVALID_ARGUMENT, "needs two members, found " + std::to_string(members.size()));
  }
  std::uint64_t worst_case_tokens(std::uint32_t max_tokens) const { return 2ull * max_tokens; }

  class request {
  public:
    request(lockstep&, const tk_request& r, sdk::fusion_call call) : call_(call), left_(r.max_tokens) {
      for (std::uint32_t member = 0; member < 2; ++member) {
        tk_open how{};
        how.size = sizeof how;
        how.target = member;
        how.use_request_prompt = 1;
        sequences_[member] = call_.open(how);
      }
      for (const auto sequence : sequences_) call_.extend(sequence, round_, {}, {}, candidates);
    }

    void on_event(const tk_sequence_event& event) {
      if (event.finish == TK_FINISH_ERROR) return call_.fail(event.error->code, event.error->message);
      if (event.op != round_ || event.n_positions == 0) return;
      for (std::size_t i = 0; i < event.n_candidates; ++i) {
        const auto& c = event.candidates[i];
        const std::string text(sdk::view(c.text));
        if (text.size() != 1 || text[0] < ' ' || text[0] > '~') continue;
        votes_[text] += std::exp(static_cast<double>(c.logprob));
        if (event.sequence == sequences_[0]) tokens_[text] = c.token;
      }
      if (++answers_ == 2) choose();
    }

  private:
    static constexpr std::uint32_t candidates = 255;

    void choose() {
      auto best = votes_.end();
      for (auto it = votes_.begin(); it != votes_.end(); ++it)
        if (tokens_.contains(it->first) && (best == votes_.end() || it->second > best->second)) best = it;
      if (best == votes_.end()) return call_.fail(TK_INTERNAL, "no candidate in common");
      const std::string text = best->first;
      const std::int32_t token = tokens_[text];
      call_.emit({&token, 1}, text);
      votes_.clear();
      tokens_.clear();
      answers_ = 0;
      ++round_;
      if (--left_ == 0) return call_.finish(TK_FINISH_LENGTH);
      call_.extend(sequences_[0], round_, {&token, 1}, {}, candidates); // by its token,
      call_.extend(sequences_[1], round_, {}, text, candidates);        // and by what it stands for
    }

    sdk::fusion_call call_;
    std::uint32_t left_;
    std::uint64_t round_ = 1;
    int answers_ = 0;
    std::array<std::uint64_t, 2> sequences_{};
    std::map<std::string, double> votes_;
    std::map<std::string, std::int32_t> tokens_; // of the first member
  };
};

} // namespace

TOKAMAK_PLUGIN("lockstep", "1.0.0", "Apache-2.0", "Steers two models of different vocabularies.", lockstep)
