// What waits for slow clients: order, bounds, and what is told about them.
#include "frontend/backlog.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::frontend;

namespace {

/// Takes `room` messages of each client, then none.
struct fake_sink final : message_sink {
  std::map<client_id, int> room;
  std::map<client_id, std::string> taken; ///< first byte of each body
  std::vector<client_id> gone;
  send_result send(const client_id& client, std::span<const std::byte>, std::span<const std::byte> body) override {
    if (std::find(gone.begin(), gone.end(), client) != gone.end()) return send_result::unreachable;
    if (room[client] == 0) return send_result::would_block;
    --room[client];
    taken[client] += static_cast<char>(body[0]);
    return send_result::sent;
  }
};

void send(backlog& b, fake_sink& to, const client_id& client, char first, std::size_t bytes = 1) {
  std::string body(bytes, '.');
  body[0] = first;
  b.send(to, client, frame_type::Chunks, std::as_bytes(std::span(body)));
}

std::string events(backlog& b) {
  std::string text;
  for (const auto& e : b.take_events())
    text += e.client + (e.what == backlog::change::filling       ? " filling;"
                        : e.what == backlog::change::emptied     ? " emptied;"
                        : e.what == backlog::change::overflowed  ? " overflowed;"
                                                                 : " unreachable;");
  return text;
}

} // namespace

TEST_CASE("messages go out at once where they can, and in order where they cannot") {
  backlog b(1000);
  fake_sink to;
  to.room = {{"fast", 100}, {"slow", 1}};
  for (char c : {'a', 'b', 'c'}) {
    send(b, to, "fast", c);
    send(b, to, "slow", c);
  }
  CHECK(to.taken["fast"] == "abc");
  CHECK(to.taken["slow"] == "a");
  CHECK(b.bytes("slow") == 2 * (frame_header::size + 1));
  CHECK(b.bytes("fast") == 0);
  CHECK_FALSE(b.flush(to));
  to.room["slow"] = 1;
  CHECK(b.flush(to));
  send(b, to, "slow", 'd'); // not before those that wait
  to.room["slow"] = 10;
  CHECK(b.flush(to));
  CHECK(to.taken["slow"] == "abcd");
  CHECK(b.empty());
  CHECK(events(b) == "");
}

TEST_CASE("half of the bytes is told once, and when all have gone out") {
  backlog b(1000);
  fake_sink to;
  for (int i = 0; i < 4; ++i) send(b, to, "slow", 'x', 192); // 200 with the header
  CHECK(events(b) == "slow filling;");
  to.room["slow"] = 3;
  b.flush(to);
  CHECK(events(b) == "");
  to.room["slow"] = 1;
  b.flush(to);
  CHECK(events(b) == "slow emptied;");
  send(b, to, "slow", 'y', 600);
  CHECK(events(b) == "slow filling;");
}

TEST_CASE("more than all bytes drops what waited and starts anew") {
  backlog b(1000);
  fake_sink to;
  for (int i = 0; i < 6; ++i) send(b, to, "slow", 'x', 192);
  CHECK(events(b) == "slow filling;slow overflowed;");
  CHECK(b.bytes("slow") == 0);
  CHECK(b.empty());
  send(b, to, "slow", 'z');
  to.room["slow"] = 9;
  b.flush(to);
  CHECK(to.taken["slow"] == "z");
  send(b, to, "other", 'x', 2000); // one message alone may be too much
  CHECK(events(b) == "other overflowed;");
}

TEST_CASE("a connection that is gone is told, from a first message and from one that waited") {
  backlog b(1000);
  fake_sink to;
  to.gone = {"a"};
  send(b, to, "a", 'x');
  CHECK(b.has_events());
  CHECK(events(b) == "a unreachable;");
  send(b, to, "b", 'x');
  to.gone = {"b"};
  CHECK_FALSE(b.flush(to));
  CHECK(events(b) == "b unreachable;");
  CHECK(b.empty());
  send(b, to, "c", 'x');
  b.forget("c");
  CHECK(b.empty());
  CHECK(events(b) == "");
}
