// Bounds of the histograms that endpoints measure. They hold those that vLLM and OpenTelemetry's conventions for generative AI have, so that
// /metrics can show each convention exactly its own.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace tokamak::measure_bounds {

// vLLM, vllm/v1/metrics/loggers.py.
inline constexpr std::array vllm_first_token{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0};
inline constexpr std::array vllm_output_token{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0};
inline constexpr std::array vllm_request{0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0};

// OpenTelemetry, gen_ai.server.*.
inline constexpr std::array otel_first_token{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0};
inline constexpr std::array otel_output_token{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5};
inline constexpr std::array otel_request{0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92};

// Measured.
inline constexpr auto first_token_seconds = vllm_first_token;
inline constexpr std::array output_token_seconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0};
inline constexpr std::array request_seconds{0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.3,  0.32, 0.5,  0.64,  0.8,  1.0,  1.28,  1.5,   2.0,   2.5,   2.56,
                                            5.0,   5.12,   10.0,  10.24, 15.0, 20.0, 20.48, 30.0, 40.0, 40.96, 50.0, 60.0, 81.92, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0};
/// vLLM's end at the model's context.
inline constexpr std::array tokens{1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6};

template <std::size_t N, std::size_t M>
constexpr bool holds(const std::array<double, N>& measured, const std::array<double, M>& wanted) {
  return std::is_sorted(measured.begin(), measured.end()) && std::includes(measured.begin(), measured.end(), wanted.begin(), wanted.end());
}
static_assert(holds(first_token_seconds, vllm_first_token) && holds(first_token_seconds, otel_first_token));
static_assert(holds(output_token_seconds, vllm_output_token) && holds(output_token_seconds, otel_output_token));
static_assert(holds(request_seconds, vllm_request) && holds(request_seconds, otel_request));

} // namespace tokamak::measure_bounds
