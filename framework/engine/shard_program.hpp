// What a shard runs: the segments of one graph on one backend, with the buffers that carry values between them.
#pragma once

#include "engine/constraints.hpp"
#include "message/frame.hpp"
#include "plugin/backend_instance.hpp"
#include "plugin/kernels_extension.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tokamak::engine {

/// A value that a segment takes or gives.
struct bound_value {
  std::uint32_t value = 0; ///< index in the segment's graph
  std::string name;        ///< the same in all segments of a model
  std::uint64_t width = 0;
  bool output_rows = false;
};

/// One program between two collectives.
struct program_segment {
  plugin::backend_instance::program program;
  std::vector<bound_value> inputs;
  std::vector<bound_value> outputs;
  std::string reduce;      ///< the output to be summed over the ranks before the next segment; "" for none
  std::string reduce_into; ///< the later segments' input that gets the sum
};

/// All that a shard owns. What programs point to (weights, kernels) is declared before them and destroyed after.
struct shard_program {
  std::vector<std::shared_ptr<const void>> keep;  ///< memory of the weights
  std::vector<plugin::kernels_extension> kernels; ///< third parties' code
  plugin::backend_instance backend;
  plugin::backend_instance::cache cache;
  std::vector<program_segment> segments;
  std::vector<tk_cache_group> groups;
  std::vector<std::string> group_names; ///< what groups[i].name points to
  std::string received;                 ///< the value handed over by the previous shard; "" for the first
  std::string sent;                     ///< the value handed to the next shard; "" for the last
  std::string logits;                   ///< the last shard's output; "" for others
  std::uint32_t vocab_size = 0;
  std::shared_ptr<class constraints> constraints; ///< of the one that samples
  std::uint32_t rank = 0;               ///< tensor-parallel rank
  std::uint32_t ranks = 1;
};

/// A Step frame as the ABI shows it. The arrays are the frame's own or this object's; keep both until done.
class step_view {
public:
  explicit step_view(frame_of<wire::Step> frame);
  step_view(const step_view&) = delete;
  step_view& operator=(const step_view&) = delete;

  /// For one segment: the same step with other bindings.
  tk_step with(std::span<const tk_binding> bindings) const;
  const wire::Step& message() const { return *frame_; }
  std::uint32_t n_rows() const { return step_.n_rows; }
  std::uint32_t n_outputs() const { return step_.n_outputs; }
  /// Cache ops run once, with the first segment.
  void forget_cache_ops() { step_.n_cache_ops = 0; }

private:
  frame_of<wire::Step> frame_;
  std::vector<tk_step_sequence> sequences_;
  std::vector<tk_step_group> groups_;
  std::vector<tk_cache_op> cache_ops_;
  tk_step step_{};
};

} // namespace tokamak::engine
