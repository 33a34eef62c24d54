// Backends: a small llama, compared with the interpreter once and with itself in every other way of cutting the same
// work. A sequence's logits are bit-identical whatever else is in the batch and however its prompt is cut (DESIGN.md
// 4).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "plugin/conformance/backend_driver.hpp"
#include "plugin/conformance/kinds.hpp"

namespace tokamak::plugin::conformance {
namespace {

constexpr std::uint32_t length = 40; // rows: two blocks and a half
constexpr std::size_t V = tiny_model::vocabulary;

/// One backend with the model, and what it says about `length` tokens computed at once.
struct bench {
  backend_instance& backend;
  tiny_model model;
  backend_driver driver{backend, model};
  std::vector<std::int32_t> tokens;
  std::vector<float> reference;

  bench(backend_instance& b, std::uint64_t seed) : backend(b), model(seed) {
    for (std::uint32_t i = 0; i < length; ++i) tokens.push_back(static_cast<std::int32_t>((i * 37 + 11) % V));
  }
  std::vector<std::int32_t> cut(std::uint32_t from, std::uint32_t to) const {
    return {tokens.begin() + from, tokens.begin() + to};
  }
  part rows(std::uint32_t from, std::uint32_t to, std::vector<std::uint32_t> blocks) const {
    return {1, std::move(blocks), from, cut(from, to), {}, {}};
  }
  /// Rows `from`… of the reference equal `found` to the last bit?
  outcome same(std::uint32_t from, const std::vector<float>& found, std::string_view what) const {
    if (found.empty()) return broken(driver.fault);
    if (std::memcmp(found.data(), &reference[from * V], found.size() * sizeof(float)) == 0) return passed();
    const double d = difference(found, std::span(reference).subspan(from * V, found.size()));
    return broken(fmt::format("{} differ by {:.2g} of the largest; the same bits are expected", what, d));
  }
};

outcome check_ops(const backend_instance& backend, tiny_model& model) {
  const auto view = model.graph.view();
  std::string missing;
  for (std::uint32_t i = 0; i < view.n_ops; ++i)
    if (const std::string name(from_tk(view.ops[i].name));
        !backend.supports(view, i) && missing.find(name) == std::string::npos)
      missing += (missing.empty() ? "" : ", ") + name;
  return missing.empty() ? passed() : broken("it does not support " + missing);
}

outcome check_numbers(bench& b) {
  b.reference = b.driver.run({b.rows(0, length, {9, 3, 40})});
  if (b.reference.empty()) return broken(b.driver.fault);
  std::vector<std::uint32_t> all(length);
  std::iota(all.begin(), all.end(), 0u);
  const auto wanted = interpret(b.model.graph.view(), b.model.tensors, b.tokens, all);
  if (!wanted) return broken(wanted.error().message);
  const double d = difference(b.reference, wanted->at("logits").data);
  if (d < 2e-3) return passed(fmt::format("within {:.1g} of the largest logit", d));
  return broken(fmt::format("the logits differ by {:.2g} of the largest", d));
}

outcome check_chunks(bench& b) {
  for (const std::uint32_t chunk : {1u, 3u, 16u, 39u}) {
    std::vector<float> all;
    for (std::uint32_t at = 0; at < length; at += chunk) {
      const auto part = b.driver.run({b.rows(at, std::min(at + chunk, length), {5, 60, 7})});
      if (part.empty()) return broken(b.driver.fault);
      all.insert(all.end(), part.begin(), part.end());
    }
    if (auto o = b.same(0, all, fmt::format("logits in chunks of {}", chunk)); !o.passed) return o;
  }
  return passed();
}

outcome check_company(bench& b) {
  const part other{7, {11, 12, 13}, 0, std::vector<std::int32_t>(21, 5), {}, {}};
  const part third{8, {14}, 0, {3, 1, 4}, {}, {}};
  auto found = b.driver.run({other, b.rows(0, length, {20, 21, 22}), third});
  if (found.empty()) return broken(b.driver.fault);
  found = {found.begin() + 21 * V, found.begin() + (21 + length) * V};
  return b.same(0, found, "logits in company");
}

outcome check_copy(bench& b) {
  if (b.driver.run({b.rows(0, 30, {1, 2})}).empty()) return broken(b.driver.fault);
  std::vector<tk_cache_op> copies;
  for (const auto& [from, to, count] : {std::array{1u, 31u, 16u}, std::array{2u, 32u, 14u}}) {
    tk_cache_op op{};
    op.kind = TK_CACHE_COPY;
    op.src_block = from;
    op.dst_block = to;
    op.count = count;
    copies.push_back(op);
  }
  const auto found = b.driver.run({b.rows(30, length, {31, 32, 33})}, copies);
  return b.same(30, found, "logits after copied blocks");
}

outcome check_export(bench& b) {
  const std::uint64_t row_bytes = tiny_model::layers * 2 * tiny_model::kv_heads * tiny_model::head_dim * 2; // f16
  auto buffer = b.backend.create_buffer(32 * row_bytes);
  if (!buffer) return broken(buffer.error().message);
  if (b.driver.run({b.rows(0, 32, {1, 2})}).empty()) return broken(b.driver.fault);
  const auto ops = [&](tk_cache_op_kind kind, std::uint32_t first) {
    std::vector<tk_cache_op> list(2);
    for (std::uint32_t i = 0; i < 2; ++i) {
      list[i].kind = kind;
      list[i].src_block = list[i].dst_block = first + i;
      list[i].count = 16;
      list[i].buffer = buffer->get();
      list[i].buffer_offset = i * 16 * row_bytes;
    }
    return list;
  };
  const part other{7, {50}, 0, {1, 2, 3}, {}, {}};
  if (b.driver.run({other}, ops(TK_CACHE_EXPORT, 1)).empty()) return broken(b.driver.fault);
  std::vector<std::byte> carried(32 * row_bytes);
  if (auto ok = b.backend.read(*buffer, 0, carried); !ok) return broken(ok.error().message);
  backend_driver elsewhere(b.backend, b.model); // another program and cache
  if (const auto why = elsewhere.start(); !why.empty()) return broken(why);
  if (auto ok = b.backend.write(*buffer, 0, carried); !ok) return broken(ok.error().message);
  const auto found = elsewhere.run({b.rows(32, length, {44, 45, 46})}, ops(TK_CACHE_IMPORT, 44));
  b.driver.fault = elsewhere.fault;
  return b.same(32, found, "logits over imported blocks");
}

/// Rows 30 and two guesses for 31, of which the second is right, behind a wrong one in the cache.
outcome check_tree(bench& b) {
  if (b.driver.run({b.rows(0, 30, {1, 2, 3})}).empty()) return broken(b.driver.fault);
  part tree{1,          {1, 2, 3},
            30,         {b.tokens[30], (b.tokens[31] + 1) % static_cast<std::int32_t>(V), b.tokens[31]},
            {-1, 0, 0}, {30, 31, 31}};
  const auto found = b.driver.run({tree});
  if (found.empty()) return broken(b.driver.fault);
  const double first = difference(std::span(found).first(V), std::span(b.reference).subspan(30 * V, V));
  const double second = difference(std::span(found).subspan(2 * V, V), std::span(b.reference).subspan(31 * V, V));
  if (first > 1e-4) return broken(fmt::format("the logits of the root differ by {:.2g} of the largest", first));
  return second < 1e-4 ? passed()
                       : broken(fmt::format("the logits of a branch differ by {:.2g} of the largest", second));
}

outcome check_in_flight(bench& b) {
  std::vector<std::unique_ptr<flight>> flights;
  const std::size_t before = b.driver.completed.size();
  for (std::uint32_t at = 0; at < 32; at += 4) {
    flights.push_back(b.driver.submit({b.rows(at, at + 4, {1, 2})}));
    if (!flights.back()) return broken(b.driver.fault);
  }
  for (auto& f : flights)
    if (const auto why = f->wait(); !why.empty()) return broken(why);
  for (std::size_t i = 0; i < flights.size(); ++i)
    if (b.driver.completed.at(before + i) != flights[i]->id)
      return broken("steps of one cache were completed out of order");
  for (std::uint32_t i = 0; i < flights.size(); ++i)
    if (auto o = b.same(4 * i, b.driver.read(*flights[i]), "logits of steps in flight together"); !o.passed) return o;
  return passed();
}

outcome check_buffers(backend_instance& backend) {
  auto buffer = backend.create_buffer(1000);
  if (!buffer) return broken(buffer.error().message);
  std::vector<std::byte> in(300), out(300);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<std::byte>(i * 7);
  if (auto ok = backend.write(*buffer, 650, in); !ok) return broken(ok.error().message);
  if (auto ok = backend.read(*buffer, 650, out); !ok) return broken(ok.error().message);
  if (in != out) return broken("other bytes were read than written");
  if (const void* seen = backend.host_pointer(*buffer);
      seen && std::memcmp(static_cast<const std::byte*>(seen) + 650, in.data(), in.size()) != 0)
    return broken("the host pointer shows other bytes than were written");
  if (backend.read(*buffer, 900, out)) return broken("reads past the end of a buffer");
  if (backend.write(*buffer, 900, in)) return broken("writes past the end of a buffer");
  return passed();
}

/// Steps of one cache, several at once, whatever they say.
outcome check_order(bench& b) {
  std::vector<std::unique_ptr<flight>> flights;
  for (std::uint32_t at = 0; at < 32; at += 4) {
    flights.push_back(b.driver.submit({b.rows(at, at + 4, {1, 2})}));
    if (!flights.back()) return broken(b.driver.fault);
  }
  for (auto& f : flights)
    if (const auto why = f->wait(); !why.empty()) return broken(why);
  for (std::size_t i = 0; i < flights.size(); ++i)
    if (b.driver.completed.at(i) != flights[i]->id) return broken("steps of one cache were completed out of order");
  return passed();
}

outcome check_refusal(backend_instance& backend, tiny_model& model) {
  if (auto made = backend.create_program(model.graph.view(), {})) return broken("compiled a graph without its weights");
  else if (made.error().message.find("failed without a message") != std::string::npos)
    return broken("refused a graph without weights without saying why");
  return passed();
}

} // namespace

void check_backend(checks& c, const subject& s) {
  auto made = backend_instance::create(s.plugins, s.use, s.settings());
  c.run("is created", [&] { return made ? passed() : broken(made.error().message); });
  if (!made) return;
  c.run("describes itself", [&] {
    const auto info = made->describe();
    return info.name[0] && info.threads
               ? passed(fmt::format("{}, level {}, {} threads", info.name, info.level, info.threads))
               : broken("it says no name or no threads");
  });
  bench b(*made, s.seed);
  bool usable = false;
  c.run("keeps the bytes of its buffers, and their bounds", [&] { return check_buffers(*made); });
  c.run("supports the ops of a llama", [&] {
    const outcome o = check_ops(*made, b.model);
    usable = o.passed;
    return o;
  });
  if (!usable) return;
  const bool simulated = made->describe().simulated; // has no use for weights, and its numbers mean nothing
  if (!simulated) c.run("refuses a graph without weights", [&] { return check_refusal(*made, b.model); });
  c.run("compiles a small model", [&] {
    const auto why = b.driver.start();
    usable = why.empty();
    return usable ? passed() : broken(why);
  });
  if (usable && simulated) c.run("completes steps in order, each once", [&] { return check_order(b); });
  if (simulated) return;
  if (usable) c.run("computes what a plain interpreter computes", [&] {
    const outcome o = check_numbers(b);
    usable = o.passed;
    return o;
  });
  if (!usable) return;
  c.run("computes the same bits in chunks", [&] { return check_chunks(b); });
  c.run("computes the same bits in company", [&] { return check_company(b); });
  c.run("computes the same bits after copied blocks", [&] { return check_copy(b); });
  c.run("computes the same bits over exported and imported blocks", [&] { return check_export(b); });
  c.run("attends along the parents of a draft tree", [&] { return check_tree(b); });
  c.run("completes steps in order, each once", [&] { return check_in_flight(b); });
}

} // namespace tokamak::plugin::conformance
