// Nodes of one topology as processes of this machine, which a test may kill, freeze and start again.
#pragma once

#include "integration/child_process.hpp"
#include "integration/network_lab.hpp"
#include "integration/patience.hpp"
#include "integration/test_service.hpp"
#include "network/keys.hpp"
#include "null_backend/tiny_models.hpp"

#include <tokamak/client.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <map>

namespace tokamak::test {

/// A port that is free now.
inline int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

/// Node "a" has the frontend and, unless `engines` says otherwise, each node an engine of its name, of a tiny model; all are
/// in the pool "tiny". With keys, unless `keys` is false.
class node_group {
public:
  struct options {
    bool keys = true;
    std::vector<std::string> engines; ///< nodes that have one; empty: all
    std::uint32_t heartbeat_ms = 250;
    std::string shards = {};          ///< of every engine
    std::string more = {};            ///< further TOML
    std::size_t n_engines = 0;        ///< in the pool, where `more` has some
    network_lab* lab = nullptr;       ///< null: all on the loopback interface
  };

  explicit node_group(std::vector<std::string> names) : node_group(std::move(names), options{}) {}
  node_group(std::vector<std::string> names, options o) : names_(std::move(names)), options_(std::move(o)) {
    char name[] = "/tmp/tokamak_nodes_XXXXXX";
    folder_ = mkdtemp(name);
    std::ofstream(folder_ + "/tiny.gguf", std::ios::binary) << tiny_llama_gguf();
    for (const auto& n : names_) {
      ports_[n] = free_port();
      if (options_.keys) REQUIRE(network::write_new_keys(folder_ + "/" + n));
    }
    write_file("service.toml");
  }
  ~node_group() {
    processes_.clear();
    std::filesystem::remove_all(folder_);
  }

  const std::string& folder() const { return folder_; }
  std::string file() const { return folder_ + "/service.toml"; }
  std::string address() const { return "ipc://" + folder_ + "/socket"; }
  int port(const std::string& node) const { return ports_.at(node); }
  child_process& process(const std::string& node) { return *processes_.at(node); }

  void write_file(const std::string& name, const std::string& more = {}) const {
    std::ofstream out(folder_ + "/" + name);
    out << "[plugins]\npaths = [\"" << std::getenv("TOKAMAK_TEST_PLUGINS") << "/reference.so\"]\n[models.tiny]\npath = \"tiny.gguf\"\n";
    for (const auto& n : names_) {
      out << "[nodes." << n << "]\naddress = \"tcp://" << (options_.lab ? options_.lab->address(n) : "127.0.0.1") << ":" << ports_.at(n) << "\"\n";
      if (options_.keys) out << "key_file = \"" << n << ".key\"\n";
    }
    for (const auto& n : options_.engines.empty() ? names_ : options_.engines)
      out << "[engines." << n << "]\nmodel = \"tiny\"\nnode = \"" << n << "\"\nbackend = \"reference\"\nthreads = 1\n" << options_.shards;
    out << "[pools.tiny]\nplacement = \"round_robin\"\n[frontends.zmq]\nnode = \"a\"\nbind = \"" << address()
        << "\"\n" << options_.more << "[operations]\nheartbeat_ms = " << options_.heartbeat_ms << "\ndrain_deadline_ms = 2000\n" << more;
  }

  void start(const std::string& node, const std::string& file_name = "service.toml") {
    auto command = options_.lab ? options_.lab->prefix(node) : std::vector<std::string>{};
    for (auto&& word : {tokamak_program(), std::string("serve"), folder_ + "/" + file_name, std::string("--node"), node}) command.push_back(word);
    processes_[node] = std::make_unique<child_process>(command);
  }
  void start_all() {
    for (const auto& n : names_) start(n);
    for (const auto& n : names_) REQUIRE_MESSAGE(process(n).wait_for("serve ready"), process(n).err());
    const auto n = options_.engines.empty() ? names_.size() : options_.engines.size();
    REQUIRE_MESSAGE(wait_for_engines(options_.n_engines > 0 ? options_.n_engines : n), process("a").err());
  }
  void signal(const std::string& node, int number) { process(node).signal(number); }
  /// Killed at once, and gone.
  void kill(const std::string& node) { processes_.erase(node); }

  /// Of an actor of node a, which is asked.
  double counter(const std::string& kind, const std::string& actor, const std::string& name) {
    auto c = client::connect(address());
    if (!c) return -1;
    const auto s = c->status();
    if (!s) return -1;
    for (const auto& each : s->actors)
      if (each.node == s->node && each.kind == kind && each.name == actor)
        for (const auto& counter : each.counters)
          if (counter.name == name) return counter.value;
    return -1;
  }
  bool wait_for(const std::function<bool()>& condition, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    const auto end = std::chrono::steady_clock::now() + limit * patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  bool wait_for_engines(std::size_t n) {
    return wait_for([&] { return counter("pool", "tiny", "engines_available") == static_cast<double>(n); });
  }

private:
  std::vector<std::string> names_;
  options options_;
  std::string folder_;
  std::map<std::string, int> ports_;
  std::map<std::string, std::unique_ptr<child_process>> processes_;
};

inline client_request asking(int i, std::uint32_t max_tokens) {
  client_request r;
  r.model = "tiny";
  r.prompt = "request " + std::to_string(i) + " of many";
  r.max_tokens = max_tokens;
  r.stops.ignore_eos = true;
  r.sampling.temperature = i % 2 ? 0.8F : 0.0F;
  r.sampling.seed = 7u + static_cast<unsigned>(i);
  return r;
}

} // namespace tokamak::test
