// Counting down.
#include "app/node_drain.hpp"

#include "base/nearest_name.hpp"

namespace tokamak::app {

expected<void> can_ask_to_leave(const std::string& name, const std::string& own, const std::vector<std::string>& others,
                                const std::vector<std::string>& connected) {
  if (std::find(others.begin(), others.end(), name) == others.end()) {
    auto all = others;
    all.insert(all.begin(), own);
    const auto shown = name.substr(0, 64);
    return fail(errc::not_found, fmt::format("no node '{}'{}", shown, known_names(shown, all)));
  }
  if (std::find(connected.begin(), connected.end(), name) != connected.end()) return {};
  return fail(errc::unavailable, fmt::format("node '{}' is not connected to node '{}'", name, own));
}

void node_drain::begin(std::uint64_t now_us, std::uint64_t deadline_us, std::size_t n_endpoints) {
  stage_ = stage::endpoints;
  begun_us_ = now_us;
  end_us_ = now_us + deadline_us;
  missing_ = n_endpoints;
}

void node_drain::ask_engines(std::size_t n_engines) {
  stage_ = stage::engines;
  missing_ = n_engines;
}

bool node_drain::drained(const wire::Drained& m) {
  if (!running() || missing_ == 0) return false;
  finished_ += m.finished();
  cut_ += m.cut();
  moved_ += m.moved();
  return --missing_ == 0;
}

wire::DrainedT node_drain::result(const std::string& node, std::uint64_t now_us) const {
  wire::DrainedT m;
  m.name = node;
  m.finished = finished_;
  m.cut = cut_;
  m.moved = moved_;
  m.took_us = now_us - begun_us_;
  return m;
}

} // namespace tokamak::app
