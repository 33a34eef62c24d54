// The `loop` variable: a for statement's progress through its items.
#pragma once

#include <optional>
#include <vector>

#include "model/chat_template/evaluator.hpp"

namespace tokamak::jinja {

class loop_object final : public object {
 public:
  /// `outer` is the scope around the for statement. Raises if `source` cannot be iterated.
  loop_object(evaluator& e, const loop_statement& statement, value source, scope* outer, std::size_t depth0);
  static bool matches(object_kind k) { return k == object_kind::loop; }

  /// Moves to the next item that the loop's condition lets through.
  bool advance(value& item);

  std::string_view type_name() const override { return "LoopContext"; }
  bool is_callable() const override { return true; }
  bool attribute(runtime& rt, std::string_view name, value& out) override;
  value call(runtime& rt, arguments& args) override;
  std::optional<std::size_t> length(runtime& rt) override { return count_items(rt); }
  std::string summary(runtime& rt) override;

 private:
  bool pull(value& item);
  bool peek();
  std::size_t count_items(runtime& rt);
  bool has_changed(runtime& rt, arguments& args);

  evaluator& evaluator_;
  const loop_statement& statement_;
  value source_;
  iterator items_;
  scope* outer_;
  std::size_t depth0_;
  bool pulling_ = false;
  std::vector<value> ahead_; ///< items taken early, in order
  std::size_t ahead_taken_ = 0;
  std::size_t index_ = 0; ///< of the current item, from 1
  std::optional<std::size_t> length_;
  value previous_, current_;
  std::optional<std::vector<value>> last_changed_;
};

} // namespace tokamak::jinja
