// The checks of a plugin's descriptor, top down: head, extensions, option specs, function tables.
#include "plugin/descriptor_check.hpp"

#include <cstddef>
#include <cstring>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "plugin/kind.hpp"

namespace tokamak::plugin {
namespace {

/// A function of a table, by the place where its pointer stands.
struct entry {
  const char* name;
  std::size_t offset;
};

#define TOKAMAK_ENTRY(table, function) \
  entry { #function, offsetof(table, function) }

constexpr entry fusion_entries[] = {
    TOKAMAK_ENTRY(tk_fusion, create),   TOKAMAK_ENTRY(tk_fusion, destroy),  TOKAMAK_ENTRY(tk_fusion, begin),
    TOKAMAK_ENTRY(tk_fusion, on_event), TOKAMAK_ENTRY(tk_fusion, on_timer), TOKAMAK_ENTRY(tk_fusion, end),
    TOKAMAK_ENTRY(tk_fusion, worst_case_tokens)};
constexpr entry placement_entries[] = {TOKAMAK_ENTRY(tk_placement, create), TOKAMAK_ENTRY(tk_placement, destroy),
                                       TOKAMAK_ENTRY(tk_placement, choose)};
constexpr entry scheduler_entries[] = {TOKAMAK_ENTRY(tk_scheduler, create), TOKAMAK_ENTRY(tk_scheduler, destroy),
                                       TOKAMAK_ENTRY(tk_scheduler, plan)};
constexpr entry cache_policy_entries[] = {
    TOKAMAK_ENTRY(tk_cache_policy, create), TOKAMAK_ENTRY(tk_cache_policy, destroy),
    TOKAMAK_ENTRY(tk_cache_policy, lookup), TOKAMAK_ENTRY(tk_cache_policy, unpin),
    TOKAMAK_ENTRY(tk_cache_policy, insert), TOKAMAK_ENTRY(tk_cache_policy, evict),
    TOKAMAK_ENTRY(tk_cache_policy, cached_nodes), TOKAMAK_ENTRY(tk_cache_policy, evictable)};
constexpr entry graph_pass_entries[] = {TOKAMAK_ENTRY(tk_graph_pass, create), TOKAMAK_ENTRY(tk_graph_pass, destroy),
                                        TOKAMAK_ENTRY(tk_graph_pass, run)};
// `prepare`, `buffer_argmax`, `counters` and `run_parallel` are optional.
constexpr entry backend_entries[] = {
    TOKAMAK_ENTRY(tk_backend, create),         TOKAMAK_ENTRY(tk_backend, destroy),
    TOKAMAK_ENTRY(tk_backend, describe),       TOKAMAK_ENTRY(tk_backend, supports),
    TOKAMAK_ENTRY(tk_backend, program_create), TOKAMAK_ENTRY(tk_backend, program_destroy),
    TOKAMAK_ENTRY(tk_backend, cache_create),   TOKAMAK_ENTRY(tk_backend, cache_destroy),
    TOKAMAK_ENTRY(tk_backend, submit),         TOKAMAK_ENTRY(tk_backend, buffer_create),
    TOKAMAK_ENTRY(tk_backend, buffer_destroy), TOKAMAK_ENTRY(tk_backend, buffer_host_pointer),
    TOKAMAK_ENTRY(tk_backend, buffer_read),    TOKAMAK_ENTRY(tk_backend, buffer_write)};
constexpr entry constraint_entries[] = {
    TOKAMAK_ENTRY(tk_constraint, create),          TOKAMAK_ENTRY(tk_constraint, destroy),
    TOKAMAK_ENTRY(tk_constraint, compile),         TOKAMAK_ENTRY(tk_constraint, compiled_destroy),
    TOKAMAK_ENTRY(tk_constraint, matcher_create),  TOKAMAK_ENTRY(tk_constraint, matcher_destroy),
    TOKAMAK_ENTRY(tk_constraint, advance),         TOKAMAK_ENTRY(tk_constraint, allowed),
    TOKAMAK_ENTRY(tk_constraint, ending)};
#undef TOKAMAK_ENTRY

/// Name, least size and functions of a kind's table.
struct table_shape {
  const char* name;
  std::size_t size;
  std::span<const entry> entries;
};

table_shape shape_of(tk_kind kind) {
  switch (kind) {
    case TK_KIND_FUSION: return {"tk_fusion", sizeof(tk_fusion), fusion_entries};
    case TK_KIND_PLACEMENT: return {"tk_placement", sizeof(tk_placement), placement_entries};
    case TK_KIND_SCHEDULER: return {"tk_scheduler", sizeof(tk_scheduler), scheduler_entries};
    case TK_KIND_CACHE_POLICY: return {"tk_cache_policy", sizeof(tk_cache_policy), cache_policy_entries};
    case TK_KIND_GRAPH_PASS: return {"tk_graph_pass", sizeof(tk_graph_pass), graph_pass_entries};
    case TK_KIND_KERNELS: return {"tk_kernels", sizeof(tk_kernels), {}};
    case TK_KIND_CONSTRAINT: return {"tk_constraint", sizeof(tk_constraint), constraint_entries};
    default: return {"tk_backend", sizeof(tk_backend), backend_entries};
  }
}

bool empty(const char* text) { return !text || !*text; }

expected<void> check_options_of(const tk_extension& e, const std::string& what, std::string_view file) {
  if (!e.options && e.n_options) return fail(errc::corrupt, what + ": options is NULL", std::string(file));
  for (std::size_t i = 0; i < e.n_options; ++i) {
    const tk_option_spec& spec = e.options[i];
    if (empty(spec.name))
      return fail(errc::corrupt, fmt::format("{}: option {} has no name", what, i), std::string(file));
    if (spec.type < TK_BOOLEAN || spec.type > TK_TABLE)
      return fail(errc::corrupt, fmt::format("{}: option '{}' has the unknown type {}", what, spec.name, spec.type),
                  std::string(file));
    for (std::size_t j = 0; j < i; ++j)
      if (std::string_view(spec.name) == e.options[j].name)
        return fail(errc::corrupt, fmt::format("{}: option '{}' is listed twice", what, spec.name), std::string(file));
  }
  return {};
}

expected<void> check_kernels(const tk_kernels& table, const std::string& what, std::string_view file) {
  if (!table.kernels && table.n_kernels) return fail(errc::corrupt, what + ": kernels is NULL", std::string(file));
  for (std::size_t i = 0; i < table.n_kernels; ++i) {
    const tk_kernel& k = table.kernels[i];
    const char* missing = nullptr;
    if (k.size < sizeof(tk_kernel)) missing = "is shorter than tk_kernel";
    else if (!k.op_name.data || !k.op_name.size) missing = "has no op_name";
    else if (empty(k.cpu_level)) missing = "has no cpu_level";
    else if (!k.compute) missing = "has no compute function";
    if (missing) return fail(errc::corrupt, fmt::format("{}: kernel {} {}", what, i, missing), std::string(file));
  }
  return {};
}

expected<void> check_table(const tk_extension& e, const std::string& what, std::string_view file) {
  const table_shape shape = shape_of(e.kind);
  if (!e.functions) return fail(errc::corrupt, what + ": functions is NULL", std::string(file));
  std::size_t size = 0;
  std::memcpy(&size, e.functions, sizeof size);
  if (size < shape.size)
    return fail(errc::corrupt,
                fmt::format("{}: {} bytes of {} expected and {} found", what, shape.size, shape.name, size),
                std::string(file));
  for (const entry& f : shape.entries) {
    void* function = nullptr;
    std::memcpy(&function, static_cast<const char*>(e.functions) + f.offset, sizeof function);
    if (!function)
      return fail(errc::corrupt, fmt::format("{}: {}.{} is NULL", what, shape.name, f.name), std::string(file));
  }
  if (e.kind == TK_KIND_KERNELS) return check_kernels(*static_cast<const tk_kernels*>(e.functions), what, file);
  return {};
}

} // namespace

expected<void> check_head(const tk_plugin* descriptor, std::string_view file) {
  if (!descriptor) return fail(errc::corrupt, "tokamak_plugin returned NULL", std::string(file));
  constexpr std::size_t head = offsetof(tk_plugin, abi_minor) + sizeof(descriptor->abi_minor);
  if (descriptor->size < head)
    return fail(errc::corrupt, fmt::format("descriptor of {} bytes: its head alone has {}", descriptor->size, head),
                std::string(file));
  const bool same_major = descriptor->abi_major == TK_ABI_MAJOR;
  const bool same_minor = descriptor->abi_minor == TK_ABI_MINOR;
  // From 1.0 on minor versions only add, so a plugin may be older than its host but not newer.
  const bool fits = TK_ABI_MAJOR == 0 ? same_major && same_minor : same_major && descriptor->abi_minor <= TK_ABI_MINOR;
  if (!fits)
    return fail(errc::version_mismatch,
                fmt::format("ABI {}.{} wanted and {}.{} found; build the plugin with this version's SDK", TK_ABI_MAJOR,
                            TK_ABI_MINOR, descriptor->abi_major, descriptor->abi_minor),
                std::string(file));
  return {};
}

expected<void> check_descriptor(const tk_plugin& p, std::string_view file) {
  const std::string where(file);
  if (p.size < sizeof(tk_plugin))
    return fail(errc::corrupt, fmt::format("{} bytes of tk_plugin expected and {} found", sizeof(tk_plugin), p.size),
                where);
  if (empty(p.name)) return fail(errc::corrupt, "the plugin has no name", where);
  if (empty(p.version)) return fail(errc::corrupt, "the plugin has no version", where);
  if (!p.extensions || !p.n_extensions) return fail(errc::corrupt, "the plugin has no extensions", where);
  std::set<std::pair<tk_kind, std::string_view>> seen;
  for (std::size_t i = 0; i < p.n_extensions; ++i) {
    const tk_extension& e = p.extensions[i];
    if (e.size < sizeof(tk_extension))
      return fail(errc::corrupt, fmt::format("extension {}: {} bytes of tk_extension expected and {} found", i,
                                             sizeof(tk_extension), e.size), where);
    if (empty(e.name)) return fail(errc::corrupt, fmt::format("extension {} has no name", i), where);
    if (to_string(e.kind) == "unknown")
      return fail(errc::corrupt, fmt::format("extension '{}': kind {} is unknown", e.name, e.kind), where);
    const std::string what = fmt::format("{} '{}'", to_string(e.kind), e.name);
    if (!seen.emplace(e.kind, e.name).second) return fail(errc::already_exists, what + " is listed twice", where);
    if (auto ok = check_options_of(e, what, file); !ok) return ok;
    if (auto ok = check_table(e, what, file); !ok) return ok;
  }
  return {};
}

} // namespace tokamak::plugin
