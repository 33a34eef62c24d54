// Appending primitive ops to a graph.
#include "model/graph/primitive_ops.hpp"

#include <utility>

namespace tokamak {

value_id primitive_ops::same_kind(std::string name, value_id like, std::uint64_t width) {
  return graph_.add_value({std::move(name), graph_.values()[like].kind, TK_F32, {width}, 0});
}

value_id primitive_ops::unary(const char* op, std::string name, value_id x, std::vector<graph_attribute> attributes) {
  const auto out = same_kind(std::move(name), x, graph_.values()[x].width());
  graph_.add_op({op, 1, {x}, {out}, std::move(attributes), 0});
  return out;
}

value_id primitive_ops::binary(const char* op, std::string name, value_id a, value_id b,
                               std::vector<graph_attribute> attributes) {
  const auto out = same_kind(std::move(name), a, graph_.values()[a].width());
  graph_.add_op({op, 1, {a, b}, {out}, std::move(attributes), 0});
  return out;
}

value_id primitive_ops::embed(std::string name, value_id table, double scale) {
  const auto out = graph_.add_rows(std::move(name), graph_.values()[table].width());
  graph_.add_op({"tokamak.embed", 1, {table}, {out}, {{"scale", scale}}, 0});
  return out;
}

value_id primitive_ops::rms_norm(std::string name, value_id x, value_id weight, double eps, double weight_offset) {
  return binary("tokamak.rms_norm", std::move(name), x, weight, {{"eps", eps}, {"weight_offset", weight_offset}});
}

value_id primitive_ops::matmul(std::string name, value_id x, value_id weight, value_id bias) {
  const auto& dims = graph_.values()[weight].dims;
  const auto out = same_kind(std::move(name), x, dims.size() > 1 ? dims[1] : 0);
  graph_.add_op({"tokamak.matmul", 1, {x, weight, bias}, {out}, {}, 0});
  return out;
}

value_id primitive_ops::rope(std::string name, value_id x, const rope_settings& s) {
  const auto width = static_cast<std::int64_t>(graph_.values()[x].width());
  return binary("tokamak.rope", std::move(name), x, s.divisors,
                {{"heads", s.head_dim > 0 ? width / s.head_dim : 0},
                 {"head_dim", s.head_dim},
                 {"rotary_dims", s.rotary_dims},
                 {"style", s.style},
                 {"freq_base", s.freq_base},
                 {"freq_scale", s.freq_scale},
                 {"ext_factor", s.ext_factor},
                 {"attn_factor", s.attn_factor},
                 {"beta_fast", s.beta_fast},
                 {"beta_slow", s.beta_slow},
                 {"original_context", s.original_context}});
}

void primitive_ops::kv_write(value_id k, value_id v, std::uint32_t group, std::uint32_t layer) {
  graph_.add_op({"tokamak.kv_write", 1, {k, v}, {},
                 {{"group", std::int64_t{group}}, {"layer", std::int64_t{layer}}}, 0});
}

value_id primitive_ops::attention(std::string name, value_id q, const attention_settings& s) {
  const auto v_width = std::uint64_t{graph_.groups()[s.group].v_width};
  const auto heads = static_cast<std::uint64_t>(s.heads);
  const auto kv_heads = static_cast<std::uint64_t>(s.kv_heads);
  const auto out = same_kind(std::move(name), q, kv_heads > 0 ? v_width / kv_heads * heads : 0);
  graph_.add_op({"tokamak.attention", 1, {q}, {out},
                 {{"group", std::int64_t{s.group}},
                  {"layer", std::int64_t{s.layer}},
                  {"heads", s.heads},
                  {"kv_heads", s.kv_heads},
                  {"head_dim", s.head_dim},
                  {"scale", s.scale},
                  {"softcap", s.softcap}}, 0});
  return out;
}

value_id primitive_ops::add(std::string name, value_id a, value_id b) {
  return binary("tokamak.add", std::move(name), a, b);
}

value_id primitive_ops::mul(std::string name, value_id a, value_id b) {
  return binary("tokamak.mul", std::move(name), a, b);
}

value_id primitive_ops::scale(std::string name, value_id x, double factor) {
  return unary("tokamak.scale", std::move(name), x, {{"factor", factor}});
}

value_id primitive_ops::softcap(std::string name, value_id x, double cap) {
  return unary("tokamak.softcap", std::move(name), x, {{"cap", cap}});
}

value_id primitive_ops::silu(std::string name, value_id x) { return unary("tokamak.silu", std::move(name), x); }

value_id primitive_ops::gelu(std::string name, value_id x) { return unary("tokamak.gelu", std::move(name), x); }

value_id primitive_ops::glu(std::string name, value_id gate, value_id up, std::string activation) {
  return binary("tokamak.glu", std::move(name), gate, up, {{"activation", std::move(activation)}});
}

value_id primitive_ops::take_outputs(std::string name, value_id x) {
  const auto out = graph_.add_output_rows(std::move(name), graph_.values()[x].width());
  graph_.add_op({"tokamak.take_outputs", 1, {x}, {out}, {}, 0});
  return out;
}

value_id primitive_ops::decay_scan(std::string name, value_id x, std::uint32_t group, std::uint32_t layer,
                                   double decay) {
  return unary("tokamak.decay_scan", std::move(name), x,
               {{"group", std::int64_t{group}}, {"layer", std::int64_t{layer}}, {"decay", decay}});
}

value_id primitive_ops::all_reduce(std::string name, value_id x) {
  return unary("tokamak.all_reduce", std::move(name), x);
}

} // namespace tokamak
