// What form an answer is to have: OpenAI's names for it, llama.cpp's and vLLM's. Each ends as a JSON schema, which engines keep to.
#include "frontend/openai/json_text.hpp"
#include "frontend/openai/request_reading.hpp"

namespace tokamak::frontend::openai {

namespace {

/// What the request asks for so far.
struct form {
  generation_request& request;
  wire::OpenT& to;

  void take(fields& in, std::string_view name, std::string schema) {
    if (!request.form_field.empty())
      return in.wrong(name, fmt::format("'{}' and '{}' both say what form the answer has; one of them expected", request.form_field, in.path_of(name)));
    hold_to_schema(request, to, in.path_of(name), std::move(schema));
  }
};

// A schema: an object, or true or false. Clients of vLLM send its text as well.
std::optional<std::string> schema_of(fields& in, std::string_view name, bool or_text) {
  const auto* schema = in.find(name);
  if (!schema) return std::nullopt;
  if (or_text && schema->is_string()) return schema->get<std::string>();
  if (schema->is_object() || schema->is_boolean()) return schema->dump();
  in.wrong_type(name, or_text ? "a JSON schema, as an object or its text" : "a JSON schema", *schema);
  return std::nullopt;
}

// {"name": …, "schema": …}; without a schema any JSON object, as OpenAI has it.
void read_named_schema(fields& of, form& to, fields& in, std::string_view name) {
  if (!of.text("name")) of.missing("name");
  of.text("description");
  of.flag("strict"); // nothing but the schema is ever answered
  auto schema = schema_of(of, "schema", false);
  if (!of.found()) to.take(in, name, schema ? std::move(*schema) : any_object);
}

} // namespace

void hold_to_schema(generation_request& request, wire::OpenT& open, std::string field, std::string schema) {
  request.form_field = std::move(field);
  open.constraint = std::make_unique<wire::ConstraintT>();
  open.constraint->plugin = "json_schema";
  open.constraint->text = std::move(schema);
}

void read_form(fields& in, std::string_view name, generation_request& request, wire::OpenT& open) {
  const auto* format = in.object(name);
  if (!format) return;
  form to{request, open};
  fields of(*format, in.path_of(name), in.found());
  const auto* type = of.text("type");
  if (!type) return of.missing("type");
  if (*type == "json_object") {
    auto schema = schema_of(of, "schema", false); // llama.cpp's
    to.take(in, name, schema ? std::move(*schema) : any_object);
  } else if (*type == "json_schema" && request.kind == api::responses) {
    read_named_schema(of, to, in, name);
  } else if (*type == "json_schema") {
    if (const auto* named = of.object("json_schema")) {
      fields schema(*named, of.path_of("json_schema"), in.found());
      read_named_schema(schema, to, in, name);
      schema.finish();
    } else {
      of.missing("json_schema");
    }
  } else if (*type != "text") {
    return of.wrong("type", fmt::format("'{}' '{}' is not supported: text, json_object or json_schema expected", of.path_of("type"), shortened(*type, 64)), "unsupported_value");
  }
  of.finish();
}

void read_other_forms(fields& in, generation_request& request, wire::OpenT& open) {
  form to{request, open};
  for (const auto name : {"json_schema", "guided_json"}) // llama.cpp's, vLLM's
    if (auto schema = schema_of(in, name, true)) to.take(in, name, std::move(*schema));
  if (const auto* outputs = in.object("structured_outputs")) { // vLLM's
    fields of(*outputs, "structured_outputs", in.found());
    if (auto schema = schema_of(of, "json", true)) to.take(of, "json", std::move(*schema));
    if (of.flag("json_object").value_or(false)) to.take(of, "json_object", any_object);
    for (const auto name : {"regex", "choice", "grammar", "structural_tag"}) of.unsupported(name, "answers keep to JSON schemas; 'json' expected");
    for (const auto name : {"disable_fallback", "disable_any_whitespace", "disable_additional_properties", "whitespace_pattern"})
      if (of.find(name)) of.unsupported(name);
    of.finish();
  }
  for (const auto name : {"grammar", "guided_regex", "guided_choice", "guided_grammar"}) in.unsupported(name, "answers keep to JSON schemas; 'response_format' expected");
}

void check_form(fields& in, const generation_request& request) {
  if (request.form_field.empty()) return;
  const auto refuse = [&](std::string_view why) {
    note(in.found(), wrong_request(fmt::format("'{}' is not supported {}", request.form_field, why), request.form_field, "unsupported_parameter"));
  };
  if (request.use != tool_use::none) refuse("with 'tools': it would keep the model from calling them; 'tool_choice' none expected");
  if (!request.answer_start.empty()) refuse("with 'continue_final_message': what there is of the answer may be of another form");
}

} // namespace tokamak::frontend::openai
