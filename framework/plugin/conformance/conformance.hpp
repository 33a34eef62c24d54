// `tokamak plugins check FILE.so`: does a plugin keep its side of the contract? Every kind has a test with a made-up
// host, so that an author needs nothing but this program. Start here; one file beside this a kind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/option_tree.hpp"

namespace tokamak::plugin {

struct check_result {
  std::string extension; ///< "placement 'round_robin'"; empty: the file as a whole
  std::string name;      ///< a sentence that should be true
  bool passed = false;
  std::string detail;    ///< why not; or a remark
};

struct check_settings {
  /// Options by extension name, for extensions that cannot do without.
  std::map<std::string, option_value, std::less<>> options;
  std::uint64_t seed = 1;       ///< of the random loads
  std::uint32_t threads = 2;    ///< given to each instance
  std::uint32_t timeout_s = 60; ///< for one check; a plugin that takes longer hangs
};

/// Loads the file and runs all checks of its extensions. Each extension is checked in a process of its own (fork), so a
/// crash or a hang is one failed check. Call it before the program has other threads. Never throws, needs no files.
std::vector<check_result> check_plugin(const std::filesystem::path& file, const check_settings& settings = {});

/// One line a check: "ok      placement 'x': …" or "FAILED  …: detail".
std::string to_string(const check_result& result);

} // namespace tokamak::plugin
