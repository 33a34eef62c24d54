// constraint "json_schema": answers are JSON documents that a schema accepts.
#include <tokamak/plugin.hpp>

#include "json_schema/json_schema.hpp"

#include <string>
#include <vector>

namespace {

namespace sdk = tokamak::sdk;
namespace js = tokamak::json_schema;

class json_schema : public sdk::constraint {
 public:
  static constexpr const char* name = "json_schema";
  static constexpr const char* summary = "Answers are JSON documents that a schema accepts.";

  json_schema(sdk::host, const sdk::option_table&, std::span<const tk_string> tokens) {
    if (tokens.empty()) return;
    std::vector<std::string> bytes;
    bytes.reserve(tokens.size());
    for (const auto& token : tokens) bytes.emplace_back(sdk::view(token));
    vocabulary_ = std::make_shared<const js::vocabulary>(bytes);
  }

  struct compiled {
    std::shared_ptr<const js::grammar> grammar;
  };
  std::unique_ptr<compiled> compile(std::string_view text) const {
    try {
      return std::make_unique<compiled>(compiled{js::compile(text)});
    } catch (const js::schema_error& e) {
      throw sdk::failure(TK_INVALID_ARGUMENT, e.what());
    }
  }

  class matcher {
   public:
    matcher(std::shared_ptr<const js::grammar> grammar, std::shared_ptr<const js::vocabulary> vocabulary)
        : at_(std::move(grammar), std::move(vocabulary)) {}
    bool advance(std::int32_t token) { return lost_ = lost_ || !at_.advance(token), !lost_; }
    void allowed(std::span<std::uint32_t> mask) const {
      if (!lost_) at_.allowed(mask);
    }
    std::int32_t ending() const {
      if (lost_ || !at_.may_end()) return TK_MAY_NOT_END;
      return at_.must_end() ? TK_MUST_END : TK_MAY_END;
    }

   private:
    js::matcher at_;
    bool lost_ = false;
  };
  std::unique_ptr<matcher> match(const compiled& of) const { return std::make_unique<matcher>(of.grammar, vocabulary_); }

 private:
  std::shared_ptr<const js::vocabulary> vocabulary_;
};

} // namespace

TOKAMAK_PLUGIN("json_schema", "0.1.0", "Apache-2.0", "Constrains answers to JSON schemas.", json_schema)
