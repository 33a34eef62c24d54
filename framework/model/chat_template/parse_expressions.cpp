// Jinja's expression grammar, from the loosest operator to the tightest.
#include <algorithm>

#include "model/chat_template/parser_nesting.hpp"

namespace tokamak::jinja {

bool parser::at_tuple_end(names end_names) const {
  const auto& t = current();
  if (t.kind == token_kind::variable_end || t.kind == token_kind::block_end || t.is_sign(")")) return true;
  return std::any_of(end_names.begin(), end_names.end(), [&](std::string_view n) { return t.is_name(n); });
}

expression_ptr parser::expression_or_tuple(bool with_conditional, names end_names, bool parentheses) {
  auto made = std::make_unique<tuple_expression>(current().line);
  bool is_tuple = false;
  for (;;) {
    if (at_tuple_end(end_names)) break;
    made->items.push_back(any_expression(with_conditional));
    if (!skip_sign(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) {
    if (!made->items.empty()) return std::move(made->items.front());
    if (!parentheses) malformed(current().line, "Expected an expression, got '{}'", current().describe());
  }
  note_depth(*made, made->items);
  return made;
}

expression_ptr parser::any_expression(bool with_conditional) {
  const nesting level(*this);
  const auto known_before = unknown_.size();
  auto made = disjunction();
  while (with_conditional && current().is_name("if")) {
    unknown_.resize(known_before, failure{}); // the condition may guard what stands before it
    auto node = std::make_unique<conditional_expression>(next().line);
    ++soft_;
    node->then = std::move(made);
    node->condition = disjunction();
    if (skip_name("else")) node->otherwise = any_expression();
    --soft_;
    note_depth(*node, {node->then.get(), node->condition.get(), node->otherwise.get()});
    made = std::move(node);
  }
  return made;
}

expression_ptr parser::disjunction() {
  auto first = conjunction();
  if (!current().is_name("or")) return first;
  auto node = std::make_unique<logic_expression>(first->line);
  node->is_or = true;
  node->operands.push_back(std::move(first));
  while (skip_name("or")) node->operands.push_back(conjunction());
  note_depth(*node, node->operands);
  return node;
}

expression_ptr parser::conjunction() {
  auto first = inversion();
  if (!current().is_name("and")) return first;
  auto node = std::make_unique<logic_expression>(first->line);
  node->operands.push_back(std::move(first));
  while (skip_name("and")) node->operands.push_back(inversion());
  note_depth(*node, node->operands);
  return node;
}

expression_ptr parser::inversion() {
  if (!current().is_name("not")) return comparison();
  const nesting level(*this);
  auto node = std::make_unique<negation_expression>(next().line);
  node->operand = inversion();
  note_depth(*node, {node->operand.get()});
  return node;
}

expression_ptr parser::comparison() {
  constexpr std::pair<std::string_view, relation> signs[] = {{"==", relation::equal},  {"!=", relation::not_equal},
                                                             {"<", relation::less},    {"<=", relation::less_equal},
                                                             {">", relation::greater}, {">=", relation::greater_equal}};
  auto first = sum();
  auto node = std::make_unique<comparison_expression>(first->line);
  for (;;) {
    const auto* sign =
        std::find_if(std::begin(signs), std::end(signs), [&](const auto& s) { return current().is_sign(s.first); });
    if (sign != std::end(signs)) {
      next();
      node->rest.emplace_back(sign->second, sum());
    } else if (skip_name("in")) {
      node->rest.emplace_back(relation::in, sum());
    } else if (current().is_name("not") && ahead().is_name("in")) {
      next();
      next();
      node->rest.emplace_back(relation::not_in, sum());
    } else {
      break;
    }
    note_depth(*node, {node->rest.back().second.get()});
  }
  if (node->rest.empty()) return first;
  node->first = std::move(first);
  note_depth(*node, {node->first.get()});
  return node;
}

expression_ptr parser::sum() {
  auto first = concatenation();
  if (!current().is_sign("+") && !current().is_sign("-")) return first;
  auto node = std::make_unique<chain_expression>(first->line);
  node->first = std::move(first);
  note_depth(*node, {node->first.get()});
  while (current().is_sign("+") || current().is_sign("-")) {
    const auto op = next().text == "+" ? arithmetic::add : arithmetic::subtract;
    node->rest.emplace_back(op, concatenation());
    note_depth(*node, {node->rest.back().second.get()});
  }
  return node;
}

expression_ptr parser::concatenation() {
  auto first = product();
  if (!current().is_sign("~")) return first;
  auto node = std::make_unique<concatenation_expression>(first->line);
  node->operands.push_back(std::move(first));
  while (skip_sign("~")) node->operands.push_back(product());
  note_depth(*node, node->operands);
  return node;
}

expression_ptr parser::product() {
  constexpr std::pair<std::string_view, arithmetic> signs[] = {{"*", arithmetic::multiply},
                                                               {"/", arithmetic::divide},
                                                               {"//", arithmetic::floor_divide},
                                                               {"%", arithmetic::modulo}};
  auto first = powers();
  auto node = std::make_unique<chain_expression>(first->line);
  for (;;) {
    const auto* sign =
        std::find_if(std::begin(signs), std::end(signs), [&](const auto& s) { return current().is_sign(s.first); });
    if (sign == std::end(signs)) break;
    next();
    node->rest.emplace_back(sign->second, powers());
    note_depth(*node, {node->rest.back().second.get()});
  }
  if (node->rest.empty()) return first;
  node->first = std::move(first);
  note_depth(*node, {node->first.get()});
  return node;
}

expression_ptr parser::powers() {
  auto first = unary(true);
  if (!current().is_sign("**")) return first;
  auto node = std::make_unique<chain_expression>(first->line);
  node->first = std::move(first);
  note_depth(*node, {node->first.get()});
  while (skip_sign("**")) { // unlike Python's, from left to right
    node->rest.emplace_back(arithmetic::power, unary(true));
    note_depth(*node, {node->rest.back().second.get()});
  }
  return node;
}

expression_ptr parser::unary(bool with_filters) {
  const nesting level(*this);
  expression_ptr node;
  if (current().is_sign("-") || current().is_sign("+")) {
    const auto sign = next();
    auto made = std::make_unique<unary_expression>(sign.line);
    made->minus = sign.text == "-";
    made->operand = unary(false);
    note_depth(*made, {made->operand.get()});
    node = std::move(made);
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  return with_filters ? filters_and_tests(std::move(node)) : std::move(node);
}

expression_ptr parser::primary() {
  const auto& t = current();
  if (t.is_sign("(")) {
    next();
    auto inner = expression_or_tuple(true, {}, true);
    expect_sign(")");
    return inner;
  }
  if (t.is_sign("[")) return list_display();
  if (t.is_sign("{")) return dict_display();
  auto constant = std::make_unique<constant_expression>(t.line);
  if (t.kind == token_kind::string) {
    std::string joined;
    while (current().kind == token_kind::string) joined += next().text;
    constant->content = text(nullptr, std::move(joined), false);
  } else if (t.kind == token_kind::whole) {
    constant->content = next().whole;
  } else if (t.kind == token_kind::real) {
    constant->content = next().real;
  } else if (t.is_name("true") || t.is_name("True") || t.is_name("false") || t.is_name("False")) {
    constant->content = t.is_name("true") || t.is_name("True");
    next();
  } else if (t.is_name("none") || t.is_name("None")) {
    next();
  } else if (t.kind == token_kind::name) {
    auto node = std::make_unique<name_expression>(t.line);
    const auto name = next().text;
    note_name(name);
    node->name = intern(name);
    return node;
  } else {
    malformed(t.line, "unexpected '{}'", t.describe());
  }
  return constant;
}

expression_ptr parser::list_display() {
  auto node = std::make_unique<list_expression>(next().line);
  while (!current().is_sign("]")) {
    if (!node->items.empty()) expect_sign(",");
    if (current().is_sign("]")) break;
    node->items.push_back(any_expression());
  }
  expect_sign("]");
  note_depth(*node, node->items);
  return node;
}

expression_ptr parser::dict_display() {
  auto node = std::make_unique<dict_expression>(next().line);
  while (!current().is_sign("}")) {
    if (!node->entries.empty()) expect_sign(",");
    if (current().is_sign("}")) break;
    auto key = any_expression();
    expect_sign(":");
    node->entries.emplace_back(std::move(key), any_expression());
    note_depth(*node, {node->entries.back().first.get(), node->entries.back().second.get()});
  }
  expect_sign("}");
  return node;
}

} // namespace tokamak::jinja
