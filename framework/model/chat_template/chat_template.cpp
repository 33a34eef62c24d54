// The public face: compiles, renders, and turns failures into error values.
#include "model/chat_template/chat_template.hpp"

#include <new>

#include "model/chat_template/evaluator.hpp"
#include "model/chat_template/json_text.hpp"
#include "model/chat_template/parser.hpp"

namespace tokamak {
namespace {

std::string place(const std::string& name, std::uint32_t line) {
  return line == 0 ? name : fmt::format("{}:{}", name, line);
}

/// Runs `work`, which may throw failures, and gives its result or the error.
template <class Work>
auto contained(const std::string& name, Work work) -> expected<decltype(work())> {
  try {
    return work();
  } catch (const jinja::failure& f) {
    return fail(f.code, f.message, place(name, f.line));
  } catch (const std::bad_alloc&) {
    return fail(errc::out_of_memory, "no memory left for the chat template", name);
  } catch (const std::exception& e) {
    return fail(errc::internal, fmt::format("the template interpreter failed: {}", e.what()), name);
  }
}

} // namespace

chat_template::chat_template(std::shared_ptr<const jinja::program> program) : program_(std::move(program)) {}

const std::string& chat_template::name() const { return program_->name; }
const std::string& chat_template::source() const { return program_->source; }

expected<chat_template> chat_template::compile(std::string_view source, std::string_view name,
                                               const chat_template_limits& limits) {
  return contained(std::string(name), [&] {
    if (source.size() > limits.source_bytes) jinja::exceed("the template is longer than {} bytes", limits.source_bytes);
    return chat_template(jinja::parse(source, name, limits));
  });
}

expected<std::string> chat_template::render(const input& variables) const {
  return contained(program_->name, [&] {
    jinja::runtime rt(program_->limits, variables.now_unix_s);
    jinja::evaluator render(rt, *program_);
    render.define("messages", jinja::from_json(rt, variables.messages));
    render.define("tools", jinja::from_json(rt, variables.tools));
    render.define("documents", {});
    render.define("add_generation_prompt", variables.add_generation_prompt);
    render.define("bos_token", rt.string(variables.bos_token));
    render.define("eos_token", rt.string(variables.eos_token));
    if (!variables.extra.is_null() && !variables.extra.is_object()) {
      jinja::raise("the further template variables must be a JSON object");
    }
    for (const auto& [name, content] : variables.extra.items()) render.define(name, jinja::from_json(rt, content));
    return render.run();
  });
}

} // namespace tokamak
