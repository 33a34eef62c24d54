// Samples sorted by labels; histograms cumulative.
#include "frontend/http/prometheus_families.hpp"

#include <algorithm>
#include <iterator>

namespace tokamak::frontend {
namespace {

constexpr std::string_view type_names[] = {"untyped", "counter", "gauge", "histogram"};

// As vLLM's client of Prometheus writes them: a label is a text, and "1" would be another than "1.0".
std::string bound_text(double bound) {
  auto text = fmt::format("{}", bound);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

} // namespace

std::string labels_text(std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (value.empty()) continue;
    if (!out.empty()) out += ',';
    out.append(name).append("=\"");
    for (const char c : value) {
      if (c == '\\' || c == '"') out += '\\';
      if (c == '\n') out += "\\n";
      else out += c;
    }
    out += '"';
  }
  return out;
}

metric_families::family& metric_families::of(std::string_view name, metric_type type, std::string_view help) {
  const auto it = families_.find(name);
  return it != families_.end() ? it->second : families_.emplace(std::string(name), family{type, help, {}, {}}).first->second;
}

void metric_families::put(std::string_view name, metric_type type, std::string_view help, std::string labels, double value) {
  auto& to = of(name, type, help);
  if (to.type != metric_type::histogram) to.samples.emplace(std::move(labels), value);
}

void metric_families::put(std::string_view name, std::string_view help, std::string labels, const wire::Histogram& measured, std::span<const double> bounds) {
  const std::size_t n = measured.bounds() ? measured.bounds()->size() : 0;
  if (!measured.counts() || measured.counts()->size() != n + 1) return;
  auto& to = of(name, metric_type::histogram, help);
  if (to.type != metric_type::histogram) return;
  if (bounds.empty() && n > 0) bounds = {measured.bounds()->data(), n};
  buckets read;
  read.sum = measured.sum();
  std::uint32_t i = 0;
  for (const auto bound : bounds) {
    for (; i < n && measured.bounds()->Get(i) <= bound; ++i) read.total += measured.counts()->Get(i);
    read.at_most.emplace_back(bound, read.total);
  }
  for (; i <= n; ++i) read.total += measured.counts()->Get(i);
  const auto [it, first] = to.histograms.try_emplace(std::move(labels), read);
  if (first || it->second.at_most.size() != read.at_most.size()) return;
  for (std::size_t b = 0; b < read.at_most.size(); ++b) it->second.at_most[b].second += read.at_most[b].second;
  it->second.total += read.total;
  it->second.sum += read.sum;
}

std::string metric_families::text() const {
  std::string out;
  const auto line = [&](std::string_view name, std::string_view suffix, const std::string& labels, auto value) {
    out.append(name).append(suffix);
    if (!labels.empty()) out.append("{").append(labels).append("}");
    fmt::format_to(std::back_inserter(out), " {}\n", value);
  };
  for (const auto& [name, f] : families_) {
    out.append("# HELP ").append(name).append(" ").append(f.help).append("\n# TYPE ").append(name).append(" ").append(type_names[static_cast<std::size_t>(f.type)]).append("\n");
    for (const auto& [labels, value] : f.samples) line(name, "", labels, value);
    for (const auto& [labels, h] : f.histograms) {
      const auto before = labels.empty() ? std::string() : labels + ",";
      for (const auto& [bound, count] : h.at_most) line(name, "_bucket", fmt::format("{}le=\"{}\"", before, bound_text(bound)), count);
      line(name, "_bucket", before + "le=\"+Inf\"", h.total);
      line(name, "_sum", labels, h.sum);
      line(name, "_count", labels, h.total);
    }
  }
  return out;
}

} // namespace tokamak::frontend
