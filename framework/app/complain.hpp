// How commands say that something failed.
#pragma once

#include "base/error.hpp"

#include <cstdio>

namespace tokamak::app {

/// One line on standard error, behind what standard output has so far. Returns the exit status 1.
inline int complain(const error& e) {
  std::fflush(stdout);
  std::fprintf(stderr, "tokamak: %s\n", e.to_string().c_str());
  return 1;
}

} // namespace tokamak::app
