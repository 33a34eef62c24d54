// Names of the extension kinds, as written in topology files and messages.
#include "plugin/kind.hpp"

namespace tokamak::plugin {

std::string_view to_string(tk_kind kind) {
  switch (kind) {
    case TK_KIND_FUSION: return "fusion";
    case TK_KIND_PLACEMENT: return "placement";
    case TK_KIND_SCHEDULER: return "scheduler";
    case TK_KIND_CACHE_POLICY: return "cache_policy";
    case TK_KIND_GRAPH_PASS: return "graph_pass";
    case TK_KIND_KERNELS: return "kernels";
    case TK_KIND_BACKEND: return "backend";
    case TK_KIND_CONSTRAINT: return "constraint";
    default: return "unknown";
  }
}

std::optional<tk_kind> kind_from(std::string_view name) {
  for (tk_kind kind : all_kinds)
    if (to_string(kind) == name) return kind;
  return std::nullopt;
}

} // namespace tokamak::plugin
