// Addresses that a frontend binds and that nodes connect to.
#include "fake_catalog.hpp"
#include "topology/address.hpp"

using namespace tokamak::topology;
using namespace tokamak::topology::testing;

TEST_CASE("addresses to bind are tcp with host and port, or ipc with a path") {
  for (const auto* good : {"tcp://127.0.0.1:7100", "tcp://*:7100", "tcp://[::1]:0", "tcp://eth0:*", "tcp://host-1.example.org:65535",
                           "ipc:///run/tokamak.sock"})
    CHECK_MESSAGE(bind_problem(good).empty(), good);
  for (const auto* bad : {"", "tcp://", "tcp://:7100", "tcp://127.0.0.1", "127.0.0.1:7100", "http://h:80", "tcp://a b:1", "tcp://[]:1",
                          "ipc://relative", "ipc:///", "tcp:7100"})
    CHECK(bind_problem(bad) == "is '" + std::string(bad) + "'; expected tcp://HOST:PORT or ipc:///PATH");
  for (const auto* bad : {"tcp://h:65536", "tcp://h:", "tcp://h:-1", "tcp://h:x", "tcp://h:000001"})
    CHECK(bind_problem(bad) == "is '" + std::string(bad) + "'; expected a port of 0 to 65535");
  CHECK(bind_problem("ipc:///" + std::string(106, 'a')).empty());
  CHECK(bind_problem("ipc:///" + std::string(107, 'a')).ends_with("; expected an ipc path of at most 107 bytes"));
}

TEST_CASE("addresses for links have a definite host and port") {
  CHECK(link_problem("tcp://10.0.0.1:7200").empty());
  CHECK(link_problem("tcp://*:7200") == "is 'tcp://*:7200'; expected tcp://HOST:PORT");
  CHECK(link_problem("ipc:///run/x") == "is 'ipc:///run/x'; expected tcp://HOST:PORT");
  CHECK(link_problem("tcp://h:0") == "is 'tcp://h:0'; expected a port of 1 to 65535");
}

TEST_CASE("without keys a frontend binds only where this machine's programs can connect") {
  for (const auto* local : {"tcp://127.0.0.1:7100", "tcp://127.8.0.1:*", "tcp://localhost:1", "tcp://[::1]:1", "ipc:///tmp/s"})
    CHECK_MESSAGE(is_local(local), local);
  for (const auto* open : {"tcp://0.0.0.0:7100", "tcp://*:7100", "tcp://[::]:1", "tcp://eth0:1", "tcp://127.example.org:1"})
    CHECK_MESSAGE(!is_local(open), open);
  CHECK(errors_behind_model("[frontends.z]\nbind = \"tcp://*:7100\"\n") ==
        lines{"t.toml:3:12: frontend 'z' binds 'tcp://*:7100', where other machines can connect; expected key_file and client_keys, or "
              "insecure = true"});
  CHECK(errors_behind_model("[frontends.z]\nbind = \"tcp://*:7100\"\ninsecure = true\n") == lines{});
  CHECK(errors_behind_model("[frontends.z]\nbind = \"tcp://*:7100\"\nkey_file = \"m.gguf\"\nclient_keys = [\"m.gguf\"]\n") == lines{});
  CHECK(errors_behind_model("[frontends.z]\ninsecure = 1\n") == lines{"t.toml:4:12: insecure is an integer; expected true or false"});
  CHECK(errors_behind_model("[frontends.z]\nkey_file = \"m.gguf\"\n") ==
        lines{"t.toml:4:12: key_file without client_keys; expected client_keys, the public keys that may connect"});
  CHECK(errors_behind_model("[frontends.z]\nadmins = [\"alice\"]\n") ==
        lines{"t.toml:4:10: admins without client_keys; expected client_keys, from whose owners they are"});
  CHECK(errors_behind_model("[frontends.z]\nclient_keys = [\"m.gguf\"]\n") ==
        lines{"t.toml:3:12: [frontends.z] has no key_file; expected the secret key that client_keys need"});
  CHECK(errors_behind_model("[frontends.z]\nkey_file = \"none.key\"\nclient_keys = [\"none\"]\n").size() == 2);
}

TEST_CASE("bad addresses are reported at their value") {
  CHECK(errors_behind_model("[frontends.z]\nbind = \"localhost:80\"\n[nodes.n]\naddress = \"tcp://h\"\n") ==
        lines{"t.toml:4:8: bind is 'localhost:80'; expected tcp://HOST:PORT or ipc:///PATH",
              "t.toml:6:11: address is 'tcp://h'; expected tcp://HOST:PORT"});
}
