// The allocator of the process, which is jemalloc. Frames are made by one actor and freed by another, on other threads: with glibc's malloc, whose heaps are locked for that,
// a service that streams spends a fifth more on a token. Builds with sanitizers have the sanitizer's.
#pragma once

namespace tokamak {

/// Once what was needed only for loading is free, its pages go back to the system, rather than some seconds later. Any thread.
void give_back_freed_memory();

} // namespace tokamak
