// Times each kernel on the shapes of a small and a larger model: GB/s of weights or cache read, Gop/s of multiply-adds
// (2 ops each), best of several repetitions, and their shares of the machine's measured peaks: reading from memory (more than all of it
// where a cache held what was read) and int8 multiply-adds (attention and plain formats are f32 arithmetic, whose own peak is lower).
// Usage: kernels_bench [threads] [name filter]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tokamak/kernels/argmax.hpp"
#include "tokamak/kernels/attention.hpp"
#include "tokamak/kernels/elementwise.hpp"
#include "tokamak/kernels/machine_peaks.hpp"
#include "tokamak/kernels/matmul.hpp"
#include "tokamak/kernels/rms_norm.hpp"
#include "tokamak/kernels/rope.hpp"
#include "tokamak/kernels/thread_team.hpp"

using namespace tokamak::kernels;

namespace {

std::mt19937 generator(1);

std::vector<float> random_floats(std::size_t n) {
  std::vector<float> values(n);
  for (float& value : values) value = std::uniform_real_distribution<float>(-1, 1)(generator);
  return values;
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

/// Shortest time of one call, in seconds, over about 0.2 s.
double best_time(const std::function<void()>& run) {
  using clock = std::chrono::steady_clock;
  run();
  double best = 1e9, total = 0;
  while (total < 0.2) {
    const auto begin = clock::now();
    run();
    const double took = std::chrono::duration<double>(clock::now() - begin).count();
    best = std::min(best, took);
    total += took;
  }
  return best;
}

struct bench {
  cpu_level level;
  thread_team team;
  std::string filter;
  machine_peaks peaks = measure_peaks(level, team);

  void report(const std::string& name, double seconds, double bytes, double ops) const {
    const double reads = bytes / seconds, does = ops / seconds;
    fmt::print("{:<44} {:>10.2f} us {:>8.1f} GB/s {:>4.0f} % {:>9.1f} Gop/s {:>4.0f} %\n", name, seconds * 1e6, reads * 1e-9,
               100 * reads / peaks.read_bytes_per_s, does * 1e-9, 50 * does / peaks.int8_multiply_adds_per_s);
  }

  bool wanted(const std::string& name) const { return name.find(filter) != std::string::npos; }

  // Several copies of the weights so that a small matrix comes from memory as it does within a model.
  void matmul_shape(weight_format format, std::size_t rows, std::size_t n, std::size_t k) {
    const std::string name = fmt::format("matmul {} T={} N={} K={}", format_name(format), rows, n, k);
    if (!wanted(name)) return;
    const std::size_t copies = std::max<std::size_t>(1, (std::size_t{128} << 20) / (n * row_bytes(format, k)));
    std::vector<std::byte> source(n * row_bytes(format, k), std::byte{0x31});
    std::vector<packed_matrix> weights;
    for (std::size_t i = 0; i < (rows == 1 ? copies : 1); ++i) {
      weights.emplace_back(level, format, n, k);
      weights.back().pack(source.data(), row_bytes(format, k), 0, n);
    }
    const std::vector<float> x = random_floats(rows * k);
    std::vector<std::byte> memory(quantized_bytes(rows, k) + 1);
    std::vector<float> y(rows * n);
    matmul_input in;
    in.f32 = x.data();
    in.ld = k;
    if (wants_quantized(format)) {
      in.q8 = quantized_view(memory.data(), rows, k);
      quantize_rows(level, x.data(), k, 0, rows, in.q8);
    }
    const std::size_t tiles = weights[0].tiles(), tile_rows = weights[0].tile_rows();
    const std::size_t grain = std::max<std::size_t>(1, tiles / (team.size() * 8));
    const double seconds = best_time([&] {
      for (const packed_matrix& w : weights)
        team.parallel_for(tiles, grain, [&](std::size_t begin, std::size_t end, unsigned) {
          matmul(w, in, 0, rows, begin * tile_rows, std::min(n, end * tile_rows), y.data(), n);
        });
    });
    const double each = seconds / static_cast<double>(weights.size());
    report(name, each, static_cast<double>(weights[0].bytes()), 2.0 * static_cast<double>(rows * n * k));
  }

  void attention_shape(std::uint32_t heads, std::uint32_t kv_heads, std::uint32_t head_dim, std::uint32_t context,
                       std::uint32_t rows) {
    const std::string name =
        fmt::format("attention {}/{}x{} context={} rows={}", heads, kv_heads, head_dim, context, rows);
    if (!wanted(name)) return;
    kv_layer layer;
    layer.shape = {32, kv_heads * head_dim, kv_heads * head_dim, kv_type::f16};
    layer.block_stride = kv_block_bytes(layer.shape);
    const std::uint32_t blocks = (context + rows + 31) / 32;
    aligned_buffer memory(blocks * layer.block_stride);
    layer.base = memory.data();
    std::vector<std::uint32_t> table(blocks);
    for (std::uint32_t i = 0; i < blocks; ++i) table[i] = blocks - 1 - i;
    const std::vector<float> kv = random_floats(kv_heads * head_dim * 2);
    for (std::uint32_t t = 0; t < context + rows; ++t)
      kv_write(level, layer, kv.data(), kv.data() + kv_heads * head_dim, table[t / 32], t % 32);
    const std::vector<float> q = random_floats(rows * heads * head_dim);
    std::vector<float> out(q.size());
    attention_rows step;
    step.q = q.data();
    step.out = out.data();
    step.ldq = step.ldo = heads * head_dim;
    step.rows = rows;
    step.context = context;
    step.block_table = table.data();
    const attention_params params{heads, kv_heads, 0.125f, 0, 0};
    const std::uint32_t row_grain = 8, row_items = (rows + row_grain - 1) / row_grain;
    const double seconds = best_time([&] {
      team.parallel_for(row_items * kv_heads, 1, [&](std::size_t begin, std::size_t end, unsigned) {
        for (auto item = static_cast<std::uint32_t>(begin); item < end; ++item) {
          const std::uint32_t first = item / kv_heads * row_grain, head = item % kv_heads;
          attention(level, layer, params, step, first, std::min(rows, first + row_grain), head, head + 1);
        }
      });
    });
    const double keys = static_cast<double>(rows) * (context + (rows + 1) / 2.0);
    report(name, seconds, static_cast<double>(context + rows) * kv_heads * head_dim * 4, keys * heads * head_dim * 4);
  }

  void row_op(const std::string& name, std::size_t n, double bytes_each, const std::function<void()>& run) {
    if (!wanted(name)) return;
    report(name, best_time([&] {
                   for (int i = 0; i < 100; ++i) run();
                 }) / 100,
           static_cast<double>(n) * bytes_each, static_cast<double>(n));
  }

  void small_ops() {
    const std::size_t n = 1536;
    const std::vector<float> x = random_floats(n), y = random_floats(n);
    std::vector<float> out(n), angles(64);
    std::vector<std::byte> memory(quantized_bytes(1, n));
    const quantized_rows q = quantized_view(memory.data(), 1, n);
    row_op("rms_norm n=1536", n, 12, [&] { rms_norm(level, x.data(), n, y.data(), 1e-5f, out.data(), n, 1, n); });
    row_op("silu_mul n=1536", n, 12, [&] { silu_mul(level, x.data(), y.data(), out.data(), n); });
    row_op("gelu_mul n=1536", n, 12, [&] { gelu_mul(level, x.data(), y.data(), out.data(), n); });
    row_op("add n=1536", n, 12, [&] { add(level, x.data(), y.data(), out.data(), n); });
    row_op("quantize_rows k=1536", n, 5, [&] { quantize_rows(level, x.data(), n, 0, 1, q); });
    row_op("rope interleaved 24x64", n, 8,
           [&] { rope_apply(level, rope_pairs::interleaved, out.data(), n, angles.data(), 1, 24, 64, 64); });
    const std::vector<float> logits = random_floats(262144);
    row_op("argmax n=262144", logits.size(), 4, [&] { argmax(level, logits.data(), logits.size()); });
    row_op("parallel_for, empty", 1, 0, [&] { team.parallel_for(64, 1, [](std::size_t, std::size_t, unsigned) {}); });
  }
};

} // namespace

int main(int argc, char** argv) {
  const level_choice choice = active();
  if (!choice.error.empty()) {
    fmt::print(stderr, "{}\n", choice.error);
    return 1;
  }
  const unsigned threads = argc > 1 ? static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)) : 2;
  bench b{choice.level, thread_team(threads), argc > 2 ? argv[2] : ""};
  fmt::print("{}, level {}, {} threads; peaks {:.1f} GB/s read, {:.0f} Gop/s int8\n", processor(), level_name(choice.level), b.team.size(),
             b.peaks.read_bytes_per_s * 1e-9, 2 * b.peaks.int8_multiply_adds_per_s * 1e-9);
  for (std::size_t i = 0; i < weight_formats; ++i) {
    const auto format = static_cast<weight_format>(i);
    for (const std::size_t rows : {1u, 2u, 4u, 8u, 32u, 512u}) {
      const std::size_t width = block_weights(format) == 256 ? 512 : 576;
      b.matmul_shape(format, rows, 576, width);
      b.matmul_shape(format, rows, 1536, width);
      b.matmul_shape(format, rows, 576, 1536);
    }
    b.matmul_shape(format, 1, 49152, block_weights(format) == 256 ? 512 : 576);
    b.matmul_shape(format, 1, 4096, 4096);
    b.matmul_shape(format, 64, 4096, 4096);
  }
  for (const std::uint32_t context : {0u, 128u, 1024u, 8192u}) {
    b.attention_shape(9, 3, 64, context, 1);
    b.attention_shape(9, 3, 64, context, 512);
    b.attention_shape(32, 8, 128, context, 1);
  }
  b.small_ops();
  return 0;
}
