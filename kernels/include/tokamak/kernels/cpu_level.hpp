// Processor levels: which set of kernels runs. One portable binary holds all of them and picks at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tokamak::kernels {

/// Ordered: a higher level needs a newer processor. Results are bit-identical only within one level.
enum class cpu_level : std::uint8_t {
  reference = 0, ///< plain C++, any processor; defines what every op means
  avx2 = 1,      ///< x86-64 with AVX2, FMA and F16C
  avx512 = 2,    ///< x86-64 with all of that, AVX-512 F/BW/VL/DQ and VNNI; ops without kernels of their own run those of AVX2
};

/// "reference", "avx2" or "avx512". Any thread.
const char* level_name(cpu_level level);

/// The highest level that both this processor and this build have. Any thread.
cpu_level detect();

/// A level, or in `error` why there is none (then `level` is meaningless).
struct level_choice {
  cpu_level level = cpu_level::reference;
  std::string error; ///< empty when the choice is good
};

/// The level that `forced` asks for: nullptr or "" means `best`; an unknown name or a level above `best` is an
/// error. Pure.
level_choice choose_level(const char* forced, cpu_level best);

/// choose_level(value of TOKAMAK_CPU, detect()). Reads the environment at each call; ask once and keep the answer.
level_choice active();

/// Bytes of a core's second-level cache, or 256 KiB where the system does not say. Any thread.
std::size_t second_cache_bytes();

} // namespace tokamak::kernels
