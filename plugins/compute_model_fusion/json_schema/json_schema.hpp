// Start here: a JSON schema becomes a grammar (compile), a tokenizer's tokens a vocabulary, and a matcher walks through the one with the other: which
// tokens may come next so that the text becomes a JSON document that the schema accepts. What of the standard is done stands in README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::json_schema {

/// what(): where in the schema (a JSON pointer, "/" for its root), what was found, what was expected. Broken JSON: the byte.
struct schema_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class automaton;
class trie;
class mask_cache;

/// A compiled schema. Immutable; shared by threads (it keeps masks that were computed, behind a lock).
class grammar {
 public:
  explicit grammar(std::unique_ptr<const automaton>);
  ~grammar();
  grammar(const grammar&) = delete;
  grammar& operator=(const grammar&) = delete;

  const automaton& rules() const { return *rules_; }
  mask_cache& masks() const { return *masks_; }

 private:
  std::unique_ptr<const automaton> rules_;
  std::unique_ptr<mask_cache> masks_;
};

/// Bounded in time and memory whatever the schema. Throws schema_error.
std::shared_ptr<const grammar> compile(std::string_view schema_json);

/// The bytes of all tokens as a trie. Immutable; shared by threads.
class vocabulary {
 public:
  /// "" is a token that may never be chosen, as control tokens are.
  explicit vocabulary(std::span<const std::string> bytes_of_tokens);
  ~vocabulary();
  vocabulary(const vocabulary&) = delete;
  vocabulary& operator=(const vocabulary&) = delete;

  std::size_t size() const { return size_; }
  /// Nothing for tokens that may never be chosen.
  std::string_view bytes(std::int32_t token) const;
  std::uint64_t id() const { return id_; } ///< no other vocabulary of the process has it
  const trie& tokens() const { return *tokens_; }
  mask_cache& masks() const { return *masks_; }

 private:
  std::size_t size_;
  std::uint64_t id_;
  std::unique_ptr<const trie> tokens_;
  std::unique_ptr<mask_cache> masks_;
};

/// An element of the stack below the state that reads: where to go on when the rule above it ends, and what its repetition still needs and allows.
struct frame {
  std::uint32_t state, need, room, below;
  friend bool operator==(const frame&, const frame&) = default;
};

/// All ways to read the text so far. Copyable; one thread at a time.
class matcher {
 public:
  matcher(std::shared_ptr<const grammar>, std::shared_ptr<const vocabulary>);

  /// False: not allowed here, and nothing changes. Of text that may go on in more than `max_stacks` ways the first ones are followed.
  bool advance(std::int32_t token);
  bool advance_bytes(std::string_view);
  /// The text so far is a whole document.
  bool may_end() const { return may_end_; }
  /// And nothing but an end can follow.
  bool must_end() const { return may_end_ && live_.empty(); }
  /// REQUIRES: (size + 31) / 32 words. Sets the bit of each token that advance would take, and clears all others.
  void allowed(std::span<std::uint32_t> mask) const;

 private:
  std::shared_ptr<const grammar> grammar_;
  std::shared_ptr<const vocabulary> vocabulary_;
  std::vector<frame> frames_; ///< those below; `below` is an index into it
  std::vector<frame> live_;   ///< the tops, which read bytes
  bool may_end_ = false;
};

inline constexpr std::size_t max_stacks = 512;
inline constexpr std::size_t max_stack_depth = 1024; ///< no object or array begins deeper

} // namespace tokamak::json_schema
