// The state of a service as Prometheus reads it: of each actor's counters one sample, tokamak_KIND_COUNTER{name, node}.
#pragma once

#include "message/frame.hpp"

#include <string>

namespace tokamak::frontend {

/// Exposition format 0.0.4. Names hold letters, digits and _ only; samples of one name stand together.
std::string prometheus_text(const wire::StatusReport& report);

} // namespace tokamak::frontend
