// What an architecture reads a model file through: hyperparameters by key and weights by tensor name, each checked
// where it is asked for, with errors that name the key or tensor.
#pragma once

#include "base/error.hpp"
#include "model/architectures/weights.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/graph/graph.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace tokamak {

/// Reads "PREFIX.key" of a file and adds weights to a graph. The first error sticks: later calls return harmless
/// values, so that an architecture reads like its paper and asks finish() once. REQUIRES: file and graph outlive it.
class model_source {
public:
  model_source(const gguf_file& file, graph& target) : file_(file), graph_(target) {}

  /// "llama.block_count" for "block_count".
  std::string key(std::string_view name) const;

  /// A number of 1 to 2^24; the second form has a default for absent keys. 1 after an error.
  std::uint32_t count(std::string_view name);
  std::uint32_t count(std::string_view name, std::uint32_t fallback);
  /// A finite number above 0. 1 after an error.
  double positive(std::string_view name);
  double positive(std::string_view name, double fallback);
  /// A string; `fallback` where absent.
  std::string text(std::string_view name, std::string_view fallback);
  /// An unsigned number that may be 0 and may be absent (0).
  std::uint32_t flag(std::string_view name);
  /// A mark for each layer: the file's list of them, or all but every p-th of its number p (absent: `period`).
  std::vector<bool> marks(std::string_view name, std::uint32_t n_layers, std::uint32_t period);

  std::size_t tensor_count() const { return file_.tensors().size(); }
  bool has(std::string_view tensor) const { return file_.find_tensor(tensor) != nullptr; }
  /// A weight of these dimensions, of any type. After an error an id that is only good for building on.
  value_id weight(const std::string& tensor, std::vector<std::uint64_t> dims);
  /// Rows [first, first + rows) of a tensor of `dims`, as a weight `name`; kept in parts().
  value_id weight_rows(const std::string& name, const std::string& tensor, const std::vector<std::uint64_t>& dims,
                       std::uint64_t first, std::uint64_t rows);
  /// A vector of F32 (norms, biases, frequencies).
  value_id vector(const std::string& tensor, std::uint64_t n);
  /// The same, or no_value where the file has none.
  value_id optional_vector(const std::string& tensor, std::uint64_t n);
  /// Checks a tensor that this graph has no use for.
  void passed_over(const std::string& tensor, const std::vector<std::uint64_t>& dims) { format_of(tensor, dims); }
  /// dims[1] of a two-dimensional tensor; 1 after an error.
  std::uint64_t matrix_rows(const std::string& tensor);

  /// Keeps the first error.
  void refuse(errc code, std::string message);
  bool failed() const { return error_.has_value(); }
  const std::vector<tensor_rows>& parts() const { return parts_; }
  /// The first error; else unsupported if the file holds a tensor, or a key known to change results, that nobody asked
  /// for: a variant that this architecture does not know would give wrong answers.
  expected<void> finish();

private:
  void keep(error e);
  const gguf_value* find(std::string_view name);
  tk_format format_of(const std::string& tensor, const std::vector<std::uint64_t>& dims);
  void check_unread_keys();

  const gguf_file& file_;
  graph& graph_;
  std::optional<error> error_;
  std::unordered_set<std::string> used_; ///< tensors
  std::unordered_set<std::string> read_; ///< keys, without prefix
  std::vector<tensor_rows> parts_;
};

} // namespace tokamak
