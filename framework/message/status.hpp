// Building the answer to a StatusRequest from names and numbers.
#pragma once

#include "base/histogram.hpp"
#include "message/frame.hpp"

#include <string>
#include <utility>
#include <vector>

namespace tokamak {

/// `make_status("main", "scheduler", {{"waiting", 3}, …})`; histograms are read now, and must not be null.
inline frame_of<wire::ActorStatus> make_status(std::string name, std::string kind,
                                               const std::vector<std::pair<std::string, double>>& counters,
                                               const std::vector<std::pair<std::string, const histogram*>>& histograms = {}) {
  wire::ActorStatusT status;
  status.name = std::move(name);
  status.kind = std::move(kind);
  for (const auto& [counter, value] : counters) {
    status.counters.push_back(std::make_unique<wire::CounterT>());
    status.counters.back()->name = counter;
    status.counters.back()->value = value;
  }
  for (const auto& [what, measured] : histograms) {
    auto& h = *status.histograms.emplace_back(std::make_unique<wire::HistogramT>());
    h.name = what;
    h.bounds.assign(measured->bounds().begin(), measured->bounds().end());
    h.counts.assign(measured->counts().begin(), measured->counts().end());
    h.sum = measured->sum();
  }
  return make_frame<wire::ActorStatus>(status);
}

} // namespace tokamak
