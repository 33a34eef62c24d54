// Holds a step against its program and cache before anything runs: a host's mistake becomes a message
// instead of a wrong number.
#pragma once

#include "null_backend/paged_cache.hpp"
#include "null_backend/program.hpp"

namespace tokamak::test {

/// The sequence of each row. Refuses sequences that are not contiguous, in order and covering all rows.
std::vector<std::uint32_t> sequences_of_rows(const tk_step& step);

/// Refuses: rows and sequences that do not fit, parents outside their sequence, tables that miss a needed slot or
/// name a block that does not exist, two rows writing one slot, cache ops out of range, output rows out of order,
/// bindings missing, doubled or too small. `cache` may be null if the program keeps no state.
void check_step(const program& p, const paged_cache* cache, const tk_step& step);

} // namespace tokamak::test
