// Stop strings in a stream of text: found across token borders, and never a part of one delivered before it is known not
// to become one (step 6 of the way of a token).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::network {

class stop_matcher {
public:
  explicit stop_matcher(std::vector<std::string> stops = {});

  struct result {
    std::string text;                ///< can be delivered
    std::optional<std::string> stop; ///< the stop string that ended the stream; text ends before it
  };

  /// Takes more text. After a stop nothing more is delivered. The stop that ends first wins; of those that end
  /// together, the longest.
  result push(std::string_view text);

  /// The stream ended without a stop: what was held back.
  std::string flush();

private:
  std::size_t held_back() const;

  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

} // namespace tokamak::network
