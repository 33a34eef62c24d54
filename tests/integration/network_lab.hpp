// A network of its own for each node of a test, all joined by a switch, with lines that can be cut and slowed. Made of network
// namespaces, which need root and iproute2.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace tokamak::test {

class network_lab {
public:
  /// Null where this machine allows no namespaces.
  static std::unique_ptr<network_lab> make(const std::vector<std::string>& names) {
    std::unique_ptr<network_lab> lab(new network_lab);
    if (!lab->build(names)) return nullptr;
    return lab;
  }
  ~network_lab() {
    for (const auto& [name, line] : lines_) run("ip netns del " + line.space);
    run("ip netns del " + hub_);
  }
  network_lab(const network_lab&) = delete;
  network_lab& operator=(const network_lab&) = delete;

  const std::string& address(const std::string& name) const { return lines_.at(name).address; }
  /// What a command begins with that is to run there. It becomes the command: signals reach it.
  std::vector<std::string> prefix(const std::string& name) const {
    return {"/usr/bin/env", "PATH=/usr/sbin:/sbin:/usr/bin:/bin", "ip", "netns", "exec", lines_.at(name).space};
  }

  /// Nothing gets through, and nobody is told.
  bool cut(const std::string& name) { return run(fmt::format("ip -n {} link set {} down", hub_, lines_.at(name).port)); }
  bool join(const std::string& name) { return run(fmt::format("ip -n {} link set {} up", hub_, lines_.at(name).port)); }

  /// A rate like "10mbit", in both directions.
  bool slow(const std::string& name, const std::string& rate) {
    const auto shape = "root tbf rate " + rate + " burst 32kbit latency 400ms";
    return run(fmt::format("tc -n {} qdisc add dev eth0 {}", lines_.at(name).space, shape)) &&
           run(fmt::format("tc -n {} qdisc add dev {} {}", hub_, lines_.at(name).port, shape));
  }
  bool restore(const std::string& name) {
    return run(fmt::format("tc -n {} qdisc del dev eth0 root", lines_.at(name).space)) &&
           run(fmt::format("tc -n {} qdisc del dev {} root", hub_, lines_.at(name).port));
  }

private:
  struct line {
    std::string space, port, address;
  };

  network_lab() : hub_(fmt::format("tokamak-{}", getpid())) {}

  bool build(const std::vector<std::string>& names) {
    if (!run("tc -V") || !run("ip netns add " + hub_) || !run(fmt::format("ip -n {} link add switch type bridge", hub_)) ||
        !run(fmt::format("ip -n {} link set switch up", hub_)))
      return false;
    for (const auto& name : names) {
      const auto number = lines_.size() + 1;
      line l{fmt::format("{}-{}", hub_, number), fmt::format("port{}", number), fmt::format("10.77.0.{}", number)};
      lines_[name] = l;
      if (!run("ip netns add " + l.space) ||
          !run(fmt::format("ip -n {} link add eth0 type veth peer name {} netns {}", l.space, l.port, hub_)) ||
          !run(fmt::format("ip -n {} link set {} master switch up", hub_, l.port)) ||
          !run(fmt::format("ip -n {} addr add {}/24 dev eth0", l.space, l.address)) || !run(fmt::format("ip -n {} link set eth0 up", l.space)) ||
          !run(fmt::format("ip -n {} link set lo up", l.space)))
        return false;
    }
    return true;
  }

  static bool run(const std::string& command) { return std::system(("PATH=$PATH:/usr/sbin:/sbin; " + command + " >/dev/null 2>&1").c_str()) == 0; }

  std::string hub_;
  std::map<std::string, line> lines_;
};

} // namespace tokamak::test
