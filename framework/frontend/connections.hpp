// Which clients speak over which connection, so that a connection's end is the end of their requests, also of those
// that wait in a queue and to which nothing is sent. Pure and single-threaded.
#pragma once

#include "frontend/backlog.hpp"

#include <algorithm>
#include <unordered_map>
#include <vector>

namespace tokamak::frontend {

/// Connections are named by their file descriptor, which the system gives to another one soon after an end. Events of
/// one connection come in order; all that happened before a message was sent is told before that message (`heard`).
class connections {
public:
  /// A connection begins. Returns the clients that had the number, should their end not have been told.
  std::vector<client_id> opened(int fd) {
    auto before = closed(fd);
    open_.try_emplace(fd);
    return before;
  }

  /// A connection ended: the clients that spoke over it.
  std::vector<client_id> closed(int fd) {
    const auto it = open_.find(fd);
    if (it == open_.end()) return {};
    auto clients = std::move(it->second);
    open_.erase(it);
    return clients;
  }

  /// A message of `client` came over `fd`. False: that connection has ended already.
  bool heard(int fd, const client_id& client) {
    const auto it = open_.find(fd);
    if (it == open_.end()) return false;
    // Several only where a number was reused while messages of its last owner still waited to be read.
    if (std::find(it->second.begin(), it->second.end(), client) == it->second.end()) it->second.push_back(client);
    return true;
  }

  std::size_t size() const { return open_.size(); }

private:
  std::unordered_map<int, std::vector<client_id>> open_;
};

} // namespace tokamak::frontend
