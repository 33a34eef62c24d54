// Pattern → tree → nondeterministic automaton over bytes → deterministic one. A character class is a sorted list of ranges of code points.
#include "json_schema/regex.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace tokamak::json_schema {

namespace {

struct span_of {
  std::uint32_t first, last;
};
using char_class = std::vector<span_of>;
constexpr std::uint32_t last_code_point = 0x10ffff, endless = 0xffffffffu;
constexpr int max_nesting = 64;
constexpr std::size_t max_nfa_states = 100'000;

char_class normal(char_class c) {
  std::sort(c.begin(), c.end(), [](span_of a, span_of b) { return a.first < b.first; });
  char_class out;
  for (const auto s : c)
    if (!out.empty() && s.first <= out.back().last + 1)
      out.back().last = std::max(out.back().last, s.last);
    else
      out.push_back(s);
  return out;
}

char_class complement(const char_class& c) {
  char_class out;
  std::uint32_t at = 0;
  for (const auto s : normal(c)) {
    if (s.first > at) out.push_back({at, s.first - 1});
    at = s.last + 1;
  }
  if (at <= last_code_point) out.push_back({at, last_code_point});
  return out;
}

const char_class digits = {{'0', '9'}};
const char_class word = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const char_class space = {{9, 13}, {' ', ' '}, {0xa0, 0xa0}, {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
const char_class line_ends = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

struct tree {
  enum { chars, sequence, choice, repeat } kind = sequence;
  char_class of{};
  std::vector<tree> parts{};
  std::uint32_t least = 1, most = 1;
};

class parser {
 public:
  explicit parser(std::string_view text) : text_(text) {}

  tree whole() {
    tree out{tree::choice};
    do {
      // Without anchors, anything may stand before and after.
      const bool begins = take('^');
      tree part = sequence(0, true);
      const bool ends = take('$');
      tree all{tree::sequence};
      if (!begins) all.parts.push_back(anything());
      all.parts.push_back(std::move(part));
      if (!ends) all.parts.push_back(anything());
      out.parts.push_back(std::move(all));
    } while (take('|'));
    if (at_ < text_.size()) fail("found \"" + std::string(1, text_[at_]) + "\"", "the pattern's end");
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
    throw regex_error(found + " at byte " + std::to_string(at_) + " of the pattern, expected " + expected);
  }
  bool more() const { return at_ < text_.size(); }
  bool take(char c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view s) {
    if (!text_.substr(at_).starts_with(s)) return false;
    at_ += s.size();
    return true;
  }
  static tree anything() {
    tree out{tree::repeat};
    out.parts.push_back({tree::chars, {{0, last_code_point}}});
    out.least = 0;
    out.most = endless;
    return out;
  }

  tree choice(int depth) {
    tree out{tree::choice};
    do out.parts.push_back(sequence(depth, false));
    while (take('|'));
    return out;
  }
  tree sequence(int depth, bool outermost) {
    tree out;
    while (more() && text_[at_] != '|' && text_[at_] != ')') {
      if (outermost && text_[at_] == '$' && (at_ + 1 == text_.size() || text_[at_ + 1] == '|')) break;
      out.parts.push_back(repeated(depth));
    }
    return out;
  }
  tree repeated(int depth) {
    tree part = one(depth);
    std::uint32_t least = 1, most = 1;
    if (take('*')) least = 0, most = endless;
    else if (take('+')) most = endless;
    else if (take('?')) least = 0;
    else if (more() && text_[at_] == '{') bounds(least, most);
    else return part;
    take('?'); // lazy: the same language
    if (more() && (text_[at_] == '*' || text_[at_] == '+' || text_[at_] == '?' || text_[at_] == '{')) fail("found a second quantifier", "one");
    tree out{tree::repeat};
    out.parts.push_back(std::move(part));
    out.least = least;
    out.most = most;
    return out;
  }
  std::uint32_t number() {
    if (!more() || text_[at_] < '0' || text_[at_] > '9') fail("found no number", "{m}, {m,} or {m,n}");
    std::uint32_t n = 0;
    for (; more() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) n = std::min<std::uint32_t>(n * 10 + static_cast<std::uint32_t>(text_[at_] - '0'), 100'000'000);
    return n;
  }
  void bounds(std::uint32_t& least, std::uint32_t& most) {
    ++at_;
    least = most = number();
    if (take(',')) most = more() && text_[at_] == '}' ? endless : number();
    if (!take('}')) fail("found no end of {", "{m}, {m,} or {m,n}");
    if (least > most) fail("found {m,n} with m > n", "m <= n");
  }
  tree one(int depth) {
    if (depth > max_nesting) fail("found groups nested deeper than " + std::to_string(max_nesting), "fewer");
    if (take('(')) {
      if (take("?:")) {
      } else if (text_.substr(at_).starts_with("?<") && at_ + 2 < text_.size() && text_[at_ + 2] != '=' && text_[at_ + 2] != '!') {
        const auto end = text_.find('>', at_);
        if (end == text_.npos) fail("found a group's name without an end", "(?<name>...)");
        at_ = end + 1;
      } else if (more() && text_[at_] == '?') {
        fail("found \"(?\"", "(...) or (?:...); what looks ahead or behind is not done");
      }
      tree out = choice(depth + 1);
      if (!take(')')) fail("found a group without an end", "\")\"");
      return out;
    }
    if (take('[')) return {tree::chars, bracket()};
    if (take('.')) return {tree::chars, complement(line_ends)};
    if (take('\\')) return {tree::chars, escape(false)};
    const char c = text_[at_];
    if (c == '^' || c == '$') fail(std::string("found an anchor \"") + c + "\" inside", "\"^\" and \"$\" only at the ends of the pattern or of an alternative outside of groups");
    if (c == '*' || c == '+' || c == '?' || c == '{' ) fail(std::string("found \"") + c + "\" after nothing", "something to repeat");
    const auto p = code_point();
    return {tree::chars, {{p, p}}};
  }
  // The schema is JSON that was read, so its text is UTF-8.
  std::uint32_t code_point() {
    const auto lead = static_cast<unsigned char>(text_[at_++]);
    const int more_bytes = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    std::uint32_t p = more_bytes == 0 ? lead : lead & (0x3fu >> more_bytes);
    for (int i = 0; i < more_bytes && more(); ++i) p = p << 6 | (static_cast<unsigned char>(text_[at_++]) & 0x3fu);
    return p;
  }
  std::uint32_t hex(int n) {
    std::uint32_t p = 0;
    for (int i = 0; i < n; ++i) {
      const char c = more() ? text_[at_] : ' ';
      const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (value < 0) fail("found no hexadecimal digit", "\\xHH or \\uHHHH");
      p = p * 16 + static_cast<std::uint32_t>(value);
      ++at_;
    }
    return p;
  }
  char_class escape(bool in_brackets) {
    if (!more()) fail("found \"\\\" at the end", "an escape");
    const char c = text_[at_++];
    const auto only = [](std::uint32_t p) { return char_class{{p, p}}; };
    switch (c) {
      case 'd': return digits;
      case 'D': return complement(digits);
      case 'w': return word;
      case 'W': return complement(word);
      case 's': return space;
      case 'S': return complement(space);
      case 'n': return only('\n');
      case 'r': return only('\r');
      case 't': return only('\t');
      case 'f': return only('\f');
      case 'v': return only('\v');
      case 'x': return only(hex(2));
      case 'u': {
        auto p = hex(4);
        if (p >= 0xd800 && p <= 0xdbff && take("\\u")) p = 0x10000 + ((p - 0xd800) << 10) + ((hex(4) - 0xdc00) & 0x3ff);
        return only(p);
      }
      case 'b':
        if (in_brackets) return only('\b');
        break;
      case '0':
        if (!more() || text_[at_] < '0' || text_[at_] > '9') return only(0);
        break;
      default: break;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) {
      --at_;
      fail(std::string("found \"\\") + c + "\"", "\\d \\D \\w \\W \\s \\S \\n \\r \\t \\f \\v \\xHH \\uHHHH, or a sign; back references, \\b and \\p are not done");
    }
    --at_;
    return only(code_point());
  }
  char_class bracket() {
    const bool negated = take('^');
    char_class out;
    while (!take(']')) {
      if (!more()) fail("found a class without an end", "\"]\"");
      char_class first = take('\\') ? escape(true) : char_class{};
      if (first.empty()) {
        const auto p = code_point();
        first = {{p, p}};
      }
      const bool single = first.size() == 1 && first[0].first == first[0].last;
      if (single && at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        ++at_;
        char_class last = take('\\') ? escape(true) : char_class{};
        if (last.empty()) {
          const auto p = code_point();
          last = {{p, p}};
        }
        if (last.size() != 1 || last[0].first != last[0].last) fail("found a class as the end of a range", "a character");
        if (last[0].first < first[0].first) fail("found a range that ends before it begins", "first-last");
        first[0].last = last[0].first;
      }
      out.insert(out.end(), first.begin(), first.end());
    }
    return negated ? complement(out) : normal(out);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

class compiler {
 public:
  byte_dfa of(const tree& t) {
    const auto begin = nfa_.add(), inside = nfa_.add();
    nfa_.read(begin, '"', '"', inside);
    const auto last = add(t, inside), end = nfa_.add();
    nfa_.read(last, '"', '"', end);
    auto out = nfa_.determined(begin, end);
    if (!out) too_large();
    return std::move(*out);
  }

 private:
  [[noreturn]] static void too_large() {
    throw regex_error("found a pattern whose automaton has more than " + std::to_string(max_dfa_states) + " states, expected a smaller one");
  }
  std::uint32_t fresh() {
    if (nfa_.size() >= max_nfa_states) too_large();
    return nfa_.add();
  }
  std::uint32_t add(const tree& t, std::uint32_t from) {
    switch (t.kind) {
      case tree::chars: return add_class(t.of, from);
      case tree::sequence:
        for (const auto& part : t.parts) from = add(part, from);
        return from;
      case tree::choice: {
        const auto end = fresh();
        for (const auto& part : t.parts) {
          const auto begin = fresh();
          nfa_.skip(from, begin);
          nfa_.skip(add(part, begin), end);
        }
        return end;
      }
      case tree::repeat: break;
    }
    for (std::uint32_t i = 0; i < t.least; ++i) from = once(t.parts[0], from);
    const auto end = fresh();
    if (t.most == endless) {
      const auto loop = fresh();
      nfa_.skip(from, loop);
      nfa_.skip(once(t.parts[0], loop), loop);
      nfa_.skip(loop, end);
      return end;
    }
    nfa_.skip(from, end);
    for (std::uint32_t i = t.least; i < t.most; ++i) {
      from = once(t.parts[0], from);
      nfa_.skip(from, end);
    }
    return end;
  }
  // A state of its own in any case, so that repetitions of nothing come to the limit too.
  std::uint32_t once(const tree& t, std::uint32_t from) {
    const auto begin = fresh();
    nfa_.skip(from, begin);
    return add(t, begin);
  }
  std::uint32_t add_class(const char_class& of, std::uint32_t from) {
    const auto end = fresh();
    for (const auto s : of) {
      for (auto p = s.first; p <= std::min<std::uint32_t>(s.last, 0x1f); ++p) add_control(p, from, end);
      for (const std::uint32_t p : {'"', '\\'})
        if (s.first <= p && p <= s.last) {
          const auto escaped = fresh();
          nfa_.read(from, '\\', '\\', escaped);
          nfa_.read(escaped, static_cast<std::uint8_t>(p), static_cast<std::uint8_t>(p), end);
        }
      constexpr span_of raw[] = {{0x20, 0x21}, {0x23, 0x5b}, {0x5d, 0x7f}, {0x80, 0x7ff}, {0x800, 0xd7ff}, {0xe000, 0xffff}, {0x10000, last_code_point}};
      for (const auto r : raw)
        if (const auto first = std::max(s.first, r.first), last = std::min(s.last, r.last); first <= last) add_utf8(first, last, from, end);
    }
    return end;
  }
  void add_control(std::uint32_t p, std::uint32_t from, std::uint32_t end) {
    auto at = fresh();
    nfa_.read(from, '\\', '\\', at);
    const char* const names = "btnvfr"; // from 8 on; \v has no short form
    const bool shorter = p >= 8 && p <= 13 && p != 11;
    std::string rest = shorter ? std::string(1, names[p - 8]) : std::string("u00") + (p < 16 ? '0' : '1') + "0123456789abcdef"[p % 16];
    for (std::size_t i = 0; i < rest.size(); ++i) {
      const auto next = i + 1 == rest.size() ? end : fresh();
      nfa_.read(at, static_cast<std::uint8_t>(rest[i]), static_cast<std::uint8_t>(rest[i]), next);
      at = next;
    }
  }
  // first and last have the same number of bytes. Splits until every byte but the first ones is free or fixed.
  void add_utf8(std::uint32_t first, std::uint32_t last, std::uint32_t from, std::uint32_t end) {
    const int n = first < 0x80 ? 1 : first < 0x800 ? 2 : first < 0x10000 ? 3 : 4;
    for (int k = 1; k < n; ++k) {
      const std::uint32_t low = (1u << (6 * k)) - 1;
      if ((first & ~low) == (last & ~low)) continue;
      if ((first & low) != 0) {
        add_utf8(first, first | low, from, end);
        return add_utf8((first | low) + 1, last, from, end);
      }
      if ((last & low) != low) {
        add_utf8(first, (last & ~low) - 1, from, end);
        return add_utf8(last & ~low, last, from, end);
      }
    }
    std::uint8_t a[4], b[4];
    const auto encode = [n](std::uint32_t p, std::uint8_t* out) {
      constexpr std::uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
      for (int i = n - 1; i > 0; --i, p >>= 6) out[i] = static_cast<std::uint8_t>(0x80 | (p & 0x3f));
      out[0] = static_cast<std::uint8_t>(n == 1 ? p : lead[n] | p);
    };
    encode(first, a);
    encode(last, b);
    for (int i = 0; i < n; ++i) {
      const auto next = i + 1 == n ? end : fresh();
      nfa_.read(from, a[i], b[i], next);
      from = next;
    }
  }

  byte_nfa nfa_;
};

} // namespace

byte_dfa strings_with(std::string_view pattern) { return compiler().of(parser(pattern).whole()); }

std::string_view pattern_of_format(std::string_view format) {
#define TK_DATE                                                                                                                                                  \
  "(\\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))|"                                                     \
  "(\\d\\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)"
#define TK_TIME "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
#define TK_BYTE "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define TK_LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
  static constexpr std::pair<std::string_view, std::string_view> known[] = {
    {"date", "^" TK_DATE "$"},
    {"time", "^" TK_TIME "$"},
    {"date-time", "^" TK_DATE "T" TK_TIME "$"},
    {"duration", "^P(\\d+W|(\\d+Y(\\d+M(\\d+D)?)?|\\d+M(\\d+D)?|\\d+D)(T(\\d+H(\\d+M(\\d+S)?)?|\\d+M(\\d+S)?|\\d+S))?|T(\\d+H(\\d+M(\\d+S)?)?|\\d+M(\\d+S)?|\\d+S))$"},
    {"uuid", "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"},
    {"email", "^[A-Za-z0-9_%+-]+(\\.[A-Za-z0-9_%+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\\.)+[A-Za-z]{2,}$"},
    {"ipv4", "^(" TK_BYTE "\\.){3}" TK_BYTE "$"},
    {"ipv6", "^(([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,7}:|([0-9a-fA-F]{1,4}:){1,6}:[0-9a-fA-F]{1,4}|::([0-9a-fA-F]{1,4}:){0,6}[0-9a-fA-F]{1,4}|::)$"},
    {"hostname", "^" TK_LABEL "(\\." TK_LABEL ")*$"},
    {"uri", "^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=-]+$"},
  };
#undef TK_DATE
#undef TK_TIME
#undef TK_BYTE
#undef TK_LABEL
  for (const auto& [name, pattern] : known)
    if (name == format) return pattern;
  return {};
}

} // namespace tokamak::json_schema
