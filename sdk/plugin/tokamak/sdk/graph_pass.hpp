// Kind graph_pass in C++. Derive from `graph_pass` and define
//   static constexpr const char *name, *summary;  [static constexpr tk_option_spec options[];]
//   MyClass(host, const option_table&);           [static void validate(const option_table&);]
//   void run(graph_editor&);
#pragma once

#include <tokamak/sdk/extension.hpp>

#include <string>
#include <vector>

namespace tokamak::sdk {

/// The attribute of that name; nullptr if the op has none.
inline const tk_attribute* find_attribute(const tk_op& op, std::string_view name) {
  for (std::uint32_t i = 0; i < op.n_attributes; ++i)
    if (view(op.attributes[i].name) == name) return &op.attributes[i];
  return nullptr;
}

/// An op under construction; owns all of it, so it may be copied.
class op_builder {
 public:
  explicit op_builder(std::string name, std::uint32_t version = 1) : name_(std::move(name)), version_(version) {}

  /// TK_NO_VALUE stands for an optional input that is absent.
  op_builder& inputs(std::vector<std::uint32_t> values) { return inputs_ = std::move(values), *this; }
  op_builder& outputs(std::vector<std::uint32_t> values) { return outputs_ = std::move(values), *this; }
  op_builder& integer(std::string_view key, std::int64_t v) { return add(key, TK_INTEGER).integer = v, *this; }
  op_builder& real(std::string_view key, double v) { return add(key, TK_REAL).real = v, *this; }
  op_builder& string(std::string_view key, std::string_view v) { return add(key, TK_STRING).string = v, *this; }
  /// Copies an attribute of another op; under another name if one is given.
  op_builder& copy(const tk_attribute& from, std::string_view name = {}) {
    attributes_.push_back({std::string(name.empty() ? view(from.name) : name),
                           from.type,
                           from.integer,
                           from.real,
                           std::string(view(from.string)),
                           {from.reals, from.reals + from.n_reals}});
    return *this;
  }
  /// Valid until the builder changes, ends or is asked again.
  tk_op get() const {
    shown_.clear();
    for (const auto& a : attributes_)
      shown_.push_back({to_tk(a.name), a.type, a.integer, a.real, to_tk(a.string), a.reals.data(), a.reals.size()});
    return {to_tk(name_),
            version_,
            static_cast<std::uint32_t>(inputs_.size()),
            static_cast<std::uint32_t>(outputs_.size()),
            static_cast<std::uint32_t>(shown_.size()),
            inputs_.data(),
            outputs_.data(),
            shown_.data()};
  }

 private:
  struct attribute {
    std::string name;
    tk_option_type type;
    std::int64_t integer;
    double real;
    std::string string;
    std::vector<double> reals;
  };
  attribute& add(std::string_view key, tk_option_type type) {
    return attributes_.emplace_back(attribute{std::string(key), type, 0, 0, {}, {}});
  }

  std::string name_;
  std::uint32_t version_;
  std::vector<std::uint32_t> inputs_, outputs_;
  std::vector<attribute> attributes_;
  mutable std::vector<tk_attribute> shown_; // what get() points to
};

/// The host's editing functions. Views and indices are valid until the next edit.
class graph_editor {
 public:
  graph_editor(tk_graph_editor* editor, const tk_graph_edit* api) : editor_(editor), api_(api) {}

  tk_graph_view view() const {
    tk_graph_view v{};
    v.size = sizeof v;
    api_->view(editor_, &v);
    return v;
  }
  std::uint32_t add_value(const tk_value& value) {
    std::uint32_t index = 0;
    tk_error e = empty_error();
    check(api_->add_value(editor_, &value, &index, &e), e);
    return index;
  }
  /// A new rows value of that width.
  std::uint32_t add_rows(std::string_view name, std::uint64_t width) {
    return add_value({to_tk(name), TK_ROWS, TK_F32, 1, 0, {width, 0, 0, 0}});
  }
  /// A new value of that width with a row for each output row.
  std::uint32_t add_output_rows(std::string_view name, std::uint64_t width) {
    return add_value({to_tk(name), TK_OUTPUT_ROWS, TK_F32, 1, 0, {width, 0, 0, 0}});
  }
  void insert_op(std::uint32_t at, const op_builder& op) {
    const tk_op c = op.get();
    tk_error e = empty_error();
    check(api_->insert_op(editor_, at, &c, &e), e);
  }
  void erase_op(std::uint32_t at) {
    tk_error e = empty_error();
    check(api_->erase_op(editor_, at, &e), e);
  }
  /// Function is void(graph_editor&, std::uint32_t op): replaces that op by simpler ones.
  template <void (*Function)(graph_editor&, std::uint32_t)>
  void define_op(std::string_view name, std::uint32_t version) {
    tk_error e = empty_error();
    const tk_decompose decompose = [](tk_graph_editor* editor, const tk_graph_edit* api, std::uint32_t op,
                                      tk_error* error) {
      return guard(error, [&] {
        graph_editor edit(editor, api);
        Function(edit, op);
      });
    };
    check(api_->define_op(editor_, to_tk(name), version, decompose, &e), e);
  }

 private:
  tk_graph_editor* editor_;
  const tk_graph_edit* api_;
};

struct graph_pass {
  static constexpr tk_kind kind = TK_KIND_GRAPH_PASS;

  template <class Plugin>
  static constexpr tk_graph_pass table{
      sizeof(tk_graph_pass),
      [](const tk_host* h, const tk_options* o, void** self, tk_error* e) { return create<Plugin>(h, o, self, e); },
      &destroy<Plugin>,
      [](void* self, tk_graph_editor* editor, const tk_graph_edit* api, tk_error* e) {
        return guard(e, [&] {
          graph_editor edit(editor, api);
          held<Plugin>(self).plugin.run(edit);
        });
      }};
};

} // namespace tokamak::sdk
