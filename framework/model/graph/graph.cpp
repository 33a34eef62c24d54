// Editing a graph and showing it through the ABI.
#include "model/graph/graph.hpp"

#include <algorithm>
#include <utility>

namespace tokamak {

namespace {

tk_string abi_string(const std::string& text) { return {text.data(), text.size()}; }

tk_attribute abi_attribute(const graph_attribute& from) {
  tk_attribute to{};
  to.name = abi_string(from.name);
  if (const auto* integer = std::get_if<std::int64_t>(&from.value)) {
    to.type = TK_INTEGER;
    to.integer = *integer;
    to.real = static_cast<double>(*integer);
  } else if (const auto* real = std::get_if<double>(&from.value)) {
    to.type = TK_REAL;
    to.real = *real;
  } else if (const auto* text = std::get_if<std::string>(&from.value)) {
    to.type = TK_STRING;
    to.string = abi_string(*text);
  } else {
    const auto& reals = std::get<std::vector<double>>(from.value);
    to.type = TK_ARRAY;
    to.reals = reals.data();
    to.n_reals = reals.size();
  }
  return to;
}

tk_value abi_value(const graph_value& from) {
  tk_value to{};
  to.name = abi_string(from.name);
  to.kind = from.kind;
  to.format = from.format;
  to.flags = from.flags;
  to.n_dims = static_cast<std::uint32_t>(from.dims.size());
  std::fill(std::begin(to.dims), std::end(to.dims), 1);
  std::copy_n(from.dims.begin(), std::min<std::size_t>(from.dims.size(), 4), std::begin(to.dims));
  return to;
}

tk_cache_group abi_group(const graph_cache_group& from) {
  return {abi_string(from.name), from.kind,    from.n_layers,    from.block_size, from.window,
          from.k_width,          from.v_width, from.state_width, from.format};
}

} // namespace

const attribute_value* find_attribute(const graph_op& op, std::string_view name) {
  for (const auto& attribute : op.attributes)
    if (attribute.name == name)
      return &attribute.value;
  return nullptr;
}

std::int64_t integer_attribute(const graph_op& op, std::string_view name, std::int64_t fallback) {
  const auto* value = find_attribute(op, name);
  const auto* integer = value != nullptr ? std::get_if<std::int64_t>(value) : nullptr;
  return integer != nullptr ? *integer : fallback;
}

double real_attribute(const graph_op& op, std::string_view name, double fallback) {
  const auto* value = find_attribute(op, name);
  const auto* real = value != nullptr ? std::get_if<double>(value) : nullptr;
  return real != nullptr ? *real : fallback;
}

void set_attribute(graph_op& op, std::string_view name, attribute_value value) {
  for (auto& attribute : op.attributes)
    if (attribute.name == name) {
      attribute.value = std::move(value);
      return;
    }
  op.attributes.push_back({std::string(name), std::move(value)});
}

/// Flat copies of the graph's records; strings and lists inside point into the graph itself, whose vectors keep
/// their elements in place while the graph moves.
struct graph::view_memory {
  std::vector<tk_value> values;
  std::vector<tk_op> ops;
  std::vector<tk_attribute> attributes;
  std::vector<tk_cache_group> groups;
};

graph::graph() = default;
graph::~graph() = default;
graph::graph(graph&& other) noexcept = default;
graph& graph::operator=(graph&& other) noexcept = default;

graph::graph(const graph& other)
    : values_(other.values_), ops_(other.ops_), groups_(other.groups_), definitions_(other.definitions_),
      next_serial_(other.next_serial_) {}

graph& graph::operator=(const graph& other) {
  if (this != &other)
    *this = graph(other);
  return *this;
}

void graph::edited() { view_.reset(); }

value_id graph::add_value(graph_value value) {
  edited();
  values_.push_back(std::move(value));
  return static_cast<value_id>(values_.size() - 1);
}

value_id graph::add_weight(std::string name, tk_format format, std::vector<std::uint64_t> dims) {
  return add_value({std::move(name), TK_WEIGHT, format, std::move(dims), 0});
}

value_id graph::add_rows(std::string name, std::uint64_t width, std::uint32_t flags) {
  return add_value({std::move(name), TK_ROWS, TK_F32, {width}, flags});
}

value_id graph::add_output_rows(std::string name, std::uint64_t width, std::uint32_t flags) {
  return add_value({std::move(name), TK_OUTPUT_ROWS, TK_F32, {width}, flags});
}

void graph::set_flags(value_id id, std::uint32_t flags) {
  edited();
  values_[id].flags = flags;
}

std::uint32_t graph::add_group(graph_cache_group group) {
  edited();
  groups_.push_back(std::move(group));
  return static_cast<std::uint32_t>(groups_.size() - 1);
}

void graph::add_op(graph_op op) { insert_op(ops_.size(), std::move(op)); }

void graph::insert_op(std::size_t at, graph_op op) {
  edited();
  op.serial = next_serial_++;
  ops_.insert(ops_.begin() + static_cast<std::ptrdiff_t>(at), std::move(op));
}

void graph::erase_op(std::size_t at) {
  edited();
  ops_.erase(ops_.begin() + static_cast<std::ptrdiff_t>(at));
}

void graph::define_op(op_definition definition) {
  edited();
  for (auto& known : definitions_)
    if (known.name == definition.name && known.version == definition.version) {
      known = std::move(definition);
      return;
    }
  definitions_.push_back(std::move(definition));
}

value_id graph::find_value(std::string_view name) const {
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (values_[i].name == name)
      return static_cast<value_id>(i);
  return no_value;
}

const op_definition* graph::find_definition(std::string_view name, std::uint32_t version) const {
  for (const auto& known : definitions_)
    if (known.name == name && known.version == version)
      return &known;
  return nullptr;
}

tk_graph_view graph::view() const {
  if (view_ == nullptr) {
    auto memory = std::make_unique<view_memory>();
    std::size_t n_attributes = 0;
    for (const auto& op : ops_)
      n_attributes += op.attributes.size();
    memory->attributes.reserve(n_attributes); // pointers into it are taken while it fills
    for (const auto& value : values_)
      memory->values.push_back(abi_value(value));
    for (const auto& group : groups_)
      memory->groups.push_back(abi_group(group));
    for (const auto& op : ops_) {
      const auto* attributes = memory->attributes.data() + memory->attributes.size();
      for (const auto& attribute : op.attributes)
        memory->attributes.push_back(abi_attribute(attribute));
      memory->ops.push_back({abi_string(op.name), op.version, static_cast<std::uint32_t>(op.inputs.size()),
                             static_cast<std::uint32_t>(op.outputs.size()),
                             static_cast<std::uint32_t>(op.attributes.size()), op.inputs.data(),
                             op.outputs.data(), attributes});
    }
    view_ = std::move(memory);
  }
  return {sizeof(tk_graph_view), view_->values.data(), view_->values.size(), view_->ops.data(),
          view_->ops.size(),     view_->groups.data(), view_->groups.size()};
}

} // namespace tokamak
