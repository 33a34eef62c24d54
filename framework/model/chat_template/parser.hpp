// Tokens to syntax tree. The grammar is Jinja's, split over parse_expressions.cpp and parse_statements.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/chat_template/lexer.hpp"
#include "model/chat_template/syntax.hpp"

namespace tokamak::jinja {

/// Parses a whole template. Fails as malformed, refused or exceeded, with the line.
std::shared_ptr<const program> parse(std::string_view source, std::string_view name,
                                     const chat_template_limits& limits);

class parser {
 public:
  parser(std::vector<token> tokens, program& into);
  void run();

 private:
  // Tokens.
  const token& current() const { return tokens_[at_]; }
  const token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  token next();
  bool skip_sign(std::string_view s);
  bool skip_name(std::string_view s);
  void expect_sign(std::string_view s);
  void expect_name(std::string_view s);
  void expect(token_kind kind);
  std::string expect_any_name();
  [[noreturn]] void unexpected(std::string_view expected);
  symbol intern(const std::string& name);

  /// One level of nested syntax, for as long as it lives.
  class nesting;

  // Expressions.
  using names = std::initializer_list<std::string_view>;
  expression_ptr expression_or_tuple(bool with_conditional, names end_names, bool parentheses);
  expression_ptr any_expression(bool with_conditional = true);
  expression_ptr disjunction();
  expression_ptr conjunction();
  expression_ptr inversion();
  expression_ptr comparison();
  expression_ptr sum();
  expression_ptr concatenation();
  expression_ptr product();
  expression_ptr powers();
  expression_ptr unary(bool with_filters);
  expression_ptr primary();
  expression_ptr list_display();
  expression_ptr dict_display();
  expression_ptr postfix(expression_ptr operand);
  expression_ptr filters_and_tests(expression_ptr operand);
  expression_ptr subscript(expression_ptr operand);
  expression_ptr subscript_key(const token& bracket);
  expression_ptr call(expression_ptr callee);
  expression_ptr filter_chain(expression_ptr operand, bool first_without_pipe);
  expression_ptr test(expression_ptr operand);
  call_arguments arguments_list();
  bool at_tuple_end(names end_names) const;
  /// Sets the depth of a finished node from its parts'.
  void note_depth(expression& e, std::initializer_list<const expression*> parts);
  void note_depth(expression& e, const expression_list& parts);
  void note_depth(expression& e, const call_arguments& args);
  void note_name(const std::string& name);
  void note_unknown(std::string_view kind, const std::string& name, std::uint32_t line);

  // Statements.
  statement_list statements(names end_names);
  statement_list body(names end_names); ///< from the end of the opening tag to an end tag's name
  statement_ptr tagged_statement();
  statement_ptr loop();
  statement_ptr condition();
  statement_ptr assignment();
  statement_ptr macro();
  statement_ptr call_block();
  statement_ptr filter_block();
  statement_ptr with();
  statement_ptr scope(std::string_view end_name);
  statement_ptr autoescape();
  statement_ptr block();
  void print(statement_list& into);
  void signature(macro_definition& into);
  void macro_body(macro_definition& into, std::string_view end_name);
  target assignment_target(names end_names, bool with_attribute);
  target target_item(bool with_attribute);
  symbol assigned(const std::string& name, std::uint32_t line);
  [[noreturn]] void unknown_tag(const token& tag);

  /// What a macro's body, up to here, says about its special variables.
  struct macro_names {
    bool uses[3] = {false, false, false}; ///< caller, kwargs, varargs
    bool stores[3] = {false, false, false};
  };

  std::vector<token> tokens_;
  std::size_t at_ = 0;
  program& program_;
  std::unordered_map<std::string, symbol> symbols_;
  std::uint32_t depth_ = 0;
  std::vector<names> end_names_; ///< of the open statements, for messages
  std::vector<std::string> open_tags_;
  std::vector<macro_names> macros_;
  std::vector<bool> loops_;      ///< open loops: whether the body mentions `loop`
  std::uint32_t breakable_ = 0;  ///< loops that break and continue can reach
  std::uint32_t soft_ = 0;       ///< in an if: an unknown filter is only an error if reached
  std::vector<failure> unknown_; ///< unknown filters and tests elsewhere
};

} // namespace tokamak::jinja
