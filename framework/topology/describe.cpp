// The graph of a topology as text: what `tokamak check` prints.
#include "topology/topology.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <unordered_map>
#include <unordered_set>

namespace tokamak::topology {
namespace {

std::string quoted_toml(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", c);
    else if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\u{:04x}", byte);
    else
      out += c;
  }
  return out + "\"";
}

/// A value as TOML on one line.
std::string inline_toml(const option_value& v) {
  if (const auto* b = std::get_if<bool>(&v.value)) return *b ? "true" : "false";
  if (const auto* i = std::get_if<std::int64_t>(&v.value)) return fmt::format("{}", *i);
  if (const auto* s = std::get_if<std::string>(&v.value)) return quoted_toml(*s);
  if (const auto* f = std::get_if<double>(&v.value)) {
    auto text = fmt::format("{}", *f);
    if (std::isfinite(*f) && text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
  }
  std::string out;
  if (const auto* items = v.as_array()) {
    for (const auto& item : *items) out += (out.empty() ? "" : ", ") + inline_toml(item);
    return "[" + out + "]";
  }
  for (const auto& e : *v.as_table()) out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", e.key, inline_toml(e.value));
  return out.empty() ? "{}" : "{ " + out + " }";
}

std::string shown(const plugin_use& use) {
  const bool bare = use.options.as_table()->empty();
  return bare ? use.plugin : fmt::format("{} {}", use.plugin, inline_toml(use.options));
}

std::string shown(const std::vector<plugin_use>& uses) {
  std::string out;
  for (const auto& use : uses) out += (out.empty() ? "" : ", ") + shown(use);
  return out.empty() ? "none" : out;
}

/// A number in which 0 stands for something else.
std::string unless_zero(std::uint64_t n, std::string_view zero) { return n == 0 ? std::string(zero) : fmt::format("{}", n); }

std::string shown(const sharding& s) {
  if (s.kind.empty()) return "none";
  std::string nodes;
  for (const auto& n : s.nodes) nodes += (nodes.empty() ? "" : ", ") + n;
  return fmt::format("{} by {} on {}", s.count, s.kind, nodes);
}

/// Prints each thing once, however many paths lead to it.
class printer {
public:
  explicit printer(const topology& t) : t_(t) {
    for (const auto& m : t.models) models_.emplace(m.name, &m);
    for (const auto& e : t.engines) engines_.emplace(e.name, &e);
    for (const auto& p : t.pools) pools_.emplace(p.name, &p);
  }

  std::string run() {
    line(0, "topology {}, digest {}", t_.file, t_.digest);
    for (const auto& e : t_.endpoints) print(e);
    for (const auto& p : t_.pools)
      if (!printed_.contains(&p)) print(0, p);
    for (const auto& e : t_.engines)
      if (!printed_.contains(&e)) print(0, e);
    for (const auto& m : t_.models)
      if (!printed_.contains(&m)) print(0, m);
    for (const auto& f : t_.frontends) print(f);
    for (const auto& n : t_.nodes) line(0, "node {}: {}{}", n.name, n.address.empty() ? "no links" : n.address, n.key_file.empty() ? "" : fmt::format(", key_file {}", n.key_file));
    for (const auto& l : t_.links)
      line(0, "link {} of {}: bandwidth_kbit {}, delay_ms {}, jitter_ms {}, outage_ms {} of every {}", l.name, fmt::join(l.nodes, " and "),
           unless_zero(l.bandwidth_kbit, "unlimited"), l.delay_ms, l.jitter_ms, l.outage_ms, unless_zero(l.outage_every_ms, "never"));
    print_plugins();
    print_operations();
    return std::move(out_);
  }

private:
  template <class... Values>
  void line(int depth, fmt::format_string<Values...> format, Values&&... values) {
    out_.append(static_cast<std::size_t>(depth) * 2, ' ');
    out_ += fmt::format(format, std::forward<Values>(values)...) + "\n";
  }

  /// True the first time; otherwise prints a reference to what stands above.
  bool first(int depth, std::string_view kind, const std::string& name, const void* thing) {
    if (printed_.insert(thing).second) return true;
    line(depth, "{} {} (see above)", kind, name);
    return false;
  }

  void print(const endpoint& e) {
    line(0, "endpoint {}: fusion {}, max_tokens {}, max_cost_tokens {}", e.name, shown(e.fusion),
         unless_zero(e.max_tokens, "up to the context"), unless_zero(e.max_cost_tokens, "no limit"));
    if (!e.aliases.empty()) line(1, "also known as {}", fmt::join(e.aliases, ", "));
    for (const auto& name : e.members) {
      if (const auto p = pools_.find(name); p != pools_.end())
        print(1, *p->second);
      else
        line(1, "endpoint {}", name);
    }
  }

  void print(int depth, const pool& p) {
    if (!first(depth, "pool", p.name, &p)) return;
    line(depth, "pool {}: placement {}", p.name, shown(p.placement));
    for (const auto& name : p.engines) print(depth + 1, *engines_.at(name));
  }

  void print(int depth, const engine& e) {
    if (!first(depth, "engine", e.name, &e)) return;
    line(depth, "engine {} on node {}: backend {}, scheduler {}, cache {}", e.name, e.node, shown(e.backend),
         shown(e.scheduler), shown(e.cache));
    line(depth + 1, "graph_passes {}; kernels {}; constraints {}; shards {}", shown(e.graph_passes), shown(e.kernels), shown(e.constraints), shown(e.shards));
    line(depth + 1, "threads {}, max_step_rows {}, max_sequences {}, max_waiting {}", unless_zero(e.threads, "all"),
         e.max_step_rows, e.max_sequences, e.max_waiting);
    line(depth + 1, "context_length {}, block_size {}, kv_memory_bytes {}", unless_zero(e.context_length, "of the model"),
         e.block_size, unless_zero(e.kv_memory_bytes, "automatic"));
    print(depth + 1, *models_.at(e.model));
  }

  void print(int depth, const model& m) {
    if (!first(depth, "model", m.name, &m)) return;
    line(depth, "model {}: {}", m.name, m.path);
    line(depth + 1, "chat_template {}, sha256 {}, weights {}", m.chat_template.empty() ? "of the model" : m.chat_template,
         m.sha256.empty() ? "not pinned" : m.sha256, m.weights.empty() ? "as they are" : shown(m.weights));
  }

  void print(const frontend& f) {
    line(0, "frontend {} on node {}: {} at {}", f.name, f.node, f.kind, f.bind);
    if (f.kind == "http") return print_http(f);
    line(1, "max_clients {}, max_message_bytes {}, max_requests_per_client {}", f.max_clients, f.max_message_bytes,
         f.max_requests_per_client);
    line(1, "window_tokens {}, stall_timeout_ms {}, client_buffer_bytes {}", f.window_tokens, f.stall_timeout_ms,
         f.client_buffer_bytes);
    if (!f.admins.empty()) line(1, "admins {}", fmt::join(f.admins, ", "));
    line(1, "{}", f.key_file.empty() ? "clients connect in the clear" : fmt::format("key_file {}, client_keys {}", f.key_file, fmt::join(f.client_keys, ", ")));
  }

  void print_http(const frontend& f) {
    line(1, "max_clients {}, max_message_bytes {}, max_header_bytes {}, client_buffer_bytes {}", f.max_clients, f.max_message_bytes, f.http.max_header_bytes,
         f.client_buffer_bytes);
    line(1, "idle_timeout_ms {}, request_timeout_ms {}, stall_timeout_ms {}", f.http.idle_timeout_ms, f.http.request_timeout_ms, f.stall_timeout_ms);
    if (!f.http.cors_origins.empty()) line(1, "cors_origins {}", fmt::join(f.http.cors_origins, ", "));
    line(1, "{}", f.http.api_keys.empty() ? "anybody who can connect may ask" : "api_keys " + f.http.api_keys);
  }

  void print_plugins() {
    for (const auto& path : t_.plugin_paths) line(0, "plugins in {}", path);
    for (const auto& pin : t_.plugin_pins) line(0, "plugin {} pinned to {}", pin.file, pin.sha256);
  }

  void print_operations() {
    const auto& o = t_.operations;
    line(0, "operations: log_level {}, log_file {}", o.log_level, o.log_file.empty() ? "standard error" : o.log_file);
    line(1, "default_deadline_ms {}, sequence_lease_ms {}, drain_deadline_ms {}, heartbeat_ms {}", unless_zero(o.default_deadline_ms, "none"),
         o.sequence_lease_ms, o.drain_deadline_ms, o.heartbeat_ms);
  }

  const topology& t_;
  std::unordered_map<std::string_view, const model*> models_;
  std::unordered_map<std::string_view, const engine*> engines_;
  std::unordered_map<std::string_view, const pool*> pools_;
  std::unordered_set<const void*> printed_;
  std::string out_;
};

} // namespace

std::string describe(const topology& t) { return printer(t).run(); }

} // namespace tokamak::topology
