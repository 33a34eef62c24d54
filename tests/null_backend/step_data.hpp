// Builds a tk_step and keeps its arrays.
#pragma once

#include <tokamak/plugin.h>

#include <cstdint>
#include <vector>

namespace tokamak::test {

/// Where one sequence's state of one cache group lies.
struct group_place {
  std::uint32_t context = 0;
  std::vector<std::uint32_t> table; ///< blocks, or one state slot
  std::uint32_t first_block = 0;
};

/// The rows of one sequence.
struct sequence_rows {
  std::uint64_t id = 0;
  std::vector<std::int32_t> tokens;
  std::vector<group_place> groups;
  std::vector<std::uint32_t> positions;   ///< empty: context of group 0, and counting up
  std::vector<std::int32_t> parents = {}; ///< within this sequence's rows, -1 for the context; empty: a plain chain
};

class step_data {
public:
  explicit step_data(std::size_t n_groups = 0) : groups_(n_groups) {
    for (auto& g : groups_)
      g.begin.push_back(0);
  }

  /// Returns the step's row of the sequence's first.
  std::uint32_t add(const sequence_rows& rows) {
    const auto first = static_cast<std::uint32_t>(tokens_.size());
    const auto start = rows.groups.empty() ? 0 : rows.groups[0].context;
    for (std::uint32_t i = 0; i < rows.tokens.size(); ++i) {
      tokens_.push_back(rows.tokens[i]);
      positions_.push_back(rows.positions.empty() ? start + i : rows.positions[i]);
      const auto parent = rows.parents.empty() ? static_cast<std::int32_t>(i) - 1 : rows.parents[i];
      parents_.push_back(parent < 0 ? -1 : parent + static_cast<std::int32_t>(first));
      has_tree_ = has_tree_ || !rows.parents.empty();
    }
    sequences_.push_back({rows.id, first, static_cast<std::uint32_t>(rows.tokens.size())});
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      groups_[g].context.push_back(rows.groups[g].context);
      groups_[g].first_block.push_back(rows.groups[g].first_block);
      groups_[g].tables.insert(groups_[g].tables.end(), rows.groups[g].table.begin(), rows.groups[g].table.end());
      groups_[g].begin.push_back(static_cast<std::uint32_t>(groups_[g].tables.size()));
    }
    return first;
  }
  void want(std::uint32_t row) { outputs_.push_back(row); }
  void want_all() {
    for (std::uint32_t r = 0; r < tokens_.size(); ++r)
      want(r);
  }
  void cache_op(const tk_cache_op& op) { cache_ops_.push_back(op); }
  void bind(std::uint32_t value, void* buffer, std::uint64_t offset = 0) { bindings_.push_back({value, buffer, offset}); }
  void embeddings(void* buffer) { embeddings_ = buffer; }

  std::uint32_t rows() const { return static_cast<std::uint32_t>(tokens_.size()); }
  std::uint32_t outputs() const { return static_cast<std::uint32_t>(outputs_.size()); }

  /// Valid until this changes or ends.
  const tk_step& abi() {
    group_views_.clear();
    for (const auto& g : groups_)
      group_views_.push_back({g.context.data(), g.first_block.data(), g.begin.data(), g.tables.data()});
    step_ = {sizeof(tk_step), 1, rows(), static_cast<std::uint32_t>(sequences_.size()),
             static_cast<std::uint32_t>(groups_.size()), static_cast<std::uint32_t>(cache_ops_.size()), outputs(),
             static_cast<std::uint32_t>(bindings_.size()), tokens_.data(), positions_.data(),
             has_tree_ ? parents_.data() : nullptr, nullptr, sequences_.data(), group_views_.data(), cache_ops_.data(),
             outputs_.data(), bindings_.data(), embeddings_};
    return step_;
  }

private:
  struct group_arrays {
    std::vector<std::uint32_t> context, first_block, begin, tables;
  };

  std::vector<std::int32_t> tokens_, parents_;
  std::vector<std::uint32_t> positions_, outputs_;
  std::vector<tk_step_sequence> sequences_;
  std::vector<group_arrays> groups_;
  std::vector<tk_step_group> group_views_;
  std::vector<tk_cache_op> cache_ops_;
  std::vector<tk_binding> bindings_;
  void* embeddings_ = nullptr;
  bool has_tree_ = false;
  tk_step step_{};
};

} // namespace tokamak::test
