// A graph as text for people.
#include "model/graph/graph.hpp"
#include "model/tensor_type.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <iterator>

namespace tokamak {

namespace {

std::string describe(const graph_value& value) {
  static constexpr std::array<const char*, 4> kinds = {"?", "weight", "rows", "output rows"};
  const auto* kind = kinds[value.kind < kinds.size() ? value.kind : 0];
  std::string text = fmt::format("{} [{}]", kind, fmt::join(value.dims, ", "));
  if (value.kind == TK_WEIGHT)
    text += fmt::format(" {}", to_string(static_cast<tensor_type>(value.format)));
  if ((value.flags & TK_VALUE_INPUT) != 0)
    text += " input";
  if ((value.flags & TK_VALUE_OUTPUT) != 0)
    text += " output";
  return text;
}

std::string describe(const graph_cache_group& group) {
  if (group.kind == TK_GROUP_RECURRENT)
    return fmt::format("recurrent, {} layers of {} f32", group.n_layers, group.state_width);
  std::string text = fmt::format("{}, {} layers, blocks of {} tokens, K {} V {} in {}",
                                 group.kind == TK_GROUP_SLIDING ? "sliding" : "full", group.n_layers,
                                 group.block_size, group.k_width, group.v_width,
                                 to_string(static_cast<tensor_type>(group.format)));
  if (group.kind == TK_GROUP_SLIDING)
    text += fmt::format(", window {}", group.window);
  return text;
}

std::string describe(const attribute_value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&value))
    return fmt::format("{}", *real);
  if (const auto* text = std::get_if<std::string>(&value))
    return fmt::format("\"{}\"", *text);
  return fmt::format("[{}]", fmt::join(std::get<std::vector<double>>(value), ", "));
}

} // namespace

std::string graph::print() const {
  std::string text;
  auto out = std::back_inserter(text);
  for (std::size_t i = 0; i < groups_.size(); ++i)
    fmt::format_to(out, "cache group {} {}: {}\n", i, groups_[i].name, describe(groups_[i]));
  std::vector<bool> used(values_.size());
  for (const auto& op : ops_)
    for (const auto* ids : {&op.inputs, &op.outputs})
      for (const auto id : *ids)
        if (id < used.size()) used[id] = true;
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (used[i] || values_[i].flags != 0) fmt::format_to(out, "value {} {}: {}\n", i, values_[i].name, describe(values_[i]));
  const auto names = [&](const std::vector<value_id>& ids) {
    std::vector<std::string> list;
    for (const auto id : ids)
      list.push_back(id == no_value ? "-" : id < values_.size() ? values_[id].name : fmt::format("?{}", id));
    return fmt::format("{}", fmt::join(list, ", "));
  };
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    const auto& op = ops_[i];
    fmt::format_to(out, "op {} {}", i, op.name);
    if (op.version != 1)
      fmt::format_to(out, " version {}", op.version);
    fmt::format_to(out, "({})", names(op.inputs));
    for (const auto& attribute : op.attributes)
      fmt::format_to(out, " {}={}", attribute.name, describe(attribute.value));
    if (!op.outputs.empty())
      fmt::format_to(out, " -> {}", names(op.outputs));
    text += '\n';
  }
  return text;
}

} // namespace tokamak
