// Constraints: whatever the text, an answer or an error; of the texts that the plugin takes, random ways through them over a
// small vocabulary, told again, in company and from several threads.
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "plugin/conformance/kinds.hpp"
#include "plugin/constraint_instance.hpp"

namespace tokamak::plugin::conformance {
namespace {

using matcher = constraint_instance::matcher;

/// Every byte, some longer tokens, and one that is no text.
std::vector<std::string> small_vocabulary() {
  std::vector<std::string> tokens;
  for (int b = 0; b < 256; ++b) tokens.emplace_back(1, static_cast<char>(b));
  for (const char* text : {"  ", "\":", "{\"", "\"}", "true", "false", "null", "yes", "no", "12", "\xc3\xa9", "\xe2\x82"}) tokens.emplace_back(text);
  tokens.emplace_back();
  return tokens;
}

/// Texts that some plugin may know, and some that none should.
const std::vector<std::string>& texts() {
  static const std::vector<std::string> all{"",           "{}",    "true",     "false",  R"({"type":"object"})", R"({"type":"integer"})",
                                            R"({"enum":["yes","no"]})", "yes|no", "[a-z]+", "root ::= \"yes\" | \"no\"",
                                            "{\"type\":", std::string("\0\xff", 2), std::string(100'000, '['), std::string(100'000, '(')};
  return all;
}

/// A matcher beside the tokens that brought it there.
struct walk {
  matcher at;
  std::vector<std::int32_t> path;
  std::vector<std::uint32_t> mask;
};

bool has(const std::vector<std::uint32_t>& mask, std::size_t token) { return (mask[token / 32] >> (token % 32) & 1) != 0; }

struct subject_under_walk {
  const constraint_instance& instance;
  std::vector<std::string> tokens = small_vocabulary();

  expected<matcher> replay(const constraint_instance::compiled& of, const std::vector<std::int32_t>& path) const {
    auto m = instance.match(of);
    if (!m) return m;
    for (const auto token : path)
      if (!m->advance(token)) return fail(errc::internal, "a second matcher refused what the first one took");
    return m;
  }

  outcome check_here(const constraint_instance::compiled& of, walk& w, std::mt19937_64& random) const {
    w.at.allowed(w.mask);
    const auto none = tokens.size() - 1;
    if (has(w.mask, none)) return broken("allows a token that stands for no text");
    if (w.mask.back() >> (tokens.size() % 32) != 0) return broken("sets bits behind the vocabulary");
    const auto ending = w.at.ending();
    if (ending < TK_MAY_NOT_END || ending > TK_MUST_END) return broken(fmt::format("ending is {}; 0 to 2 expected", ending));
    auto again = replay(of, w.path);
    if (!again) return broken(again.error().message);
    std::vector<std::uint32_t> mask(w.mask.size());
    again->allowed(mask);
    if (mask != w.mask || again->ending() != ending) return broken("says another thing after the same tokens");
    const auto token = static_cast<std::int32_t>(random() % tokens.size());
    if (again->advance(token) != has(w.mask, static_cast<std::size_t>(token)))
      return broken(fmt::format("token {} is {} in the mask and advance says the opposite", token, has(w.mask, static_cast<std::size_t>(token)) ? "allowed" : "not allowed"));
    if (!has(w.mask, static_cast<std::size_t>(token))) {
      again->allowed(mask);
      if (std::any_of(mask.begin(), mask.end(), [](auto word) { return word != 0; }) || again->ending() != TK_MAY_NOT_END)
        return broken("goes on after a token that it did not allow");
    }
    return passed();
  }

  outcome check(const constraint_instance::compiled& of, std::uint64_t seed) const {
    std::mt19937_64 random(seed);
    for (int n = 0; n < 8; ++n) {
      auto begun = instance.match(of);
      if (!begun) return broken(begun.error().message);
      walk w{std::move(*begun), {}, std::vector<std::uint32_t>((tokens.size() + 31) / 32)};
      for (int step = 0; step < 40; ++step) {
        if (auto o = check_here(of, w, random); !o.passed) return o;
        std::vector<std::int32_t> allowed;
        for (std::size_t t = 0; t < tokens.size(); ++t)
          if (has(w.mask, t)) allowed.push_back(static_cast<std::int32_t>(t));
        if (allowed.empty()) {
          if (w.at.ending() == TK_MAY_NOT_END) return broken(fmt::format("allows nothing after {} tokens, and no end", w.path.size()));
          break;
        }
        w.path.push_back(allowed[random() % allowed.size()]);
        if (!w.at.advance(w.path.back())) return broken("refused a token that it allowed");
      }
    }
    return passed();
  }
};

outcome check_texts(const constraint_instance& c) {
  for (const auto& text : texts()) {
    const auto compiled = c.compile(text);
    if (compiled) continue;
    if (compiled.error().message.empty()) return broken("refused a text without saying why");
    if (compiled.error().code == errc::internal) return broken(compiled.error().message);
  }
  return passed();
}

outcome check_walks(const constraint_instance& c, std::uint64_t seed) {
  const subject_under_walk of{c};
  for (const auto& text : texts())
    if (const auto compiled = c.compile(text))
      if (auto o = of.check(*compiled, seed++); !o.passed) return broken(fmt::format("'{}': {}", text.substr(0, 40), o.detail));
  return passed();
}

outcome check_threads(const constraint_instance& c, std::uint64_t seed) {
  std::mutex mutex;
  auto first = passed();
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const auto o = check_walks(c, seed + t);
      const std::lock_guard lock(mutex);
      if (!o.passed) first = o;
    });
  for (auto& t : threads) t.join();
  return first;
}

} // namespace

void check_constraint(checks& c, const subject& s) {
  auto checker = constraint_instance::create(s.plugins, s.use, s.settings());
  c.run("is created without a vocabulary", [&] { return checker ? passed() : broken(checker.error().message); });
  if (!checker) return;
  c.run("takes any text or says what is wrong with it", [&] { return check_texts(*checker); });
  auto made = constraint_instance::create(s.plugins, s.use, s.settings(), small_vocabulary());
  c.run("is created with a vocabulary", [&] { return made ? passed() : broken(made.error().message); });
  if (!made) return;
  c.run("takes the same texts with it", [&] {
    for (const auto& text : texts())
      if (made->compile(text).has_value() != checker->compile(text).has_value()) return broken(fmt::format("'{}' is taken by one of them only", text.substr(0, 40)));
    return passed();
  });
  c.run("allows what it takes, and the same after the same tokens", [&] { return check_walks(*made, s.seed); });
  c.run("works from several threads", [&] { return check_threads(*made, s.seed); });
}

} // namespace tokamak::plugin::conformance
