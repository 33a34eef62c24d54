// Where plugins are looked for.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "base/error.hpp"

namespace tokamak::plugin {

/// The plugin files of the search path, in its order, each file name once (the first found): `paths`, then the folders
/// in TOKAMAK_PLUGIN_PATH, then `<folder of the executable>/../lib/tokamak/plugins`. A folder that was asked for and
/// does not exist goes into `problems`; the last one may be absent.
std::vector<std::filesystem::path> plugin_files(std::span<const std::filesystem::path> paths,
                                                std::vector<error>& problems);

} // namespace tokamak::plugin
