// Families of metrics as text: Prometheus' exposition format 0.0.4.
#pragma once

#include "message/frame.hpp"

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tokamak::frontend {

enum class metric_type : std::uint8_t { untyped, counter, gauge, histogram };

/// `name="a \"quoted\" one",node="n"`; labels without a value are left out, as Prometheus takes them for absent.
std::string labels_text(std::initializer_list<std::pair<std::string_view, std::string_view>> labels);

/// One thread.
class metric_families {
public:
  /// `name` is a valid one. The first sample of a family says its type and help; a second one of the same labels is left out.
  void put(std::string_view name, metric_type type, std::string_view help, std::string labels, double value);
  /// By `bounds`, where the measured ones hold them; by all that were measured if empty. One of the same labels is added to it.
  void put(std::string_view name, std::string_view help, std::string labels, const wire::Histogram& measured, std::span<const double> bounds);

  /// Sorted by name.
  std::string text() const;

private:
  struct buckets {
    std::vector<std::pair<double, std::uint64_t>> at_most; ///< values up to each bound
    std::uint64_t total = 0;
    double sum = 0;
  };
  struct family {
    metric_type type;
    std::string_view help;
    std::map<std::string, double> samples;
    std::map<std::string, buckets> histograms;
  };
  family& of(std::string_view name, metric_type type, std::string_view help);

  std::map<std::string, family, std::less<>> families_;
};

} // namespace tokamak::frontend
