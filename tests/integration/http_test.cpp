// The HTTP frontend on real sockets: what clients ask, what is wrong with what they send, and how they go away. The model is a null backend's,
// whose next token is the last one plus one.
#include "http_client.hpp"

using namespace tokamak;
using namespace tokamak::test;

TEST_CASE("a chat is answered whole, and in events, over one connection") {
  if (skipped()) return;
  test::test_service s(toml());
  http_client c(s.address());
  c.post("/v1/chat/completions", R"({"model":"smollm2","messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"temperature":0})");
  const auto whole = c.read_answer();
  CHECK(whole.status == 200);
  const auto body = json::parse(whole.body);
  CHECK(body["object"] == "chat.completion");
  CHECK(body["choices"][0]["finish_reason"] == "length");
  CHECK(body["usage"]["completion_tokens"] == 5);
  const auto text = body["choices"][0]["message"]["content"].get<std::string>();

  c.post("/v1/chat/completions", R"({"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"temperature":0,"stream":true})", "X-Request-Id: mine-1\r\n");
  const auto events = c.read_answer();
  CHECK(events.status == 200);
  CHECK(events.head.find("Content-Type: text/event-stream\r\n") != std::string::npos);
  CHECK(events.head.find("X-Request-Id: mine-1\r\n") != std::string::npos);
  CHECK(events.body.ends_with("data: [DONE]\n\n"));
  std::string streamed;
  for (std::size_t at = 0; (at = events.body.find("data: {", at)) != std::string::npos; ++at) {
    const auto event = json::parse(events.body.substr(at + 6, events.body.find("\n\n", at) - at - 6));
    if (!event["choices"].empty() && event["choices"][0]["delta"].contains("content")) streamed += event["choices"][0]["delta"]["content"].get<std::string>();
  }
  CHECK(streamed == text);
}

TEST_CASE("lists, state, tokens and text") {
  if (skipped()) return;
  test::test_service s(toml());
  const auto address = s.address();
  CHECK(got(address, "/health").body == R"({"status":"ok"})");
  CHECK(got(address, "/health/ready").body == R"({"status":"ready"})");
  const auto models = json::parse(got(address, "/v1/models").body);
  CHECK(models["data"].size() == 2);
  CHECK(models["data"][0]["id"] == "smollm2");
  CHECK(models["data"][0]["max_model_len"] == 4096);
  CHECK(json::parse(got(address, "/v1/models/gpt-4o").body)["root"] == "smollm2");
  CHECK(error_of(got(address, "/v1/models/none")) == "404: no model 'none'; known: smollm2, gpt-4o");
  const auto tokens = json::parse(asked(address, "/tokenize", R"({"model":"smollm2","prompt":"Hello world"})").body);
  CHECK(tokens["tokens"] == json::array({19556, 905}));
  CHECK(asked(address, "/detokenize", R"({"model":"smollm2","tokens":[19556,905]})").body == R"({"prompt":"Hello world"})");
  CHECK(error_of(asked(address, "/detokenize", R"({"model":"smollm2","tokens":[-1]})")) == "400: 'tokens[0]' must be a token id from 0 to 49151");
  const auto deep = R"({"model":"smollm2","messages":)" + std::string(500'000, '[') + std::string(500'000, ']') + "}";
  CHECK(error_of(asked(address, "/tokenize", deep)) == "400: the body is nested deeper than 64 levels");
  CHECK(error_of(asked(address, "/tokenize", R"({"model":"smollm2","promt":"x"})")) == "400: unknown field 'promt'; did you mean 'prompt'?");
  CHECK(got(address, "/metrics").body.find("\ntokamak_frontend_connections{name=\"http\",") != std::string::npos);
}

TEST_CASE("what is no HTTP, or nothing that is known, is told so") {
  if (skipped()) return;
  test::test_service s(toml("max_header_bytes = 2048\nmax_message_bytes = 100000\n"));
  const auto address = s.address();
  CHECK(error_of(got(address, "/nothing")) == "404: nothing is at /nothing");
  CHECK(error_of(got(address, "/v1/chat/completions")) == "405: /v1/chat/completions is asked with POST, not GET");
  CHECK(error_of(asked(address, "/v1/models", "{}")) == "405: /v1/models is asked with GET, not POST");
  CHECK(error_of(got(address, "/a%zz")) == "400: the path has a broken % escape");
  CHECK(error_of(got(address, "/", "X: " + std::string(3000, 'x') + "\r\n")) == "431: the header is larger than 2048 bytes");
  CHECK(error_of(asked(address, "/v1/completions", std::string(200'000, ' '))) == "413: the body is larger than 100000 bytes");
  {
    http_client c(address);
    c.send("\x16\x03\x01 this is TLS\r\n\r\n");
    CHECK(c.read_answer().status == 400);
    CHECK(!c.read_some()); // and it is closed
  }
  {
    http_client c(address);
    c.send("POST /v1/completions HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}");
    CHECK(error_of(c.read_answer()) == "415: Content-Type is 'text/plain', expected application/json");
    c.post("/v1/completions", R"({"model":"none","prompt":"x"})"); // the connection goes on
    CHECK(error_of(c.read_answer()).starts_with("404: no model 'none'"));
  }
}

TEST_CASE("a client that goes away in the midst of an answer frees what it had, with all its choices") {
  if (skipped()) return;
  test::test_service s(toml("", ", step_us = 2000"));
  const auto address = s.address();
  for (int round = 0; round < 20; ++round) {
    http_client c(address);
    c.post("/v1/completions", R"({"model":"smollm2","prompt":"Once","max_tokens":3000,"n":3,"seed":1,"ignore_eos":true,"stream":true})");
    REQUIRE(c.read_until("data: {"));
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10) * test::patience;
  double running = 1;
  while (running > 0 && std::chrono::steady_clock::now() < until) {
    running = counter(address, "scheduler", "running") + counter(address, "frontend", "requests_running");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(running == 0);
  CHECK(counter(address, "frontend", "cancelled") == 60);
}

TEST_CASE("a client that does not read is cut, and others go on meanwhile") {
  if (skipped()) return;
  test::test_service s(toml("client_buffer_bytes = 65536\nstall_timeout_ms = 1000\n"));
  const auto address = s.address();
  http_client deaf(address);
  for (int i = 0; i < 4000; ++i) // answers pile up: more than the system takes for a connection
    if (!deaf.send("GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n")) break;
  CHECK(asked(address, "/v1/completions", R"({"model":"smollm2","prompt":"x","max_tokens":3})").status == 200);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10) * test::patience;
  while (counter(address, "frontend", "connections") > 1 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(counter(address, "frontend", "connections") == 1); // the one that asks
}

TEST_CASE("keys are asked for, and half-open and idle connections end") {
  if (skipped()) return;
  const auto file = (std::filesystem::temp_directory_path() / fmt::format("tokamak_keys_{}", getpid())).string();
  {
    std::unique_ptr<FILE, int (*)(FILE*)> out(std::fopen(file.c_str(), "w"), std::fclose);
    std::fputs("# who may\nalice sk-0123456789abcdef\n", out.get());
  }
  test::test_service s(toml("api_keys = \"" + file + "\"\nidle_timeout_ms = 500\nrequest_timeout_ms = 500\n"));
  std::filesystem::remove(file);
  const auto address = s.address();
  CHECK(error_of(got(address, "/v1/models")) == "401: a key is needed, as Authorization: Bearer KEY; none that is known was sent");
  CHECK(got(address, "/v1/models", "Authorization: Bearer wrong\r\n").status == 401);
  CHECK(got(address, "/v1/models", "Authorization: bearer sk-0123456789abcdef\r\n").status == 200);
  CHECK(got(address, "/health").status == 200);
  http_client idle(address), half(address);
  half.send("POST /v1/completions HTTP/1.1\r\nContent-Le");
  CHECK(!idle.read_some());
  CHECK(error_of(half.read_answer()) == "408: the request did not come to its end within 500 ms");
}
