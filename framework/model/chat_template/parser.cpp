// What all parts of the grammar share: tokens, names, assignment targets, depth, and complaints.
#include "model/chat_template/parser.hpp"

#include <algorithm>

#include "model/chat_template/parser_nesting.hpp"

namespace tokamak::jinja {

std::shared_ptr<const program> parse(std::string_view source, std::string_view name,
                                     const chat_template_limits& limits) {
  auto made = std::make_shared<program>();
  made->name = name;
  made->source = source;
  made->limits = limits;
  parser(tokenize(source), *made).run();
  return made;
}

parser::parser(std::vector<token> tokens, program& into) : tokens_(std::move(tokens)), program_(into) {
  for (const auto* fixed : {"loop", "caller", "kwargs", "varargs"}) intern(fixed);
}

void parser::run() {
  program_.body = statements({});
  if (!unknown_.empty()) throw unknown_.front();
}

token parser::next() {
  auto taken = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return taken;
}
bool parser::skip_sign(std::string_view s) {
  const bool found = current().is_sign(s);
  if (found) next();
  return found;
}
bool parser::skip_name(std::string_view s) {
  const bool found = current().is_name(s);
  if (found) next();
  return found;
}
void parser::expect_sign(std::string_view s) {
  if (!skip_sign(s)) unexpected(s);
}
void parser::expect_name(std::string_view s) {
  if (!skip_name(s)) unexpected(s);
}
void parser::expect(token_kind kind) {
  if (current().kind != kind) unexpected(token{kind, 0, "name"}.describe());
  next();
}
std::string parser::expect_any_name() {
  if (current().kind != token_kind::name) unexpected("name");
  return next().text;
}
void parser::unexpected(std::string_view expected) {
  if (current().kind == token_kind::end)
    malformed(current().line, "unexpected end of template, expected '{}'.", expected);
  malformed(current().line, "expected token '{}', got '{}'", expected, current().describe());
}

symbol parser::intern(const std::string& name) {
  const auto [found, added] = symbols_.try_emplace(name, static_cast<symbol>(program_.symbols.size()));
  if (added) program_.symbols.push_back(name);
  return found->second;
}

symbol parser::assigned(const std::string& name, std::uint32_t line) {
  for (const auto* constant : {"true", "false", "none", "True", "False", "None"}) {
    if (name == constant) malformed(line, "can't assign to 'const'");
  }
  if (name == "loop" && !loops_.empty()) malformed(line, "Can't assign to special loop variable in for-loop target");
  constexpr std::string_view special[] = {"caller", "kwargs", "varargs"};
  for (std::size_t i = 0; i < 3; ++i) {
    if (name == special[i]) {
      for (auto& m : macros_) m.stores[i] = true;
    }
  }
  return intern(name);
}

target parser::target_item(bool with_attribute) {
  const nesting level(*this);
  target made;
  made.line = current().line;
  if (skip_sign("(")) {
    made = assignment_target({}, with_attribute);
    expect_sign(")");
    return made;
  }
  if (current().kind != token_kind::name) malformed(made.line, "can't assign to '{}'", current().describe());
  const auto name = next().text;
  if (with_attribute && skip_sign(".")) {
    note_name(name);
    made.name = intern(name);
    made.attribute = expect_any_name();
  } else {
    made.name = assigned(name, made.line);
  }
  return made;
}

target parser::assignment_target(names end_names, bool with_attribute) {
  target several;
  several.line = current().line;
  several.is_tuple = true;
  bool comma = false;
  while (!at_tuple_end(end_names)) {
    several.parts.push_back(target_item(with_attribute));
    if (!skip_sign(",")) break;
    comma = true;
  }
  if (several.parts.empty()) malformed(several.line, "Expected an expression, got '{}'", current().describe());
  return comma ? several : std::move(several.parts.front());
}

void parser::unknown_tag(const token& tag) {
  std::string message = tag.kind == token_kind::end ? "Unexpected end of template."
                                                    : fmt::format("Encountered unknown tag '{}'.", tag.text);
  if (!end_names_.empty()) {
    std::string looking;
    for (const auto name : end_names_.back()) looking += fmt::format("{}'{}'", looking.empty() ? "" : " or ", name);
    bool nested = false;
    for (const auto& open : end_names_) nested = nested || std::find(open.begin(), open.end(), tag.text) != open.end();
    message += tag.kind != token_kind::end && nested
                   ? " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for " +
                         looking + "."
                   : " Jinja was looking for the following tags: " + looking + ".";
  }
  if (!open_tags_.empty())
    message += fmt::format(" The innermost block that needs to be closed is '{}'.", open_tags_.back());
  malformed(tag.line, "{}", message);
}

void parser::note_depth(expression& e, std::initializer_list<const expression*> parts) {
  for (const auto* part : parts) {
    if (part != nullptr) e.depth = std::max(e.depth, part->depth + 1);
  }
  const auto limit = program_.limits.syntax_depth;
  if (e.depth > limit)
    throw failure{errc::too_large, fmt::format("an expression is nested more than {} levels deep", limit), e.line};
}
void parser::note_depth(expression& e, const expression_list& parts) {
  for (const auto& part : parts) note_depth(e, {part.get()});
}
void parser::note_depth(expression& e, const call_arguments& args) {
  note_depth(e, args.positional);
  for (const auto& [name, content] : args.keyword) note_depth(e, {content.get()});
  note_depth(e, {args.more_positional.get(), args.more_keyword.get()});
}

void parser::note_name(const std::string& name) {
  if (name == "loop") std::fill(loops_.begin(), loops_.end(), true);
  constexpr std::string_view special[] = {"caller", "kwargs", "varargs"};
  for (std::size_t i = 0; i < 3; ++i) {
    if (name != special[i]) continue;
    for (auto& m : macros_) m.uses[i] = m.uses[i] || !m.stores[i];
  }
}

void parser::note_unknown(std::string_view kind, const std::string& name, std::uint32_t line) {
  if (soft_ == 0) unknown_.push_back({errc::corrupt, fmt::format("No {} named '{}'.", kind, name), line});
}

} // namespace tokamak::jinja
