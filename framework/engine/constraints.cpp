// The instances, made once.
#include "engine/constraints.hpp"

namespace tokamak::engine {

expected<constraints::begin_matcher> constraints::compile(const std::string& plugin, const std::string& text) {
  if (!texts_) {
    if (!tokens_) return fail(errc::unsupported, "the model has no tokenizer, which constraints need");
    auto made = plugin::constraint_texts::create("the engine", registry_, uses_, settings_, tokens_());
    if (!made) return fail(made.error());
    texts_ = std::move(*made);
  }
  return texts_->compile(plugin, text);
}

} // namespace tokamak::engine
