// Requests to a group of nodes, with the tokens that they must give whatever happens to the nodes.
#pragma once

#include "integration/node_group.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

namespace tokamak::test {

inline constexpr std::uint32_t length = 200;
inline constexpr int n_prompts = 12;

/// What each request gives where nothing happens.
inline std::vector<std::vector<std::int32_t>> undisturbed() {
  const auto path = std::filesystem::temp_directory_path() / ("tokamak-nodes-" + std::to_string(::getpid()) + ".gguf");
  std::ofstream(path, std::ios::binary) << tiny_llama_gguf();
  test_service s("[models.tiny]\npath = \"" + path.string() + "\"\n[engines.tiny]\nbackend = \"reference\"\n"
                       "[frontends.zmq]\nbind = \"tcp://127.0.0.1:*\"\n");
  std::filesystem::remove(path);
  auto c = client::connect(s.address());
  REQUIRE(c);
  std::vector<std::vector<std::int32_t>> answers;
  for (int i = 0; i < n_prompts; ++i) {
    const auto answer = c->generate(asking(i, length));
    REQUIRE(answer);
    answers.push_back(answer->token_ids);
  }
  return answers;
}

/// Clients that ask without end and compare what they get.
class clients {
public:
  clients(std::string address, int n, const std::vector<std::vector<std::int32_t>>& expected) : expected_(expected) {
    for (int i = 0; i < n; ++i) threads_.emplace_back([this, address, i] { ask(address, i); });
  }
  ~clients() { stop(); }
  void stop() {
    stopping_ = true;
    for (auto& t : threads_)
      if (t.joinable()) t.join();
  }
  std::uint64_t answers() const { return answers_; }
  std::uint64_t tokens() const { return tokens_; }
  std::string problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

private:
  void ask(const std::string& address, int i) {
    auto c = client::connect(address);
    for (int k = i; !stopping_; k = (k + 5) % n_prompts) {
      std::vector<std::int32_t> got;
      const auto answer = c->generate(asking(k, length), [&](const client_chunk& chunk) {
        got.insert(got.end(), chunk.token_ids.begin(), chunk.token_ids.end());
        tokens_ += chunk.token_ids.size();
        return true;
      });
      ++answers_;
      if (answer && got == expected_[static_cast<std::size_t>(k)]) continue;
      const auto& whole = expected_[static_cast<std::size_t>(k)];
      const auto first = std::mismatch(got.begin(), got.end(), whole.begin(), whole.end()).first - got.begin();
      const std::lock_guard lock(mutex_);
      problem_ = answer ? fmt::format("request {}: {} tokens, from number {} on wrong: {}; expected {}", k, got.size(), first, fmt::join(got, " "), fmt::join(whole, " "))
                        : answer.error().to_string();
    }
  }

  const std::vector<std::vector<std::int32_t>>& expected_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> answers_{0}, tokens_{0};
  mutable std::mutex mutex_;
  std::string problem_;
};

/// "4 tokens", or what went wrong.
inline std::string answer_of(const std::string& address) {
  auto c = client::connect(address);
  REQUIRE(c);
  const auto answer = c->generate(asking(0, 4));
  return answer ? std::to_string(answer->token_ids.size()) + " tokens" : answer.error().message;
}

} // namespace tokamak::test
