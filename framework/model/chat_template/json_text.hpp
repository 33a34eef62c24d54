// Values from JSON and to JSON text.
#pragma once

#include <nlohmann/json.hpp>

#include "model/chat_template/runtime.hpp"

namespace tokamak::jinja {

/// The value of a JSON document, key order kept. Raises for binary parts.
value from_json(runtime& rt, const nlohmann::ordered_json& document);

/// The options of Python's json.dumps that templates can set.
struct json_layout {
  bool ensure_ascii = false;
  bool indented = false;
  std::string indent; ///< of one level
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};

/// json.dumps(v). Raises "Object of type X is not JSON serializable".
value to_json(runtime& rt, const value& v, const json_layout& layout);

} // namespace tokamak::jinja
