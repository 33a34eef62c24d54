// A service made of a ROUTER socket and nothing else. Tests play the service's part: they receive what the
// client sent and answer it by hand.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operations_generated.h"
#include "sequence_generated.h"
#include "tokamak/client.hpp"

namespace fake {

using bytes = std::vector<std::uint8_t>;
using namespace std::chrono_literals;

struct request {
  bytes peer; ///< the ROUTER's name for the connection
  int type = 0;
  bytes body;

  template <class T>
  const T& as() const { return *flatbuffers::GetRoot<T>(body.data()); }
};

enum frame { open = 1, close = 6, acknowledge = 9, chunks = 10, list_models = 22, model_list = 23,
             status_request = 24, status_report = 25, error_reply = 26, drain = 28, drained = 29 };

class service {
public:
  /// Listens on `address`; a port of * is chosen by the system, see address().
  explicit service(const std::string& address = "tcp://127.0.0.1:*");
  ~service();
  service(const service&) = delete;
  service& operator=(const service&) = delete;

  const std::string& address() const { return address_; }
  /// The next message; verified to be a Tokamak frame. Nothing after `limit`.
  std::optional<request> receive(std::chrono::milliseconds limit = 5s);
  /// receive() that fails the test unless a message of this type comes.
  request expect(frame type);
  void send(const request& to, int type, const bytes& body);
  /// Parts as they are, right or wrong.
  void send_raw(const request& to, const std::vector<bytes>& parts);
  /// Goes away, as a killed process does.
  void vanish();
  /// Goes away once all that was sent is out.
  void leave();

private:
  void* context_;
  void* socket_;
  std::string address_;
};

struct piece {
  std::uint64_t id = 0;
  std::uint32_t offset = 0;
  std::string text{};
  std::vector<std::int32_t> tokens{};
  tokamak::wire::FinishReason finish = tokamak::wire::FinishReason::none;
  std::optional<tokamak::client_error> error{};
};

/// A Chunks frame. A piece that ends without an error carries usage {5, 2, 3, 10 us, 20 us, 30 us}.
bytes make_chunks(const std::vector<piece>& pieces);
bytes make_error_reply(std::uint64_t op, tokamak::wire::ErrorCode code, const std::string& message);
bytes make_model_list(std::uint64_t op, const std::vector<std::string>& names);
bytes make_status_report(std::uint64_t op);
bytes make_drained(std::uint64_t op);
bytes header_of(int type, std::uint8_t major = 0, std::uint8_t minor = 1, const char* magic = "TKMK");

/// A request for `max_tokens` tokens of "m" after the text "hello".
tokamak::client_request ask_for(std::uint32_t max_tokens = 16);
/// A client with short limits, so that tests of silence are short.
tokamak::client connect(const std::string& address, tokamak::client_options options = {});
tokamak::client_options impatient();

} // namespace fake
