// "tcp://HOST:PORT" taken apart.
#include "topology/address.hpp"

#include "topology/spelling.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tokamak::topology {
namespace {

bool all_of(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           extra.find(c) != std::string_view::npos;
  });
}

bool is_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) return host.size() > 2 && all_of(host.substr(1, host.size() - 2), ":.%");
  return !host.empty() && all_of(host, ".-_");
}

/// The port, or -1.
int parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5) return -1;
  int port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    port = port * 10 + (c - '0');
  }
  return port <= 65535 ? port : -1;
}

std::string problem(std::string_view address, std::string_view expected) {
  return fmt::format("is {}; expected {}", in_quotes(address), expected);
}

} // namespace

std::string bind_problem(std::string_view address) {
  constexpr std::string_view expected = "tcp://HOST:PORT or ipc:///PATH";
  if (address.starts_with("ipc:///") && address.find('\0') == std::string_view::npos && address.size() > 7) {
    if (address.size() - 6 <= 107) return {};
    return problem(address, "an ipc path of at most 107 bytes");
  }
  const auto colon = address.rfind(':');
  if (!address.starts_with("tcp://") || colon <= 5) return problem(address, expected);
  const auto host = address.substr(6, colon - 6), port = address.substr(colon + 1);
  if (host != "*" && !is_host(host)) return problem(address, expected);
  if (port != "*" && parse_port(port) < 0) return problem(address, "a port of 0 to 65535");
  return {};
}

std::string http_bind_problem(std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || (address.substr(0, colon) != "*" && !is_host(address.substr(0, colon)))) return problem(address, "HOST:PORT");
  if (parse_port(address.substr(colon + 1)) < 0) return problem(address, "a port of 0 to 65535");
  return {};
}

bool is_local(std::string_view address) {
  const auto colon = address.rfind(':');
  if (!address.starts_with("tcp://") || colon <= 5) return true;
  const auto host = address.substr(6, colon - 6);
  return host == "localhost" || host == "[::1]" || (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

std::string link_problem(std::string_view address) {
  const auto colon = address.rfind(':');
  if (!address.starts_with("tcp://") || colon <= 5 || !is_host(address.substr(6, colon - 6)))
    return problem(address, "tcp://HOST:PORT");
  if (parse_port(address.substr(colon + 1)) < 1) return problem(address, "a port of 1 to 65535");
  return {};
}

} // namespace tokamak::topology
