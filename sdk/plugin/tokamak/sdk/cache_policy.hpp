// Kind cache_policy in C++. Derive from `cache_policy` and define (blocks are [nodes][n_groups])
//   static constexpr const char *name, *summary;  [static constexpr tk_option_spec options[];]
//   MyClass(host, const option_table&, std::uint32_t block_size, std::uint32_t n_groups);  [static void validate(…);]
//   std::size_t lookup(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::span<std::uint32_t> blocks);
//   void unpin(std::uint64_t sequence);
//   void insert(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::span<const std::uint32_t> blocks,
//               std::span<std::uint8_t> taken);                                             // taken is zeroed
//   std::size_t evict(std::uint32_t group, std::size_t wanted, const give_block& give);
//   std::uint64_t cached_nodes() const;
//   std::uint64_t evictable(std::uint32_t group) const;
#pragma once

#include <tokamak/sdk/extension.hpp>

#include <algorithm>

namespace tokamak::sdk {

/// give(group, block): hands a block back to the host.
class give_block {
 public:
  give_block(void* context, void (*function)(void*, std::uint32_t, std::uint32_t))
      : context_(context), function_(function) {}
  void operator()(std::uint32_t group, std::uint32_t block) const { function_(context_, group, block); }

 private:
  void* context_;
  void (*function_)(void*, std::uint32_t, std::uint32_t);
};

struct cache_policy {
  static constexpr tk_kind kind = TK_KIND_CACHE_POLICY;

  /// Remembers the two numbers that give the arrays their lengths.
  template <class Plugin>
  struct sized : Plugin {
    static constexpr auto name = Plugin::name;
    sized(host h, const option_table& o, std::uint32_t block_size, std::uint32_t n_groups)
        : Plugin(h, o, block_size, n_groups), block_size_(block_size), n_groups_(n_groups) {}
    std::size_t block_size_;
    std::size_t n_groups_;
  };

  template <class Plugin>
  static constexpr tk_cache_policy table{
      sizeof(tk_cache_policy),
      [](const tk_host* h, const tk_options* o, std::uint32_t block_size, std::uint32_t n_groups, void** self,
         tk_error* e) { return create<sized<Plugin>>(h, o, self, e, block_size, n_groups); },
      &destroy<sized<Plugin>>,
      [](void* self, std::uint64_t sequence, const std::int32_t* tokens, std::size_t n_tokens, std::uint32_t* blocks,
         std::size_t max_nodes) {
        return held<sized<Plugin>>(self).call(
            "cache_policy.failed", std::size_t{0}, [&](sized<Plugin>& p) -> std::size_t {
              return p.lookup(sequence, std::span(tokens, n_tokens), std::span(blocks, max_nodes * p.n_groups_));
            });
      },
      [](void* self, std::uint64_t sequence) {
        held<sized<Plugin>>(self).run("cache_policy.failed", [&](sized<Plugin>& p) { p.unpin(sequence); });
      },
      [](void* self, std::uint64_t sequence, const std::int32_t* tokens, std::size_t n_nodes,
         const std::uint32_t* blocks, std::uint8_t* taken) {
        held<sized<Plugin>>(self).run("cache_policy.failed", [&](sized<Plugin>& p) {
          const std::span flags(taken, n_nodes * p.n_groups_);
          std::fill(flags.begin(), flags.end(), 0);
          p.insert(sequence, std::span(tokens, n_nodes * p.block_size_), std::span(blocks, n_nodes * p.n_groups_),
                   flags);
        });
      },
      [](void* self, std::uint32_t group, std::size_t wanted, void* context,
         void (*give)(void*, std::uint32_t, std::uint32_t)) {
        return held<sized<Plugin>>(self).call(
            "cache_policy.failed", std::size_t{0},
            [&](sized<Plugin>& p) -> std::size_t { return p.evict(group, wanted, give_block(context, give)); });
      },
      [](void* self) {
        return held<sized<Plugin>>(self).call("cache_policy.failed", std::uint64_t{0},
                                              [](const sized<Plugin>& p) -> std::uint64_t { return p.cached_nodes(); });
      },
      [](void* self, std::uint32_t group) {
        return held<sized<Plugin>>(self).call(
            "cache_policy.failed", std::uint64_t{0},
            [&](const sized<Plugin>& p) -> std::uint64_t { return p.evictable(group); });
      }};
};

} // namespace tokamak::sdk
