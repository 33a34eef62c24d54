// A child process with its output, for tests of the programs themselves.
#pragma once

#include "patience.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace tokamak::test {

/// Path of the program built beside the tests; ctest sets TOKAMAK_BIN.
inline std::string tokamak_program() {
  const char* folder = std::getenv("TOKAMAK_BIN");
  return std::string(folder ? folder : ".") + "/tokamak";
}

/// Starts at once; killed at the end if it still runs. Output is collected while waiting. Limits are times `patience`.
class child_process {
public:
  explicit child_process(const std::vector<std::string>& command) {
    int out[2], err[2];
    REQUIRE(pipe2(out, O_CLOEXEC) == 0);
    REQUIRE(pipe2(err, O_CLOEXEC) == 0);
    std::vector<char*> argv;
    for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) { // only async-signal-safe calls from here: the parent has threads
      dup2(out[1], STDOUT_FILENO);
      dup2(err[1], STDERR_FILENO);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(out[1]);
    close(err[1]);
    out_ = out[0];
    err_ = err[0];
  }
  ~child_process() {
    if (status_ < 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(out_);
    close(err_);
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  void signal(int number) const { kill(pid_, number); }
  const std::string& out() const { return out_text_; }
  const std::string& err() const { return err_text_; }

  /// Until the process wrote `text` to either stream; false: it ended, or the time did.
  bool wait_for(const std::string& text, std::chrono::milliseconds limit = std::chrono::seconds(30)) {
    const auto end = std::chrono::steady_clock::now() + limit * patience;
    const auto there = [&] {
      return out_text_.find(text) != std::string::npos || err_text_.find(text) != std::string::npos;
    };
    while (!there() && std::chrono::steady_clock::now() < end)
      if (!collect(50)) return there();
    return there();
  }

  /// Exit status, 128 + signal where one ended it, -1 where it still runs when the time is over.
  int wait(std::chrono::milliseconds limit = std::chrono::seconds(30)) {
    const auto end = std::chrono::steady_clock::now() + limit * patience;
    while (status_ < 0 && std::chrono::steady_clock::now() < end) {
      const bool open = collect(20);
      int status = 0;
      if (waitpid(pid_, &status, open ? WNOHANG : 0) != pid_) continue;
      status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    while (status_ >= 0 && collect(0)) {
    }
    return status_;
  }

private:
  // Reads what is there; false when both streams are at their end.
  bool collect(int timeout_ms) {
    pollfd ready[] = {{out_open_ ? out_ : -1, POLLIN, 0}, {err_open_ ? err_ : -1, POLLIN, 0}};
    if (poll(ready, 2, timeout_ms) > 0) {
      if (ready[0].revents) out_open_ = read_some(out_, out_text_);
      if (ready[1].revents) err_open_ = read_some(err_, err_text_);
    }
    return out_open_ || err_open_;
  }
  static bool read_some(int fd, std::string& into) {
    char buffer[4096];
    const auto n = read(fd, buffer, sizeof buffer);
    if (n > 0) into.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }

  pid_t pid_ = -1;
  int out_ = -1, err_ = -1, status_ = -1;
  bool out_open_ = true, err_open_ = true;
  std::string out_text_, err_text_;
};

} // namespace tokamak::test
