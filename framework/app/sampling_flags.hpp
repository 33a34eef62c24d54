// The command-line flags of a generation, shared by `run` and `ask`.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tokamak::app {

struct sampling_flags {
  std::uint32_t max_tokens = 256;
  float temperature = 0;
  std::uint32_t top_k = 0;
  float top_p = 1;
  float min_p = 0;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;
  std::string system;
  bool raw = false;
};

inline void add_sampling_flags(CLI::App& sub, sampling_flags& flags) {
  sub.add_option("--max-tokens", flags.max_tokens, "At most this many tokens")->capture_default_str();
  sub.add_option("--temperature", flags.temperature, "0: always the most likely token")->capture_default_str();
  sub.add_option("--top-k", flags.top_k, "Choose among the k most likely tokens; 0: all")->capture_default_str();
  sub.add_option("--top-p", flags.top_p, "Choose among the most likely tokens that make up this probability")->capture_default_str();
  sub.add_option("--min-p", flags.min_p, "Leave out tokens less likely than this share of the most likely")->capture_default_str();
  sub.add_option("--seed", flags.seed, "Same seed, same answer; without one, a random one");
  sub.add_option("--stop", flags.stop, "End before this text (may be given several times)")->allow_extra_args(false);
  sub.add_option("--system", flags.system, "System message");
  sub.add_flag("--raw", flags.raw, "Send the prompt as it is, not as a chat message");
}

} // namespace tokamak::app
