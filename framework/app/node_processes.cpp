// fork, exec, wait.
#include "app/node_processes.hpp"

#include "base/log.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace tokamak::app {
namespace {

struct child {
  std::string node;
  pid_t pid = -1;
};

pid_t start(const std::string& program, const std::string& file, const std::string& node, const sigset_t& signals) {
  const auto parent = getpid();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  setpgid(0, 0); // a terminal's Ctrl-C comes through the parent, once
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1); // it was faster
  sigprocmask(SIG_UNBLOCK, &signals, nullptr);
  execl(program.c_str(), program.c_str(), "serve", file.c_str(), "--node", node.c_str(), static_cast<char*>(nullptr));
  std::fprintf(stderr, "tokamak: cannot start %s: %s\n", program.c_str(), std::strerror(errno));
  _exit(127);
}

void tell_all(const std::vector<child>& children, int signal) {
  for (const auto& c : children) kill(c.pid, signal);
}

// The next child that ended, and its status; signals are passed on meanwhile, which is what `asked` says.
std::pair<pid_t, int> wait_for_one(const std::vector<child>& children, const sigset_t& signals, bool& asked) {
  for (;;) {
    int status = 0;
    if (const pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0)
      return {pid, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)};
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal == SIGCHLD) continue;
    tell_all(children, signal);
    asked = true;
  }
}

} // namespace

int run_all_nodes(const std::string& program, const topology::topology& t) {
  sigset_t signals;
  sigemptyset(&signals);
  for (int s : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&signals, s);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::vector<child> children;
  for (const auto& n : t.nodes) children.push_back({n.name, start(program, t.file, n.name, signals)});
  int result = 0;
  bool asked = false; // to end; a second time would cut what still runs
  while (!children.empty()) {
    const auto [pid, status] = wait_for_one(children, signals, asked);
    const auto it = std::find_if(children.begin(), children.end(), [pid = pid](const auto& c) { return c.pid == pid; });
    if (it == children.end()) continue;
    if (status != 0) log::error("serve", "node.ended", {{"node", it->node}, {"status", status}});
    if (result == 0) result = status;
    children.erase(it);
    if (status != 0 && !std::exchange(asked, true)) tell_all(children, SIGTERM);
  }
  return result;
}

} // namespace tokamak::app
