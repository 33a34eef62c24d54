// What was computed of masks, kept within a limit of bytes: what tokens do from one state on within its rule, and whole masks of sets of stacks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "json_schema/rule_tokens.hpp"

namespace tokamak::json_schema {

/// Any number of threads. Two generations: where the younger one is full, the older one is forgotten.
class mask_cache {
 public:
  explicit mask_cache(std::size_t max_bytes) : max_bytes_(max_bytes / 2) {}

  using key = std::vector<std::uint32_t>;
  using mask = std::vector<std::uint32_t>;

  std::shared_ptr<const rule_tokens> tokens(std::uint64_t vocabulary, std::uint32_t state) const { return tokens_.find({vocabulary, state}, mutex_); }
  void keep(std::uint64_t vocabulary, std::uint32_t state, std::shared_ptr<const rule_tokens> t) {
    const auto bytes = t->bytes();
    tokens_.keep({vocabulary, state}, std::move(t), bytes, 2 * max_bytes_, mutex_);
  }
  std::shared_ptr<const mask> whole(const key& k) const { return whole_.find(k, mutex_); }
  void keep(key k, std::shared_ptr<const mask> m) {
    const auto bytes = 4 * (k.size() + m->size()) + 128;
    whole_.keep(std::move(k), std::move(m), bytes, max_bytes_, mutex_);
  }

 private:
  template <class Key, class Value>
  struct generations {
    mutable std::map<Key, std::shared_ptr<const Value>> young, old;
    mutable std::size_t bytes = 0;

    std::shared_ptr<const Value> find(const Key& k, std::mutex& mutex) const {
      const std::lock_guard lock(mutex);
      if (const auto found = young.find(k); found != young.end()) return found->second;
      const auto found = old.find(k);
      return found == old.end() ? nullptr : found->second;
    }
    void keep(Key k, std::shared_ptr<const Value> value, std::size_t size, std::size_t max_bytes, std::mutex& mutex) {
      const std::lock_guard lock(mutex);
      if (size > max_bytes) return;
      if (bytes + size > max_bytes) {
        old = std::move(young);
        young.clear();
        bytes = 0;
      }
      if (young.try_emplace(std::move(k), std::move(value)).second) bytes += size;
    }
  };

  std::size_t max_bytes_;
  mutable std::mutex mutex_;
  generations<std::pair<std::uint64_t, std::uint32_t>, rule_tokens> tokens_;
  generations<key, mask> whole_;
};

} // namespace tokamak::json_schema
