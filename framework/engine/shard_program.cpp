// From the wire's Step to the ABI's tk_step: mostly the same arrays, seen through pointers.
#include "engine/shard_program.hpp"

namespace tokamak::engine {
namespace {

template <class T>
const T* data(const flatbuffers::Vector<T>* v) {
  return v && v->size() > 0 ? v->data() : nullptr;
}

tk_cache_op to_abi(const wire::CacheOp& from) {
  tk_cache_op op{};
  op.kind = static_cast<tk_cache_op_kind>(from.kind());
  op.group = from.group();
  op.after = from.after();
  op.src_block = from.src_block();
  op.src_offset = from.src_offset();
  op.dst_block = from.dst_block();
  op.dst_offset = from.dst_offset();
  op.count = from.count();
  return op;
}

} // namespace

step_view::step_view(frame_of<wire::Step> frame) : frame_(std::move(frame)) {
  const auto& m = *frame_;
  const auto n_sequences = m.sequence_ids() ? m.sequence_ids()->size() : 0;
  for (std::uint32_t i = 0; i < n_sequences; ++i) {
    const auto begin = m.row_begin()->Get(i);
    sequences_.push_back({m.sequence_ids()->Get(i), begin, m.row_begin()->Get(i + 1) - begin});
  }
  for (std::uint32_t g = 0; m.groups() && g < m.groups()->size(); ++g) {
    const auto* group = m.groups()->Get(g);
    groups_.push_back({data(group->context()), data(group->first_block()), data(group->table_begin()), data(group->tables())});
  }
  for (std::uint32_t i = 0; m.cache_ops() && i < m.cache_ops()->size(); ++i) cache_ops_.push_back(to_abi(*m.cache_ops()->Get(i)));
  step_.size = sizeof step_;
  step_.id = m.id();
  step_.n_rows = m.tokens() ? m.tokens()->size() : 0;
  step_.n_sequences = n_sequences;
  step_.n_groups = static_cast<std::uint32_t>(groups_.size());
  step_.n_cache_ops = static_cast<std::uint32_t>(cache_ops_.size());
  step_.n_outputs = m.output_rows() ? m.output_rows()->size() : 0;
  step_.tokens = data(m.tokens());
  step_.positions = data(m.positions());
  step_.parents = data(m.parents());
  step_.sequences = sequences_.data();
  step_.groups = groups_.data();
  step_.cache_ops = cache_ops_.data();
  step_.output_rows = data(m.output_rows());
}

tk_step step_view::with(std::span<const tk_binding> bindings) const {
  auto step = step_;
  step.n_bindings = static_cast<std::uint32_t>(bindings.size());
  step.bindings = bindings.data();
  return step;
}

} // namespace tokamak::engine
