// The guard that keeps the recursive descent shallow; shared by the parser's two sources.
#pragma once

#include "model/chat_template/parser.hpp"

namespace tokamak::jinja {

class parser::nesting {
 public:
  explicit nesting(parser& p) : parser_(p) {
    if (p.depth_ >= p.program_.limits.syntax_depth) {
      throw failure{errc::too_large,
                    fmt::format("the template is nested more than {} levels deep", p.program_.limits.syntax_depth),
                    p.current().line};
    }
    ++p.depth_;
  }
  ~nesting() { --parser_.depth_; }
  nesting(const nesting&) = delete;
  nesting& operator=(const nesting&) = delete;

 private:
  parser& parser_;
};

} // namespace tokamak::jinja
