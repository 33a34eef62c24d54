// One rule of a route: a member and what a request must be like to go there.
#pragma once

#include <tokamak/plugin.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace tokamak::route {

/// All conditions given must hold; a rule without any matches every request.
class rule {
public:
  /// Reads { to, model, tenant, prompt_min, prompt_max, metadata }. Throws a failure at the option that is wrong.
  explicit rule(const sdk::option& from) : where_(from) {
    bool has_target = false;
    for (const auto& o : from.table().entries()) {
      if (o.name() == "to") has_target = true, to_ = o.string();
      else if (o.name() == "model") models_ = words(o);
      else if (o.name() == "tenant") tenants_ = words(o);
      else if (o.name() == "prompt_min") least_ = static_cast<std::size_t>(o.integer(0));
      else if (o.name() == "prompt_max") most_ = static_cast<std::size_t>(o.integer(0));
      else if (o.name() == "metadata") read_metadata(o);
      else o.fail("unknown in a rule; expected to, model, tenant, prompt_min, prompt_max or metadata");
    }
    if (!has_target) from.fail("names no member; expected to = \"MEMBER\"");
    if (least_ > most_) from.fail("no prompt has at least " + std::to_string(least_) + " and at most " + std::to_string(most_) + " characters");
  }

  const std::string& to() const { return to_; }
  const sdk::option& where() const { return where_; }

  bool matches(const tk_request& r) const {
    return (models_.empty() || contains(models_, sdk::view(r.model))) &&
           (tenants_.empty() || contains(tenants_, sdk::view(r.tenant))) && r.prompt_characters >= least_ &&
           r.prompt_characters <= most_ &&
           std::all_of(metadata_.begin(), metadata_.end(), [&](const label& l) { return has_label(r, l); });
  }

private:
  struct label {
    std::string key;
    std::vector<std::string> values; ///< any of them
  };

  // "gold", or ["gold", "silver"].
  static std::vector<std::string> words(const sdk::option& o) {
    if (o.type() != TK_ARRAY) return {o.string()};
    std::vector<std::string> out;
    for (const auto& element : o.array()) out.push_back(element.string());
    if (out.empty()) o.fail("is empty, so that the rule could never match");
    return out;
  }
  void read_metadata(const sdk::option& o) {
    for (const auto& entry : o.table().entries()) metadata_.push_back({entry.name(), words(entry)});
  }
  static bool contains(const std::vector<std::string>& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  }
  static bool has_label(const tk_request& r, const label& l) {
    return std::any_of(r.metadata, r.metadata + r.n_metadata, [&](const tk_label& given) {
      return sdk::view(given.key) == l.key && contains(l.values, sdk::view(given.value));
    });
  }

  sdk::option where_;
  std::string to_;
  std::vector<std::string> models_, tenants_; ///< empty: any
  std::size_t least_ = 0, most_ = SIZE_MAX;
  std::vector<label> metadata_;
};

} // namespace tokamak::route
