// A constraint plugin in use: texts compiled, and matchers that say which tokens an answer may go on with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "plugin/instance.hpp"

namespace tokamak::plugin {

/// Several threads at a time. What it makes keeps it alive.
class constraint_instance : public instance<tk_constraint> {
 public:
  /// A text as the plugin has read it. Copies share it.
  class compiled {
   public:
    compiled() = default;
    explicit operator bool() const { return handle_ != nullptr; }

   private:
    friend class constraint_instance;
    explicit compiled(std::shared_ptr<void> handle) : handle_(std::move(handle)) {}
    std::shared_ptr<void> handle_; ///< its deleter holds the instance
  };

  /// One answer's way through a text. One thread at a time.
  class matcher {
   public:
    matcher() = default;
    matcher(matcher&& other) noexcept
        : core_(std::move(other.core_)), of_(std::move(other.of_)), pointer_(std::exchange(other.pointer_, nullptr)) {}
    matcher& operator=(matcher&& other) noexcept {
      std::swap(core_, other.core_);
      std::swap(of_, other.of_);
      std::swap(pointer_, other.pointer_);
      return *this;
    }
    ~matcher() {
      if (core_) core_->table.matcher_destroy(core_->self, pointer_);
    }
    explicit operator bool() const { return core_ != nullptr; }

    /// False: the token is not allowed here, and nothing is from now on.
    bool advance(std::int32_t token) { return core_->table.advance(core_->self, pointer_, token) != 0; }
    /// One bit a token of the vocabulary. REQUIRES: the mask has words for all of it.
    void allowed(std::span<std::uint32_t> mask) const;
    /// TK_MAY_NOT_END, TK_MAY_END or TK_MUST_END.
    std::int32_t ending() const { return core_->table.ending(core_->self, pointer_); }

   private:
    friend class constraint_instance;
    matcher(std::shared_ptr<core> c, compiled of, void* p) : core_(std::move(c)), of_(std::move(of)), pointer_(p) {}
    std::shared_ptr<core> core_;
    compiled of_;
    void* pointer_ = nullptr;
  };

  /// `tokens`: the bytes of each token, "" where it stands for none. Without any, texts are compiled only to check them.
  static expected<constraint_instance> create(const registry& from, const plugin_use& use, host_settings settings,
                                              std::span<const std::string> tokens = {});

  /// Errors: invalid_argument, unsupported, too_large; they say where in the text.
  expected<compiled> compile(std::string_view text) const;
  /// At the begin of an answer. REQUIRES: `of` was compiled here, and there are tokens.
  expected<matcher> match(const compiled& of) const;

 private:
  using instance::instance;
};

} // namespace tokamak::plugin
