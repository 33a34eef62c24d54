// Checked access to hyperparameters and tensors.
#include "model/architectures/model_source.hpp"

#include <fmt/ranges.h>

#include <cmath>
#include <utility>

namespace tokamak {

namespace {

constexpr std::uint32_t largest_count = 1U << 24;

std::string shape(std::span<const std::uint64_t> dims) { return fmt::format("[{}]", fmt::join(dims, ", ")); }

} // namespace

std::string model_source::key(std::string_view name) const {
  const auto architecture = file_.get_or<std::string_view>("general.architecture", "");
  return fmt::format("{}.{}", architecture ? *architecture : "", name);
}

void model_source::keep(error e) {
  if (!error_)
    error_ = std::move(e);
}

void model_source::refuse(errc code, std::string message) { keep({code, std::move(message), file_.name()}); }

std::uint32_t model_source::count(std::string_view name) {
  const auto full = key(name);
  const auto value = file_.get<std::uint32_t>(full);
  if (!value) {
    keep(value.error());
    return 1;
  }
  if (*value == 0 || *value > largest_count) {
    refuse(errc::corrupt, fmt::format("metadata key '{}' is {}, expected 1 to {}", full, *value, largest_count));
    return 1;
  }
  return *value;
}

std::uint32_t model_source::count(std::string_view name, std::uint32_t fallback) {
  return file_.find(key(name)) != nullptr ? count(name) : fallback;
}

double model_source::positive(std::string_view name) {
  const auto full = key(name);
  const auto value = file_.get<double>(full);
  if (!value) {
    keep(value.error());
    return 1;
  }
  if (!(*value > 0) || std::isinf(*value)) {
    refuse(errc::corrupt, fmt::format("metadata key '{}' is {}, expected a number above 0", full, *value));
    return 1;
  }
  return *value;
}

double model_source::positive(std::string_view name, double fallback) {
  return file_.find(key(name)) != nullptr ? positive(name) : fallback;
}

std::string model_source::text(std::string_view name, std::string_view fallback) {
  const auto value = file_.get_or<std::string_view>(key(name), fallback);
  if (!value) {
    keep(value.error());
    return std::string(fallback);
  }
  return std::string(*value);
}

std::uint32_t model_source::flag(std::string_view name) {
  const auto value = file_.get_or<std::uint32_t>(key(name), 0);
  if (!value)
    keep(value.error());
  return value ? *value : 0;
}

value_id model_source::weight(const std::string& tensor, std::vector<std::uint64_t> dims) {
  if (const auto known = graph_.find_value(tensor); known != no_value)
    return known; // tied: used twice
  const auto found = file_.get_tensor(tensor);
  auto format = tk_format{TK_F32};
  if (!found) {
    keep(found.error());
  } else if (const auto have = (*found)->shape(); !std::equal(have.begin(), have.end(), dims.begin(), dims.end())) {
    refuse(errc::corrupt, fmt::format("tensor '{}' is {}, expected {}", tensor, shape(have), shape(dims)));
  } else {
    format = static_cast<tk_format>((*found)->type);
  }
  used_.insert(tensor);
  return graph_.add_weight(tensor, format, std::move(dims));
}

value_id model_source::vector(const std::string& tensor, std::uint64_t n) {
  const auto id = weight(tensor, {n});
  if (const auto* found = file_.find_tensor(tensor); found != nullptr && found->type != tensor_type::f32)
    refuse(errc::unsupported, fmt::format("tensor '{}' has type {}, expected F32", tensor, to_string(found->type)));
  return id;
}

value_id model_source::optional_vector(const std::string& tensor, std::uint64_t n) {
  return has(tensor) ? vector(tensor, n) : no_value;
}

std::uint64_t model_source::matrix_rows(const std::string& tensor) {
  const auto found = file_.get_tensor(tensor);
  if (!found) {
    keep(found.error());
    return 1;
  }
  if ((*found)->dim_count != 2) {
    refuse(errc::corrupt,
           fmt::format("tensor '{}' is {}, expected two dimensions", tensor, shape((*found)->shape())));
    return 1;
  }
  return (*found)->dims[1];
}

expected<void> model_source::finish() {
  if (!error_)
    for (const auto& tensor : file_.tensors())
      if (!used_.contains(std::string(tensor.name))) {
        refuse(errc::unsupported,
               fmt::format("tensor '{}' is not part of the architecture '{}' as it is known here", tensor.name,
                           file_.get_or<std::string_view>("general.architecture", "").value_or("")));
        break;
      }
  if (error_)
    return fail(*error_);
  return {};
}

} // namespace tokamak
