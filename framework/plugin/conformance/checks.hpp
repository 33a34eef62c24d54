// Running checks one after the other where they may crash, and hearing of their outcomes where they may not.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/conformance/conformance.hpp"

namespace tokamak::plugin::conformance {

/// What a check found.
struct outcome {
  bool passed = true;
  std::string detail;
};
inline outcome passed(std::string remark = {}) { return {true, std::move(remark)}; }
inline outcome broken(std::string why) { return {false, std::move(why)}; }

/// Announces each check before it runs, so that a crash can be put down to it.
class checks {
 public:
  /// Records go to this file descriptor.
  explicit checks(int to) : to_(to) {}
  void run(std::string_view name, const std::function<outcome()>& check);

 private:
  void send(char type, std::string_view text);
  int to_;
};

/// Calls f in a child process and collects its checks. A child that dies or is silent for `timeout_s` fails the check
/// that was running.
std::vector<check_result> run_apart(const std::string& extension, std::uint32_t timeout_s,
                                    const std::function<void(checks&)>& f);

} // namespace tokamak::plugin::conformance
