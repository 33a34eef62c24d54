// Words for messages: safely quoted names, lists of what is known, and the nearest known name to a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tokamak::topology {

/// 'text' in single quotes; control characters as \xNN, and cut after about 80 bytes.
std::string in_quotes(std::string_view text);

/// "a, b, c", cut after twenty with "and 7 more".
std::string listed(const std::vector<std::string>& names);

/// The candidate with the least edit distance (insert, delete, replace, swap of neighbours; case does not count), if it
/// is at most a third of the name's length and at least one is allowed; "" if none is near enough.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

/// "unknown WHAT 'name'; did you mean 'near'? LABEL: a, b" without what does not apply; "none is LABEL" if there are no
/// candidates.
std::string unknown(std::string_view what, std::string_view name, const std::vector<std::string>& candidates,
                    std::string_view label = "known");

/// The same for what belongs to an owner: "unknown WHAT 'name'; did you mean 'near'? OWNER has: a, b", or "OWNER has none".
std::string unknown_in(std::string_view owner, std::string_view what, std::string_view name,
                       const std::vector<std::string>& candidates);

/// True if a name has only letters, digits, '-', '_' and '.', and 1 to 64 of them.
bool is_good_name(std::string_view name);

/// "[engines.main]", with quotes round names that TOML needs them for.
std::string table_title(std::string_view section, std::string_view name);

} // namespace tokamak::topology
