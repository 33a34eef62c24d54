// A tiny model on a backend, and sequences that keep their own block tables.
#pragma once

#include "null_backend/backend_session.hpp"
#include "null_backend/backends.hpp"
#include "null_backend/tiny_models.hpp"

#include <algorithm>
#include <numeric>

namespace tokamak::test {

/// A sequence: how many tokens are computed, and its blocks in each group.
struct toy_sequence {
  std::uint64_t id = 1;
  std::uint32_t length = 0;
  std::vector<std::vector<std::uint32_t>> tables;
};

class model_runner {
public:
  static constexpr std::uint32_t n_blocks = 64;

  explicit model_runner(std::string gguf, const tk_backend& table = reference_backend(),
                        const graph_options& options = {TK_F32, 4}, const tk_host* host = nullptr)
      : model(tiny_model::of(std::move(gguf), options)), backend(table, host),
        session(backend, model.model.graph.view(), model.weights.weights,
                std::vector<std::uint32_t>(model.model.graph.groups().size(), n_blocks)) {
    for (const auto& g : model.model.graph.groups()) {
      std::vector<std::uint32_t> order(n_blocks);
      std::iota(order.begin(), order.end(), 0U);
      for (std::uint32_t i = 0; i < n_blocks; ++i)
        std::swap(order[i], order[(i * 29 + 7) % n_blocks]); // tables should not be runs of neighbours
      free_.push_back(g.kind == TK_GROUP_RECURRENT ? std::vector<std::uint32_t>{3, 9, 5, 0} : order);
    }
  }

  const std::vector<graph_cache_group>& groups() const { return model.model.graph.groups(); }
  std::uint32_t vocab() const { return model.model.vocab_size; }

  toy_sequence open(std::uint64_t id) {
    toy_sequence s{id, 0, std::vector<std::vector<std::uint32_t>>(groups().size())};
    for (std::size_t g = 0; g < groups().size(); ++g)
      if (groups()[g].kind == TK_GROUP_RECURRENT)
        s.tables[g] = {take(g)};
    return s;
  }

  /// Makes room for `tokens` more and gives the rows of the step; the caller adds them and counts them.
  sequence_rows rows(toy_sequence& s, std::vector<std::int32_t> tokens) {
    sequence_rows r{s.id, std::move(tokens), {}, {}};
    for (std::size_t g = 0; g < groups().size(); ++g) {
      while (groups()[g].kind != TK_GROUP_RECURRENT &&
             s.tables[g].size() * groups()[g].block_size < s.length + r.tokens.size())
        s.tables[g].push_back(take(g));
      r.groups.push_back({s.length, s.tables[g], 0});
    }
    for (std::uint32_t i = 0; i < r.tokens.size(); ++i)
      r.positions.push_back(s.length + i);
    return r;
  }

  /// A state slot must be cleared before its first step.
  void clear_states(const toy_sequence& s, step_data& step) {
    for (std::uint32_t g = 0; g < groups().size(); ++g)
      if (groups()[g].kind == TK_GROUP_RECURRENT && s.length == 0)
        step.cache_op({TK_CACHE_CLEAR, g, 0, 0, 0, s.tables[g][0], 0, 0, nullptr, 0});
  }

  /// Computes tokens of one sequence in one step: logits of all rows.
  std::vector<float> feed(toy_sequence& s, const std::vector<std::int32_t>& tokens) {
    step_data step(groups().size());
    clear_states(s, step);
    step.add(rows(s, tokens));
    step.want_all();
    s.length += static_cast<std::uint32_t>(tokens.size());
    return session.logits(step);
  }

  /// n greedy tokens after the prompt, prefilled `chunk` tokens a step.
  std::vector<std::int32_t> greedy(toy_sequence& s, const std::vector<std::int32_t>& prompt, std::size_t n,
                                   std::size_t chunk = 1000) {
    std::vector<float> logits;
    for (std::size_t i = 0; i < prompt.size(); i += chunk)
      logits = feed(s, {prompt.begin() + static_cast<std::ptrdiff_t>(i),
                        prompt.begin() + static_cast<std::ptrdiff_t>(std::min(prompt.size(), i + chunk))});
    std::vector<std::int32_t> answer;
    while (answer.size() < n) {
      const auto last = logits.end() - vocab();
      answer.push_back(static_cast<std::int32_t>(std::max_element(last, logits.end()) - last));
      logits = feed(s, {answer.back()});
    }
    return answer;
  }

  std::uint32_t take(std::size_t group) {
    const auto block = free_[group].back();
    free_[group].pop_back();
    return block;
  }

  tiny_model model;
  backend_instance backend;
  backend_session session;

private:
  std::vector<std::vector<std::uint32_t>> free_;
};

inline std::vector<std::int32_t> some_tokens(std::size_t n, std::int32_t from = 0) {
  std::vector<std::int32_t> tokens(n);
  for (std::size_t i = 0; i < n; ++i)
    tokens[i] = static_cast<std::int32_t>((i * 37 + static_cast<std::size_t>(from) * 11 + 5) % 250);
  return tokens;
}

} // namespace tokamak::test
