// cache_policy "radix": the plugin around block_tree, with its options.
#include <tokamak/plugin.hpp>

#include "block_tree.hpp"

namespace {

namespace sdk = tokamak::sdk;

class radix : public sdk::cache_policy {
 public:
  static constexpr const char* name = "radix";
  static constexpr const char* summary =
      "Keeps computed prefixes in a tree of blocks; evicts the least recently used leaf.";
  static constexpr tk_option_spec options[] = {sdk::optional(
      "max_nodes", TK_INTEGER, "0", "cached blocks of tokens at most; 0: as many as there is memory for")};

  radix(sdk::host, const sdk::option_table& o, std::uint32_t block_size, std::uint32_t n_groups)
      : tree_(block_size, n_groups, max_nodes(o)) {}
  static void validate(const sdk::option_table& o) { max_nodes(o); }

  std::size_t lookup(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::span<std::uint32_t> blocks) {
    return tree_.lookup(sequence, tokens, blocks);
  }
  void unpin(std::uint64_t sequence) { tree_.unpin(sequence); }
  void insert(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::span<const std::uint32_t> blocks,
              std::span<std::uint8_t> taken) {
    tree_.insert(sequence, tokens, blocks, taken);
  }
  std::size_t evict(std::uint32_t group, std::size_t wanted, const sdk::give_block& give) {
    return tree_.evict(group, wanted, give);
  }
  std::uint64_t cached_nodes() const { return tree_.size(); }
  std::uint64_t evictable(std::uint32_t group) const { return tree_.evictable(group); }

 private:
  static std::size_t max_nodes(const sdk::option_table& o) {
    return static_cast<std::size_t>(o.integer("max_nodes", 0, 1'000'000'000));
  }

  tokamak::radix::block_tree tree_;
};

} // namespace

TOKAMAK_PLUGIN("radix", "0.1.0", "Apache-2.0", "Prefix cache as a tree of token blocks.", radix)
