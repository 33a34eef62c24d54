// Several sequences run in random steps: their rows cut at random, in random company and in random blocks.
#pragma once

#include "tiny_model.hpp"

namespace cpu_test {

struct sequence {
  std::vector<std::int32_t> tokens;
  std::vector<std::vector<std::uint32_t>> tables;
  std::uint32_t done = 0;
  std::vector<std::vector<float>> logits; ///< of all rows
};

inline part next_part(const sequence& s, std::uint32_t rows) {
  part p;
  p.tokens.assign(s.tokens.begin() + s.done, s.tokens.begin() + s.done + rows);
  p.context = s.done;
  p.tables = s.tables;
  return p;
}

/// All logits of all sequences, run together in random chunks (or each whole, if `whole`).
inline std::vector<sequence> run_all(const model& m, const char* level, std::uint32_t threads, std::vector<sequence> all,
                              std::mt19937& random, bool whole) {
  engine e(m, level, threads);
  std::vector<std::set<std::uint32_t>> taken(m.graph.groups().size());
  for (sequence& s : all) {
    s.tables.clear();
    for (std::size_t g = 0; g < taken.size(); ++g) {
      const auto& group = m.graph.groups()[g];
      const bool recurrent = group.kind == TK_GROUP_RECURRENT;
      s.tables.push_back(random_table(random, taken[g], recurrent ? 1 : s.tokens.size() / group.block_size + 1));
    }
  }
  for (bool more = true; more;) {
    std::vector<part> parts;
    std::vector<std::pair<sequence*, std::uint32_t>> who;
    more = false;
    for (sequence& s : all) {
      const auto left = static_cast<std::uint32_t>(s.tokens.size()) - s.done;
      if (left == 0) continue;
      more = true;
      if (!whole && random() % 4 == 0) continue; // waits for a step
      const std::uint32_t rows =
          whole ? left
                : std::min<std::uint32_t>(left, random() % 3 == 0 ? 1 + static_cast<std::uint32_t>(random() % 30) : 1);
      parts.push_back(next_part(s, rows));
      who.emplace_back(&s, rows);
      if (whole) break; // alone
    }
    const auto logits = e.run_all(parts);
    std::size_t row = 0;
    for (const auto& [s, rows] : who) {
      s->logits.insert(s->logits.end(), logits.begin() + static_cast<std::ptrdiff_t>(row),
                       logits.begin() + static_cast<std::ptrdiff_t>(row + rows));
      s->done += rows;
      row += rows;
    }
  }
  return all;
}

inline std::vector<sequence> some_sequences(std::mt19937& random) {
  std::vector<sequence> all(6);
  for (sequence& s : all) s.tokens = random_tokens(random, 1 + random() % 60);
  all[0].tokens = random_tokens(random, 70);
  return all;
}

} // namespace cpu_test
