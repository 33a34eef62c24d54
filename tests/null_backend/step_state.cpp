// The ops that know about positions and kept state: rope, kv_write, attention, decay_scan.
#include "null_backend/step_run.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace tokamak::test {

namespace {

/// Radians a position for each pair, and the factor on cosine and sine; YaRN after Peng et al. 2023.
struct rotation {
  std::vector<double> frequencies;
  double magnitude = 1;
};

rotation rotation_of(const program_op& op, const std::vector<float>* divisors) {
  const auto dims = op.integer("rotary_dims");
  const double base = op.real("freq_base"), scale = op.real("freq_scale", 1), mix = op.real("ext_factor", 0);
  // The pair that turns `turns` times over the original context.
  const auto pair_of = [&](double turns) {
    return static_cast<double>(dims) *
           std::log(static_cast<double>(op.integer("original_context")) / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(base));
  };
  const double low = mix == 0 ? 0 : std::max(0.0, std::floor(pair_of(op.real("beta_fast", 32))));
  const double high =
      mix == 0 ? 0 : std::min(static_cast<double>(dims - 1), std::ceil(pair_of(op.real("beta_slow", 1))));
  rotation r;
  for (std::int64_t i = 0; i < dims / 2; ++i) {
    double own = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(dims));
    if (divisors != nullptr)
      own /= (*divisors)[static_cast<std::size_t>(i)];
    const double ramp = 1 - std::clamp((static_cast<double>(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
    const double share = ramp * mix; // of the frequency as trained; the rest is interpolated
    r.frequencies.push_back(own * scale * (1 - share) + own * share);
  }
  r.magnitude = op.real("attn_factor", 1) * (mix != 0 ? 1 + 0.1 * std::log(1 / scale) : 1);
  return r;
}

} // namespace

void step_run::rope(const program_op& op) {
  const auto x = op.inputs()[0], y = op.outputs()[0];
  const auto head_dim = static_cast<std::uint64_t>(op.integer("head_dim"));
  const auto half = static_cast<std::uint64_t>(op.integer("rotary_dims")) / 2;
  const bool interleaved = op.text("style") == "interleaved";
  const auto rotation =
      rotation_of(op, op.inputs()[1] == TK_NO_VALUE ? nullptr : &p_.values[op.inputs()[1]].weight);
  values_[y] = values_[x];
  for (std::uint32_t r = 0; r < step_.n_rows; ++r)
    for (std::uint64_t head = 0; head < width(x); head += head_dim)
      for (std::uint64_t i = 0; i < half; ++i) {
        const double angle = step_.positions[r] * rotation.frequencies[i];
        const double cosine = std::cos(angle) * rotation.magnitude, sine = std::sin(angle) * rotation.magnitude;
        const auto first = head + (interleaved ? 2 * i : i), second = interleaved ? first + 1 : first + half;
        const double a = row(x, r)[first], b = row(x, r)[second];
        row(y, r)[first] = static_cast<float>(a * cosine - b * sine);
        row(y, r)[second] = static_cast<float>(a * sine + b * cosine);
      }
}

step_run::slot step_run::slot_of(std::uint32_t group, std::uint32_t sequence, std::uint64_t index) const {
  const auto& view = step_.groups[group];
  const auto block_size = cache_->groups()[group].block_size;
  return {view.tables[view.table_begin[sequence] + index / block_size - view.first_block[sequence]],
          static_cast<std::uint32_t>(index % block_size)};
}

std::int64_t step_run::parent(std::uint32_t r) const {
  if (step_.parents != nullptr)
    return step_.parents[r];
  return r == step_.sequences[sequence_of_[r]].row_begin ? -1 : std::int64_t{r} - 1;
}

std::vector<step_run::slot> step_run::visible(std::uint32_t group, std::uint32_t r) const {
  const auto s = sequence_of_[r];
  const std::uint64_t context = step_.groups[group].context[s];
  std::vector<std::uint64_t> chain; // this row and its ancestors, youngest first
  for (std::int64_t at = r; at >= 0; at = parent(static_cast<std::uint32_t>(at)))
    chain.push_back(context + static_cast<std::uint64_t>(at) - step_.sequences[s].row_begin);
  const auto& g = cache_->groups()[group];
  const std::uint64_t total = context + chain.size();
  const std::uint64_t first = g.kind == TK_GROUP_SLIDING && total > g.window ? total - g.window : 0;
  std::vector<slot> slots;
  for (std::uint64_t index = first; index < context; ++index)
    slots.push_back(slot_of(group, s, index));
  for (std::size_t i = chain.size(); i-- > 0;)
    if (context + chain.size() - 1 - i >= first)
      slots.push_back(slot_of(group, s, chain[i]));
  return slots;
}

void step_run::kv_write(const program_op& op) {
  const auto group = static_cast<std::uint32_t>(op.integer("group"));
  const auto layer = static_cast<std::uint32_t>(op.integer("layer"));
  for (std::uint32_t r = 0; r < step_.n_rows; ++r) {
    const auto s = sequence_of_[r];
    const auto where =
        slot_of(group, s, std::uint64_t{step_.groups[group].context[s]} + r - step_.sequences[s].row_begin);
    cache_->write_kv(group, layer, where.block, where.offset, row(op.inputs()[0], r), row(op.inputs()[1], r));
  }
}

void step_run::attention(const program_op& op) {
  const auto q = op.inputs()[0], out = op.outputs()[0];
  const auto group = static_cast<std::uint32_t>(op.integer("group"));
  const auto layer = static_cast<std::uint32_t>(op.integer("layer"));
  const auto heads = static_cast<std::uint64_t>(op.integer("heads"));
  const auto head_dim = static_cast<std::uint64_t>(op.integer("head_dim"));
  const auto share = heads / static_cast<std::uint64_t>(op.integer("kv_heads")); // heads that share one K/V head
  const auto value_dim = width(out) / heads;
  const double scale = op.real("scale"), cap = op.real("softcap", 0);
  for (std::uint32_t r = 0; r < step_.n_rows; ++r) {
    std::vector<std::vector<float>> keys, values;
    for (const auto& where : visible(group, r)) {
      keys.push_back(cache_->read_k(group, layer, where.block, where.offset));
      values.push_back(cache_->read_v(group, layer, where.block, where.offset));
    }
    for (std::uint64_t h = 0; h < heads; ++h) {
      std::vector<double> scores;
      for (const auto& key : keys) {
        double dot = 0;
        for (std::uint64_t i = 0; i < head_dim; ++i)
          dot += double{row(q, r)[h * head_dim + i]} * key[h / share * head_dim + i];
        scores.push_back(cap > 0 ? cap * std::tanh(dot * scale / cap) : dot * scale);
      }
      double largest = -std::numeric_limits<double>::infinity(), sum = 0;
      for (const double score : scores)
        largest = std::max(largest, score);
      for (auto& score : scores)
        sum += score = std::exp(score - largest);
      for (std::uint64_t i = 0; i < value_dim; ++i) {
        double mixed = 0;
        for (std::size_t j = 0; j < values.size(); ++j)
          mixed += scores[j] * values[j][h / share * value_dim + i];
        row(out, r)[h * value_dim + i] = static_cast<float>(mixed / sum);
      }
    }
  }
}

/// In a draft tree each row continues its parent's state; the slot ends as the last row left it.
void step_run::decay_scan(const program_op& op) {
  const auto x = op.inputs()[0], y = op.outputs()[0];
  const auto group = static_cast<std::uint32_t>(op.integer("group"));
  const auto layer = static_cast<std::uint32_t>(op.integer("layer"));
  const double decay = op.real("decay");
  const auto& view = step_.groups[group];
  for (std::uint32_t r = 0; r < step_.n_rows; ++r) {
    const auto s = sequence_of_[r];
    auto* kept = cache_->state(group, layer, view.tables[view.table_begin[s]]);
    const auto before = parent(r);
    const float* state = before < 0 ? kept : row(y, static_cast<std::uint64_t>(before));
    for (std::uint64_t i = 0; i < width(x); ++i)
      row(y, r)[i] = static_cast<float>(decay * state[i] + row(x, r)[i]);
  }
  for (std::uint32_t s = 0; s < step_.n_sequences; ++s)
    if (step_.sequences[s].row_count > 0)
      std::copy_n(row(y, step_.sequences[s].row_begin + step_.sequences[s].row_count - 1), width(x),
                  cache_->state(group, layer, view.tables[view.table_begin[s]]));
}

} // namespace tokamak::test
