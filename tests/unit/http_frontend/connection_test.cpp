// One connection and what hostile clients send over it, byte for byte.
#include "unit/http_frontend/loopback.hpp"

#include "frontend/http/http_message.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace tokamak;
using namespace tokamak::frontend;

namespace {

const std::string dated = "Date: Sat, 28 Nov 2026 20:50:35 GMT\r\n";

/// An answer as it is on the wire. `fields`: between Content-Type and Content-Length.
std::string answer(const std::string& status, const std::string& body, const std::string& fields = {}) {
  return fmt::format("HTTP/1.1 {}\r\n{}Content-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}", status, dated, fields, body.size(), body);
}

/// What refuses a request, and ends the connection.
std::string refusal(const std::string& status, const std::string& message) {
  return answer(status, R"({"error":{"message":")" + message + R"(","type":"invalid_request_error","param":null,"code":null}})", "Connection: close\r\n");
}

/// Answers each request with what it was, unless told to `wait`.
struct fixture : http_connection_events {
  http_limits limits;
  std::vector<std::string> requests; ///< "POST /path body"
  std::vector<http_request> heads;
  std::string held;                  ///< "+" and "-"
  int closed = 0;
  bool wait = false, goes_on = true;
  std::string body = "{}";
  loopback pair{limits, *this};

  fixture() { pair.connection->start(0); }

  void on_request(http_connection& c, http_request r) override {
    requests.push_back(r.method + " " + r.path + (r.body.empty() ? "" : " " + r.body));
    heads.push_back(std::move(r));
    if (!wait) respond(c);
  }
  void respond(http_connection& c) {
    http_response response;
    response.body = body;
    c.respond(std::move(response));
  }
  bool on_end(http_connection&) override { return goes_on; }
  void on_closed(http_connection&) override { ++closed; }
  void on_held(http_connection&, bool now) override { held += now ? '+' : '-'; }
  std::string_view date() override { return "Sat, 28 Nov 2026 20:50:35 GMT"; }

  std::string told(const std::string& bytes) {
    pair.send(bytes);
    return pair.received();
  }
  // What is refused, and leaves the client with an end.
  std::string refused(const std::string& bytes) {
    auto out = told(bytes);
    CHECK(pair.over);
    return out;
  }
};

using lines = std::vector<std::string>;

const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n", ok = answer("200 OK", "{}");

std::string post(const std::string& fields, const std::string& rest) { return "POST /p HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + rest; }

} // namespace

TEST_CASE_FIXTURE(fixture, "a request is answered with the time of day, and its connection goes on") {
  CHECK(told(get) == ok);
  CHECK(told("GET /a%20b?c=d HTTP/1.1\r\nHost: h\r\n\r\n") == ok);
  CHECK(told(post("Content-Length: 2\r\n", "xy")) == ok);
  CHECK(requests == lines{"GET /", "GET /a b", "POST /p xy"});
  CHECK(!pair.over);
}

TEST_CASE_FIXTURE(fixture, "a request may come byte by byte") {
  const auto bytes = post("Transfer-Encoding: chunked\r\n", "3;x=\"y\"\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  for (const char c : bytes) {
    CHECK(requests.empty());
    pair.send({&c, 1});
  }
  CHECK(pair.received() == ok);
  CHECK(requests == lines{"POST /p abcde"});
}

TEST_CASE_FIXTURE(fixture, "requests that came together are answered in order, also when answers take their time") {
  CHECK(told(get + post("Content-Length: 1\r\n", "x") + get) == ok + ok + ok);
  wait = true;
  pair.send(get + "GET /second HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(requests.back() == "GET /");
  respond(*pair.connection);
  pair.run();
  CHECK(requests.back() == "GET /second");
  respond(*pair.connection);
  // The second one was taken out of what had come while the connection already waited for this:
  pair.send("GET /third HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(requests.back() == "GET /third");
  respond(*pair.connection);
  CHECK(pair.received() == ok + ok + ok);
}

TEST_CASE_FIXTURE(fixture, "nothing is taken up after a request that ends its connection") {
  body = std::string(3'000'000, 'x'); // more than the sockets hold
  pair.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + get + get);
  CHECK(pair.received() == answer("200 OK", body, "Connection: close\r\n"));
  CHECK(pair.over);
  CHECK(requests.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "HTTP/1.0 ends its connection unless asked not to, and says so") {
  CHECK(told("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") == answer("200 OK", "{}", "Connection: keep-alive\r\n"));
  CHECK(refused("GET / HTTP/1.0\r\n\r\n") == answer("200 OK", "{}", "Connection: close\r\n"));
}

TEST_CASE_FIXTURE(fixture, "a stream has chunks, and for HTTP/1.0 its end is that of the connection") {
  wait = true;
  const auto streamed = [&](const std::string& request) {
    pair.send(request);
    auto& c = *pair.connection;
    http_response head;
    head.type = "text/event-stream";
    c.begin_stream(std::move(head));
    c.stream("data: 1\n\n");
    c.flush();
    c.stream("data: 2\n\n");
    c.stream("data: 3\n\n");
    c.end_stream();
    pair.run();
    return pair.received();
  };
  const auto head = "HTTP/1.1 200 OK\r\n" + dated + "Content-Type: text/event-stream\r\n";
  CHECK(streamed(get) == head + "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n12\r\ndata: 2\n\ndata: 3\n\n\r\n0\r\n\r\n");
  CHECK(streamed("GET / HTTP/1.0\r\n\r\n") == head + "Connection: close\r\n\r\ndata: 1\n\ndata: 2\n\ndata: 3\n\n");
  CHECK(pair.over);
}

TEST_CASE_FIXTURE(fixture, "HEAD is answered without a body; what follows has one") {
  CHECK(told("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n") == ok.substr(0, ok.size() - 2));
  CHECK(refused("nonsense\r\n\r\n") == refusal("400 Bad Request", "this is no HTTP request: bad method"));
}

TEST_CASE_FIXTURE(fixture, "a target may have its scheme and host, as proxies are asked") {
  CHECK(told("GET http://other:80/v1/models?x HTTP/1.1\r\nHost: h\r\n\r\nGET HTTPS://h HTTP/1.1\r\nHost: h\r\n\r\nGET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n"
             "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\nCONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\nGET /http://x HTTP/1.1\r\nHost: h\r\n\r\n") == ok + ok + ok + ok + ok + ok);
  CHECK(requests == lines{"GET /v1/models", "GET /", "GET /", "OPTIONS *", "CONNECT h:80", "GET /http://x"});
}

TEST_CASE_FIXTURE(fixture, "a client that waits for 100 Continue gets it, unless it has begun, or speaks HTTP/1.0") {
  CHECK(told(post("Expect: 100-continue\r\nContent-Length: 2\r\n", "")) == "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(told("xy") == ok);
  CHECK(told(post("Expect: 100-Continue\r\nContent-Length: 2\r\n", "x")) == "");
  CHECK(told("y") == ok);
  CHECK(told(post("Expect: 100-continue\r\n", "")) == ok);
  CHECK(told("POST /p HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n") == "");
  CHECK(told("xy") == answer("200 OK", "{}", "Connection: keep-alive\r\n"));
  CHECK(requests == lines{"POST /p xy", "POST /p xy", "POST /p", "POST /p xy"});
}

TEST_CASE_FIXTURE(fixture, "a body that is too large is refused before it is asked for") {
  CHECK(refused(post("Expect: 100-continue\r\nContent-Length: 16777217\r\n", "")) == refusal("413 Payload Too Large", "the body is larger than 16777216 bytes"));
}

TEST_CASE("whatever leaves in doubt where a request ends is refused, and nothing after it is taken up") {
  const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n", bad = "400 Bad Request";
  const struct {
    std::string fields, status, message;
  } cases[] = {
      {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", bad, "this is no HTTP request: bad Transfer-Encoding"},
      {"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", bad, "this is no HTTP request: bad Content-Length"},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", bad, "this is no HTTP request: bad Transfer-Encoding"},
      {"Transfer-Encoding: gzip\r\nContent-Length: 3\r\n", "501 Not Implemented", "Transfer-Encoding is 'gzip', expected chunked"},
      {"Transfer-Encoding: gzip, chunked\r\n", "501 Not Implemented", "Transfer-Encoding is 'gzip, chunked', expected chunked"},
      {"Transfer-Encoding: chunked, identity\r\n", "501 Not Implemented", "Transfer-Encoding is 'chunked, identity', expected chunked"},
      {"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "501 Not Implemented", "Transfer-Encoding is 'identity', expected chunked"},
      {"Transfer-Encoding: xchunked\r\n", "501 Not Implemented", "Transfer-Encoding is 'xchunked', expected chunked"},
      {"Transfer-Encoding:\r\n", "501 Not Implemented", "Transfer-Encoding is '', expected chunked"},
      {"Transfer-Encoding : chunked\r\n", bad, "this is no HTTP request: bad field"},
      {"Content-Length: 3\r\nContent-Length: 4\r\n", bad, "this is no HTTP request: bad Content-Length"},
      {"Content-Length: 3\r\nContent-Length: 3\r\n", bad, "the request has 2 Content-Length fields, expected one"},
      {"Content-Length: 3, 4\r\n", bad, "this is no HTTP request: bad Content-Length"},
      {"Content-Length: -1\r\n", bad, "this is no HTTP request: bad Content-Length"},
      {"Content-Length: +3\r\n", bad, "this is no HTTP request: bad Content-Length"},
      {"Content-Length: 0x3\r\n", bad, "this is no HTTP request: bad Content-Length"},
      {"Content-Length: 18446744073709551616\r\n", bad, "this is no HTTP request: bad Content-Length"},
      {"Content-Length: 18446744073709551615\r\n", "413 Payload Too Large", "the body is larger than 16777216 bytes"},
      {"Content-Length:\r\n", bad, "this is no HTTP request: bad Content-Length"},
      {"Host: other\r\n", bad, "the request has 2 Host fields, expected one"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.fields);
    fixture f;
    CHECK(f.refused(post(c.fields, hidden)) == refusal(c.status, c.message));
    CHECK(f.requests.empty());
  }
  fixture f;
  CHECK(f.refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden) == refusal(bad, "HTTP/1.0 has no Transfer-Encoding"));
  CHECK(f.requests.empty());
}

TEST_CASE("bytes that are no request are refused with what is wrong with them") {
  const std::string bad = "400 Bad Request";
  const struct {
    std::string bytes, status, message;
  } cases[] = {
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), bad, "this is no HTTP request: bad method"},
      {std::string("\x00\xff\x00\xff", 4), bad, "this is no HTTP request: bad method"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bad, "this is no HTTP request: bad version"},
      {"GET / HTTP/0.9\r\n\r\n", bad, "this is no HTTP request: bad version"},
      {"GET / HTTP/1.2\r\n\r\n", bad, "this is no HTTP request: bad version"},
      {"GET /\r\n\r\n", bad, "this is no HTTP request: bad target"},
      {"GET  / HTTP/1.1\r\n\r\n", bad, "this is no HTTP request: bad target"},
      {"GET / HTTP/1.1\r\n\r\n", bad, "the request has 0 Host fields, expected one"},
      {"GET / HTTP/1.1\r\nHost: h\r\nBad Field: x\r\n\r\n", bad, "this is no HTTP request: bad field"},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: a\x01z\r\n\r\n", bad, "this is no HTTP request: bad value"},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", bad, "this is no HTTP request: bad line ending"},
      {"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", bad, "the path has a broken % escape"},
      {"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", bad, "the path has a broken % escape"},
      {"GET /% HTTP/1.1\r\nHost: h\r\n\r\n", bad, "the path has a broken % escape"},
      {"GET /" + std::string(70'000, 'a'), "431 Request Header Fields Too Large", "the header is larger than 65536 bytes"},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(70'000, 'a'), "431 Request Header Fields Too Large", "the header is larger than 65536 bytes"},
      {post("Transfer-Encoding: chunked\r\n", "xyz\r\n"), bad, "this is no HTTP request: bad chunk"},
      {post("Transfer-Encoding: chunked\r\n", "-1\r\n"), bad, "this is no HTTP request: bad chunk"},
      {post("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"), bad, "this is no HTTP request: bad chunk"},
      {post("Transfer-Encoding: chunked\r\n", "3 3\r\nabc\r\n"), bad, "this is no HTTP request: bad chunk extension"},
      {post("Transfer-Encoding: chunked\r\n", "10000000000000000\r\n"), bad, "this is no HTTP request: bad chunk"},
      {post("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n"), "413 Payload Too Large", "the body is larger than 16777216 bytes"},
      {post("Transfer-Encoding: chunked\r\n", "1;" + std::string(200'000, 'x')), "431 Request Header Fields Too Large", "a chunk's header is larger than 65536 bytes"},
      {post("Transfer-Encoding: chunked\r\n", "0\r\nX: " + std::string(200'000, 'x')), "431 Request Header Fields Too Large", "a chunk's header is larger than 65536 bytes"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.bytes.substr(0, 200));
    fixture f;
    CHECK(f.refused(c.bytes) == refusal(c.status, c.message));
    CHECK(f.requests.empty());
  }
}

TEST_CASE_FIXTURE(fixture, "fields that come after the chunks of a body are dropped") {
  CHECK(told(post("Transfer-Encoding: chunked\r\nX: 1\r\n", "0\r\nAuthorization: Bearer x\r\nX: 2\r\n\r\n")) == ok);
  CHECK(heads.at(0).field("Authorization").empty());
  CHECK(heads[0].field("X") == "1");
}

TEST_CASE_FIXTURE(fixture, "a request that does not come to its end is told, and so is its client's silence") {
  pair.send("POST / HTTP/1.1\r\n");
  for (std::uint64_t s = 1; s < 30; ++s) {
    pair.tick(s * 1'000'000);
    CHECK(told("x") == ""); // a byte a second
  }
  pair.tick(30'000'000);
  CHECK(pair.received() == refusal("408 Request Timeout", "the request did not come to its end within 30000 ms"));
  CHECK(pair.over);
  CHECK(closed == 0); // what it still sends is read for a while,
  pair.tick(33'000'000);
  CHECK(closed == 1); // and then it is closed

  fixture silent;
  silent.told(get);
  silent.pair.tick(74'000'000);
  CHECK(silent.closed == 0);
  silent.pair.tick(75'000'000);
  CHECK(silent.closed == 1);
}

TEST_CASE_FIXTURE(fixture, "a client that sends no more still gets what is answered already, or is only looked up") {
  body = std::string(1'000'000, 'x');
  pair.send(get + get + "GET /un");
  pair.shut();
  CHECK(pair.received() == answer("200 OK", body) + answer("200 OK", body));
  CHECK(pair.over);
  CHECK(closed == 1);

  fixture later;
  later.wait = true;
  later.pair.send(get + get);
  later.pair.shut();
  later.respond(*later.pair.connection);
  later.pair.run();
  CHECK(later.requests.size() == 2);
  CHECK(later.closed == 0);
  later.respond(*later.pair.connection);
  later.pair.run();
  CHECK(later.pair.received() == ok + ok);
  CHECK(later.closed == 1);
}

TEST_CASE("a client that sends no more, or has gone, ends what is computed for it") {
  for (const bool gone : {false, true}) {
    fixture f;
    f.wait = true;
    f.goes_on = false;
    f.pair.send(get);
    gone ? f.pair.end() : f.pair.shut();
    CHECK(f.closed == 1);
    CHECK(f.pair.received() == "");
  }
  fixture behind; // a request that is taken up only after the end
  behind.wait = true;
  behind.pair.send(get + get);
  behind.pair.shut();
  behind.goes_on = false;
  behind.respond(*behind.pair.connection);
  behind.pair.run();
  CHECK(behind.requests.size() == 2);
  CHECK(behind.closed == 1);
  for (const std::string& sent : {std::string(), std::string("GET / HT")}) { // before a request was whole
    fixture f;
    f.pair.send(sent);
    f.pair.shut();
    CHECK(f.closed == 1);
    CHECK(f.pair.received() == "");
    CHECK(f.pair.over);
  }
}

TEST_CASE_FIXTURE(fixture, "a whole answer may be larger than the buffer; the next request waits until it has left") {
  limits.buffer_bytes = 4096;
  body = std::string(2'000'000, 'x');
  pair.send(get + get);
  CHECK(held == "+");
  CHECK(requests.size() == 1);
  CHECK(pair.received() == answer("200 OK", body) + answer("200 OK", body));
  CHECK(held == "+-+-");
  CHECK(closed == 0);
  pair.send(get);
  pair.tick(60'000'000); // nothing was read for a minute
  CHECK(closed == 1);
}

TEST_CASE_FIXTURE(fixture, "a stream whose client does not read is held at half of the buffer, and cut when it is full") {
  limits.buffer_bytes = 4096;
  wait = true;
  pair.send(get);
  auto& c = *pair.connection;
  c.begin_stream({});
  const auto piece = std::string(1000, 'x');
  int pieces = 0;
  for (; held.empty() && pieces < 10'000; ++pieces) {
    c.stream(piece);
    c.flush();
  }
  CHECK(held == "+");
  pair.received();
  CHECK(held == "+-");
  for (int i = 0; closed == 0 && i < 2 * pieces; ++i) {
    c.stream(piece);
    c.flush();
  }
  CHECK(held == "+-+");
  CHECK(closed == 1);
}

TEST_CASE("a client that is turned away is told why, also when it has sent a request") {
  fixture f;
  loopback pair(f.limits, f);
  pair.send(get);
  http_response full;
  full.status = 503;
  full.body = "full";
  pair.connection->turn_away(0, std::move(full));
  pair.run();
  CHECK(pair.received() == answer("503 Service Unavailable", "full", "Connection: close\r\n"));
  CHECK(pair.over);
  CHECK(f.requests.empty());
  CHECK(f.closed == 0);
  pair.end();
  CHECK(f.closed == 1);
}

TEST_CASE("a date has the form of RFC 9110") {
  http_date date;
  CHECK(date.at(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(date.at(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(date.at(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(date.at(1795899035) == "Sat, 28 Nov 2026 20:50:35 GMT");
}

TEST_CASE_FIXTURE(fixture, "a client that reads slowly gets its answer; one that reads nothing for too long is cut") {
  limits.stall_us = 1'000'000;
  body = std::string(8u << 20, 'x');
  pair.send(get);
  std::uint64_t now_us = 0;
  for (; now_us < 6'000'000; now_us += 250'000) { // never as much as makes the system tell of room
    CHECK(pair.received(20'000).size() == 20'000);
    pair.tick(now_us);
  }
  CHECK(closed == 0);
  for (const auto end_us = now_us + 1'250'000; now_us < end_us; now_us += 250'000) pair.tick(now_us);
  CHECK(closed == 1);
}
