// A bound is compared digit by digit: the whole part by its length and its first different digit, then the fraction.
#include "json_schema/number_text.hpp"

#include <algorithm>

namespace tokamak::json_schema {

namespace {

constexpr int max_digits = 400;
constexpr int longest_digits = 17; // of numbers without bounds, before the point and behind it: as many as a double has, for models that would never end

enum relation : unsigned { less = 1, equal = 2, greater = 4, all = 7 };

constexpr std::uint8_t byte(int digit) { return static_cast<std::uint8_t>('0' + digit); }

class magnitude {
 public:
  /// States that accept unsigned numbers whose relation to `bound` is in `wanted`; returns the one to begin at.
  magnitude(byte_dfa& out, const decimal& bound, unsigned wanted) : out_(out), bound_(bound), wanted_(wanted) {}

  std::uint32_t add() {
    const auto& h = bound_.whole;
    const auto begin = out_.add();
    less_fraction_ = fraction_tail(less), greater_fraction_ = fraction_tail(greater), equal_fraction_ = fraction();
    const auto longer = out_.add((wanted_ & greater) != 0);
    point(longer, greater);
    read(longer, 0, 9, longer);
    // whole[i][c]: after i digits that compare to those of the bound as c
    std::uint32_t next[3] = {longer, longer, longer};
    std::uint32_t first[3] = {};
    for (std::size_t i = h.size(); i >= 1; --i) {
      std::uint32_t here[3];
      for (unsigned c = 0; c < 3; ++c) {
        const relation r = i < h.size() ? less : static_cast<relation>(1u << c);
        here[c] = out_.add((wanted_ & (r == equal && !bound_.fraction.empty() ? less : r)) != 0);
        point(here[c], r);
        if (i == h.size()) read(here[c], 0, 9, longer);
        else compare_digit(here[c], c, h[i], next, 0);
      }
      std::copy(here, here + 3, next);
      if (i == 1) std::copy(here, here + 3, first);
    }
    // A zero is the whole part alone.
    const relation zero = h == "0" ? equal : less;
    const auto after_zero = out_.add((wanted_ & (bound_.fraction.empty() || zero == less ? zero : less)) != 0);
    point(after_zero, zero);
    read(begin, 0, 0, after_zero);
    compare_digit(begin, 1, h[0], first, 1);
    return begin;
  }

 private:
  void read(std::uint32_t from, int low, int high, std::uint32_t to) {
    if (low <= high) out_.rows[from].push_back({byte(low), byte(high), to});
  }
  // Reads a digit from `low` on where those before compare as c: 0 less, 1 equal, 2 greater.
  void compare_digit(std::uint32_t from, unsigned c, char bound, const std::uint32_t (&to)[3], int low) {
    if (c != 1) return read(from, low, 9, to[c]);
    const int d = bound - '0';
    read(from, low, d - 1, to[0]);
    if (d >= low) read(from, d, d, to[1]);
    read(from, std::max(low, d + 1), 9, to[2]);
  }
  void point(std::uint32_t from, relation whole) {
    const auto to = whole == less ? less_fraction_ : whole == greater ? greater_fraction_ : equal_fraction_;
    out_.rows[from].insert(out_.rows[from].begin(), {'.', '.', to});
  }
  std::uint32_t fraction_tail(relation r) {
    const auto begin = out_.add(), loop = out_.add((wanted_ & r) != 0);
    read(begin, 0, 9, loop);
    read(loop, 0, 9, loop);
    return begin;
  }
  // After the point of a number whose whole part is that of the bound.
  std::uint32_t fraction() {
    const auto& f = bound_.fraction;
    std::vector<std::uint32_t> at{out_.add()};
    for (std::size_t i = 1; i <= f.size(); ++i) at.push_back(out_.add((wanted_ & (i < f.size() ? less : equal)) != 0));
    auto last = at.back();
    if (f.empty()) {
      last = out_.add((wanted_ & equal) != 0);
      read(at[0], 0, 0, last);
      read(at[0], 1, 9, loop_of(greater_fraction_));
    }
    for (std::size_t i = 0; i < f.size(); ++i) {
      const std::uint32_t to[3] = {loop_of(less_fraction_), at[i + 1], loop_of(greater_fraction_)};
      compare_digit(at[i], 1, f[i], to, 0);
    }
    read(last, 0, 0, last);
    read(last, 1, 9, loop_of(greater_fraction_));
    return at[0];
  }
  std::uint32_t loop_of(std::uint32_t tail) const { return tail + 1; }

  byte_dfa& out_;
  const decimal& bound_;
  unsigned wanted_;
  std::uint32_t less_fraction_ = 0, greater_fraction_ = 0, equal_fraction_ = 0;
};

// Numbers whose magnitude has one of the relations to that of the bound, by their sign.
byte_dfa signed_numbers(const decimal& bound, unsigned positive, unsigned negative) {
  byte_dfa out;
  const auto start = out.add();
  const auto with_sign = magnitude(out, bound, negative).add();
  const auto without = magnitude(out, bound, positive).add();
  out.rows[start].push_back({'-', '-', with_sign});
  out.rows[start].insert(out.rows[start].end(), out.rows[without].begin(), out.rows[without].end());
  return out;
}

} // namespace

std::optional<decimal> decimal_of(std::string_view text) {
  decimal out;
  if (text.starts_with('-')) {
    out.negative = true;
    text.remove_prefix(1);
  }
  const auto e = text.find_first_of("eE");
  int exponent = 0;
  if (e != text.npos) {
    auto digits = text.substr(e + 1);
    const bool minus = digits.starts_with('-');
    if (minus || digits.starts_with('+')) digits.remove_prefix(1);
    for (const char c : digits) exponent = std::min(exponent * 10 + (c - '0'), 10'000);
    if (minus) exponent = -exponent;
    text = text.substr(0, e);
  }
  const auto point = std::min(text.find('.'), text.size());
  std::string digits(text.substr(0, point));
  if (point < text.size()) digits += text.substr(point + 1);
  auto whole = static_cast<int>(point) + exponent;
  if (digits.size() > max_digits || whole > max_digits || whole < -max_digits) return std::nullopt;
  if (whole < 0) digits.insert(0, static_cast<std::size_t>(-whole), '0'), whole = 0;
  if (static_cast<std::size_t>(whole) > digits.size()) digits.append(static_cast<std::size_t>(whole) - digits.size(), '0');
  out.whole = digits.substr(0, static_cast<std::size_t>(whole));
  out.fraction = digits.substr(static_cast<std::size_t>(whole));
  out.whole.erase(0, std::min(out.whole.find_first_not_of('0'), out.whole.size()));
  if (out.whole.empty()) out.whole.push_back('0');
  out.fraction.erase(out.fraction.find_last_not_of('0') + 1);
  if (out.zero()) out.negative = false;
  return out;
}

int compare(const decimal& a, const decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  const int sign = a.negative ? -1 : 1;
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size() ? -sign : sign;
  if (const int c = a.whole.compare(b.whole)) return c < 0 ? -sign : sign;
  const int c = a.fraction.compare(b.fraction); // no zeros at the end: a prefix is less
  return c < 0 ? -sign : c > 0 ? sign : 0;
}

namespace {

// A state for the last of each number of digits up to the longest; rows of digits lead from one to the next.
std::vector<std::uint32_t> add_digits(byte_dfa& out) {
  std::vector<std::uint32_t> states;
  for (int i = 0; i < longest_digits; ++i) {
    states.push_back(out.add(true));
    if (i > 0) out.rows[states[states.size() - 2]] = {{'0', '9', states.back()}};
  }
  return states;
}

} // namespace

byte_dfa any_integer() {
  byte_dfa out;
  const auto start = out.add(), sign = out.add(), zero = out.add(true);
  const auto digits = add_digits(out);
  out.rows[start] = {{'-', '-', sign}, {'0', '0', zero}, {'1', '9', digits.front()}};
  out.rows[sign] = {{'1', '9', digits.front()}};
  return out;
}

byte_dfa number_without_exponent() { return signed_numbers({false, "0", {}}, all, all); }

byte_dfa any_number() {
  byte_dfa out;
  const auto start = out.add(), sign = out.add(), zero = out.add(true), point = out.add(), e = out.add(), e_sign = out.add(), exponent = out.add(true),
             exponent_end = out.add(true);
  const auto digits = add_digits(out), fraction = add_digits(out);
  out.rows[start] = {{'-', '-', sign}, {'0', '0', zero}, {'1', '9', digits.front()}};
  out.rows[sign] = {{'0', '0', zero}, {'1', '9', digits.front()}};
  out.rows[zero] = {{'.', '.', point}, {'E', 'E', e}, {'e', 'e', e}};
  for (const auto state : digits) {
    auto& row = out.rows[state];
    row.insert(row.begin(), {'.', '.', point});
    row.insert(row.end(), {{'E', 'E', e}, {'e', 'e', e}});
  }
  out.rows[point] = {{'0', '9', fraction.front()}};
  for (const auto state : fraction) out.rows[state].insert(out.rows[state].end(), {{'E', 'E', e}, {'e', 'e', e}});
  out.rows[e] = {{'+', '+', e_sign}, {'-', '-', e_sign}, {'0', '9', exponent}};
  out.rows[e_sign] = {{'0', '9', exponent}};
  out.rows[exponent] = {{'0', '9', exponent_end}};
  return out;
}

byte_dfa at_least(const decimal& b, bool exclusive) {
  const unsigned same = exclusive ? 0u : unsigned{equal};
  if (b.negative) return signed_numbers(b, all, less | same);
  return signed_numbers(b, greater | same, b.zero() ? same : 0);
}

byte_dfa at_most(const decimal& b, bool exclusive) {
  const unsigned same = exclusive ? 0u : unsigned{equal};
  if (b.negative) return signed_numbers(b, 0, greater | same);
  return signed_numbers(b, less | same, b.zero() ? greater | same : all);
}

// x is a multiple of M / 10^k when x * 10^k mod M is 0 and x has at most k digits after the point.
std::optional<byte_dfa> multiples(const decimal& of) {
  const auto k = static_cast<std::uint32_t>(of.fraction.size());
  std::string digits = of.whole + of.fraction;
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.size() > 6) return std::nullopt;
  const auto m = static_cast<std::uint32_t>(std::stoul(digits));
  if (static_cast<std::size_t>(m) * (k + 1) > max_dfa_states / 2) return std::nullopt;
  byte_dfa out;
  const auto start = out.add(), sign = out.add(), zero = out.add(true), point_of_zero = out.add();
  // whole + r: the whole part mod M; dots + r: the point was read; fraction[j] + r: j digits after it
  const auto rows = [&](auto accepts) {
    const auto base = static_cast<std::uint32_t>(out.rows.size());
    for (std::uint32_t r = 0; r < m; ++r) out.add(accepts(r));
    return base;
  };
  const auto scaled = [m](std::uint64_t r, std::uint32_t digits_left) {
    for (; digits_left > 0; --digits_left) r = r * 10 % m;
    return r == 0;
  };
  const auto whole = rows([&](std::uint32_t r) { return scaled(r, k); });
  std::vector<std::uint32_t> fraction{rows([](std::uint32_t) { return false; })};
  for (std::uint32_t j = 1; j <= k; ++j) fraction.push_back(rows([&](std::uint32_t r) { return scaled(r, k - j); }));
  const auto digit = [&](std::uint32_t from, std::uint32_t r, std::uint32_t base, int low) {
    for (int d = low; d <= 9; ++d) out.rows[from].push_back({byte(d), byte(d), base + (r * 10 + static_cast<std::uint32_t>(d)) % m});
  };
  out.rows[start] = {{'-', '-', sign}, {'0', '0', zero}};
  digit(start, 0, whole, 1);
  digit(sign, 0, whole, 1);
  if (k > 0) {
    out.rows[sign].insert(out.rows[sign].begin(), {'0', '0', zero});
    out.rows[zero] = {{'.', '.', point_of_zero}};
    digit(point_of_zero, 0, fraction[1], 0);
  }
  for (std::uint32_t r = 0; r < m; ++r) {
    if (k > 0) out.rows[whole + r].push_back({'.', '.', fraction[0] + r});
    digit(whole + r, r, whole, 0);
    for (std::uint32_t j = 0; j < k; ++j) digit(fraction[j] + r, r, fraction[j + 1], 0);
  }
  return out;
}

} // namespace tokamak::json_schema
