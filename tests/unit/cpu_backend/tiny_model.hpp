// Made-up models of several kinds, with random weights, as graphs and ready to run.
#pragma once

#include "loaded_backend.hpp"
#include "model/graph/primitive_ops.hpp"
#include "tokamak/kernels/weight_format.hpp"
#include "unit/kernels/weight_blocks.hpp"

#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <set>

namespace cpu_test {

using tokamak::graph;
using tokamak::no_value;
using tokamak::primitive_ops;
using tokamak::value_id;

inline tokamak::kernels::weight_format kernel_format(tk_format format) {
  return tokamak::kernels::format_of_gguf_type(format).value();
}

/// A graph with data for its weights.
struct model {
  tokamak::graph graph;
  std::map<value_id, std::vector<std::byte>> data;
  std::mt19937 random{7};

  /// Adds a weight [k, n] (n 0: a vector) of values around `center`.
  value_id weight(const std::string& name, tk_format format, std::uint64_t k, std::uint64_t n = 0, float center = 0);
  /// The weight's values as f32, row after row.
  std::vector<float> values(value_id weight) const;
};

inline value_id model::weight(const std::string& name, tk_format format, std::uint64_t k, std::uint64_t n,
                              float center) {
  namespace kernels = tokamak::kernels;
  const auto id = graph.add_weight(name, format, n == 0 ? std::vector{k} : std::vector{k, n});
  const auto kind = kernel_format(format);
  const float size = 1.0f / std::sqrt(static_cast<float>(k));
  std::vector<std::byte> bytes((n == 0 ? 1 : n) * kernels::row_bytes(kind, k));
  for (std::size_t at = 0; at < bytes.size(); at += kernels::block_bytes(kind))
    kernel_test::random_block(kind, random, size, center, &bytes[at]);
  data[id] = std::move(bytes);
  return id;
}

inline std::vector<float> model::values(value_id weight) const {
  namespace kernels = tokamak::kernels;
  const auto& about = graph.values()[weight];
  const auto kind = kernel_format(about.format);
  const std::size_t k = about.dims[0], rows = about.dims.size() > 1 ? about.dims[1] : 1;
  std::vector<float> out(rows * k);
  for (std::size_t n = 0; n < rows; ++n)
    kernels::dequantize_row(kind, data.at(weight).data() + n * kernels::row_bytes(kind, k), k, out.data() + n * k);
  return out;
}

/// What a made-up transformer is like.
struct recipe {
  std::vector<tk_format> formats = {TK_Q4_1, TK_Q8_0, TK_Q5_0, TK_F16, TK_BF16, TK_F32}; ///< of matrices, in turn
  tk_format kv_format = TK_F16;
  std::uint32_t block_size = 4;
  std::uint32_t window = 0; ///< second layer sliding, in a group of its own
  bool recurrent = false;   ///< a decay_scan after the layers
  bool halves = false;      ///< style of rope
  double softcap = 0;
  bool head_norms = false;  ///< Q and K normalised by head, as qwen3 does
  bool post_norms = false;  ///< what is added to the residual normalised too, as gemma3 does
  static constexpr std::uint32_t D = 64, H = 4, G = 2, Dk = 16, F = 96, V = 96;
};

/// Two layers like llama's, then (if recurrent) a scan; "logits" is the output. The output matrix is tied to the
/// embeddings.
inline model transformer(const recipe& r = {}) {
  model m;
  auto& g = m.graph;
  const auto paged = [&](const char* name, tk_group_kind kind, std::uint32_t layers) {
    return g.add_group({name, kind, layers, r.block_size, kind == TK_GROUP_SLIDING ? r.window : 0,
                        recipe::G * recipe::Dk, recipe::G * recipe::Dk, 0, r.kv_format});
  };
  const auto full = paged("full", TK_GROUP_FULL, r.window != 0 ? 1 : 2);
  const auto sliding = r.window != 0 ? paged("sliding", TK_GROUP_SLIDING, 1) : full;
  const auto scanned = r.recurrent ? g.add_group({"state", TK_GROUP_RECURRENT, 1, 1, 0, 0, 0, recipe::D, TK_F32}) : 0;
  std::size_t next = 0;
  const auto matrix = [&](const std::string& name, std::uint64_t k, std::uint64_t n) {
    return m.weight(name, r.formats[next++ % r.formats.size()], k, n);
  };
  primitive_ops op(g);
  tokamak::rope_settings rope;
  rope.head_dim = rope.rotary_dims = recipe::Dk;
  rope.style = r.halves ? "halves" : "interleaved";
  const auto table = m.weight("token_embd", r.formats[0], recipe::D, recipe::V);
  auto x = op.embed("embeddings", table, 4.0);
  for (std::uint32_t i = 0; i < 2; ++i) {
    const auto name = [&](const char* part) { return "layer" + std::to_string(i) + "." + part; };
    const auto h = op.rms_norm(name("norm"), x, m.weight(name("norm.w"), TK_F32, recipe::D, 0, 1), 1e-5);
    const auto normed = [&](bool wanted, const char* part, value_id value, std::uint64_t width) {
      if (!wanted) return value;
      const auto weight = m.weight(name(part) + ".w", TK_F32, width, 0, 1);
      return op.rms_norm(name(part), value, weight, 1e-6, width == recipe::D ? 1 : 0);
    };
    auto q = op.matmul(name("q"), h, matrix(name("q.w"), recipe::D, recipe::H * recipe::Dk));
    auto k = op.matmul(name("k"), h, matrix(name("k.w"), recipe::D, recipe::G * recipe::Dk), m.weight(name("k.b"), TK_F32, recipe::G * recipe::Dk));
    q = op.rope(name("q.rope"), normed(r.head_norms, "q.norm", q, recipe::Dk), rope);
    k = op.rope(name("k.rope"), normed(r.head_norms, "k.norm", k, recipe::Dk), rope);
    const auto v = op.matmul(name("v"), h, matrix(name("v.w"), recipe::D, recipe::G * recipe::Dk));
    const bool second = i == 1 && r.window != 0;
    const auto group = second ? sliding : full;
    const auto layer = second ? 0 : i;
    op.kv_write(k, v, group, layer);
    const auto a = op.attention(name("a"), q, {group, layer, recipe::H, recipe::G, recipe::Dk, 0.25, r.softcap});
    const auto o = op.matmul(name("o"), a, matrix(name("o.w"), recipe::H * recipe::Dk, recipe::D));
    x = op.add(name("x"), x, normed(r.post_norms, "o.norm", o, recipe::D));
    const auto f = op.rms_norm(name("ffn_norm"), x, m.weight(name("ffn_norm.w"), TK_F32, recipe::D, 0, 1), 1e-5);
    const auto up = op.glu(name("glu"), op.matmul(name("gate"), f, matrix(name("gate.w"), recipe::D, recipe::F)),
                           op.matmul(name("up"), f, matrix(name("up.w"), recipe::D, recipe::F)), "silu");
    const auto down = op.matmul(name("down"), up, matrix(name("down.w"), recipe::F, recipe::D));
    x = op.add(name("y"), x, normed(r.post_norms, "down.norm", down, recipe::D));
  }
  if (r.recurrent) x = op.add("scanned", x, op.decay_scan("scan", x, scanned, 0, 0.75));
  const auto taken =
      op.rms_norm("last_norm", op.take_outputs("taken", x), m.weight("last_norm.w", TK_F16, recipe::D, 0, 1), 1e-5);
  g.set_flags(op.matmul("logits", taken, table), TK_VALUE_OUTPUT);
  return m;
}

/// Makes a program; `error` gets the reason when it cannot be.
inline std::unique_ptr<program> make_program(const backend& on, const model& m, std::string* error = nullptr,
                                             const std::vector<tk_kernel>& kernels = {}) {
  const tk_graph_view view = m.graph.view();
  std::vector<tk_weight> weights;
  for (const auto& [id, bytes] : m.data) weights.push_back({id, bytes.data(), bytes.size()});
  void* made = nullptr;
  tk_error e = no_error();
  const tk_status status = backend::table()->program_create(on.self(), &view, weights.data(), weights.size(),
                                                            kernels.data(), kernels.size(), &made, &e);
  if (error != nullptr)
    *error = text_of(status, e);
  else
    require_ok(status, e);
  return status == TK_OK ? std::make_unique<program>(on, made) : nullptr;
}

inline std::unique_ptr<cache> make_cache(const backend& on, const model& m, std::uint32_t n_blocks,
                                         std::string* error = nullptr) {
  const tk_graph_view view = m.graph.view();
  const std::vector<std::uint32_t> blocks(view.n_groups, n_blocks);
  void* made = nullptr;
  tk_error e = no_error();
  const tk_status status =
      backend::table()->cache_create(on.self(), view.groups, view.n_groups, blocks.data(), &made, &e);
  if (error != nullptr)
    *error = text_of(status, e);
  else
    require_ok(status, e);
  return status == TK_OK ? std::make_unique<cache>(on, made) : nullptr;
}

/// A model on a backend, with a cache and a buffer for its logits.
struct engine {
  const model& about;
  backend on;
  std::unique_ptr<program> ready;
  std::unique_ptr<cache> state;
  buffer logits;
  std::uint32_t logits_id;
  std::uint64_t vocabulary;

  engine(const model& m, const char* level, std::uint32_t threads = 1, std::uint32_t n_blocks = 128)
      : about(m), on(level, threads), ready(make_program(on, m)), state(make_cache(on, m, n_blocks)),
        logits(on, 256 * 4 * 1024), logits_id(m.graph.find_value("logits")),
        vocabulary(m.graph.values()[logits_id].width()) {}

  /// Runs the step, which must succeed; returns the logits of its output rows.
  std::vector<std::vector<float>> run(step& s) {
    s.bindings.push_back({logits_id, logits.get(), 0});
    const std::string error = submit(on, *ready, state.get(), s.get());
    if (!error.empty()) throw std::runtime_error(error);
    std::vector<std::vector<float>> rows;
    for (std::size_t i = 0; i < s.output_rows.size(); ++i)
      rows.emplace_back(logits.data() + i * vocabulary, logits.data() + (i + 1) * vocabulary);
    return rows;
  }
  std::vector<std::vector<float>> run_all(const std::vector<part>& parts) {
    step s(parts, about.graph.groups().size());
    s.want_all();
    return run(s);
  }
};

inline std::vector<std::int32_t> random_tokens(std::mt19937& random, std::size_t n) {
  std::vector<std::int32_t> tokens(n);
  for (auto& token : tokens) token = static_cast<std::int32_t>(random() % recipe::V);
  return tokens;
}

/// Distinct random blocks for one group; `taken` remembers those in use.
inline std::vector<std::uint32_t> random_table(std::mt19937& random, std::set<std::uint32_t>& taken, std::size_t n,
                                               std::uint32_t n_blocks = 128) {
  std::vector<std::uint32_t> table;
  while (table.size() < n) {
    const auto block = static_cast<std::uint32_t>(random() % n_blocks);
    if (taken.insert(block).second) table.push_back(block);
  }
  return table;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}

/// A seed that is printed; TEST_SEED repeats a run.
inline std::uint32_t printed_seed() {
  const char* given = std::getenv("TEST_SEED");
  const std::uint32_t seed =
      given != nullptr ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  MESSAGE("TEST_SEED=", seed);
  return seed;
}

} // namespace cpu_test
