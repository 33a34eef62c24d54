// The getters and their messages.
#include "topology/table_reader.hpp"

#include "topology/spelling.hpp"

#include <algorithm>
#include <array>

namespace tokamak::topology {
namespace {

/// `[models.qwen2.5]` is a table "5" in "[models.qwen2]": the title its writer meant, or "" if this is no such thing.
std::string name_meant(const std::string& title, const entry& e) {
  const auto dot = title.find('.');
  const bool digits = !e.key.empty() && e.key.front() >= '0' && e.key.front() <= '9';
  if (!digits || !e.content.as<value::table>() || dot == std::string::npos || title.find('"') != std::string::npos)
    return {};
  return fmt::format("{}.\"{}.{}\"]", title.substr(0, dot), title.substr(dot + 1, title.size() - dot - 2), e.key);
}

} // namespace

const value* table_reader::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  for (const auto& e : *table_)
    if (e.key == key) return &e.content;
  return nullptr;
}

void table_reader::wrong_type(std::string_view key, const value& v, std::string_view expected) {
  findings_->error(v.where, fmt::format("{} is {}; expected {}", key, type_name(v), expected));
}

const value* table_reader::boolean(std::string_view key, bool& into) {
  const auto* v = find(key);
  if (!v) return nullptr;
  const auto* b = v->as<bool>();
  if (!b) {
    wrong_type(key, *v, "true or false");
    return nullptr;
  }
  into = *b;
  return v;
}

const value* table_reader::text(std::string_view key, std::string& into) {
  const auto* v = find(key);
  if (!v) return nullptr;
  const auto* s = v->as<std::string>();
  if (!s) {
    wrong_type(key, *v, "a string");
    return nullptr;
  }
  if (s->empty()) {
    findings_->error(v->where, fmt::format("{} is empty; expected text", key));
    return nullptr;
  }
  into = *s;
  return v;
}

const value* table_reader::integer(std::string_view key, std::uint64_t& into, std::uint64_t least, std::uint64_t most) {
  const auto* v = find(key);
  if (!v) return nullptr;
  const auto* i = v->as<std::int64_t>();
  if (!i) {
    wrong_type(key, *v, "an integer");
    return nullptr;
  }
  if (*i < 0 || static_cast<std::uint64_t>(*i) < least || static_cast<std::uint64_t>(*i) > most) {
    findings_->error(v->where, fmt::format("{} is {}; expected {} to {}", key, *i, least, most));
    return nullptr;
  }
  into = static_cast<std::uint64_t>(*i);
  return v;
}

const value* table_reader::bytes(std::string_view key, std::uint64_t& into, std::uint64_t least, std::uint64_t most) {
  const auto* v = find(key);
  if (!v) return nullptr;
  std::optional<std::uint64_t> n;
  std::string shown;
  if (const auto* s = v->as<std::string>()) {
    n = parse_bytes(*s);
    shown = in_quotes(*s);
  } else if (const auto* i = v->as<std::int64_t>()) {
    if (*i >= 0) n = static_cast<std::uint64_t>(*i);
    shown = fmt::format("{}", *i);
  } else {
    wrong_type(key, *v, "bytes as an integer or a string such as \"2GiB\"");
    return nullptr;
  }
  if (!n) {
    findings_->error(v->where,
                     fmt::format("{} is {}; expected bytes as an integer or a string such as \"2GiB\"", key, shown));
    return nullptr;
  }
  if (*n < least || *n > most) {
    findings_->error(v->where, fmt::format("{} is {}; expected {} to {} bytes", key, shown, least, most));
    return nullptr;
  }
  into = *n;
  return v;
}

const value* table_reader::texts(std::string_view key, std::vector<std::string>& into, std::vector<position>& where) {
  const auto* v = find(key);
  if (!v) return nullptr;
  const auto* items = v->as<value::array>();
  if (!items) {
    wrong_type(key, *v, "an array of strings");
    return nullptr;
  }
  for (const auto& item : *items) {
    const auto* s = item.as<std::string>();
    if (!s) {
      findings_->error(item.where, fmt::format("{} holds {}; expected an array of strings", key, type_name(item)));
      continue;
    }
    into.push_back(*s);
    where.push_back(item.where);
  }
  return v;
}

const value* table_reader::one_of(std::string_view key, std::string& into, const std::vector<std::string>& known,
                                  const std::vector<std::string>& planned) {
  std::string found;
  const auto* v = text(key, found);
  if (!v) return nullptr;
  if (std::find(known.begin(), known.end(), found) != known.end()) {
    into = found;
    return v;
  }
  if (std::find(planned.begin(), planned.end(), found) != planned.end())
    findings_->error(v->where, errc::unsupported,
                     fmt::format("{} {} belongs to a later version; this one has: {}", key, in_quotes(found), listed(known)));
  else
    findings_->error(v->where, unknown(key, found, known));
  return nullptr;
}

const value* table_reader::sha256(std::string_view key, std::string& into) {
  std::string found;
  const auto* v = text(key, found);
  if (!v) return nullptr;
  const auto hash = parse_sha256(found);
  if (hash.empty()) {
    findings_->error(v->where, fmt::format("{} is {}; expected 64 hexadecimal digits", key, in_quotes(found)));
    return nullptr;
  }
  into = hash;
  return v;
}

const value::table* table_reader::table(std::string_view key) {
  const auto* v = find(key);
  if (!v) return nullptr;
  if (const auto* t = v->as<value::table>()) return t;
  wrong_type(key, *v, "a table");
  return nullptr;
}

void table_reader::missing(std::string_view key, std::string_view expected) {
  findings_->error(where_, fmt::format("{} has no {}; expected {}", title_, key, expected));
}

void table_reader::finish() {
  for (const auto& e : *table_) {
    if (std::find(known_.begin(), known_.end(), e.key) != known_.end()) continue;
    if (std::find(planned_.begin(), planned_.end(), e.key) != planned_.end())
      findings_->error(e.where, errc::unsupported,
                       fmt::format("{} in {} belongs to a later version; this one has: {}", in_quotes(e.key), title_,
                                   listed(known_)));
    else if (const auto name = name_meant(title_, e); !name.empty())
      findings_->error(e.where, fmt::format("unknown key {} in {}; a name with a dot needs quotes: {}", in_quotes(e.key),
                                            title_, name));
    else
      findings_->error(e.where, findings_->full() ? std::string{} : unknown_in(title_, "key", e.key, known_));
  }
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  struct unit {
    std::string_view name;
    std::uint64_t bytes;
  };
  static constexpr std::array<unit, 9> units = {{{"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30},
                                                 {"TiB", 1ull << 40}, {"KB", 1'000ull}, {"MB", 1'000'000ull},
                                                 {"GB", 1'000'000'000ull}, {"TB", 1'000'000'000'000ull}, {"B", 1ull}}};
  std::uint64_t scale = 0;
  for (const auto& u : units)
    if (scale == 0 && text.ends_with(u.name)) {
      scale = u.bytes;
      text.remove_suffix(u.name.size());
    }
  if (scale == 0) return {};
  while (text.ends_with(' ')) text.remove_suffix(1);

  // whole.fraction, the fraction with up to three digits, computed in thousandths
  std::uint64_t thousandths = 0;
  int fraction_digits = -1;
  bool any = false;
  for (const char c : text) {
    if (c == '.' && fraction_digits < 0 && any) {
      fraction_digits = 0;
      continue;
    }
    if (c < '0' || c > '9' || fraction_digits == 3 || thousandths > (1ull << 54)) return {};
    thousandths = thousandths * 10 + static_cast<std::uint64_t>(c - '0');
    if (fraction_digits >= 0) ++fraction_digits;
    any = true;
  }
  if (!any || fraction_digits == 0) return {};
  for (int i = std::max(fraction_digits, 0); i < 3; ++i) {
    if (thousandths > (1ull << 58)) return {};
    thousandths *= 10;
  }
  const auto whole = thousandths / 1000, rest = thousandths % 1000;
  if (whole > (1ull << 62) / scale) return {};
  return whole * scale + rest * scale / 1000;
}

std::string parse_sha256(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9', low = c >= 'a' && c <= 'f', high = c >= 'A' && c <= 'F';
    if (!digit && !low && !high) return {};
    out += high ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out.size() == 64 ? out : std::string{};
}

} // namespace tokamak::topology
