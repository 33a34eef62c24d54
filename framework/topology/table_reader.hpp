// Typed reading of one TOML table: every key asked for is known, everything else in the table is reported.
#pragma once

#include "topology/document.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::topology {

/// Reads one table. Getters leave their target (the default) alone if the key is absent or its value is wrong; wrong
/// values are reported at once. Call finish() last. The table and the findings outlive the reader.
class table_reader {
public:
  /// `title` names the table in messages: "[engines.main]".
  table_reader(const value::table& table, position where, std::string title, findings& out)
      : table_(&table), where_(where), title_(std::move(title)), findings_(&out) {}

  position where() const { return where_; } ///< of the table's name
  const std::string& title() const { return title_; }

  /// The raw value; nullptr: absent.
  const value* find(std::string_view key);

  /// A string. Returns its value where it was there and right, else nullptr; so do the others.
  const value* text(std::string_view key, std::string& into);

  /// An integer of `least` to `most`.
  template <class Unsigned>
  const value* number(std::string_view key, Unsigned& into, std::uint64_t least,
                      std::uint64_t most = std::numeric_limits<Unsigned>::max()) {
    std::uint64_t n = into;
    const auto* v = integer(key, n, least, most);
    if (v) into = static_cast<Unsigned>(n);
    return v;
  }

  /// true or false.
  const value* boolean(std::string_view key, bool& into);

  /// An integer, or a string such as "512MiB", "1.5GB" (units B, KB, MB, GB, TB, KiB, MiB, GiB, TiB).
  const value* bytes(std::string_view key, std::uint64_t& into, std::uint64_t least, std::uint64_t most);

  /// An array of strings, with the place of each.
  const value* texts(std::string_view key, std::vector<std::string>& into, std::vector<position>& where);

  /// A string out of a list; `planned` ones are answered as belonging to a later version.
  const value* one_of(std::string_view key, std::string& into, const std::vector<std::string>& known,
                      const std::vector<std::string>& planned = {});

  /// 64 hexadecimal digits, stored in lower case.
  const value* sha256(std::string_view key, std::string& into);

  /// A table; nullptr if absent or something else.
  const value::table* table(std::string_view key);

  /// Reports the key as missing. `expected` completes "expected ...".
  void missing(std::string_view key, std::string_view expected);

  /// Keys that a later version will have.
  void planned(std::vector<std::string> keys) { planned_ = std::move(keys); }

  /// Reports the keys that nobody asked for.
  void finish();

  findings& out() { return *findings_; }

private:
  const value* integer(std::string_view key, std::uint64_t& into, std::uint64_t least, std::uint64_t most);
  void wrong_type(std::string_view key, const value& v, std::string_view expected);

  const value::table* table_;
  position where_;
  std::string title_;
  findings* findings_;
  std::vector<std::string> known_, planned_;
};

/// The bytes that "2GiB" and the like mean; nullopt if it is no such thing or over 2^62.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

/// The lower-case form of 64 hexadecimal digits; "" if it is something else.
std::string parse_sha256(std::string_view text);

} // namespace tokamak::topology
