// Collects what is wrong with a topology, so that one run reports everything in file order.
#pragma once

#include "topology/topology.hpp"

#include <string>
#include <vector>

namespace tokamak::topology {

/// Something wrong and its place; the file's name is put before it at the end.
struct finding {
  errc code = errc::invalid_argument;
  std::string message; ///< "what was found; what was expected"
  position where;
};

/// All findings of one load. Beyond max_errors only the count goes on.
class findings {
public:
  static constexpr std::size_t max_errors = 100;

  void error(position where, errc code, std::string message);
  void error(position where, std::string message) { error(where, errc::invalid_argument, std::move(message)); }
  void warning(position where, std::string message);

  bool clean() const { return n_errors_ == 0; }
  bool full() const { return n_errors_ >= max_errors; } ///< more errors need no careful wording
  std::size_t count() const { return n_errors_; }

  /// Sorts by place and writes both lists, each `where` as "file:line:column" (or "file" without a line).
  void move_to(load_result& result, const std::string& file);

private:
  std::vector<finding> errors_, warnings_;
  std::size_t n_errors_ = 0;
};

} // namespace tokamak::topology
