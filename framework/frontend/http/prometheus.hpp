// The state of a service as Prometheus reads it: of each actor's counters and histograms samples under names of our own, and, where they mean the
// same, under those of vLLM and of OpenTelemetry's conventions for generative AI. metrics.md lists them.
#pragma once

#include "message/frame.hpp"

#include <map>
#include <string>

namespace tokamak::frontend {

/// Exposition format 0.0.4: a family's lines stand together, under one HELP and one TYPE, and no sample comes twice, whatever the report says.
/// `models`: of each engine, the name that clients ask for; one that is not there has its own.
std::string prometheus_text(const wire::StatusReport& report, const std::map<std::string, std::string>& models = {});

} // namespace tokamak::frontend
