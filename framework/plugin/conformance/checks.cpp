// The process apart: records over a pipe, each a type, a length and a text.
#include "plugin/conformance/checks.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

namespace tokamak::plugin::conformance {
namespace {

constexpr char begun = 'B', good = 'P', bad = 'F';

bool write_all(int fd, const void* data, std::size_t n) {
  const auto* p = static_cast<const char*>(data);
  while (n > 0) {
    const ssize_t w = ::write(fd, p, n);
    if (w < 0 && errno == EINTR) continue;
    if (w <= 0) return false;
    p += w;
    n -= static_cast<std::size_t>(w);
  }
  return true;
}

enum class reading { done, closed, late };

reading read_all(int fd, void* data, std::size_t n, std::uint32_t timeout_s) {
  auto* p = static_cast<char*>(data);
  while (n > 0) {
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(timeout_s) * 1000);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return reading::late;
    const ssize_t r = ::read(fd, p, n);
    if (r < 0 && errno == EINTR) continue;
    if (r <= 0) return reading::closed;
    p += r;
    n -= static_cast<std::size_t>(r);
  }
  return reading::done;
}

struct record {
  char type = 0;
  std::string text;
};

reading read_record(int fd, record& out, std::uint32_t timeout_s) {
  std::uint32_t size = 0;
  if (const auto r = read_all(fd, &out.type, 1, timeout_s); r != reading::done) return r;
  if (const auto r = read_all(fd, &size, sizeof size, timeout_s); r != reading::done) return r;
  out.text.resize(size);
  return read_all(fd, out.text.data(), size, timeout_s);
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("crashed: signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("ended the process with exit code {}", WEXITSTATUS(status));
}

} // namespace

void checks::send(char type, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  // The parent gone means that nobody is waiting for the rest.
  if (!write_all(to_, &type, 1) || !write_all(to_, &size, sizeof size) || !write_all(to_, text.data(), size)) _exit(3);
}

void checks::run(std::string_view name, const std::function<outcome()>& check) {
  send(begun, name);
  const outcome found = check();
  send(found.passed ? good : bad, found.detail);
}

std::vector<check_result> run_apart(const std::string& extension, std::uint32_t timeout_s,
                                    const std::function<void(checks&)>& f) {
  int ends[2];
  if (::pipe(ends) != 0) return {{extension, "can be checked", false, "no pipe: " + std::string(std::strerror(errno))}};
  const pid_t child = ::fork();
  if (child < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    return {{extension, "can be checked", false, "no process: " + std::string(std::strerror(errno))}};
  }
  if (child == 0) {
    ::close(ends[0]);
    // The program's own handlers (a test runner's, a sanitizer's) would report a crash as if it were the program's.
    for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS, SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
    checks to_parent(ends[1]);
    f(to_parent);
    _exit(0);
  }
  ::close(ends[1]);
  std::vector<check_result> results;
  std::optional<std::string> running;
  record r;
  reading state = reading::done;
  while ((state = read_record(ends[0], r, timeout_s)) == reading::done) {
    if (r.type == begun) {
      running = r.text;
    } else if (running) {
      results.push_back({extension, *running, r.type == good, r.text});
      running.reset();
    }
  }
  ::close(ends[0]);
  if (state == reading::late) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (state == reading::late)
    results.push_back(
        {extension, running.value_or("goes on"), false, fmt::format("did not return within {} s", timeout_s)});
  else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    results.push_back({extension, running.value_or("comes to its end"), false, how_it_ended(status)});
  return results;
}

} // namespace tokamak::plugin::conformance
