// Building the answer to a StatusRequest from names and numbers.
#pragma once

#include "message/frame.hpp"

#include <string>
#include <utility>
#include <vector>

namespace tokamak {

/// `make_status("main", "scheduler", {{"waiting", 3}, …})`
inline frame_of<wire::ActorStatus> make_status(std::string name, std::string kind,
                                               const std::vector<std::pair<std::string, double>>& counters) {
  wire::ActorStatusT status;
  status.name = std::move(name);
  status.kind = std::move(kind);
  for (const auto& [counter, value] : counters) {
    status.counters.push_back(std::make_unique<wire::CounterT>());
    status.counters.back()->name = counter;
    status.counters.back()->value = value;
  }
  return make_frame<wire::ActorStatus>(status);
}

} // namespace tokamak
