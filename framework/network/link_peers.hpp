// What the links actor knows of each other node: whether there is a session, when to try again, what was said in the log.
// A session has two connections, one a lane.
#pragma once

#include "network/link_session.hpp"
#include "network/links.hpp"
#include "network/remote_actor.hpp"

#include <deque>
#include <map>
#include <memory>
#include <set>

namespace tokamak::network {

/// Bytes on an emulated line.
struct delayed_bytes {
  std::uint64_t arrival_us = 0;
  std::vector<std::byte> first;
  std::vector<attachment> rest;
};

/// Where a session's bytes go: two identities of the ROUTER, or two DEALERs.
struct link_route {
  std::array<std::string, n_lanes> identities;
  std::array<int, n_lanes> connections{-1, -1};                   ///< file descriptors, to know their ends
  std::array<std::unique_ptr<link_socket>, n_lanes> own;          ///< both or none
  std::array<std::deque<delayed_bytes>, n_lanes> on_the_way;      ///< with an emulated line
  bool complete() const { return own[0] || (!identities[0].empty() && !identities[1].empty()); }
};

/// A request that was sent and not answered: the asker's number and the request's, without its priority.
using open_request = std::pair<std::uint64_t, std::uint64_t>;

struct asked {
  caf::strong_actor_ptr asker;
  caf::message_id question;
};

/// The actors and requests of a session.
struct connection {
  std::uint64_t number = 0; ///< of this process, never used twice: remote actors name it
  std::uint64_t session = 0;
  std::uint64_t peer_epoch = 0;
  link_route route;
  std::unique_ptr<link_effects> effects;
  std::unique_ptr<link_session> protocol;
  std::map<std::uint64_t, caf::strong_actor_ptr> remote;          ///< by the peer's number
  std::map<std::uint64_t, caf::strong_actor_ptr> known;           ///< actors here that the peer may write to, by number
  std::map<std::string, std::uint64_t> offers;                    ///< of the peer
  std::map<open_request, asked> requests;                         ///< from here
};

/// A greeting under way.
struct greeting {
  std::uint64_t session = 0;
  link_route route;
  std::optional<frame_of<wire::Hello>> hello; ///< of the control lane
  std::uint64_t until_us = 0;
};

struct peer_state {
  link_peer config;
  std::unique_ptr<connection> up;
  std::optional<greeting> greeting_now;
  std::uint64_t retry_at_us = 0, back_off_us = 0;
  std::string last_problem; ///< in the log already
  std::vector<emulated_line> lines; ///< of each lane: two connections share a real line evenly; empty: not emulated
};

} // namespace tokamak::network
