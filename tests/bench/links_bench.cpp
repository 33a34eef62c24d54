// Links between two nodes against bare ZeroMQ, over TCP on this machine, every node a process of its own:
// links_bench [runs [BYTES]]
// A link is measured between two actors: one asks the other and waits for the answer, then it sends many frames one way.
// Bare ZeroMQ is a DEALER and a ROUTER, a thread each, that do the same with one-part messages and touch none of their bytes.
#include "base/log.hpp"
#include "network/links.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace tokamak;
using namespace tokamak::network;

struct load {
  std::size_t bytes;       ///< of a message; of the attachment from 4 KiB on
  std::uint64_t round_trips, frames;
  bool attached() const { return bytes >= 4096; }
  std::uint64_t warm_up() const { return round_trips / 4; }
  std::uint64_t acknowledged_every() const { return std::max<std::uint64_t>(1, most_waiting() / 8); }
  /// Two windows of the link: one is always full.
  std::uint64_t most_waiting() const { return 2 * link_limits{}.window[attached()] / bytes; }
};

constexpr load loads[] = {{200, 4000, 3'000'000}, {64 << 10, 2000, 50'000}, {4 << 20, 160, 1200}};

struct figures {
  double p50_us = 0, p99_us = 0, frames_per_s = 0;
};

using keys = std::optional<std::array<key_pair, 2>>; ///< of who answers, of who asks

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void set_round_trips(figures& f, std::vector<double> spent) {
  std::sort(spent.begin(), spent.end());
  f.p50_us = spent[spent.size() / 2] * 1e6;
  f.p99_us = spent[spent.size() * 99 / 100] * 1e6;
}

// The side that answers writes its address here, the side that asks its figures.
struct channel {
  int ends[2];
  channel() {
    if (pipe(ends) != 0) std::abort();
  }
  ~channel() {
    close(ends[0]);
    close(ends[1]);
  }
  void put(const void* data, std::size_t size) {
    if (write(ends[1], data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  /// False: nobody will write.
  bool get(void* data, std::size_t size) {
    close(std::exchange(ends[1], -1));
    return read(ends[0], data, size) > 0;
  }
};

std::string address_from(channel& c) {
  char text[256] = "";
  c.get(text, sizeof text - 1);
  return text;
}

// ---- a link ----

using blocks = frame_of<wire::CacheBlocks>;
using echo_actor = caf::typed_actor<caf::replies_to<blocks>::with<blocks>>;
using sink_actor = caf::typed_actor<caf::reacts_to<blocks>>;
using source_actor = caf::typed_actor<caf::reacts_to<frame_of<wire::CacheImported>>>;

blocks frame_of_size(const load& l) {
  wire::CacheBlocksT value;
  if (l.attached()) return make_frame<wire::CacheBlocks>(value, {make_attachment(l.bytes).second});
  value.model = std::string(l.bytes - make_frame<wire::CacheBlocks>(value).bytes().size() - 8, 'x');
  return make_frame<wire::CacheBlocks>(value);
}

echo_actor::behavior_type echo() {
  return {[](const blocks& b) { return b; }};
}

struct sink_state {
  std::uint64_t got = 0;
};

sink_actor::behavior_type sink(sink_actor::stateful_pointer<sink_state> self, std::uint64_t acknowledged_every) {
  return {[=](const blocks&) {
    if (++self->state.got % acknowledged_every == 0)
      self->send(caf::actor_cast<source_actor>(self->current_sender()), make_frame<wire::CacheImported>({}));
  }};
}

struct asker_state {
  caf::strong_actor_ptr echo, sink;
  blocks frame;
  std::vector<double> spent;
  double begin = 0;
  std::uint64_t asked = 0, sent = 0, acknowledged = 0;
  figures result;
};

using asker_pointer = caf::stateful_actor<asker_state>*;

void send_on(asker_pointer self, const load& l) {
  auto& s = self->state;
  const auto to = caf::actor_cast<sink_actor>(s.sink);
  for (; s.sent < l.frames && s.sent - s.acknowledged < l.most_waiting(); ++s.sent) self->send(to, s.frame);
}

void ask(asker_pointer self, const load& l) {
  auto& s = self->state;
  if (s.asked++ == l.warm_up() + l.round_trips) {
    set_round_trips(s.result, std::move(s.spent));
    s.begin = seconds();
    return send_on(self, l);
  }
  const auto begin = seconds();
  self->request(caf::actor_cast<echo_actor>(s.echo), caf::infinite, s.frame).then([=, &l](const blocks&) {
    if (self->state.asked > l.warm_up()) self->state.spent.push_back(seconds() - begin);
    ask(self, l);
  });
}

caf::behavior asker(asker_pointer self, const load& l, const links_actor& at, channel* results) {
  self->state.frame = frame_of_size(l);
  for (const auto* name : {"echo", "sink"}) self->send(at, import_atom::value, std::string("a"), std::string(name));
  return {[=, &l](imported_atom, const std::string&, const std::string& name, const caf::strong_actor_ptr& actor) {
            (name == "echo" ? self->state.echo : self->state.sink) = actor;
            if (self->state.echo && self->state.sink) ask(self, l);
          },
          [=, &l](const frame_of<wire::CacheImported>&) {
            auto& s = self->state;
            s.acknowledged += l.acknowledged_every();
            send_on(self, l);
            if (s.acknowledged + l.acknowledged_every() <= l.frames) return;
            s.result.frames_per_s = static_cast<double>(s.acknowledged) / (seconds() - s.begin);
            results->put(&s.result, sizeof s.result);
          }};
}

// A node of the service as links see it. Runs until the process is ended.
void run_node(links_setup setup, const std::function<void(caf::actor_system&, const links&)>& then) {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", std::size_t{1});
  caf::actor_system system(config);
  const auto started = spawn_links(system, std::move(setup));
  if (!started) std::abort();
  then(system, *started);
  for (;;) pause();
}

void answer_by_link(const load& l, const keys& k, channel& address) {
  links_setup setup{{"a", "digest", 1, {}}, "tcp://127.0.0.1:*", {}, {{"b", "", ""}}, {}};
  if (k) setup.keys = link_keys{(*k)[0], {{(*k)[1].public_key, "b"}}};
  run_node(std::move(setup), [&](caf::actor_system& system, const links& started) {
    const auto offer = [&](const std::string& name, const auto& actor) {
      caf::anon_send(started.actor, export_atom::value, name, caf::actor_cast<caf::strong_actor_ptr>(actor));
    };
    offer("echo", system.spawn(echo));
    offer("sink", system.spawn(sink, l.acknowledged_every()));
    address.put(started.address.data(), started.address.size());
  });
}

void ask_by_link(const load& l, const keys& k, channel& address, channel& results) {
  links_setup setup{{"b", "digest", 2, {}}, "", {}, {{"a", address_from(address), k ? (*k)[0].public_key : ""}}, {}};
  if (k) setup.keys = link_keys{(*k)[1], {}};
  run_node(std::move(setup), [&](caf::actor_system& system, const links& started) { system.spawn(asker, std::cref(l), started.actor, &results); });
}

// ---- bare ZeroMQ ----

void* bare_socket(int type, const load& l) {
  void* socket = zmq_socket(zmq_ctx_new(), type);
  const auto most = static_cast<int>(std::min<std::size_t>(1000, link_limits{}.window[1] / l.bytes));
  zmq_setsockopt(socket, ZMQ_SNDHWM, &most, sizeof most);
  zmq_setsockopt(socket, ZMQ_RCVHWM, &most, sizeof most);
  return socket;
}

void set_key(void* socket, int option, const std::string& key) { zmq_setsockopt(socket, option, key.c_str(), key.size() + 1); }

void answer_bare(const load& l, const keys& k, channel& address) {
  void* socket = bare_socket(ZMQ_ROUTER, l);
  const int on = 1;
  if (k) zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof on);
  if (k) set_key(socket, ZMQ_CURVE_SECRETKEY, (*k)[0].secret_key);
  char bound[256] = "";
  std::size_t size = sizeof bound;
  zmq_bind(socket, "tcp://127.0.0.1:*");
  zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &size);
  address.put(bound, size);
  const auto echoed = l.warm_up() + l.round_trips;
  for (std::uint64_t i = 1;; ++i) {
    zmq_msg_t who, what;
    zmq_msg_init(&who);
    zmq_msg_init(&what);
    zmq_msg_recv(&who, socket, 0);
    zmq_msg_recv(&what, socket, 0);
    if (i <= echoed || i == echoed + l.frames) {
      zmq_msg_send(&who, socket, ZMQ_SNDMORE);
      zmq_msg_send(&what, socket, 0);
    }
    zmq_msg_close(&who);
    zmq_msg_close(&what);
  }
}

void ask_bare(const load& l, const keys& k, channel& address, channel& results) {
  void* socket = bare_socket(ZMQ_DEALER, l);
  if (k) set_key(socket, ZMQ_CURVE_SERVERKEY, (*k)[0].public_key);
  if (k) set_key(socket, ZMQ_CURVE_PUBLICKEY, (*k)[1].public_key);
  if (k) set_key(socket, ZMQ_CURVE_SECRETKEY, (*k)[1].secret_key);
  zmq_connect(socket, address_from(address).c_str());
  std::vector<std::byte> bytes(l.bytes, std::byte{1});
  const auto send = [&] {
    if (!l.attached()) return void(zmq_send(socket, bytes.data(), bytes.size(), 0));
    zmq_msg_t m;
    zmq_msg_init_data(&m, bytes.data(), bytes.size(), [](void*, void*) {}, nullptr);
    zmq_msg_send(&m, socket, 0);
  };
  const auto receive = [&] {
    zmq_msg_t m;
    zmq_msg_init(&m);
    zmq_msg_recv(&m, socket, 0);
    zmq_msg_close(&m);
  };
  figures f;
  std::vector<double> spent;
  for (std::uint64_t i = 0; i < l.warm_up() + l.round_trips; ++i) {
    const auto begin = seconds();
    send();
    receive();
    if (i >= l.warm_up()) spent.push_back(seconds() - begin);
  }
  set_round_trips(f, std::move(spent));
  const auto begin = seconds();
  for (std::uint64_t i = 0; i < l.frames; ++i) send();
  receive();
  f.frames_per_s = static_cast<double>(l.frames) / (seconds() - begin);
  results.put(&f, sizeof f);
  for (;;) pause();
}

// ---- both ----

pid_t in_process(const std::function<void()>& side) {
  const auto pid = fork(); // this process never has a second thread
  if (pid != 0) return pid;
  alarm(60); // a side that lost the other would wait for ever
  side();
  std::abort();
}

figures measure(const load& l, const keys& k, bool bare) {
  channel address, results;
  const pid_t both[] = {in_process([&] { (bare ? answer_bare : answer_by_link)(l, k, address); }),
                        in_process([&] { (bare ? ask_bare : ask_by_link)(l, k, address, results); })};
  figures f;
  const bool done = results.get(&f, sizeof f);
  for (auto pid : both) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  if (done) return f;
  fmt::print(stderr, "a process ended before it had measured\n");
  std::exit(1);
}

double median(const std::vector<figures>& of, double figures::* which) {
  std::vector<double> values;
  for (const auto& f : of) values.push_back(f.*which);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print_row(const load& l, bool with_keys, const std::vector<figures>& link, const std::vector<figures>& bare) {
  std::string row = fmt::format("{:>8} {:5}", l.bytes, with_keys ? "CURVE" : "none");
  for (auto which : {&figures::p50_us, &figures::p99_us, &figures::frames_per_s}) {
    const auto a = median(link, which), b = median(bare, which);
    row += fmt::format("  {:9.0f} {:9.0f} {:5.2f}", a, b, a / b);
  }
  const auto megabytes = [&](const auto& of) { return median(of, &figures::frames_per_s) * static_cast<double>(l.bytes) / 1e6; };
  fmt::print("{}  {:6.0f} {:6.0f}\n", row, megabytes(link), megabytes(bare));
  std::fflush(stdout);
}

keys make_keys() {
  keys k(std::in_place);
  for (auto& pair : *k) {
    char open[41], secret[41];
    zmq_curve_keypair(open, secret);
    pair = {open, secret};
  }
  return k;
}

} // namespace

int main(int argc, char** argv) {
  log::set_level(log::level::error); // sides are ended without a word
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  const auto only = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  fmt::print("medians of {} alternating runs      round trip p50, us         round trip p99, us         frames/s, one way         MB/s\n", runs);
  fmt::print("   bytes keys        link       bare ratio       link       bare ratio       link       bare ratio   link   bare\n");
  const auto made = make_keys();
  for (const auto& l : loads)
    for (const auto& k : {keys(), made}) {
      if (only != 0 && only != l.bytes) continue;
      std::vector<figures> link, bare;
      for (int run = 0; run < runs; ++run) {
        bare.push_back(measure(l, k, true));
        link.push_back(measure(l, k, false));
      }
      print_row(l, k.has_value(), link, bare);
    }
}
