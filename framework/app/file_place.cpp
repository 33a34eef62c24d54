// Places are text in errors, so that base/error.hpp needs no topology.
#include "app/file_place.hpp"

#include <charconv>

namespace tokamak::app {

error at_place(const std::string& file, topology::position place, error why) {
  if (place.line == 0) return why;
  if (!why.where.empty()) why.message = fmt::format("{}: {}", why.where, why.message);
  why.where = fmt::format("{}:{}:{}", file, place.line, place.column);
  return why;
}

topology::position place_in(const std::string& file, const error& e) {
  topology::position place;
  if (!e.where.starts_with(file) || e.where.size() <= file.size() || e.where[file.size()] != ':') return place;
  const char* end = e.where.data() + e.where.size();
  const auto line = std::from_chars(e.where.data() + file.size() + 1, end, place.line);
  if (line.ec != std::errc() || line.ptr == end || *line.ptr != ':') return {};
  const auto column = std::from_chars(line.ptr + 1, end, place.column);
  return column.ec == std::errc() && column.ptr == end ? place : topology::position{};
}

} // namespace tokamak::app
