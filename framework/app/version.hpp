// The version of this build.
#pragma once

namespace tokamak {

inline constexpr const char* version = TOKAMAK_VERSION;

} // namespace tokamak
