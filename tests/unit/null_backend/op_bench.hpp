// Runs a graph made in a test on rows given by the test.
#pragma once

#include "model/graph/primitive_ops.hpp"
#include "null_backend/backend_session.hpp"
#include "null_backend/backends.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <deque>

namespace tokamak::test {

/// A graph under construction, with F32 weights given as values.
class op_bench {
public:
  graph g;
  primitive_ops op{g};

  value_id input(const std::string& name, std::uint64_t width) { return g.add_rows(name, width, TK_VALUE_INPUT); }
  value_id weight(const std::string& name, std::vector<std::uint64_t> dims, std::vector<float> values) {
    const auto id = g.add_weight(name, TK_F32, std::move(dims));
    kept_.push_back(std::move(values));
    weights_.push_back({id, kept_.back().data(), kept_.back().size() * 4});
    return id;
  }
  void output(value_id id) { g.set_flags(id, TK_VALUE_OUTPUT); }

  /// A session with 16 blocks a group; throws what the backend refuses.
  std::unique_ptr<backend_session> start(backend_instance& backend, std::span<const tk_kernel> kernels = {}) {
    const auto valid = g.validate();
    REQUIRE_MESSAGE(valid, valid.error().to_string());
    return std::make_unique<backend_session>(backend, g.view(), weights_,
                                             std::vector<std::uint32_t>(g.groups().size(), 16), kernels);
  }

private:
  std::deque<std::vector<float>> kept_;
  std::vector<tk_weight> weights_;
};

/// A step of n plain rows at positions 0 to n - 1 of a model without state.
inline step_data plain_rows(std::uint32_t n) {
  step_data step;
  step.add({1, std::vector<std::int32_t>(n, 0), {}, {}});
  return step;
}

/// Made-up numbers in -1 ... 1.
inline std::vector<float> waves(std::size_t n, double phase) {
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i)
    values[i] = static_cast<float>(std::sin(static_cast<double>(i) * 1.37 + phase * 2.3));
  return values;
}

} // namespace tokamak::test
