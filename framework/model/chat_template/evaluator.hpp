// Walks the syntax tree: one evaluator is one render.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/chat_template/runtime.hpp"
#include "model/chat_template/syntax.hpp"

namespace tokamak::jinja {

/// The variables of one block, loop iteration or macro call. Recycled unless something that may
/// outlive the block refers to it.
class scope final : public object {
 public:
  scope() : object(object_kind::scope) {}
  std::string_view type_name() const override { return "scope"; }
  /// Keeps this scope and those around it until the render ends.
  void keep();

  scope* outer = nullptr;
  bool kept = false;
  std::vector<std::pair<symbol, value>> variables;
};

class evaluator {
 public:
  evaluator(runtime& rt, const program& what);

  /// Sets a variable of the whole template; those that it never names are dropped.
  void define(std::string_view name, value content);
  /// The rendered text. Failures carry the line.
  std::string run();

  runtime& rt() { return rt_; }
  /// Evaluates in the scope `where`, with the variable `to` set to `item`, as a loop's condition needs.
  bool holds_for(const expression& condition, const target& to, const value& item, scope* where);
  /// The text that a loop statement gives for the items of `source`.
  value render_loop(const loop_statement& what, const value& source, scope* outer, std::size_t depth0);
  /// Calls a macro or a call block's caller.
  value call_macro(const macro_definition& what, scope* outer, arguments& args);

 private:
  enum class flow : std::uint8_t { next, brk, cont };
  class entered;  ///< a new scope, until the end of a C++ block
  class captured; ///< collects output, until the end of a C++ block

  // Expressions.
  value evaluate(const expression& e);
  value evaluate_node(const expression& e);
  value lookup(symbol name);
  value evaluate_dict(const dict_expression& e);
  value evaluate_chain(const chain_expression& e);
  value evaluate_logic(const logic_expression& e);
  value evaluate_comparison(const comparison_expression& e);
  value evaluate_concatenation(const concatenation_expression& e);
  value evaluate_conditional(const conditional_expression& e);
  value evaluate_slice(const slice_expression& e);
  value evaluate_call(const call_expression& e, value caller);
  value evaluate_filter(const filter_expression& e);
  value evaluate_test(const test_expression& e);
  std::vector<value> evaluate_all(const expression_list& list);
  arguments evaluate_arguments(const call_arguments& args);
  bool relates(relation r, const value& a, const value& b);

  // Statements.
  flow execute(const statement_list& list);
  flow execute(const statement& s);
  flow run_loop(const loop_statement& s, const value& source, scope* outer, std::size_t depth0);
  flow run_condition(const condition_statement& s);
  void run_assignment(const assign_statement& s);
  flow run_assign_block(const assign_block_statement& s);
  void run_call_block(const call_block_statement& s);
  flow run_filter_block(const filter_block_statement& s);
  flow run_with(const with_statement& s);
  value filtered(const expression& filter, const std::string& text);
  value make_macro(const macro_definition& what);
  void assign(const target& to, const value& content);
  void set_variable(symbol name, value content);
  void set_parameters(const macro_definition& what, arguments& args);
  void write(std::string_view text);

  runtime& rt_;
  const program& program_;
  std::vector<value> globals_; ///< by symbol
  std::vector<bool> is_global_;
  scope* scope_ = nullptr; ///< innermost; null at the top level
  std::vector<scope*> free_scopes_;
  std::string* out_ = nullptr;
  const std::string* captured_ = nullptr; ///< what a block's filter works on
  std::uint32_t line_ = 0;
};

} // namespace tokamak::jinja
