// `tokamak serve` as a process: ready, draining, cut, ended at once.
#include "child_process.hpp"
#include "raw_client.hpp"
#include "test_service.hpp"

#include <tokamak/client.hpp>

#include <fstream>

using namespace tokamak;
using namespace std::chrono_literals;

namespace {

/// A running `tokamak serve` on a socket of its own.
class server {
public:
  explicit server(const std::string& more = "") {
    char name[] = "/tmp/tokamak_serve_XXXXXX";
    folder_ = mkdtemp(name);
    std::ofstream(folder_ + "/service.toml")
        << "[models.smollm2]\npath = \"" << test::smollm2_path() << "\"\n[frontends.zmq]\nbind = \"" << address()
        << "\"\nwindow_tokens = 1000000\n"
        << more;
    process_.emplace(std::vector<std::string>{test::tokamak_program(), "serve", folder_ + "/service.toml"});
    REQUIRE_MESSAGE(process_->wait_for("serve ready"), process_->err());
  }
  ~server() {
    process_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::string address() const { return "ipc://" + folder_ + "/socket"; }
  test::child_process& process() { return *process_; }

private:
  std::string folder_;
  std::optional<test::child_process> process_;
};

wire::OpenT endless(std::uint64_t id, std::uint32_t max_tokens) {
  auto m = test::raw_request(id, max_tokens);
  m.stops->ignore_eos = true;
  return m;
}

bool skip() {
  if (test::exists(test::smollm2_path())) return false;
  MESSAGE("SmolLM2 is not in ~/.cache/tokamak/models: skipped");
  return true;
}

} // namespace

TEST_CASE("SIGTERM lets running requests finish, refuses new ones and ends with status 0") {
  if (skip()) return;
  server s("[operations]\ndrain_deadline_ms = 600000\n");
  test::raw_client running(s.address()), late(s.address());
  running.send<wire::Open>(endless(1, 150));
  REQUIRE(running.chunk());
  s.process().signal(SIGTERM);
  REQUIRE(s.process().wait_for("endpoint draining"));
  CHECK(late.end_of(endless(7, 1)) == "endpoint 'smollm2' is draining (unavailable)");
  std::optional<wire::ChunkT> last;
  CHECK(running.read_until_quiet(60s, &last) == 149);
  REQUIRE(last);
  CHECK(last->finish == wire::FinishReason::length);
  CHECK(s.process().wait() == 0);
  CHECK(s.process().err().find("serve drained") != std::string::npos);
}

TEST_CASE("what still runs at the drain's deadline is cut, and its client is told why") {
  if (skip()) return;
  server s("[operations]\ndrain_deadline_ms = 300\n");
  test::raw_client running(s.address());
  running.send<wire::Open>(endless(1, 8000));
  REQUIRE(running.chunk());
  s.process().signal(SIGINT);
  std::optional<wire::ChunkT> last;
  running.read_until_quiet(20s, &last);
  REQUIRE(last);
  CHECK(last->finish == wire::FinishReason::error);
  REQUIRE(last->error);
  CHECK(last->error->code == wire::ErrorCode::unavailable);
  CHECK(last->error->message == "the service is shutting down; the answer was cut");
  CHECK(last->usage != nullptr);
  CHECK(s.process().wait() == 0);
  CHECK(s.process().err().find("serve drain.cut") != std::string::npos);
}

TEST_CASE("a second signal ends a draining service at once") {
  if (skip()) return;
  server s("[operations]\ndrain_deadline_ms = 600000\n");
  test::raw_client running(s.address());
  running.send<wire::Open>(endless(1, 8000));
  REQUIRE(running.chunk());
  s.process().signal(SIGTERM);
  REQUIRE(s.process().wait_for("serve draining"));
  s.process().signal(SIGTERM);
  CHECK(s.process().wait(2s) == 128 + SIGTERM);
  CHECK(s.process().err().find("tokamak: signal 15 while draining, ending at once\n") != std::string::npos);
}

TEST_CASE("an idle service ends at once on SIGTERM, and a client that is connected sees it go") {
  if (skip()) return;
  server s;
  auto c = client::connect(s.address());
  REQUIRE(c.has_value());
  REQUIRE(c->list_models().has_value());
  const auto begin = std::chrono::steady_clock::now();
  s.process().signal(SIGTERM);
  CHECK(s.process().wait() == 0);
  CHECK(std::chrono::steady_clock::now() - begin < 5s * test::patience);
}

TEST_CASE("an address that is taken is an error of the start") {
  if (skip()) return;
  void* context = zmq_ctx_new();
  void* socket = zmq_socket(context, ZMQ_ROUTER);
  REQUIRE(zmq_bind(socket, "tcp://127.0.0.1:*") == 0);
  char bound[256];
  std::size_t size = sizeof bound;
  zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &size);
  char name[] = "/tmp/tokamak_serve_XXXXXX";
  const std::string folder = mkdtemp(name);
  std::ofstream(folder + "/t.toml") << "[models.smollm2]\npath = \"" << test::smollm2_path()
                                    << "\"\n[frontends.zmq]\nbind = \"" << bound << "\"\n";
  test::child_process p({test::tokamak_program(), "serve", folder + "/t.toml"});
  CHECK(p.wait() == 1);
  const auto line =
      "tokamak: " + folder + "/t.toml:3:12: cannot listen on " + bound + ": Address already in use (already_exists)\n";
  CHECK_MESSAGE(p.err().find(line) != std::string::npos, p.err());
  zmq_close(socket);
  zmq_ctx_term(context);
  std::filesystem::remove_all(folder);
}
