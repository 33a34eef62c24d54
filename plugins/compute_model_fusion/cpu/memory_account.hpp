// What one backend instance holds in memory, against the budget its host stated.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

namespace tokamak::cpu {

/// Outlives everything charged to it (the ABI destroys the backend last). Any thread.
class memory_account {
public:
  /// `budget` 0: no limit.
  explicit memory_account(std::uint64_t budget) : budget_(budget) {}

  /// Throws sdk::failure (out of memory) if `bytes` more for `what` would pass the budget.
  void take(std::uint64_t bytes, std::string_view what);
  void give(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }

private:
  std::atomic<std::uint64_t> used_{0};
  std::uint64_t budget_;
};

/// An amount of memory on an account, given back at the end.
class charge {
public:
  charge() = default;
  charge(memory_account& account, std::uint64_t bytes, std::string_view what) : account_(&account), bytes_(bytes) {
    account.take(bytes, what);
  }
  charge(charge&& other) noexcept : account_(std::exchange(other.account_, nullptr)), bytes_(other.bytes_) {}
  charge& operator=(charge&& other) noexcept {
    std::swap(account_, other.account_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~charge() {
    if (account_ != nullptr) account_->give(bytes_);
  }

private:
  memory_account* account_ = nullptr;
  std::uint64_t bytes_ = 0;
};

} // namespace tokamak::cpu
