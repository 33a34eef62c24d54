// The tables [frontends.NAME]: where clients connect, over ZeroMQ or HTTP.
#include "topology/address.hpp"
#include "topology/draft.hpp"
#include "topology/paths.hpp"
#include "topology/spelling.hpp"

#include <fmt/ranges.h>

namespace tokamak::topology {
namespace {

constexpr std::uint64_t day_ms = 86'400'000;

void read_zmq_keys(draft& d, table_reader& in, frontend& f) {
  const auto key = read_path_key(d, in, "key_file", f.key_file, "a secret key, as `tokamak keygen` makes it");
  std::vector<std::string> paths;
  std::vector<position> places;
  in.texts("client_keys", paths, places);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    f.client_keys.push_back(expanded(d, paths[i], places[i]));
    require_path(d, f.client_keys.back(), places[i], path_kind::any, "a public key or a folder of them");
  }
  places.clear();
  if (const auto* v = in.texts("admins", f.admins, places); v && !in.find("client_keys"))
    d.found.error(v->where, "admins without client_keys; expected client_keys, from whose owners they are");
  const bool both = in.find("key_file") && in.find("client_keys");
  if (in.find("key_file") && !in.find("client_keys"))
    d.found.error(key, "key_file without client_keys; expected client_keys, the public keys that may connect");
  if (!in.find("key_file") && in.find("client_keys")) in.missing("key_file", "the secret key that client_keys need");
  if (!both && !f.insecure && !is_local(f.bind))
    d.found.error(f.where, fmt::format("frontend {} binds {}, where other machines can connect; expected key_file and client_keys, "
                                       "or insecure = true", in_quotes(f.name), in_quotes(f.bind)));
}

void read_size(table_reader& in, std::string_view key, std::uint32_t& into, std::uint64_t least) {
  std::uint64_t bytes = into;
  if (in.bytes(key, bytes, least, 1u << 30)) into = static_cast<std::uint32_t>(bytes);
}

void read_zmq(draft& d, table_reader& in, frontend& f) {
  if (const auto* v = in.text("bind", f.bind))
    if (const auto problem = bind_problem(f.bind); !problem.empty()) d.found.error(v->where, "bind " + problem);
  read_zmq_keys(d, in, f);
  in.number("max_requests_per_client", f.max_requests_per_client, 1, 1'000'000);
  // Clients acknowledge every 64 tokens: a window that is not above that would stop them for good.
  in.number("window_tokens", f.window_tokens, 128, 1'000'000);
}

void read_tls(draft& d, table_reader& in, http_frontend& f) {
  f.tls_certificate_where = read_path_key(d, in, "tls_certificate", f.tls_certificate, "a chain of certificates in PEM");
  f.tls_key_where = read_path_key(d, in, "tls_key", f.tls_key, "the certificate's private key in PEM");
  const auto *certificate = in.find("tls_certificate"), *key = in.find("tls_key");
  if (key && !certificate) d.found.error(key->where, "tls_key without tls_certificate; expected both, or neither");
  if (certificate && !key) d.found.error(certificate->where, "tls_certificate without tls_key; expected both, or neither");
}

void read_http(draft& d, table_reader& in, frontend& f) {
  f.bind = "127.0.0.1:8080";
  f.max_clients = 4096;
  bool good = true;
  if (const auto* v = in.text("bind", f.bind))
    if (const auto problem = http_bind_problem(f.bind); !problem.empty()) {
      d.found.error(v->where, "bind " + problem);
      good = false;
    }
  read_path_key(d, in, "api_keys", f.http.api_keys, "a file with a line NAME KEY for each client");
  if (good && !in.find("api_keys") && !f.insecure && !is_local("tcp://" + f.bind))
    d.found.error(f.where, fmt::format("frontend {} binds {}, where other machines can connect; expected api_keys, or insecure = true", in_quotes(f.name), in_quotes(f.bind)));
  read_tls(d, in, f.http);
  std::vector<position> places;
  in.texts("cors_origins", f.http.cors_origins, places);
  read_size(in, "max_header_bytes", f.http.max_header_bytes, 1024);
  in.number("idle_timeout_ms", f.http.idle_timeout_ms, 100, day_ms);
  in.number("request_timeout_ms", f.http.request_timeout_ms, 100, day_ms);
}

void read_frontend(draft& d, table_reader& in, const std::string& name) {
  frontend f;
  f.name = name;
  f.where = in.where();
  if (name == "http") f.kind = name;
  in.one_of("kind", f.kind, {"zmq", "http"}, {"grpc"});
  read_node_key(d, in, f.node);
  in.boolean("insecure", f.insecure);
  f.kind == "http" ? read_http(d, in, f) : read_zmq(d, in, f);
  in.number("max_clients", f.max_clients, 1, 1'000'000);
  read_size(in, "max_message_bytes", f.max_message_bytes, 1024);
  in.number("stall_timeout_ms", f.stall_timeout_ms, 100, day_ms);
  read_size(in, "client_buffer_bytes", f.client_buffer_bytes, 64u << 10);
  in.planned({"auth"});
  d.result.frontends.push_back(std::move(f));
}

} // namespace

void read_frontends(draft& d, const value::table& table) {
  for_each_table(d, "frontends", table, [&](table_reader& in, const std::string& name) { read_frontend(d, in, name); });
}

} // namespace tokamak::topology
