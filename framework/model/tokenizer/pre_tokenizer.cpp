// Pre-tokenization with PCRE2, compiled to machine code where the system allows it.
#include "model/tokenizer/pre_tokenizer.hpp"

#include "model/gguf/gguf_cursor.hpp"
#include "model/tokenizer/utf8.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace tokamak {
namespace {

struct pcre2_deleter {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
};

// PCRE2's \s has one character (U+180E) that Unicode no longer counts as white space.
std::string with_unicode_space(std::string_view pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      if (next == 's' || next == 'S')
        out += next == 's' ? "\\p{White_Space}" : "\\P{White_Space}";
      else
        out.append({'\\', next});
    } else {
      out += pattern[i];
    }
  }
  return out;
}

} // namespace

class pre_tokenizer::pattern {
public:
  explicit pattern(std::string_view source) {
    const std::string text = with_unicode_space(source);
    int code = 0;
    PCRE2_SIZE offset = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                              PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &code, &offset, nullptr));
    context_.reset(pcre2_match_context_create(nullptr));
    // Without JIT (a system that forbids writable code) the interpreter does the same, slower.
    if (code_)
      compiled_to_machine_code_ = pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE) == 0;
    // The patterns backtrack over single characters only, so a match costs at most one step each; the
    // default limit would stop the interpreter inside ten million spaces.
    if (context_)
      pcre2_set_match_limit(context_.get(), std::numeric_limits<std::uint32_t>::max());
  }

  bool compiled() const { return code_ != nullptr && context_ != nullptr; }

  // Appends the lengths of matches and gaps of one piece. REQUIRES: valid UTF-8.
  void split(std::string_view piece, pcre2_match_data* match, std::vector<std::size_t>& out) const {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(piece.data());
    std::size_t at = 0;
    while (at < piece.size()) {
      const int found =
          compiled_to_machine_code_
              ? pcre2_jit_match(code_.get(), subject, piece.size(), at, 0, match, context_.get())
              : pcre2_match(code_.get(), subject, piece.size(), at, PCRE2_NO_UTF_CHECK, match, context_.get());
      if (found < 0)
        break; // no match; the rest is one gap
      const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match);
      if (ends[1] <= ends[0])
        break;
      if (ends[0] > at)
        out.push_back(ends[0] - at);
      out.push_back(ends[1] - ends[0]);
      at = ends[1];
    }
    if (at < piece.size())
      out.push_back(piece.size() - at);
  }

private:
  std::unique_ptr<pcre2_code, pcre2_deleter> code_;
  std::unique_ptr<pcre2_match_context, pcre2_deleter> context_;
  bool compiled_to_machine_code_ = false;
};

pre_tokenizer::pre_tokenizer(const pre_tokenizer_rules& rules) : rules_(&rules) {
  for (const auto source : rules.patterns)
    patterns_.push_back(std::make_unique<pattern>(source));
}
pre_tokenizer::pre_tokenizer(pre_tokenizer&&) noexcept = default;
pre_tokenizer& pre_tokenizer::operator=(pre_tokenizer&&) noexcept = default;
pre_tokenizer::~pre_tokenizer() = default;

expected<pre_tokenizer> pre_tokenizer::by_name(std::string_view name) {
  std::string known;
  for (const auto& rules : all_pre_tokenizer_rules()) {
    for (const auto known_name : rules.names) {
      if (known_name == name) {
        pre_tokenizer made(rules);
        for (const auto& p : made.patterns_)
          if (!p->compiled())
            return fail(errc::internal, fmt::format("the pre-tokenizer pattern of '{}' does not compile", name));
        return made;
      }
      known += fmt::format("{}{}", known.empty() ? "" : ", ", known_name);
    }
  }
  return fail(errc::unsupported, fmt::format("pre-tokenizer {} is not supported; known: {}", quoted(name), known));
}

void pre_tokenizer::split(std::string_view text, std::vector<std::size_t>& pieces) const {
  const std::unique_ptr<pcre2_match_data, pcre2_deleter> match(pcre2_match_data_create(1, nullptr));
  pieces.clear();
  std::vector<std::size_t> before;
  while (!text.empty()) {
    const std::size_t valid = utf8_valid_prefix(text);
    std::vector<std::size_t> current;
    if (valid > 0)
      current.push_back(valid);
    for (const auto& p : patterns_) {
      before.swap(current);
      current.clear();
      std::size_t at = 0;
      for (const std::size_t length : before) {
        p->split(text.substr(at, length), match.get(), current);
        at += length;
      }
    }
    pieces.insert(pieces.end(), current.begin(), current.end());
    std::size_t invalid = valid;
    while (invalid < text.size() && utf8_character_bytes(text.substr(invalid)) == 0)
      ++invalid;
    if (invalid > valid)
      pieces.push_back(invalid - valid);
    text.remove_prefix(invalid);
  }
}

} // namespace tokamak
