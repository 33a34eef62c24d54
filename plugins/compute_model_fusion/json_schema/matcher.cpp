// Moves all stacks over bytes, and computes masks: what stays within a rule comes from a cache, only tokens that leave it are walked with the stacks.
#include <algorithm>
#include <map>
#include <tuple>

#include "json_schema/mask_cache.hpp"
#include "json_schema/rule_tokens.hpp"
#include "json_schema/stacks.hpp"
#include "json_schema/trie.hpp"

namespace tokamak::json_schema {

namespace {

void set(std::span<std::uint32_t> mask, std::int32_t token) { mask[static_cast<std::uint32_t>(token) / 32] |= 1u << (static_cast<std::uint32_t>(token) % 32); }
void clear(std::span<std::uint32_t> mask, std::int32_t token) { mask[static_cast<std::uint32_t>(token) / 32] &= ~(1u << (static_cast<std::uint32_t>(token) % 32)); }

// Keeps the frames that `live` stands on, equal ones once.
void compact(std::vector<frame>& frames, std::vector<frame>& live) {
  std::vector<std::uint32_t> place(frames.size(), nowhere);
  for (const auto& top : live)
    for (auto b = top.below; b != nowhere && place[b] == nowhere; b = frames[b].below) place[b] = 0;
  std::vector<frame> kept;
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>, std::uint32_t> known;
  for (std::size_t i = 0; i < frames.size(); ++i) { // what is below comes before
    if (place[i] == nowhere) continue;
    frame f = frames[i];
    if (f.below != nowhere) f.below = place[f.below];
    const auto [found, fresh] = known.try_emplace({f.state, f.need, f.room, f.below}, static_cast<std::uint32_t>(kept.size()));
    if (fresh) kept.push_back(f);
    place[i] = found->second;
  }
  frames = std::move(kept);
  std::vector<frame> tops;
  for (auto top : live) {
    if (top.below != nowhere) top.below = place[top.below];
    if (std::find(tops.begin(), tops.end(), top) == tops.end()) tops.push_back(top);
  }
  live = std::move(tops);
}

class mask_writer {
 public:
  mask_writer(const grammar& g, const vocabulary& v, std::vector<frame> frames, std::span<std::uint32_t> mask)
      : grammar_(g), vocabulary_(v), words_(v.tokens()), frames_(std::move(frames)), stacks_(g.rules(), frames_), mask_(mask) {}

  void write(std::span<const frame> live) {
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> plain;
    std::vector<frame> others;
    for (const auto& top : live)
      if (grammar_.rules().at(top.state).plain) plain[{top.state, top.need, top.room}].push_back(top.below);
      else others.push_back(top);
    if (!others.empty()) walk(0, others);
    for (const auto& [at, belows] : plain) within(std::get<0>(at), std::get<1>(at), std::get<2>(at), belows);
  }

 private:
  std::shared_ptr<const rule_tokens> tokens_of(std::uint32_t state) {
    auto& cache = state < shared_states ? vocabulary_.masks() : grammar_.masks();
    if (auto known = cache.tokens(vocabulary_.id(), state)) return known;
    auto made = std::make_shared<const rule_tokens>(tokens_from(grammar_.rules(), words_, state, vocabulary_.size()));
    cache.keep(vocabulary_.id(), state, made);
    return made;
  }

  void within(std::uint32_t state, std::uint32_t need, std::uint32_t room, const std::vector<std::uint32_t>& belows) {
    const auto tokens = tokens_of(state);
    stay(*tokens, room);
    std::vector<frame> after;
    const auto size = frames_.size();
    stacks_.begin(after);
    for (const auto below : belows)
      if (below != nowhere) stacks_.settle(frames_[below], after);
    bool reads[256] = {};
    for (const auto& top : after)
      for (const auto& e : grammar_.rules().edges(grammar_.rules().at(top.state))) std::fill(reads + e.first, reads + e.last + 1, true);
    for (const auto& exit : tokens->exits) {
      if (exit.count > room || (exit.guarded && exit.count < need)) continue;
      if (exit.guarded)
        for (const auto token : words_.tokens(exit.node)) set(mask_, token);
      if (!after.empty()) walk(exit.node, after, reads);
    }
    frames_.resize(size);
  }

  // Tokens that stay in the rule, of which only those that count no more than there is room for.
  void stay(const rule_tokens& tokens, std::uint32_t room) {
    if (room >= tokens.counts.size()) {
      for (std::size_t i = 0; i < mask_.size(); ++i) mask_[i] |= tokens.mask[i];
      return;
    }
    const auto first_beyond = tokens.by_count.begin() + tokens.counts[room];
    if (tokens.counts[room] < tokens.by_count.size() / 2) {
      std::for_each(tokens.by_count.begin(), first_beyond, [&](std::int32_t token) { set(mask_, token); });
      return;
    }
    auto some = tokens.mask;
    std::for_each(first_beyond, tokens.by_count.end(), [&](std::int32_t token) { clear(some, token); });
    for (std::size_t i = 0; i < mask_.size(); ++i) mask_[i] |= some[i];
  }

  // Sets the tokens below `root` that the stacks take; `reads`: the bytes that `tops` read, where that is known.
  void walk(std::uint32_t root, const std::vector<frame>& tops, const bool* reads = nullptr) {
    const auto base = words_.depth(root);
    if (path_.size() < words_.longest() + 1) path_.resize(words_.longest() + 1), sizes_.resize(words_.longest() + 1);
    sizes_[base] = frames_.size();
    for (std::uint32_t node = root + 1; node < words_.end(root);) {
      const auto depth = words_.depth(node);
      const auto& from = depth == base + 1 ? tops : path_[depth - 1];
      auto& here = path_[depth];
      frames_.resize(sizes_[depth - 1]); // of siblings before
      if (depth == base + 1 && reads != nullptr && !reads[words_.byte(node)]) {
        node = words_.end(node);
        continue;
      }
      stacks_.step(from, words_.byte(node), here);
      sizes_[depth] = frames_.size();
      if (!here.empty() || stacks_.may_end())
        for (const auto token : words_.tokens(node)) set(mask_, token);
      node = here.empty() ? words_.end(node) : node + 1;
    }
    frames_.resize(sizes_[base]);
  }

  const grammar& grammar_;
  const vocabulary& vocabulary_;
  const trie& words_;
  std::vector<frame> frames_;
  stacks stacks_;
  std::span<std::uint32_t> mask_;
  std::vector<std::vector<frame>> path_; ///< tops by depth of the walk
  std::vector<std::size_t> sizes_;       ///< frames in use there
};

constexpr std::size_t max_key = 4096;

} // namespace

matcher::matcher(std::shared_ptr<const grammar> g, std::shared_ptr<const vocabulary> v) : grammar_(std::move(g)), vocabulary_(std::move(v)) {
  stacks all(grammar_->rules(), frames_);
  all.begin(live_);
  all.settle({grammar_->rules().start(), 0, endless, nowhere}, live_);
  may_end_ = all.may_end();
  compact(frames_, live_);
}

bool matcher::advance(std::int32_t token) {
  const auto bytes = vocabulary_->bytes(token);
  return !bytes.empty() && advance_bytes(bytes);
}

bool matcher::advance_bytes(std::string_view bytes) {
  if (bytes.empty()) return true;
  auto frames = frames_;
  std::vector<frame> tops = live_, next;
  stacks all(grammar_->rules(), frames);
  std::size_t limit = frames.size() + 4096;
  for (const char& c : bytes) {
    all.step(tops, static_cast<std::uint8_t>(c), next);
    std::swap(tops, next);
    if (tops.empty() && (&c != &bytes.back() || !all.may_end())) return false;
    if (frames.size() > limit) {
      compact(frames, tops);
      limit = frames.size() + 4096;
    }
  }
  may_end_ = all.may_end();
  compact(frames, tops);
  frames_ = std::move(frames);
  live_ = std::move(tops);
  return true;
}

void matcher::allowed(std::span<std::uint32_t> mask) const {
  mask = mask.first((vocabulary_->size() + 31) / 32);
  // No token counts more than it has bytes, so that larger bounds are as good as none.
  const auto longest = vocabulary_->tokens().longest();
  const auto bounded = [&](frame f) {
    if (f.room > longest) f.room = endless;
    f.need = std::min(f.need, longest + 1);
    return f;
  };
  mask_cache::key key{static_cast<std::uint32_t>(vocabulary_->id()), static_cast<std::uint32_t>(live_.size())};
  std::vector<frame> live;
  for (const auto& top : live_) live.push_back(bounded(top));
  const auto append = [&](const frame& f) { key.insert(key.end(), {f.state, f.need, f.room, f.below}); };
  const bool keeps = 4 * (live_.size() + frames_.size()) < max_key;
  if (keeps) {
    for (const auto& f : live) append(f);
    for (const auto& f : frames_) append(bounded(f));
    if (const auto known = grammar_->masks().whole(key)) {
      std::copy(known->begin(), known->end(), mask.begin());
      return;
    }
  }
  std::fill(mask.begin(), mask.end(), 0);
  mask_writer(*grammar_, *vocabulary_, frames_, mask).write(live);
  if (keeps) grammar_->masks().keep(std::move(key), std::make_shared<const mask_cache::mask>(mask.begin(), mask.end()));
}

} // namespace tokamak::json_schema
