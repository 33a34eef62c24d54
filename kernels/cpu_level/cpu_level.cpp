// Picks the set of kernels to run from the processor and TOKAMAK_CPU.
#include "tokamak/kernels/cpu_level.hpp"

#include <cstdlib>
#include <string_view>
#include <unistd.h>

#if defined(TOKAMAK_KERNELS_X86)
#include <cpuid.h>
#endif

namespace tokamak::kernels {

namespace {

#if defined(TOKAMAK_KERNELS_X86)
// The compiler's test for AVX2 includes the operating system's part; F16C has no name in every compiler we use.
bool has_avx2_fma_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_F16C) == 0) return false;
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}

bool has_avx512_vnni() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vnni") != 0;
}
#else
bool has_avx2_fma_f16c() { return false; }
bool has_avx512_vnni() { return false; }
#endif

} // namespace

const char* level_name(cpu_level level) {
  switch (level) {
    case cpu_level::reference: return "reference";
    case cpu_level::avx2: return "avx2";
    case cpu_level::avx512: return "avx512";
  }
  return "unknown";
}

cpu_level detect() {
  if (!has_avx2_fma_f16c()) return cpu_level::reference;
  return has_avx512_vnni() ? cpu_level::avx512 : cpu_level::avx2;
}

level_choice choose_level(const char* forced, cpu_level best) {
  const std::string_view wanted = forced == nullptr ? "" : forced;
  if (wanted.empty()) return {best, ""};
  for (const cpu_level level : {cpu_level::reference, cpu_level::avx2, cpu_level::avx512}) {
    if (wanted != level_name(level)) continue;
    if (level <= best) return {level, ""};
    return {best, "TOKAMAK_CPU=" + std::string(wanted) + ": this processor and build have kernels up to " +
                      level_name(best) + " only"};
  }
  return {best, "TOKAMAK_CPU=" + std::string(wanted) + ": expected reference, avx2 or avx512"};
}

level_choice active() { return choose_level(std::getenv("TOKAMAK_CPU"), detect()); }

std::size_t second_cache_bytes() {
  constexpr long unknown = 256 * 1024;
#if defined(_SC_LEVEL2_CACHE_SIZE)
  static const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
#else
  const long bytes = 0;
#endif
  return static_cast<std::size_t>(bytes > 0 ? bytes : unknown);
}

} // namespace tokamak::kernels
