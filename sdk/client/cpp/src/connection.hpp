// One ZeroMQ connection, from the first try to its loss; a lost one is never reused, so that nothing sent on it
// can be mistaken for part of the next. I/O thread only.
#pragma once

#include <zmq.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "encode.hpp"
#include "tokamak/client_error.hpp"
#include "tokamak/client_types.hpp"
#include "wire_header.hpp"

namespace tokamak::client_detail {

struct socket_closer {
  void operator()(void* socket) const { zmq_close(socket); }
};
using socket_ptr = std::unique_ptr<void, socket_closer>;

class connection {
public:
  enum class change { none, ready, lost };
  struct message {
    bytes header;
    bytes body;
  };

  /// Starts connecting. Errors: invalid_argument for the address, io.
  static client_result<std::unique_ptr<connection>> begin(void* context, const std::string& address,
                                                          const client_options& options);
  ~connection();

  /// What has happened since the last call.
  change poll_changes();
  bool ready() const { return ready_; }
  /// TCP answered, though perhaps not ZeroMQ.
  bool reached() const { return reached_; }
  /// Lost because the service does not accept the key.
  bool denied() const { return denied_; }

  /// False if the socket takes no more now.
  bool send(frame_type type, const bytes& body);
  /// The next message, if one is there. Parts after the second are dropped.
  std::optional<message> receive();
  /// At destruction, wait this long for what was sent.
  void linger(int milliseconds);

  void* socket() const { return socket_.get(); }
  void* monitor() const { return monitor_.get(); }

private:
  connection(socket_ptr socket, socket_ptr monitor) : socket_(std::move(socket)), monitor_(std::move(monitor)) {}
  socket_ptr socket_;
  socket_ptr monitor_;
  bool ready_ = false;
  bool reached_ = false;
  bool denied_ = false;
};

} // namespace tokamak::client_detail
