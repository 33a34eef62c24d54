// From the TOML library's tree to ours, and the canonical form behind the digest.
#include "topology/document.hpp"

#include "topology/text_check.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "topology/toml_library.hpp"

namespace tokamak::topology {
namespace {

position position_of(const toml::source_region& region) {
  return {static_cast<std::uint32_t>(region.begin.line), static_cast<std::uint32_t>(region.begin.column)};
}

value convert(const toml::node& from);

value::table convert_table(const toml::table& from) {
  value::table out;
  out.reserve(from.size());
  for (const auto& [key, child] : from)
    out.push_back({std::string(key.str()), position_of(key.source()), convert(child)});
  // The library sorts by name; a reader of messages expects the order of the file.
  std::stable_sort(out.begin(), out.end(), [](const entry& a, const entry& b) { return a.where < b.where; });
  return out;
}

value convert(const toml::node& from) {
  value out;
  out.where = position_of(from.source());
  if (const auto* t = from.as_table()) {
    out.data = convert_table(*t);
  } else if (const auto* a = from.as_array()) {
    value::array items;
    items.reserve(a->size());
    for (const auto& item : *a) items.push_back(convert(item));
    out.data = std::move(items);
  } else if (const auto* s = from.as_string()) {
    out.data = s->get();
  } else if (const auto* i = from.as_integer()) {
    out.data = std::int64_t{i->get()};
  } else if (const auto* f = from.as_floating_point()) {
    out.data = f->get();
  } else if (const auto* b = from.as_boolean()) {
    out.data = b->get();
  } else {
    out.data = date_value{};
  }
  return out;
}

// Canonical form: a letter for the type, then the content with its length, tables sorted by key. No two trees share one.
void write_canonical(const value& v, std::string& out);

void write_string(std::string_view s, std::string& out) { out += fmt::format("s{}:{}", s.size(), s); }

void write_table(const value::table& table, std::string& out) {
  std::vector<const entry*> sorted;
  for (const auto& e : table) sorted.push_back(&e);
  std::sort(sorted.begin(), sorted.end(), [](const entry* a, const entry* b) { return a->key < b->key; });
  out += fmt::format("t{}:", table.size());
  for (const auto* e : sorted) {
    write_string(e->key, out);
    write_canonical(e->content, out);
  }
}

void write_canonical(const value& v, std::string& out) {
  if (const auto* table = v.as<value::table>()) {
    write_table(*table, out);
  } else if (const auto* array = v.as<value::array>()) {
    out += fmt::format("a{}:", array->size());
    for (const auto& item : *array) write_canonical(item, out);
  } else if (const auto* s = v.as<std::string>()) {
    write_string(*s, out);
  } else if (const auto* i = v.as<std::int64_t>()) {
    out += fmt::format("i{};", *i);
  } else if (const auto* f = v.as<double>()) {
    const double one_nan = std::isnan(*f) ? std::numeric_limits<double>::quiet_NaN() : *f;
    out += fmt::format("f{:016x};", std::bit_cast<std::uint64_t>(one_nan));
  } else if (const auto* b = v.as<bool>()) {
    out += *b ? "b1;" : "b0;";
  } else {
    out += "d;";
  }
}

} // namespace

tl::expected<value, finding> parse_document(std::string_view text) {
  if (auto wrong = check_text(text, max_file_bytes, max_nesting)) return tl::unexpected(std::move(*wrong));
  const auto parsed = toml::parse(text);
  if (!parsed) {
    const auto& e = parsed.error();
    return tl::unexpected(finding{errc::invalid_argument, fmt::format("not valid TOML: {}", e.description()),
                                  position_of(e.source())});
  }
  return convert(parsed.table());
}

std::string_view type_name(const value& v) {
  static constexpr std::array<std::string_view, 7> names = {"a boolean", "an integer",     "a float", "a string",
                                                            "a date",    "an array", "a table"};
  return names[v.data.index()];
}

option_value to_option_value(const value& v) {
  option_value out;
  out.line = v.where.line;
  out.column = v.where.column;
  if (const auto* table = v.as<value::table>()) {
    option_value::table entries;
    for (const auto& e : *table) entries.push_back({e.key, to_option_value(e.content)});
    out.value = std::move(entries);
  } else if (const auto* array = v.as<value::array>()) {
    option_value::array items;
    for (const auto& item : *array) items.push_back(to_option_value(item));
    out.value = std::move(items);
  } else if (const auto* s = v.as<std::string>()) {
    out.value = *s;
  } else if (const auto* i = v.as<std::int64_t>()) {
    out.value = *i;
  } else if (const auto* f = v.as<double>()) {
    out.value = *f;
  } else if (const auto* b = v.as<bool>()) {
    out.value = *b;
  }
  return out;
}

const value* find_date(const value& v) {
  if (v.as<date_value>()) return &v;
  if (const auto* table = v.as<value::table>())
    for (const auto& e : *table)
      if (const auto* found = find_date(e.content)) return found;
  if (const auto* array = v.as<value::array>())
    for (const auto& item : *array)
      if (const auto* found = find_date(item)) return found;
  return nullptr;
}

std::string digest_of(const value& root) {
  std::string canonical;
  write_canonical(root, canonical);
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(canonical.data()), canonical.size());
  std::string hex;
  for (const auto b : hash) hex += fmt::format("{:02x}", b);
  return hex;
}

} // namespace tokamak::topology
