// The syntax tree of a template. Built by the parser, never changed afterwards, shared by all renders.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/chat_template/limits.hpp"
#include "model/chat_template/value.hpp"

namespace tokamak::jinja {

using symbol = std::uint32_t; ///< a variable's name, as an index into program::symbols

enum class expression_kind : std::uint8_t {
  constant,
  name,
  list,
  tuple,
  dict,
  unary,
  chain,
  logic,
  negation,
  comparison,
  concatenation,
  conditional,
  attribute,
  item,
  slice,
  call,
  filter,
  test
};

struct expression {
  expression(expression_kind k, std::uint32_t l) : kind(k), line(l) {}
  virtual ~expression() = default;
  expression_kind kind;
  std::uint32_t line;
  std::uint32_t depth = 1; ///< levels of nodes, so that walking the tree is bounded
};
using expression_ptr = std::unique_ptr<expression>;
using expression_list = std::vector<expression_ptr>;

/// A node class is its kind plus its parts.
template <expression_kind Kind>
struct expression_of : expression {
  explicit expression_of(std::uint32_t line) : expression(Kind, line) {}
};

enum class arithmetic : std::uint8_t { add, subtract, multiply, divide, floor_divide, modulo, power };
enum class relation : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };

struct constant_expression final : expression_of<expression_kind::constant> {
  using expression_of::expression_of;
  value content;
};
struct name_expression final : expression_of<expression_kind::name> {
  using expression_of::expression_of;
  symbol name = 0;
};
struct list_expression final : expression_of<expression_kind::list> {
  using expression_of::expression_of;
  expression_list items;
};
struct tuple_expression final : expression_of<expression_kind::tuple> {
  using expression_of::expression_of;
  expression_list items;
};
struct dict_expression final : expression_of<expression_kind::dict> {
  using expression_of::expression_of;
  std::vector<std::pair<expression_ptr, expression_ptr>> entries;
};
struct unary_expression final : expression_of<expression_kind::unary> {
  using expression_of::expression_of;
  bool minus = false;
  expression_ptr operand;
};
/// first op operand op operand ..., from left to right.
struct chain_expression final : expression_of<expression_kind::chain> {
  using expression_of::expression_of;
  expression_ptr first;
  std::vector<std::pair<arithmetic, expression_ptr>> rest;
};
/// and / or of two or more operands.
struct logic_expression final : expression_of<expression_kind::logic> {
  using expression_of::expression_of;
  bool is_or = false;
  expression_list operands;
};
struct negation_expression final : expression_of<expression_kind::negation> {
  using expression_of::expression_of;
  expression_ptr operand;
};
struct comparison_expression final : expression_of<expression_kind::comparison> {
  using expression_of::expression_of;
  expression_ptr first;
  std::vector<std::pair<relation, expression_ptr>> rest;
};
struct concatenation_expression final : expression_of<expression_kind::concatenation> {
  using expression_of::expression_of;
  expression_list operands;
};
struct conditional_expression final : expression_of<expression_kind::conditional> {
  using expression_of::expression_of;
  expression_ptr condition, then, otherwise; ///< `otherwise` may be null
};
struct attribute_expression final : expression_of<expression_kind::attribute> {
  using expression_of::expression_of;
  expression_ptr owner;
  std::string name;
};
struct item_expression final : expression_of<expression_kind::item> {
  using expression_of::expression_of;
  expression_ptr owner, key;
};
struct slice_expression final : expression_of<expression_kind::slice> {
  using expression_of::expression_of;
  expression_ptr owner, start, stop, step; ///< bounds may be null
};
struct call_arguments {
  expression_list positional;
  std::vector<std::pair<std::string, expression_ptr>> keyword;
  expression_ptr more_positional, more_keyword; ///< *args and **kwargs, or null
};
struct call_expression final : expression_of<expression_kind::call> {
  using expression_of::expression_of;
  expression_ptr callee;
  call_arguments args;
};

struct filter_entry;
struct test_entry;
struct filter_expression final : expression_of<expression_kind::filter> {
  using expression_of::expression_of;
  expression_ptr operand; ///< null: the text of the enclosing block
  std::string name;
  const filter_entry* entry = nullptr; ///< null: unknown, an error if it is ever reached
  call_arguments args;
};
struct test_expression final : expression_of<expression_kind::test> {
  using expression_of::expression_of;
  expression_ptr operand;
  std::string name;
  const test_entry* entry = nullptr;
  call_arguments args;
};

/// Where a value can be assigned: a name, a namespace's attribute, or a tuple of targets.
struct target {
  symbol name = 0;
  std::string attribute; ///< of the namespace `name`, if not empty
  bool is_tuple = false;
  std::vector<target> parts;
  std::uint32_t line = 0;
};

enum class statement_kind : std::uint8_t {
  output,
  loop,
  condition,
  assign,
  assign_block,
  macro,
  call_block,
  filter_block,
  with,
  scope,
  block,
  brk,
  cont
};

struct statement {
  statement(statement_kind k, std::uint32_t l) : kind(k), line(l) {}
  virtual ~statement() = default;
  statement_kind kind;
  std::uint32_t line;
};
using statement_ptr = std::unique_ptr<statement>;
using statement_list = std::vector<statement_ptr>;

template <statement_kind Kind>
struct statement_of : statement {
  explicit statement_of(std::uint32_t line) : statement(Kind, line) {}
};

struct output_statement final : statement_of<statement_kind::output> {
  using statement_of::statement_of;
  std::string text;     ///< printed first
  expression_ptr shown; ///< then this, unless null
};
struct loop_statement final : statement_of<statement_kind::loop> {
  using statement_of::statement_of;
  target variable;
  expression_ptr source, condition; ///< `condition` may be null
  bool recursive = false;
  bool uses_loop = false; ///< the body mentions `loop`
  statement_list body, otherwise;
};
struct condition_statement final : statement_of<statement_kind::condition> {
  using statement_of::statement_of;
  struct branch {
    expression_ptr condition; ///< null for else
    statement_list body;
  };
  std::vector<branch> branches;
};
struct assign_statement final : statement_of<statement_kind::assign> {
  using statement_of::statement_of;
  target to;
  expression_ptr content;
};
struct assign_block_statement final : statement_of<statement_kind::assign_block> {
  using statement_of::statement_of;
  target to;
  expression_ptr filter; ///< a filter chain over the block's text, or null
  statement_list body;
};
/// What a macro and a call block's caller have in common.
struct macro_definition {
  std::string name;
  std::vector<std::pair<symbol, std::string>> parameters;
  expression_list defaults; ///< of the last parameters
  bool uses_caller = false, uses_kwargs = false, uses_varargs = false;
  std::uint32_t line = 0;
  statement_list body;
};
struct macro_statement final : statement_of<statement_kind::macro> {
  using statement_of::statement_of;
  symbol name = 0;
  macro_definition definition;
};
struct call_block_statement final : statement_of<statement_kind::call_block> {
  using statement_of::statement_of;
  std::unique_ptr<call_expression> call;
  macro_definition definition;
};
struct filter_block_statement final : statement_of<statement_kind::filter_block> {
  using statement_of::statement_of;
  expression_ptr filter;
  statement_list body;
};
struct with_statement final : statement_of<statement_kind::with> {
  using statement_of::statement_of;
  std::vector<std::pair<target, expression_ptr>> variables;
  statement_list body;
};
/// Statements with variables of their own: {% generation %} and {% autoescape false %}.
struct scope_statement final : statement_of<statement_kind::scope> {
  using statement_of::statement_of;
  statement_list body;
};
struct block_statement final : statement_of<statement_kind::block> {
  using statement_of::statement_of;
  bool scoped = false; ///< sees the variables around it, not only the template's
  statement_list body;
};
struct break_statement final : statement_of<statement_kind::brk> {
  using statement_of::statement_of;
};
struct continue_statement final : statement_of<statement_kind::cont> {
  using statement_of::statement_of;
};

/// The names that the parser treats specially have fixed symbols.
enum fixed_symbol : symbol { symbol_loop, symbol_caller, symbol_kwargs, symbol_varargs };

/// A compiled template.
struct program {
  std::string name;
  std::string source;
  chat_template_limits limits;
  std::vector<std::string> symbols; ///< begins with the fixed ones
  statement_list body;
};

} // namespace tokamak::jinja
