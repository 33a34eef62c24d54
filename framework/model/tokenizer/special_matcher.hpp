// Finds control and user-defined tokens inside text, before the rest of it is tokenized.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak {

class vocabulary;

/// Immutable once built; any thread.
class special_matcher {
public:
  struct match {
    std::size_t begin;
    std::size_t end;
    std::int32_t id;
  };

  explicit special_matcher(const vocabulary& vocab);

  /// The leftmost token at or after `from`, the longest where several begin there. User-defined tokens
  /// always count, control and unknown ones only if `with_control`.
  std::optional<match> next(std::string_view text, std::size_t from, bool with_control) const;

private:
  struct name {
    std::string text;
    std::int32_t id;
    bool control;
  };

  std::optional<match> longest_at(std::string_view text, std::size_t begin, bool with_control) const;

  std::vector<name> names_;            // sorted by text
  std::uint32_t first_with_[257] = {}; // names_[first_with_[b], first_with_[b + 1]) begin with byte b
  bool begins_user_defined_[256] = {}; // first bytes, to skip quickly
  bool begins_any_[256] = {};
};

} // namespace tokamak
