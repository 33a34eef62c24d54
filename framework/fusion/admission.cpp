// Field by field, in the order of the schema's tables.
#include "fusion/admission.hpp"

#include "model/tokenizer/utf8.hpp"

namespace tokamak::fusion {
namespace {

template <class Vector>
std::uint32_t size_of(const Vector* v) {
  return v ? v->size() : 0;
}

expected<void> too_many(const char* what, std::uint32_t found, std::uint32_t most) {
  return fail(errc::too_large, fmt::format("{} {}, at most {} expected", found, what, most));
}

expected<void> check_label(const char* name, const flatbuffers::String* text) {
  if (size_of(text) <= max_label_bytes) return {};
  return fail(errc::too_large,
              fmt::format("the {} has {} bytes, at most {} expected", name, text->size(), max_label_bytes));
}

expected<void> check_stops(const wire::Stops& stops, std::uint32_t max_tokens) {
  const auto n = size_of(stops.strings());
  if (n > max_stop_strings) return too_many("stop strings", n, max_stop_strings);
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto text = stops.strings()->Get(i)->string_view();
    if (text.empty()) return fail(errc::invalid_argument, fmt::format("stop string {} is empty", i));
    if (text.size() > max_stop_bytes)
      return fail(errc::too_large,
                  fmt::format("stop string {} has {} bytes, at most {} expected", i, text.size(), max_stop_bytes));
    if (utf8_valid_prefix(text) != text.size())
      return fail(errc::invalid_argument, fmt::format("stop string {} is not valid UTF-8", i));
  }
  if (size_of(stops.tokens()) > max_stop_tokens)
    return too_many("stop tokens", stops.tokens()->size(), max_stop_tokens);
  if (stops.min_tokens() > max_tokens)
    return fail(errc::invalid_argument, fmt::format("min_tokens is {}, expected at most max_tokens, which is {}",
                                                    stops.min_tokens(), max_tokens));
  return {};
}

} // namespace

expected<void> check_request(const wire::Open& m) {
  if (m.generate() == 0) return fail(errc::invalid_argument, "max_tokens is 0; at least 1 expected");
  if (m.sampling() && size_of(m.sampling()->bias_tokens()) > max_bias_entries)
    return too_many("logit_bias entries", m.sampling()->bias_tokens()->size(), max_bias_entries);
  if (m.stops())
    if (auto ok = check_stops(*m.stops(), m.generate()); !ok) return ok;
  if (auto ok = check_label("trace", m.trace()); !ok) return ok;
  if (auto ok = check_label("tenant", m.tenant()); !ok) return ok;
  if (size_of(m.metadata()) > max_metadata_entries) return too_many("metadata entries", m.metadata()->size(), max_metadata_entries);
  for (std::uint32_t i = 0; i < size_of(m.metadata()); ++i) {
    const auto* label = m.metadata()->Get(i);
    if (auto ok = check_label("metadata key", label->key()); !ok) return ok;
    if (auto ok = check_label("metadata value", label->value()); !ok) return ok;
  }
  return {};
}

} // namespace tokamak::fusion
