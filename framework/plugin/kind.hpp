// The kinds of extension by name, and which function table belongs to which kind.
#pragma once

#include <tokamak/plugin.h>

#include <array>
#include <optional>
#include <string_view>

namespace tokamak::plugin {

inline constexpr std::array<tk_kind, 8> all_kinds{TK_KIND_FUSION,       TK_KIND_PLACEMENT,  TK_KIND_SCHEDULER,
                                                  TK_KIND_CACHE_POLICY, TK_KIND_GRAPH_PASS, TK_KIND_KERNELS,
                                                  TK_KIND_BACKEND,      TK_KIND_CONSTRAINT};

/// "fusion", "cache_policy", …; "unknown" for a number that is no kind.
std::string_view to_string(tk_kind kind);
/// The reverse; nothing for an unknown name.
std::optional<tk_kind> kind_from(std::string_view name);

template <class Table>
inline constexpr tk_kind kind_of = 0;
template <>
inline constexpr tk_kind kind_of<tk_fusion> = TK_KIND_FUSION;
template <>
inline constexpr tk_kind kind_of<tk_placement> = TK_KIND_PLACEMENT;
template <>
inline constexpr tk_kind kind_of<tk_scheduler> = TK_KIND_SCHEDULER;
template <>
inline constexpr tk_kind kind_of<tk_cache_policy> = TK_KIND_CACHE_POLICY;
template <>
inline constexpr tk_kind kind_of<tk_graph_pass> = TK_KIND_GRAPH_PASS;
template <>
inline constexpr tk_kind kind_of<tk_kernels> = TK_KIND_KERNELS;
template <>
inline constexpr tk_kind kind_of<tk_backend> = TK_KIND_BACKEND;
template <>
inline constexpr tk_kind kind_of<tk_constraint> = TK_KIND_CONSTRAINT;

} // namespace tokamak::plugin
