// Dividing a graph: by layers for a pipeline, at collectives for the host to exchange data, by heads and columns for
// tensor parallelism. All three return graphs that are valid if the given one is. Pure.
#pragma once

#include "base/error.hpp"
#include "model/graph/graph.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tokamak {

/// One shard of a pipeline. Its graph keeps all cache groups, each with only this shard's layers, counted from 0.
struct layer_shard {
  graph part;
  std::string input;  ///< the rows that come from the shard before, "" for the first
  std::string output; ///< the rows for the shard behind, "" for the last
  std::vector<std::uint32_t> first_layer; ///< [groups] the shard's layer 0 in the whole model
  std::uint64_t step_bytes = 0;           ///< weight bytes that a step reads
};

/// Cuts between layers, where the residual stream is the only value alive, into n shards whose largest step_bytes is
/// least, and which are as even as that allows. Embedding tables do not count: a step reads few rows of them. Errors:
/// invalid_argument for n = 0 or more shards than layers.
expected<std::vector<layer_shard>> cut_layers(const graph& g, std::uint32_t n);

/// The ops between two collectives; may be none. Values that later segments need are outputs of the segment that writes
/// them and inputs of each that reads them, under their own names. All segments keep all cache groups unchanged: they
/// run on one cache.
struct collective_segment {
  graph part;
  std::string partial; ///< output that the collective behind this segment takes, "" for the last segment
  std::string reduced; ///< where its result goes on: an input of later segments, "" for the last segment
};

/// Cuts at each tokamak.all_reduce; one segment if there is none.
expected<std::vector<collective_segment>> cut_collectives(const graph& g);

/// Which part of a tensor a weight of a sliced graph is: elements [begin, end) of dimension `dim` (0: contiguous).
struct weight_slice {
  std::string name;
  std::uint32_t dim = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct sliced_graph {
  graph part;
  std::vector<weight_slice> slices; ///< weights not named here are whole
};

/// The graph of one tensor-parallel rank. What lies between matmuls (query, key and value through attention; gate and
/// up through the activation) is split by columns, at K/V heads or at the quantised blocks of the next weight; the
/// matmul behind is split by its input and followed by tokamak.all_reduce. Everything else is computed by every rank;
/// ranks that need no logits submit steps without output rows. Splits are as even as units allow. Errors:
/// invalid_argument (rank, nothing to split), unsupported (fewer heads than ranks, heads that end within a quantised
/// block).
expected<sliced_graph> slice_tensor(const graph& g, std::uint32_t rank, std::uint32_t ranks);

} // namespace tokamak
