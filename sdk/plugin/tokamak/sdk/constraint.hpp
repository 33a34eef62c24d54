// Kind constraint in C++. Derive from `constraint` and define
//   static constexpr const char *name, *summary;  [static constexpr tk_option_spec options[];]
//   MyClass(host, const option_table&, std::span<const tk_string> tokens);  [static void validate(const option_table&);]
//   class compiled; class matcher;                // your types; the host holds pointers to them
//   std::unique_ptr<compiled> compile(std::string_view text) const;          // throws failure: what is wrong with it
//   std::unique_ptr<matcher> match(const compiled&) const;
// and for the matcher
//   bool advance(std::int32_t token);             // false: not allowed here
//   void allowed(std::span<std::uint32_t> mask);  // one bit a token, zeroed
//   std::int32_t ending();                        // TK_MAY_NOT_END, TK_MAY_END, TK_MUST_END
// Several threads at a time, each with a matcher of its own: hence the const. A matcher that throws allows nothing.
#pragma once

#include <tokamak/sdk/extension.hpp>

#include <algorithm>
#include <string_view>

namespace tokamak::sdk {

class constraint {
  /// A matcher with what the border of its calls needs.
  template <class Plugin>
  struct matching {
    std::unique_ptr<typename Plugin::matcher> matcher;
    std::size_t n_words = 0;
    bool failed = false;

    template <class Result, class Function>
    Result call(void* self, Result otherwise, Function&& f) noexcept {
      if (failed) return otherwise;
      try {
        return f(*matcher);
      } catch (...) {
        failed = true;
        held<sized<Plugin>>(self).log_current("constraint.failed");
        return otherwise;
      }
    }
  };

 public:
  static constexpr tk_kind kind = TK_KIND_CONSTRAINT;

  /// Remembers how long a mask is.
  template <class Plugin>
  struct sized : Plugin {
    static constexpr auto name = Plugin::name;
    sized(host h, const option_table& o, std::span<const tk_string> tokens)
        : Plugin(h, o, tokens), n_words((tokens.size() + 31) / 32) {}
    std::size_t n_words;
  };

  template <class Plugin>
  static constexpr tk_constraint table{
      sizeof(tk_constraint),
      [](const tk_host* h, const tk_options* o, const tk_string* tokens, std::size_t n, void** self, tk_error* e) {
        return create<sized<Plugin>>(h, o, self, e, std::span(tokens, n));
      },
      &destroy<sized<Plugin>>,
      [](void* self, tk_string text, void** compiled, tk_error* e) {
        return guard(e, [&] { *compiled = std::as_const(held<sized<Plugin>>(self).plugin).compile(view(text)).release(); });
      },
      [](void*, void* compiled) { delete static_cast<typename Plugin::compiled*>(compiled); },
      [](void* self, void* compiled, void** matcher, tk_error* e) {
        return guard(e, [&] {
          const auto& p = held<sized<Plugin>>(self).plugin;
          auto made = std::make_unique<matching<Plugin>>();
          made->matcher = p.match(*static_cast<const typename Plugin::compiled*>(compiled));
          made->n_words = p.n_words;
          *matcher = made.release();
        });
      },
      [](void*, void* matcher) { delete static_cast<matching<Plugin>*>(matcher); },
      [](void* self, void* matcher, std::int32_t token) {
        return static_cast<matching<Plugin>*>(matcher)->call(
            self, std::int32_t{0}, [&](auto& m) -> std::int32_t { return m.advance(token) ? 1 : 0; });
      },
      [](void* self, void* matcher, std::uint32_t* mask) {
        auto& m = *static_cast<matching<Plugin>*>(matcher);
        const bool ok = m.call(self, false, [&](auto& of) { return of.allowed(std::span(mask, m.n_words)), true; });
        if (!ok) std::fill(mask, mask + m.n_words, 0);
      },
      [](void* self, void* matcher) {
        return static_cast<matching<Plugin>*>(matcher)->call(self, std::int32_t{TK_MAY_NOT_END},
                                                             [](auto& m) -> std::int32_t { return m.ending(); });
      }};
};

} // namespace tokamak::sdk
