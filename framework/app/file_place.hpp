// Errors of things that a topology names, at the place where it names them.
#pragma once

#include "topology/catalog.hpp"

namespace tokamak::app {

/// `why` as an error of "file:line:column"; its own place goes into the message. Without a line it stays as it is.
error at_place(const std::string& file, topology::position place, error why);

/// The place in an error's `where` if that is "FILE:line:column" of this file; 0:0 otherwise.
topology::position place_in(const std::string& file, const error& e);

} // namespace tokamak::app
