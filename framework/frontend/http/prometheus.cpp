// Samples sorted by name; labels escaped.
#include "frontend/http/prometheus.hpp"

#include <fmt/format.h>

#include <cctype>
#include <map>

namespace tokamak::frontend {
namespace {

std::string metric_name(std::string_view kind, std::string_view counter) {
  auto name = fmt::format("tokamak_{}_{}", kind, counter);
  for (auto& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

std::string label_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') out += "\\n";
    else out += c;
  }
  return out;
}

std::string_view text_of(const flatbuffers::String* text) { return text ? text->string_view() : std::string_view(); }

} // namespace

std::string prometheus_text(const wire::StatusReport& report) {
  std::map<std::string, std::string> metrics;
  for (std::uint32_t i = 0; report.actors() && i < report.actors()->size(); ++i) {
    const auto& actor = *report.actors()->Get(i);
    for (std::uint32_t c = 0; actor.counters() && c < actor.counters()->size(); ++c) {
      const auto& counter = *actor.counters()->Get(c);
      const auto name = metric_name(text_of(actor.kind()), text_of(counter.name()));
      metrics[name] += fmt::format("{}{{name=\"{}\",node=\"{}\"}} {}\n", name, label_text(text_of(actor.name())), label_text(text_of(actor.node())), counter.value());
    }
  }
  std::string out;
  for (const auto& [name, samples] : metrics) out += fmt::format("# TYPE {} untyped\n{}", name, samples);
  return out;
}

} // namespace tokamak::frontend
