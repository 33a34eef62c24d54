// Storage, header and verification of frames. Bytes from outside pass through verify() before anyone reads them.
#include "message/frame.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace tokamak {

std::string_view to_string(frame_type type) {
  switch (type) {
#define TOKAMAK_NAME(name, number)                                                                             \
  case frame_type::name: return #name;
    TOKAMAK_FRAME_TYPES(TOKAMAK_NAME)
#undef TOKAMAK_NAME
    case frame_type::none: break;
  }
  return "unknown";
}

std::pair<std::byte*, attachment> make_attachment(std::size_t size) {
  constexpr std::align_val_t alignment{64};
  auto* raw = static_cast<std::byte*>(::operator new[](size == 0 ? 1 : size, alignment));
  std::shared_ptr<const std::byte[]> data(raw, [](const std::byte* p) {
    ::operator delete[](const_cast<std::byte*>(p), std::align_val_t{64});
  });
  return {raw, attachment(std::move(data), size)};
}

attachment copy_attachment(std::span<const std::byte> bytes) {
  auto [to, copy] = make_attachment(bytes.size());
  std::copy(bytes.begin(), bytes.end(), to);
  return copy;
}

namespace detail {

shared_storage store(const std::byte* data, std::size_t size, std::vector<attachment> attachments) {
  auto storage = std::make_shared<frame_storage>();
  storage->own = std::make_unique_for_overwrite<std::byte[]>(size);
  if (size > 0) std::memcpy(storage->own.get(), data, size);
  storage->data = storage->own.get();
  storage->size = size;
  storage->attachments = std::move(attachments);
  return storage;
}

flatbuffers::FlatBufferBuilder& reusable_builder() {
  thread_local flatbuffers::FlatBufferBuilder builder(4096);
  // A step with long prompts may have grown it; give large buffers back.
  constexpr std::size_t keep_bytes = std::size_t{1} << 20;
  if (builder.GetSize() > keep_bytes) builder = flatbuffers::FlatBufferBuilder(4096);
  builder.Clear();
  return builder;
}

} // namespace detail

namespace {

template <class V>
std::size_t count(const V* vector) {
  return vector ? vector->size() : 0;
}

expected<void> equal(std::size_t found, std::size_t expected_count, std::string_view what) {
  if (found == expected_count) return {};
  return fail(errc::corrupt, fmt::format("{} has {} entries, {} expected", what, found, expected_count));
}

// Numbers of eight bytes lie where they may be read. The verifier aligns a vector's length, which is four bytes before.
template <class T>
expected<void> aligned(const flatbuffers::Vector<T>* vector, std::string_view what) {
  static_assert(sizeof(T) == 8);
  if (count(vector) == 0 || reinterpret_cast<std::uintptr_t>(vector->Data()) % sizeof(T) == 0) return {};
  return fail(errc::corrupt, fmt::format("{} is not aligned", what));
}

expected<void> check(const wire::Sampling* s) {
  if (!s) return {};
  return equal(count(s->bias_values()), count(s->bias_tokens()), "Sampling.bias_values");
}

expected<void> check(const wire::TopLogprobs* t) {
  if (!t) return {};
  std::size_t total = 0;
  for (std::size_t i = 0; i < count(t->counts()); ++i) total += t->counts()->Get(static_cast<unsigned>(i));
  if (auto ok = equal(count(t->ids()), total, "TopLogprobs.ids"); !ok) return ok;
  if (count(t->texts()) > 0)
    if (auto ok = equal(count(t->texts()), total, "TopLogprobs.texts"); !ok) return ok;
  if (count(t->scores()) > count(t->counts()))
    return fail(errc::corrupt, fmt::format("TopLogprobs.scores has {} entries for {} places", count(t->scores()), count(t->counts())));
  return equal(count(t->logprobs()), total, "TopLogprobs.logprobs");
}

expected<void> check(const wire::Open& open) { return check(open.sampling()); }

expected<void> check(const wire::Chunks& chunks) {
  for (std::size_t i = 0; i < count(chunks.items()); ++i) {
    const auto* item = chunks.items()->Get(static_cast<unsigned>(i));
    if (auto ok = check(item->top()); !ok) return ok;
    if (count(item->logprobs()) > 0)
      if (auto ok = equal(count(item->logprobs()), count(item->tokens()), "Chunk.logprobs"); !ok) return ok;
  }
  return {};
}

// Offsets that bound slices of another vector: n + 1 entries, ascending, the last one its length.
expected<void> check_offsets(const flatbuffers::Vector<std::uint32_t>* offsets, std::size_t n, std::size_t length,
                             std::string_view what) {
  if (auto ok = equal(count(offsets), n + 1, what); !ok) return ok;
  std::uint32_t last = 0;
  for (auto value : *offsets) {
    if (value < last || value > length)
      return fail(errc::corrupt, fmt::format("{} is not ascending within {}", what, length));
    last = value;
  }
  return equal(last, length, what);
}

expected<void> check(const wire::Step& s) {
  const auto rows = count(s.tokens());
  const auto sequences = count(s.sequence_ids());
  if (auto ok = aligned(s.sequence_ids(), "Step.sequence_ids"); !ok) return ok;
  if (auto ok = aligned(s.closed(), "Step.closed"); !ok) return ok;
  if (auto ok = equal(count(s.positions()), rows, "Step.positions"); !ok) return ok;
  if (s.parents())
    if (auto ok = equal(count(s.parents()), rows, "Step.parents"); !ok) return ok;
  if (auto ok = check_offsets(s.row_begin(), sequences, rows, "Step.row_begin"); !ok) return ok;
  for (std::size_t i = 0; i < count(s.groups()); ++i) {
    const auto* g = s.groups()->Get(static_cast<unsigned>(i));
    if (auto ok = equal(count(g->context()), sequences, "GroupStep.context"); !ok) return ok;
    if (auto ok = equal(count(g->first_block()), sequences, "GroupStep.first_block"); !ok) return ok;
    if (auto ok = check_offsets(g->table_begin(), sequences, count(g->tables()), "GroupStep.table_begin"); !ok)
      return ok;
  }
  const auto outputs = count(s.output_rows());
  if (auto ok = equal(count(s.output_kinds()), outputs, "Step.output_kinds"); !ok) return ok;
  if (auto ok = equal(count(s.output_top()), outputs, "Step.output_top"); !ok) return ok;
  if (s.output_next())
    if (auto ok = equal(count(s.output_next()), outputs, "Step.output_next"); !ok) return ok;
  for (std::size_t i = 0; i < outputs; ++i)
    if (s.output_rows()->Get(static_cast<unsigned>(i)) >= rows)
      return fail(errc::corrupt, fmt::format("Step.output_rows[{}] is beyond {} rows", i, rows));
  for (std::size_t i = 0; i < count(s.opened()); ++i)
    if (auto ok = check(s.opened()->Get(static_cast<unsigned>(i))->sampling()); !ok) return ok;
  return {};
}

expected<void> check(const wire::StepResult& r) {
  const auto outputs = count(r.tokens());
  if (auto ok = equal(count(r.logprobs()), outputs, "StepResult.logprobs"); !ok) return ok;
  if (auto ok = equal(count(r.top_counts()), outputs, "StepResult.top_counts"); !ok) return ok;
  std::size_t total = 0;
  for (std::size_t i = 0; i < outputs; ++i) total += r.top_counts()->Get(static_cast<unsigned>(i));
  if (auto ok = equal(count(r.top_ids()), total, "StepResult.top_ids"); !ok) return ok;
  for (std::size_t i = 0; i < count(r.failed()); ++i) {
    const auto* failed = r.failed()->Get(static_cast<unsigned>(i));
    if (!failed->error()) return fail(errc::corrupt, fmt::format("StepResult.failed[{}] has no error", i));
    if (failed->output() >= outputs || (i > 0 && failed->output() <= r.failed()->Get(static_cast<unsigned>(i - 1))->output()))
      return fail(errc::corrupt, fmt::format("StepResult.failed[{}] is output {}; ascending ones below {} expected", i, failed->output(), outputs));
  }
  return equal(count(r.top_logprobs()), total, "StepResult.top_logprobs");
}

expected<void> check(const wire::LedgerEntry& e) {
  if (auto ok = aligned(e.amounts(), "LedgerEntry.amounts"); !ok) return ok;
  return equal(count(e.amounts()), count(e.kinds()), "LedgerEntry.amounts");
}

expected<void> check(const wire::Renew& r) { return aligned(r.ids(), "Renew.ids"); }

expected<void> check(const wire::Flow& f) { return aligned(f.ids(), "Flow.ids"); }

expected<void> check(const wire::Unpin& u) { return aligned(u.sequences(), "Unpin.sequences"); }

expected<void> check(const wire::CacheBlocks& b) {
  return equal(count(b.forms()), count(b.first_blocks()) * b.shards(), "CacheBlocks.forms");
}

expected<void> check(const wire::Hello& h) { return aligned(h.window_bytes(), "Hello.window_bytes"); }

expected<void> check(const wire::Gone& g) { return aligned(g.actors(), "Gone.actors"); }

expected<void> check(const wire::ActorStatus& s) {
  for (std::size_t i = 0; i < count(s.histograms()); ++i) {
    const auto* h = s.histograms()->Get(static_cast<unsigned>(i));
    if (auto ok = aligned(h->bounds(), "Histogram.bounds"); !ok) return ok;
    if (auto ok = aligned(h->counts(), "Histogram.counts"); !ok) return ok;
    if (auto ok = equal(count(h->counts()), count(h->bounds()) + 1, "Histogram.counts"); !ok) return ok;
  }
  return {};
}

expected<void> check(const wire::StatusReport& r) {
  for (std::size_t i = 0; i < count(r.actors()); ++i)
    if (auto ok = check(*r.actors()->Get(static_cast<unsigned>(i))); !ok) return ok;
  return {};
}

template <class T>
expected<void> check(const T&) {
  return {};
}

// FlatBuffers may point to one string from many places: unpacking would then cost far more memory than the frame. What
// clients send must not be larger unpacked than packed.
expected<void> check_expansion(const wire::Open& open, std::size_t frame_bytes) {
  std::size_t total = 0;
  const auto add = [&](const flatbuffers::String* s) { total += s ? s->size() : 0; };
  if (open.stops() && open.stops()->strings())
    for (const auto* s : *open.stops()->strings()) add(s);
  if (open.prompt() && open.prompt()->messages())
    for (const auto* m : *open.prompt()->messages()) {
      add(m->role());
      add(m->content());
    }
  if (total <= frame_bytes) return {};
  return fail(errc::corrupt, fmt::format("strings of {} bytes in a frame of {}", total, frame_bytes));
}

template <class T>
expected<void> check_expansion(const T&, std::size_t) {
  return {};
}

template <class T>
expected<void> verify_as(std::span<const std::byte> bytes, const frame_limits& limits) {
  // Values are read in place, so they must be aligned. The verifier sees to it, counting from an aligned start.
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % attachment::alignment != 0) {
    const auto copy = detail::store(bytes.data(), bytes.size(), {});
    return verify_as<T>({copy->data, copy->size}, limits);
  }
  flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                                 static_cast<flatbuffers::uoffset_t>(limits.max_depth),
                                 static_cast<flatbuffers::uoffset_t>(limits.max_tables));
  if (!verifier.VerifyBuffer<T>(nullptr))
    return fail(errc::corrupt, fmt::format("not a valid {} frame of {} bytes", to_string(frame_type_of<T>), bytes.size()));
  const auto& root = *flatbuffers::GetRoot<T>(bytes.data());
  if (auto ok = check_expansion(root, bytes.size()); !ok) return ok;
  return check(root);
}

} // namespace

expected<any_frame> read_in_place(frame_type type, detail::shared_storage storage, const frame_limits& limits) {
  any_frame frame{type, std::move(storage)};
  if (auto ok = verify(type, frame.bytes(), limits); !ok) return fail(ok.error());
  return frame;
}

expected<void> verify_size(std::size_t bytes, const frame_limits& limits) {
  if (bytes <= limits.max_bytes) return {};
  return fail(errc::too_large, fmt::format("frame of {} bytes; at most {} are accepted", bytes, limits.max_bytes));
}

expected<void> verify(frame_type type, std::span<const std::byte> bytes, const frame_limits& limits) {
  if (auto ok = verify_size(bytes.size(), limits); !ok) return ok;
  switch (type) {
#define TOKAMAK_VERIFY(name, number)                                                                           \
  case frame_type::name: return verify_as<wire::name>(bytes, limits);
    TOKAMAK_FRAME_TYPES(TOKAMAK_VERIFY)
#undef TOKAMAK_VERIFY
    case frame_type::none: break;
  }
  return fail(errc::unsupported, fmt::format("unknown frame type {}", static_cast<unsigned>(type)));
}

void frame_header::write(std::byte (&out)[size]) const {
  const auto number = static_cast<std::uint16_t>(type);
  const std::uint8_t bytes[size] = {'T', 'K', 'M', 'K', protocol_major, protocol_minor,
                                    static_cast<std::uint8_t>(number & 0xff), static_cast<std::uint8_t>(number >> 8)};
  std::memcpy(out, bytes, size);
}

expected<frame_header> frame_header::read(std::span<const std::byte> bytes) {
  if (bytes.size() != size)
    return fail(errc::corrupt, fmt::format("frame header of {} bytes; {} expected", bytes.size(), size));
  std::uint8_t b[size];
  std::memcpy(b, bytes.data(), size);
  if (std::memcmp(b, "TKMK", 4) != 0) return fail(errc::corrupt, "frame header does not start with \"TKMK\"");
  if (b[4] != protocol_major || (protocol_major == 0 && b[5] != protocol_minor))
    return fail(errc::version_mismatch,
                fmt::format("protocol {}.{} found, {}.{} expected", b[4], b[5], protocol_major, protocol_minor));
  return frame_header{static_cast<frame_type>(b[6] | (b[7] << 8))};
}

} // namespace tokamak
