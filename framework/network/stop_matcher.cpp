// Plain search per character: stop strings are few and short.
#include "network/stop_matcher.hpp"

#include <algorithm>
#include <utility>

namespace tokamak::network {

stop_matcher::stop_matcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& s) { return s.empty(); });
  std::sort(stops_.begin(), stops_.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

stop_matcher::result stop_matcher::push(std::string_view text) {
  if (stopped_) return {};
  if (stops_.empty()) return {std::string(text), std::nullopt};
  const auto scanned = held_.size();
  held_ += text;
  for (auto end = scanned + 1; end <= held_.size(); ++end)
    for (const auto& stop : stops_) {
      if (stop.size() > end || held_.compare(end - stop.size(), stop.size(), stop) != 0) continue;
      stopped_ = true;
      result r{held_.substr(0, end - stop.size()), stop};
      held_.clear();
      return r;
    }
  const auto keep = held_back();
  result r{held_.substr(0, held_.size() - keep), std::nullopt};
  held_.erase(0, held_.size() - keep);
  return r;
}

// Length of the longest end of the text that begins a stop string.
std::size_t stop_matcher::held_back() const {
  std::size_t longest = 0;
  for (const auto& stop : stops_)
    for (auto n = std::min(stop.size() - 1, held_.size()); n > longest; --n)
      if (held_.compare(held_.size() - n, n, stop, 0, n) == 0) longest = n;
  return longest;
}

std::string stop_matcher::flush() { return std::exchange(held_, {}); }

} // namespace tokamak::network
