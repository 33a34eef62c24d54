// What the C library does with memory that is freed.
#pragma once

#include <malloc.h>

namespace tokamak {

/// Frees keep up to 256 MiB at the top of each heap rather than give it back page by page: bulk messages are made and freed all the time,
/// and fetching their pages anew costs up to a fifth of a link's throughput. Blocks over 32 MiB (models, caches) still come and go alone.
/// For main(), before other threads.
inline void keep_freed_memory() {
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

/// Once what was needed only for loading is free, it goes back after all. Any thread.
inline void give_back_freed_memory() { malloc_trim(0); }

} // namespace tokamak
