// Keeping count of memory.
#include "memory_account.hpp"

#include <tokamak/sdk/failure.hpp>

#include <string>

namespace tokamak::cpu {

void memory_account::take(std::uint64_t bytes, std::string_view what) {
  const std::uint64_t before = used_.fetch_add(bytes, std::memory_order_relaxed);
  if (budget_ == 0 || (before <= budget_ && bytes <= budget_ - before)) return;
  give(bytes);
  throw sdk::failure(TK_OUT_OF_MEMORY, std::string(what) + " need " + std::to_string(bytes) + " bytes, but " +
                                           std::to_string(before) + " of the budget of " + std::to_string(budget_) +
                                           " are taken");
}

} // namespace tokamak::cpu
