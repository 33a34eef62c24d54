// A service that wants keys: who gets in, what the others are told, and what is wrong with key files.
#include "integration/child_process.hpp"
#include "integration/test_service.hpp"
#include "null_backend/tiny_models.hpp"
#include "network/keys.hpp"

#include <tokamak/client.hpp>
#include <sys/stat.h>

#include <fstream>

using namespace tokamak;

namespace {

class key_folder {
public:
  key_folder() {
    char name[] = "/tmp/tokamak_keys_XXXXXX";
    path_ = mkdtemp(name);
    std::filesystem::create_directory(path_ + "/clients");
    std::ofstream(path_ + "/tiny.gguf", std::ios::binary) << test::tiny_llama_gguf();
    for (const auto* who : {"service", "alice", "mallory"}) REQUIRE(network::write_new_keys(*this / who));
    std::filesystem::rename(*this / "alice.pub", *this / "clients/alice.pub");
  }
  ~key_folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  std::string toml(const std::string& frontend, const std::string& backend = "reference") const {
    return "[models.tiny]\npath = \"" + path_ + "/tiny.gguf\"\n[engines.tiny]\nbackend = \"" + backend + "\"\n[frontends.zmq]\nbind = \"tcp://127.0.0.1:*\"\n" + frontend;
  }
  std::string keys(const std::string& admins = "") const { return admins + "key_file = \"" + path_ + "/service.key\"\nclient_keys = [\"" + path_ + "/clients\"]\n"; }

private:
  std::string path_;
};

client_options with_keys(const std::string& own, const std::string& server) {
  client_options o;
  o.connect_timeout = std::chrono::milliseconds(1500);
  o.key_file = own;
  o.server_key_file = server;
  return o;
}

std::string answer_of(const std::string& address, const client_options& options) {
  auto connected = client::connect(address, options);
  if (!connected) return connected.error().message;
  client_request r;
  r.model = "tiny";
  r.prompt = std::string("Hello");
  r.max_tokens = 4;
  r.stops.ignore_eos = true;
  const auto answer = connected->generate(r);
  return answer ? std::to_string(answer->token_ids.size()) + " tokens" : answer.error().message;
}

} // namespace

TEST_CASE("only clients whose keys are listed get in, and the others are counted and told why") {
  const key_folder keys;
  test::test_service s(keys.toml(keys.keys()));
  const auto refusal = [&](const std::string& why) { return "no connection to " + s.address() + " within 1500 ms: " + why; };
  CHECK(answer_of(s.address(), with_keys(keys / "alice.key", keys / "service.pub")) == "4 tokens");
  CHECK(answer_of(s.address(), with_keys(keys / "mallory.key", keys / "service.pub")) == refusal("it does not accept this client's key"));
  CHECK(answer_of(s.address(), with_keys(keys / "alice.key", keys / "mallory.pub")) ==
        refusal("something answers there, but not with ZeroMQ's handshake, or it wants keys"));
  client_options clear;
  clear.connect_timeout = std::chrono::milliseconds(1500);
  CHECK(answer_of(s.address(), clear) == refusal("something answers there, but not with ZeroMQ's handshake, or it wants keys"));
  auto alice = client::connect(s.address(), with_keys(keys / "alice.key", keys / "service.pub"));
  REQUIRE(alice);
  const auto status = alice->status();
  REQUIRE(status);
  double refused = -1;
  for (const auto& actor : status->actors)
    for (const auto& counter : actor.counters)
      if (counter.name == "refused_keys") refused = counter.value;
  CHECK(refused >= 1);
  CHECK(answer_of(s.address(), with_keys(keys / "none.key", keys / "service.pub")) ==
        "key_file '" + (keys / "none.key") + "' cannot be read or holds no line \"tokamak-secret-key KEY\"");
  CHECK(answer_of(s.address(), with_keys(keys / "alice.key", keys / "alice.key")) ==
        "server_key_file '" + (keys / "alice.key") + "' cannot be read or holds no line \"tokamak-public-key KEY\"");
}

TEST_CASE("only clients whose keys are of administrators may drain") {
  const key_folder keys;
  std::filesystem::rename(keys / "mallory.pub", keys / "clients/mallory.pub");
  test::test_service s(keys.toml(keys.keys("admins = [\"alice\"]\n")));
  const auto drained_by = [&](const std::string& who) {
    auto connected = client::connect(s.address(), with_keys(keys / (who + ".key"), keys / "service.pub"));
    REQUIRE(connected);
    const auto done = connected->drain("local");
    REQUIRE(!done);
    return done.error();
  };
  CHECK(drained_by("mallory").to_string() == "client 'mallory' may not drain nodes; that takes admins = [\"mallory\"] in [frontends.zmq] (permission_denied)");
  CHECK(drained_by("alice").to_string() == "node 'local' is part of another program, which ends it (unsupported)");
  CHECK(answer_of(s.address(), with_keys(keys / "mallory.key", keys / "service.pub")) == "4 tokens");
}

TEST_CASE("an administrator without a key is an error of the start") {
  const key_folder keys;
  std::ofstream(keys / "service.toml") << keys.toml(keys.keys("admins = [\"alise\"]\n"), "cpu"); // the installed program has no test backend
  test::child_process serve({test::tokamak_program(), "serve", keys / "service.toml"});
  CHECK(serve.wait() == 1);
  CHECK_MESSAGE(serve.err().find("admins of frontend 'zmq' names 'alise', who has no key in client_keys; did you mean 'alice'? known: alice") != std::string::npos, serve.err());
}

TEST_CASE("what is wrong with key files is said with the file") {
  const key_folder keys;
  CHECK(network::write_new_keys(keys / "service").error() ==
        error{errc::already_exists, "'" + (keys / "service.key") + "' exists already; nothing was written", ""});
  CHECK(network::read_secret_key(keys / "none.key").error() ==
        error{errc::not_found, "cannot open key file '" + (keys / "none.key") + "': No such file or directory", ""});
  CHECK(network::read_secret_key(keys / "service.pub").error().message ==
        "key file '" + (keys / "service.pub") + "' holds a tokamak-public-key; expected a line \"tokamak-secret-key KEY\", as `tokamak keygen` writes it");
  CHECK(network::read_public_key(keys / "tiny.gguf").error().message ==
        "key file '" + (keys / "tiny.gguf") + "' holds something else; expected a line \"tokamak-public-key KEY\", as `tokamak keygen` writes it");
  chmod((keys / "service.key").c_str(), 0640);
  CHECK(network::read_secret_key(keys / "service.key").error() ==
        error{errc::permission_denied, "key file '" + (keys / "service.key") + "' has mode 0640: others may read the secret; expected 0600", ""});
  std::filesystem::copy_file(keys / "clients/alice.pub", keys / "clients/bob.pub");
  CHECK(network::read_public_keys({keys / "clients"}).error().message ==
        "'" + (keys / "clients/bob.pub") + "' holds the key of 'alice' too; expected one owner a key");
  std::filesystem::create_directory(keys / "nobody");
  CHECK(network::read_public_keys({keys / "nobody"}).error().message == "the folder '" + (keys / "nobody") + "' holds no *.pub");
  const auto owners = network::read_public_keys({keys / "clients/alice.pub", keys / "mallory.pub"});
  REQUIRE(owners);
  CHECK(owners->size() == 2);
  CHECK(owners->at(*network::read_public_key(keys / "mallory.pub")) == "mallory");
}

TEST_CASE("the programs: keygen makes the files, ask uses them") {
  const key_folder keys;
  test::child_process made({test::tokamak_program(), "keygen", keys / "bob"});
  CHECK(made.wait() == 0);
  CHECK(made.out() == (keys / "bob.key") + " " + (keys / "bob.pub") + "\n");
  struct stat about {};
  REQUIRE(stat((keys / "bob.key").c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  std::filesystem::rename(keys / "bob.pub", keys / "clients/bob.pub");
  test::test_service s(keys.toml(keys.keys()));
  test::child_process asked({test::tokamak_program(), "ask", "tiny", "Hello", "--raw", "--max-tokens", "3", "--connect", s.address(),
                             "--key", keys / "bob.key", "--server-key", keys / "service.pub"});
  CHECK(asked.wait() == 0);
  CHECK(asked.err().starts_with("[prompt 5 tokens"));
}
