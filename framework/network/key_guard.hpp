// Who may connect: answers libzmq's question about each new connection's key (ZAP, RFC 27) from a list.
#pragma once

#include "base/error.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

namespace tokamak::network {

/// One for a ZeroMQ context; it covers the sockets of the context that are CURVE servers. Own thread. Destroy it behind
/// the sockets and before the context: it ends the context's use.
class key_guard {
public:
  /// `allowed`: public keys (Z85) and their owners. Errors: io.
  static expected<std::unique_ptr<key_guard>> start(void* context, std::map<std::string, std::string> allowed);
  ~key_guard();
  key_guard(const key_guard&) = delete;
  key_guard& operator=(const key_guard&) = delete;

  /// Connections that were turned away.
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

private:
  key_guard(void* context, void* socket, std::map<std::string, std::string> allowed)
      : context_(context), socket_(socket), allowed_(std::move(allowed)), thread_([this] { serve(); }) {}
  void serve();
  bool answer();

  void* context_;
  void* socket_;
  std::map<std::string, std::string> allowed_;
  std::set<std::string> told_; ///< keys whose refusal is in the log
  std::atomic<std::uint64_t> refused_{0};
  std::thread thread_;
};

} // namespace tokamak::network
