// Kind graph_pass in C++. Derive from `graph_pass` and define
//   static constexpr const char *name, *summary;  [static constexpr tk_option_spec options[];]
//   MyClass(host, const option_table&);           [static void validate(const option_table&);]
//   void run(graph_editor&);
#pragma once

#include <tokamak/sdk/extension.hpp>

#include <deque>
#include <initializer_list>
#include <string>
#include <vector>

namespace tokamak::sdk {

/// An op under construction; owns what the C struct points to.
class op_builder {
 public:
  explicit op_builder(std::string name, std::uint32_t version = 1) : name_(std::move(name)), version_(version) {}

  op_builder& inputs(std::initializer_list<std::uint32_t> values) { return inputs_.assign(values), *this; }
  op_builder& outputs(std::initializer_list<std::uint32_t> values) { return outputs_.assign(values), *this; }
  op_builder& integer(std::string_view key, std::int64_t v) { return add(key, TK_INTEGER).integer = v, *this; }
  op_builder& real(std::string_view key, double v) { return add(key, TK_REAL).real = v, *this; }
  op_builder& string(std::string_view key, std::string_view v) {
    add(key, TK_STRING).string = keep(v);
    return *this;
  }
  /// Copies an attribute of another op.
  op_builder& copy(const tk_attribute& from) {
    tk_attribute& a = add(view(from.name), from.type);
    a.integer = from.integer;
    a.real = from.real;
    a.string = keep(view(from.string));
    const auto& kept = reals_.emplace_back(from.reals, from.reals + from.n_reals);
    a.reals = kept.data();
    a.n_reals = kept.size();
    return *this;
  }
  /// Valid until the builder changes or ends.
  tk_op get() const {
    return {to_tk(name_),
            version_,
            static_cast<std::uint32_t>(inputs_.size()),
            static_cast<std::uint32_t>(outputs_.size()),
            static_cast<std::uint32_t>(attributes_.size()),
            inputs_.data(),
            outputs_.data(),
            attributes_.data()};
  }

 private:
  tk_string keep(std::string_view text) { return to_tk(texts_.emplace_back(text)); }
  tk_attribute& add(std::string_view key, tk_option_type type) {
    tk_attribute a{};
    a.name = keep(key);
    a.type = type;
    return attributes_.emplace_back(a);
  }

  std::string name_;
  std::uint32_t version_;
  std::vector<std::uint32_t> inputs_, outputs_;
  std::vector<tk_attribute> attributes_;
  std::deque<std::string> texts_; // addresses stay
  std::deque<std::vector<double>> reals_;
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
