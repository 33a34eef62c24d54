// Sorting and cutting the list of findings.
#include "topology/findings.hpp"

#include <algorithm>

namespace tokamak::topology {
namespace {

std::vector<error> in_file_order(std::vector<finding>& list, const std::string& file) {
  std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.where < b.where; });
  std::vector<error> out;
  for (auto& f : list) {
    auto where = f.where.line == 0 ? file : fmt::format("{}:{}:{}", file, f.where.line, f.where.column);
    out.push_back({f.code, std::move(f.message), std::move(where)});
  }
  return out;
}

} // namespace

void findings::error(position where, errc code, std::string message) {
  ++n_errors_;
  if (errors_.size() < max_errors) errors_.push_back({code, std::move(message), where});
}

void findings::warning(position where, std::string message) {
  if (warnings_.size() < max_errors) warnings_.push_back({errc::invalid_argument, std::move(message), where});
}

void findings::move_to(load_result& result, const std::string& file) {
  result.errors = in_file_order(errors_, file);
  result.warnings = in_file_order(warnings_, file);
  if (n_errors_ > max_errors)
    result.errors.push_back({errc::invalid_argument,
                             fmt::format("{} more errors are not shown", n_errors_ - max_errors), file});
}

} // namespace tokamak::topology
