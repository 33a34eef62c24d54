// jemalloc's settings and its one call.
#include "base/allocator.hpp"

#ifdef TOKAMAK_JEMALLOC
#include <jemalloc/jemalloc.h>

#include <string>

// Pages that nobody uses for ten seconds go back also where nobody allocates: by threads of jemalloc's own, which sleep otherwise.
const char* malloc_conf = "background_thread:true";

void tokamak::give_back_freed_memory() {
  static const std::string purge = "arena." + std::to_string(MALLCTL_ARENAS_ALL) + ".purge";
  mallctl(purge.c_str(), nullptr, nullptr, nullptr, 0);
}
#else
void tokamak::give_back_freed_memory() {}
#endif
