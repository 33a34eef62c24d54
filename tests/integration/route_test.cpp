// A route between two models, as clients see it: by alias, tenant, labels and length of the prompt, over ZeroMQ.
#include "integration/test_service.hpp"
#include "null_backend/tiny_models.hpp"

#include <tokamak/client.hpp>
#include <unistd.h>

#include <fstream>

using namespace tokamak;

namespace {

class model_file {
public:
  explicit model_file(std::uint64_t seed)
      : path_(std::filesystem::temp_directory_path() / fmt::format("tokamak-route-{}-{}.gguf", ::getpid(), seed)) {
    test::tiny_options o;
    o.seed = seed;
    std::ofstream(path_, std::ios::binary) << test::tiny_llama_gguf(o);
  }
  ~model_file() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

private:
  std::filesystem::path path_;
};

client_request asking(const std::string& model, std::string prompt) {
  client_request r;
  r.model = model;
  r.prompt = std::move(prompt);
  r.max_tokens = 16;
  r.stops.ignore_eos = true;
  return r;
}

} // namespace

TEST_CASE("a client's request goes to the model that the route's rules say") {
  const model_file small(1), large(2);
  test::test_service s("[models.small]\npath = \"" + small.path() + "\"\n[models.large]\npath = \"" + large.path() + R"("
[engines.small]
model = "small"
backend = "reference"
[engines.large]
model = "large"
backend = "reference"
[endpoints.small]
[endpoints.large]
[endpoints.chat]
members = ["small", "large"]
aliases = ["vendor/big:latest"]
[endpoints.chat.fusion]
plugin = "route"
rules = [
  { to = "large", model = "vendor/big:latest" },
  { to = "large", tenant = "gold" },
  { to = "large", metadata = { tier = "paid" } },
  { to = "large", prompt_min = 20 },
]
[frontends.zmq]
kind = "zmq"
bind = "tcp://127.0.0.1:*"
)");
  auto connected = client::connect(s.address());
  REQUIRE(connected);
  const auto answer = [&](const client_request& r) {
    const auto out = connected->generate(r);
    REQUIRE_MESSAGE(out, out.error().to_string());
    return out->token_ids;
  };
  const auto of_small = answer(asking("small", "Hello")), of_large = answer(asking("large", "Hello"));
  REQUIRE(of_small != of_large);
  CHECK(answer(asking("chat", "Hello")) == of_small);
  CHECK(answer(asking("vendor/big:latest", "Hello")) == of_large);
  auto r = asking("chat", "Hello");
  r.tenant = "gold";
  CHECK(answer(r) == of_large);
  r.tenant = "silver";
  CHECK(answer(r) == of_small);
  r.metadata = {{"team", "x"}, {"tier", "paid"}};
  CHECK(answer(r) == of_large);
  // Nineteen characters in 38 bytes, then twenty.
  std::string umlauts;
  for (int i = 0; i < 19; ++i) umlauts += "ü";
  CHECK(answer(asking("chat", umlauts)) == answer(asking("small", umlauts)));
  CHECK(answer(asking("chat", umlauts + "!")) == answer(asking("large", umlauts + "!")));
  // Messages count with all their contents, plain or JSON.
  r = asking("chat", "");
  r.prompt = std::vector<client_message>{{"system", "0123456789"}, {"user", "0123456789"}};
  auto same = r;
  same.model = "large";
  CHECK(answer(r) == answer(same));

  const auto models = connected->list_models();
  REQUIRE(models);
  CHECK(models->size() == 3);
  for (const auto& m : *models) CHECK(m.aliases == (m.name == "chat" ? std::vector<std::string>{"vendor/big:latest"} : std::vector<std::string>{}));
  r.metadata.assign(65, {"k", "v"});
  const auto refused = connected->generate(r);
  REQUIRE(!refused);
  CHECK(refused.error().message == "65 metadata entries, at most 64 expected");
}
