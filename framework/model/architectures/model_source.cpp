// Checked access to hyperparameters and tensors.
#include "model/architectures/model_source.hpp"

#include <fmt/ranges.h>

#include <cmath>
#include <utility>

namespace tokamak {

namespace {

constexpr std::uint32_t largest_count = 1U << 24;

/// Keys that change what a model computes, and the value with which they don't.
struct meaningful_key {
  std::string_view name;
  double neutral;
};
constexpr meaningful_key meaningful_keys[] = {{"attention.causal", 1},
                                              {"attention.clamp_kqv", 0},
                                              {"attention.max_alibi_bias", 0},
                                              {"attention.output_scale", 1},
                                              {"attention.sliding_window", 0},
                                              {"attention.temperature_length", 0},
                                              {"attention.temperature_scale", 0},
                                              {"attn_logit_softcapping", 0},
                                              {"embedding_scale", 1},
                                              {"expert_count", 0},
                                              {"final_logit_softcapping", 0},
                                              {"logit_scale", 1},
                                              {"residual_scale", 1},
                                              {"rope.scaling.alpha", 0},
                                              {"rope.scaling.yarn_log_multiplier", 0},
                                              {"use_parallel_residual", 0}};

/// A number or truth value; nothing for anything else.
std::optional<double> number_of(const gguf_value& value) {
  if (const auto truth = value.as<bool>())
    return *truth ? 1 : 0;
  if (const auto integer = value.as<std::int64_t>())
    return static_cast<double>(*integer);
  return value.as<double>();
}

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

const gguf_value* model_source::find(std::string_view name) {
  read_.insert(std::string(name));
  return file_.find(key(name));
}

std::uint32_t model_source::count(std::string_view name) {
  read_.insert(std::string(name));
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
  return find(name) != nullptr ? count(name) : fallback;
}

double model_source::positive(std::string_view name) {
  read_.insert(std::string(name));
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
  return find(name) != nullptr ? positive(name) : fallback;
}

std::string model_source::text(std::string_view name, std::string_view fallback) {
  read_.insert(std::string(name));
  const auto value = file_.get_or<std::string_view>(key(name), fallback);
  if (!value) {
    keep(value.error());
    return std::string(fallback);
  }
  return std::string(*value);
}

std::uint32_t model_source::flag(std::string_view name) {
  read_.insert(std::string(name));
  const auto value = file_.get_or<std::uint32_t>(key(name), 0);
  if (!value)
    keep(value.error());
  return value ? *value : 0;
}

std::vector<bool> model_source::marks(std::string_view name, std::uint32_t n_layers, std::uint32_t period) {
  std::vector<bool> marked(std::min(n_layers, largest_count), true);
  const auto* value = find(name);
  if (value != nullptr && value->is_array()) {
    if (value->element_type() != gguf_type::boolean || value->count() != n_layers) {
      refuse(errc::corrupt, fmt::format("metadata key '{}' is {}, expected array of {} bool", key(name),
                                        value->describe(), n_layers));
      return marked;
    }
    for (std::size_t i = 0; i < marked.size(); ++i)
      marked[i] = value->payload()[i] != std::byte{0};
    return marked;
  }
  const auto every = count(name, period);
  for (std::size_t i = every - 1; i < marked.size(); i += every)
    marked[i] = false;
  return marked;
}

tk_format model_source::format_of(const std::string& tensor, const std::vector<std::uint64_t>& dims) {
  used_.insert(tensor);
  const auto found = file_.get_tensor(tensor);
  if (!found) {
    keep(found.error());
    return TK_F32;
  }
  if (const auto have = (*found)->shape(); !std::equal(have.begin(), have.end(), dims.begin(), dims.end())) {
    refuse(errc::corrupt, fmt::format("tensor '{}' is {}, expected {}", tensor, shape(have), shape(dims)));
    return TK_F32;
  }
  return static_cast<tk_format>((*found)->type);
}

value_id model_source::weight(const std::string& tensor, std::vector<std::uint64_t> dims) {
  if (const auto known = graph_.find_value(tensor); known != no_value)
    return known; // tied: used twice
  const auto format = format_of(tensor, dims);
  return graph_.add_weight(tensor, format, std::move(dims));
}

value_id model_source::weight_rows(const std::string& name, const std::string& tensor,
                                   const std::vector<std::uint64_t>& dims, std::uint64_t first, std::uint64_t rows) {
  const auto format = format_of(tensor, dims);
  parts_.push_back({name, tensor, first, rows});
  return graph_.add_weight(name, format, {dims[0], rows});
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

void model_source::check_unread_keys() {
  for (const auto& [name, neutral] : meaningful_keys) {
    const auto* value = read_.contains(std::string(name)) ? nullptr : file_.find(key(name));
    if (value != nullptr && number_of(*value) != neutral)
      refuse(errc::unsupported,
             fmt::format("metadata key '{}' is {}, which the architecture '{}' as it is known here does not have",
                         key(name), value->describe(),
                         file_.get_or<std::string_view>("general.architecture", "").value_or("")));
  }
}

expected<void> model_source::finish() {
  check_unread_keys();
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
