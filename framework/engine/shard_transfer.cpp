// shard_core: cache blocks read for another engine, or filled with another's. A transfer is a step without rows, so
// that it takes its place among the steps.
#include "engine/shard_core.hpp"

#include "message/wire_error.hpp"
#include "model/tensor_type.hpp"

namespace tokamak::engine {
namespace {

// Bytes of one block in export form.
expected<std::uint64_t> block_bytes(const tk_cache_group& g) {
  if (g.kind == TK_GROUP_RECURRENT) return std::uint64_t{g.n_layers} * g.state_width * sizeof(float);
  const std::uint64_t token[] = {std::uint64_t{g.k_width}, std::uint64_t{g.v_width}};
  std::uint64_t bytes = 0;
  for (const auto width : token) {
    const std::uint64_t dims[] = {width};
    const auto row = bytes_of(static_cast<tensor_type>(g.format), dims);
    if (!row) return fail(row.error());
    bytes += *row * g.block_size * g.n_layers;
  }
  return bytes;
}

wire::CacheFormT form_of(const tk_cache_group& g) {
  wire::CacheFormT form;
  form.kind = static_cast<std::uint8_t>(g.kind);
  form.n_layers = g.n_layers;
  form.block_size = g.block_size;
  form.k_width = g.k_width;
  form.v_width = g.v_width;
  form.state_width = g.state_width;
  form.format = g.format;
  return form;
}

std::string text_of(const wire::CacheFormT& f) {
  return fmt::format("kind {}, {} layers, blocks of {}, K {}, V {}, state {}, format {}", f.kind, f.n_layers, f.block_size,
                     f.k_width, f.v_width, f.state_width, f.format);
}

} // namespace

void shard_core::run_transfer() {
  auto& j = current();
  if (auto ok = prepare_transfer(j); !ok) return fail_job(ok.error());
  const auto& segment = program_.segments.front();
  if (auto ok = bind(segment); !ok) return fail_job(ok.error());
  static constexpr std::uint32_t none = 0; // the tables of no sequence
  j.no_tables.assign(program_.groups.size(), {&none, &none, &none, &none});
  tk_step step{};
  step.size = sizeof step;
  step.n_groups = static_cast<std::uint32_t>(j.no_tables.size());
  step.groups = j.no_tables.data();
  step.n_cache_ops = static_cast<std::uint32_t>(j.block_ops.size());
  step.cache_ops = j.block_ops.data();
  step.n_bindings = static_cast<std::uint32_t>(j.bindings.size());
  step.bindings = j.bindings.data();
  submit(segment, step);
}

// One buffer and one list of ops for each group; a fill's buffers hold the attachments.
expected<void> shard_core::prepare_transfer(job& j) {
  const auto& m = *j.transfer;
  const auto n_groups = m.groups() ? m.groups()->size() : 0;
  if (n_groups != program_.groups.size())
    return fail(errc::invalid_argument, fmt::format("a transfer of {} cache groups; the shard has {}", n_groups, program_.groups.size()));
  if (m.fill() && (!m.forms() || m.forms()->size() != n_groups || j.transfer.attachments().size() != n_groups))
    return fail(errc::invalid_argument, "a transfer lacks forms or attachments");
  j.blocks.resize(n_groups);
  for (std::uint32_t g = 0; g < n_groups; ++g) {
    const auto& group = program_.groups[g];
    const auto* blocks = m.groups()->Get(g)->blocks();
    const auto each = block_bytes(group);
    if (!each) return fail(each.error());
    const auto bytes = *each * (blocks ? blocks->size() : 0);
    if (m.fill()) {
      wire::CacheFormT found;
      m.forms()->Get(g)->UnPackTo(&found);
      if (const auto mine = form_of(group); text_of(found) != text_of(mine))
        return fail(errc::unsupported, fmt::format("cache group '{}' of shard {}: {} found, {} expected", program_.group_names[g],
                                                   m.shard(), text_of(found), text_of(mine)));
      if (const auto size = j.transfer.attachments()[g].bytes().size(); size != bytes)
        return fail(errc::corrupt, fmt::format("cache group '{}' of shard {}: {} bytes found, {} expected",
                                               program_.group_names[g], m.shard(), size, bytes));
    }
    if (bytes == 0) continue;
    auto buffer = program_.backend.create_buffer(bytes);
    if (!buffer) return fail(buffer.error());
    j.blocks[g] = {std::move(*buffer), bytes};
    if (m.fill())
      if (auto ok = program_.backend.write(j.blocks[g].buffer, 0, j.transfer.attachments()[g].bytes()); !ok) return ok;
    const auto count = group.kind == TK_GROUP_RECURRENT ? 1 : group.block_size;
    for (std::uint32_t i = 0; i < blocks->size(); ++i) {
      const auto block = blocks->Get(i);
      j.block_ops.push_back({m.fill() ? tk_cache_op_kind{TK_CACHE_IMPORT} : tk_cache_op_kind{TK_CACHE_EXPORT}, g, 0,
                             block, 0, block, 0, count, j.blocks[g].buffer.get(), i * *each});
    }
  }
  return {};
}

void shard_core::finish_transfer() {
  auto& j = current();
  std::vector<attachment> read;
  for (const auto& slot : j.blocks) {
    if (j.transfer->fill()) break;
    auto [to, bulk] = make_attachment(slot.bytes);
    if (slot.bytes > 0)
      if (auto ok = program_.backend.read(slot.buffer, 0, {to, slot.bytes}); !ok) return fail_job(ok.error());
    read.push_back(std::move(bulk));
  }
  (j.transfer->fill() ? counts_.blocks_filled : counts_.blocks_read) += j.block_ops.size();
  answer_transfer(nullptr, std::move(read));
  end_job();
}

void shard_core::answer_transfer(const error* why, std::vector<attachment> blocks) {
  wire::CacheTransferredT message;
  message.transfer = current().transfer->transfer();
  message.shard = current().transfer->shard();
  if (why) {
    message.error = to_wire(*why);
  } else {
    for (const auto& g : program_.groups) message.forms.push_back(std::make_unique<wire::CacheFormT>(form_of(g)));
  }
  effects_.transferred(make_frame<wire::CacheTransferred>(message, std::move(blocks)));
}

} // namespace tokamak::engine
