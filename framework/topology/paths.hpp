// Paths in a topology: ~ and environment variables are expanded, the rest is relative to the file's folder.
#pragma once

#include "base/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace tokamak::topology {

/// Expands a leading "~/", "$NAME", "${NAME}" ("$$" is a dollar sign) and puts `folder` before what is relative. Fails if a
/// variable is not set or the text is no path.
expected<std::string> expand_path(std::string_view text, const std::filesystem::path& folder);

enum class path_kind { file, folder, any };

/// Why there is no such thing at `path`: "no such file '...'" and the like; "" if it is there.
std::string path_problem(const std::string& path, path_kind wanted);

} // namespace tokamak::topology
