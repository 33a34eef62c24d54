// What evaluation changes for the length of a C++ block; shared by the evaluator's sources.
#pragma once

#include "model/chat_template/evaluator.hpp"

namespace tokamak::jinja {

/// A new innermost scope inside `outer`.
class evaluator::entered {
 public:
  entered(evaluator& e, scope* outer) : evaluator_(e), before_(e.scope_) {
    if (e.free_scopes_.empty()) {
      made_ = e.rt_.make<scope>(0);
    } else {
      made_ = e.free_scopes_.back();
      e.free_scopes_.pop_back();
    }
    made_->outer = outer;
    e.scope_ = made_;
  }
  ~entered() {
    evaluator_.scope_ = before_;
    if (made_->kept) return;
    made_->variables.clear();
    evaluator_.free_scopes_.push_back(made_);
  }
  entered(const entered&) = delete;
  entered& operator=(const entered&) = delete;

 private:
  evaluator& evaluator_;
  scope* before_;
  scope* made_;
};

/// Output goes to text() instead of where it went before.
class evaluator::captured {
 public:
  explicit captured(evaluator& e) : evaluator_(e), before_(e.out_) { e.out_ = &text_; }
  ~captured() { evaluator_.out_ = before_; }
  captured(const captured&) = delete;
  captured& operator=(const captured&) = delete;
  std::string& text() { return text_; }

 private:
  evaluator& evaluator_;
  std::string* before_;
  std::string text_;
};

} // namespace tokamak::jinja
