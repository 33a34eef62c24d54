// Log lines through spdlog; the format is ours, the sink and locking are spdlog's.
#include "base/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <mutex>

namespace tokamak::log {
namespace {

constexpr auto pattern = "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("tokamak", std::move(sink));
  logger->set_pattern(pattern, spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::info);
  return logger;
}

std::shared_ptr<spdlog::logger>& current() {
  static auto logger = make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  return logger;
}

std::mutex& swap_mutex() {
  static std::mutex m;
  return m;
}

std::atomic<level> minimum{level::info};

spdlog::level::level_enum to_spdlog(level l) {
  switch (l) {
    case level::debug: return spdlog::level::debug;
    case level::info: return spdlog::level::info;
    case level::warning: return spdlog::level::warn;
    case level::error: return spdlog::level::err;
    case level::off: break;
  }
  return spdlog::level::off;
}

void append_value(std::string& out, const std::string& value) {
  if (!value.empty() && value.find_first_of(" \"=\n\r\t\\") == std::string::npos) {
    out += value;
    return;
  }
  out += '"';
  for (char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') out += "\\n";
    else if (c == '\r') out += "\\r";
    else if (c == '\t') out += "\\t";
    else out += c;
  }
  out += '"';
}

} // namespace

void set_level(level l) { minimum.store(l, std::memory_order_relaxed); }
bool enabled(level l) { return l >= minimum.load(std::memory_order_relaxed); }

bool set_file(const std::string& path) {
  try {
    auto logger = make_logger(std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
    const std::lock_guard lock(swap_mutex());
    current() = std::move(logger);
    return true;
  } catch (const spdlog::spdlog_ex&) {
    return false;
  }
}

void write(level l, std::string_view who, std::string_view event, std::initializer_list<field> fields) {
  if (!enabled(l) || l == level::off) return;
  std::string line;
  line.reserve(128);
  line.append(who).append(" ").append(event);
  for (const auto& f : fields) {
    line.append(" ").append(f.key).append("=");
    append_value(line, f.value);
  }
  std::shared_ptr<spdlog::logger> logger;
  {
    const std::lock_guard lock(swap_mutex());
    logger = current();
  }
  logger->log(to_spdlog(l), line);
}

} // namespace tokamak::log
