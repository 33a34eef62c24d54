// What the counters of actors are: the type and the help of each that this program has.
#pragma once

#include "frontend/http/prometheus_families.hpp"

namespace tokamak::frontend {

struct counter_meaning {
  std::string_view kind, name; ///< of the actor, of the counter; a link's own: of kind "links_peer"
  metric_type type;
  std::string_view help;
};

/// Null: one that a plugin added.
const counter_meaning* meaning_of(std::string_view kind, std::string_view counter);

} // namespace tokamak::frontend
