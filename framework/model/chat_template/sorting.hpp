// Python's sorted(): stable, and safe whatever the keys say about their order.
#pragma once

#include <functional>
#include <vector>

#include "model/chat_template/operations.hpp"

namespace tokamak::jinja {

/// Sorts by key(item) ascending, or descending with equal items still in their first order.
void sort_values(runtime& rt, std::vector<value>& items, const std::function<value(const value&)>& key,
                 bool descending);

} // namespace tokamak::jinja
