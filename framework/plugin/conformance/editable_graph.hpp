// A small graph that plugins may edit: the host's side of tk_graph_edit for conformance tests.
#pragma once

#include <tokamak/plugin.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace tokamak::plugin::conformance {

class editable_graph {
 public:
  struct attribute {
    std::string name;
    tk_option_type type = TK_INTEGER;
    std::int64_t integer = 0;
    double real = 0;
    std::string string;
    std::vector<double> reals;
  };
  struct value {
    std::string name;
    tk_value_kind kind = TK_ROWS;
    tk_format format = TK_F32;
    std::vector<std::uint64_t> dims;
    std::uint32_t flags = 0;
  };
  struct op {
    std::string name;
    std::uint32_t version = 1;
    std::vector<std::uint32_t> inputs, outputs;
    std::vector<attribute> attributes;
  };
  struct definition {
    std::string name;
    std::uint32_t version;
    tk_decompose decompose;
  };

  editable_graph() = default;
  /// Copies have a view of their own.
  editable_graph(const editable_graph& other);
  editable_graph& operator=(const editable_graph&) = delete;

  std::uint32_t add(value v) {
    values.push_back(std::move(v));
    return static_cast<std::uint32_t>(values.size() - 1);
  }

  /// Valid until the next edit.
  tk_graph_view view();
  /// The functions for a plugin, and what to pass as their editor.
  static const tk_graph_edit& api();
  tk_graph_editor* editor() { return reinterpret_cast<tk_graph_editor*>(this); }

  /// Names unique, indices in range, values written once and before they are read, outputs written.
  expected<void> validate() const;
  /// Every op outside of "tokamak." but those that `keep` wants replaced by what it is defined as. Fails where a
  /// definition is missing or does not end.
  expected<void> decompose_all(const std::function<bool(const op&)>& keep = [](const op&) { return false; });

  std::vector<value> values;
  std::vector<op> ops;
  std::vector<tk_cache_group> groups; ///< names point into group_names
  std::deque<std::string> group_names;
  std::vector<definition> definitions;

 private:
  std::vector<tk_value> view_values_;
  std::vector<tk_op> view_ops_;
  std::deque<std::vector<tk_attribute>> view_attributes_;
};

} // namespace tokamak::plugin::conformance
