// A constraint for tests: a text of words, of which an answer is one.
#include <tokamak/plugin.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace {

namespace sdk = tokamak::sdk;

/// "yes|no": an answer is one of these words.
class alternatives : public sdk::constraint {
 public:
  static constexpr const char* name = "alternatives";
  static constexpr const char* summary = "An answer is one of a few words.";
  alternatives(sdk::host, const sdk::option_table&, std::span<const tk_string> tokens) {
    for (const auto& t : tokens) tokens_.emplace_back(sdk::view(t));
  }

  using compiled = std::vector<std::string>;
  std::unique_ptr<compiled> compile(std::string_view text) const {
    auto words = std::make_unique<compiled>();
    for (std::size_t begin = 0; begin <= text.size();) {
      const auto end = std::min(text.find('|', begin), text.size());
      if (end == begin) throw sdk::failure(TK_INVALID_ARGUMENT, "character " + std::to_string(begin) + ": nothing found, a word expected");
      words->emplace_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return words;
  }

  class matcher {
   public:
    matcher(const std::vector<std::string>& tokens, const compiled& words) : tokens_(tokens), words_(words) {}
    bool advance(std::int32_t token) {
      const auto& bytes = tokens_.at(static_cast<std::size_t>(token));
      lost_ = lost_ || bytes.empty() || !begins_one(said_ + bytes);
      said_ += bytes;
      return !lost_;
    }
    void allowed(std::span<std::uint32_t> mask) const {
      for (std::size_t t = 0; t < tokens_.size(); ++t)
        if (!lost_ && !tokens_[t].empty() && begins_one(said_ + tokens_[t])) mask[t / 32] |= 1u << (t % 32);
    }
    std::int32_t ending() const {
      if (lost_ || std::find(words_.begin(), words_.end(), said_) == words_.end()) return TK_MAY_NOT_END;
      const auto longer = [&](const auto& w) { return w.size() > said_.size() && w.starts_with(said_); };
      return std::any_of(words_.begin(), words_.end(), longer) ? TK_MAY_END : TK_MUST_END;
    }

   private:
    bool begins_one(const std::string& text) const {
      return std::any_of(words_.begin(), words_.end(), [&](const auto& w) { return w.starts_with(text); });
    }
    const std::vector<std::string>& tokens_;
    const compiled& words_;
    std::string said_;
    bool lost_ = false;
  };
  std::unique_ptr<matcher> match(const compiled& words) const { return std::make_unique<matcher>(tokens_, words); }

 private:
  std::vector<std::string> tokens_;
};

} // namespace

TOKAMAK_PLUGIN("alternatives", "0.1", "Apache-2.0", "For tests.", alternatives)
