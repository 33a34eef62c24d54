// tk_host over std::function, option trees and the log. The opaque tk_options of the ABI is an option_value.
#include "plugin/host.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log.hpp"

namespace tokamak::plugin {
namespace {

const option_value* from_options(const tk_options* options) { return reinterpret_cast<const option_value*>(options); }
const tk_options* as_options(const option_value* value) { return reinterpret_cast<const tk_options*>(value); }

/// Fills the caller's struct as far as its `size` goes.
tk_status fill(std::string_view key, const option_value& from, tk_option_value* out) {
  tk_option_value v{};
  v.key = to_tk(key);
  v.line = from.line;
  v.column = from.column;
  if (const auto* b = std::get_if<bool>(&from.value)) {
    v.type = TK_BOOLEAN;
    v.integer = *b ? 1 : 0;
  } else if (const auto* i = std::get_if<std::int64_t>(&from.value)) {
    v.type = TK_INTEGER;
    v.integer = *i;
    v.real = static_cast<double>(*i);
  } else if (const auto* r = std::get_if<double>(&from.value)) {
    v.type = TK_REAL;
    v.real = *r;
  } else if (const auto* s = std::get_if<std::string>(&from.value)) {
    v.type = TK_STRING;
    v.string = to_tk(*s);
  } else {
    v.type = from.as_array() ? TK_ARRAY : TK_TABLE;
    v.children = as_options(&from);
  }
  const std::size_t size = std::min(out->size, sizeof v);
  v.size = size;
  std::memcpy(out, &v, size);
  return TK_OK;
}

std::uint32_t option_count(const tk_options* options) {
  const auto* v = from_options(options);
  if (!v) return 0;
  if (const auto* t = v->as_table()) return static_cast<std::uint32_t>(t->size());
  if (const auto* a = v->as_array()) return static_cast<std::uint32_t>(a->size());
  return 0;
}

tk_status option_at(const tk_options* options, std::uint32_t index, tk_option_value* out) {
  if (index >= option_count(options)) return TK_NOT_FOUND;
  const auto* v = from_options(options);
  if (const auto* t = v->as_table()) return fill((*t)[index].key, (*t)[index].value, out);
  return fill({}, (*v->as_array())[index], out);
}

tk_status option_find(const tk_options* options, tk_string key, tk_option_value* out) {
  const auto* v = from_options(options);
  if (const auto* t = v ? v->as_table() : nullptr)
    for (const auto& entry : *t)
      if (entry.key == from_tk(key)) return fill(entry.key, entry.value, out);
  return TK_NOT_FOUND;
}

/// SplitMix64 (Steele, Lea and Flood, 2014): enough for jitter in plugins that were given no source.
std::uint64_t split_mix(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

log::level to_level(std::int32_t level) {
  if (level <= TK_LOG_DEBUG) return log::level::debug;
  if (level == TK_LOG_INFO) return log::level::info;
  return level == TK_LOG_WARNING ? log::level::warning : log::level::error;
}

} // namespace

instance_host::instance_host(host_settings settings, option_value options)
    : settings_(std::move(settings)), options_(std::move(options)) {
  host_.size = sizeof host_;
  host_.context = this;
  host_.now_us = &instance_host::now_us;
  host_.random_u64 = &instance_host::random_u64;
  host_.log = &instance_host::log;
  host_.threads = std::max<std::uint32_t>(1, settings_.threads);
  host_.memory_budget_bytes = settings_.memory_budget_bytes;
  host_.option_count = &option_count;
  host_.option_at = &option_at;
  host_.option_find = &option_find;
  host_.call_later = &instance_host::call_later;
  host_.release_weight = &instance_host::release_weight;
}

const tk_options* instance_host::options() const { return as_options(&options_); }

std::uint64_t instance_host::now_us(void* context) {
  const auto& f = static_cast<instance_host*>(context)->settings_.now_us;
  return f ? f() : 0;
}

std::uint64_t instance_host::random_u64(void* context) {
  auto& self = *static_cast<instance_host*>(context);
  if (self.settings_.random_u64) return self.settings_.random_u64();
  const std::lock_guard lock(self.random_mutex_);
  return split_mix(self.random_state_);
}

void instance_host::log(void* context, std::int32_t level, tk_string event, tk_string text) {
  const auto& self = *static_cast<instance_host*>(context);
  log::write(to_level(level), self.settings_.name.empty() ? "plugin" : self.settings_.name, from_tk(event),
             {{"text", from_tk(text)}});
}

tk_status instance_host::call_later(void* context, std::uint64_t delay_us, void (*call)(void*), void* user) {
  const auto& self = *static_cast<instance_host*>(context);
  if (!self.settings_.call_later) return TK_UNSUPPORTED;
  self.settings_.call_later(delay_us, [timers = self.timers_, call, user] {
    const std::lock_guard lock(timers->mutex);
    if (!timers->ended) call(user);
  });
  return TK_OK;
}

void instance_host::release_weight(void* context, const void* data, std::uint64_t bytes) {
  const auto& release = static_cast<instance_host*>(context)->settings_.release_weight;
  if (release) release({static_cast<const std::byte*>(data), bytes});
}

void instance_host::end_timers() {
  const std::lock_guard lock(timers_->mutex);
  timers_->ended = true;
}

error to_error(tk_status status, const tk_error& from, std::string_view what, std::string_view file) {
  error e;
  e.code = status > TK_OK && status <= TK_INTERNAL ? static_cast<errc>(status) : errc::internal;
  const std::string_view message(from.message, strnlen(from.message, sizeof from.message));
  e.message =
      fmt::format("{}{}{}", what, what.empty() ? "" : ": ", message.empty() ? "failed without a message" : message);
  if (from.line) e.where = fmt::format("{}{}{}:{}", file, file.empty() ? "" : ":", from.line, from.column);
  else e.where = file;
  return e;
}

tk_error to_tk(const error& from) {
  tk_error e = empty_error();
  e.code = static_cast<tk_status>(from.code);
  const std::size_t n = std::min(from.message.size(), sizeof e.message - 1);
  std::memcpy(e.message, from.message.data(), n);
  return e;
}

} // namespace tokamak::plugin
