// Fork and join with atomics only: an op costs about a microsecond while the workers are awake.
#include "tokamak/kernels/thread_team.hpp"

#include <system_error>

#if defined(TOKAMAK_KERNELS_X86)
#include <immintrin.h>
#endif

namespace tokamak::kernels {

namespace {

// How long a worker looks for the next op before it sleeps: longer than the serial parts between ops of a step, far
// shorter than the wait between steps of an idle engine.
constexpr int spins_before_sleep = 2000;

inline void relax() {
#if defined(TOKAMAK_KERNELS_X86)
  _mm_pause();
#endif
}

} // namespace

// `gate` holds an "open" bit and how many workers are inside. A worker enters only while an op is open; the caller
// closes it when no items are left and waits until all who entered have left. So the op's fields are never changed
// while anyone reads them, and nobody waits for a worker that wakes too late.
struct thread_team::shared_state {
  static constexpr std::uint32_t open = std::uint32_t{1} << 31;
  static constexpr std::uint32_t inside = open - 1;

  alignas(64) std::atomic<std::uint32_t> gate{0};
  alignas(64) std::atomic<std::uint32_t> doorbell{0}; // what sleeping workers wait on; its value is the op's number
  std::atomic<std::uint32_t> sleeping{0};
  std::atomic<bool> stop{false};
  alignas(64) std::atomic<std::size_t> next{0};
  std::size_t items = 0;
  std::size_t grain = 1;
  const range_function* fn = nullptr;

  // sharing::runs: what is left of each worker's run, begin in the upper half and end in the lower. Its worker takes from the front, others
  // from the back.
  struct alignas(64) run {
    std::atomic<std::uint64_t> left{0};
  };
  std::unique_ptr<run[]> runs;
  unsigned n_runs = 0;
  bool by_runs = false;

  void set_runs() {
    for (unsigned w = 0; w < n_runs; ++w)
      runs[w].left.store(std::uint64_t{items * w / n_runs} << 32 | items * (w + 1) / n_runs, std::memory_order_relaxed);
  }

  void take_run(unsigned of, bool front, unsigned worker) {
    for (std::uint64_t seen = runs[of].left.load(std::memory_order_relaxed);;) {
      const std::uint64_t begin = seen >> 32, end = seen & 0xffffffff, n = std::min<std::uint64_t>(grain, end - begin);
      if (begin >= end) return;
      if (!runs[of].left.compare_exchange_weak(seen, front ? (begin + n) << 32 | end : begin << 32 | (end - n), std::memory_order_relaxed)) continue;
      front ? (*fn)(begin, begin + n, worker) : (*fn)(end - n, end, worker);
      seen = runs[of].left.load(std::memory_order_relaxed);
    }
  }

  void take_items(unsigned worker) {
    if (by_runs) {
      for (unsigned i = 0; i < n_runs; ++i) take_run((worker + i) % n_runs, i == 0, worker);
      return;
    }
    for (;;) {
      const std::size_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= items) return;
      (*fn)(begin, items - begin < grain ? items : begin + grain, worker);
    }
  }

  bool enter() {
    std::uint32_t seen = gate.load(std::memory_order_relaxed);
    while ((seen & open) != 0)
      if (gate.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire, std::memory_order_relaxed)) return true;
    return false;
  }

  // Returns the number of the op after `last`, or sleeps until there is one.
  std::uint32_t wait_after(std::uint32_t last) {
    for (int spin = 0; spin < spins_before_sleep; ++spin) {
      const std::uint32_t now = doorbell.load(std::memory_order_acquire);
      if (now != last) return now;
      relax();
    }
    sleeping.fetch_add(1, std::memory_order_seq_cst);
    while (doorbell.load(std::memory_order_seq_cst) == last) doorbell.wait(last, std::memory_order_seq_cst);
    sleeping.fetch_sub(1, std::memory_order_relaxed);
    return doorbell.load(std::memory_order_acquire);
  }

  void ring() {
    doorbell.fetch_add(1, std::memory_order_seq_cst);
    if (sleeping.load(std::memory_order_seq_cst) != 0) doorbell.notify_all();
  }
};

thread_team::thread_team(unsigned threads) : state_(std::make_unique<shared_state>()) {
  if (threads > 1) workers_.reserve(threads - 1);
  for (unsigned worker = 1; worker < threads; ++worker) {
    try {
      workers_.emplace_back([this, worker] { work(worker); });
    } catch (const std::system_error&) {
      break;
    }
  }
  state_->runs = std::make_unique<shared_state::run[]>(size());
  state_->n_runs = size();
}

thread_team::~thread_team() {
  state_->stop.store(true, std::memory_order_release);
  state_->ring();
  for (std::thread& worker : workers_) worker.join();
}

void thread_team::work(unsigned worker) {
  shared_state& state = *state_;
  std::uint32_t last = 0;
  for (;;) {
    last = state.wait_after(last);
    if (state.stop.load(std::memory_order_acquire)) return;
    if (!state.enter()) continue;
    state.take_items(worker);
    state.gate.fetch_sub(1, std::memory_order_release);
  }
}

void thread_team::parallel_for(std::size_t items, std::size_t grain, range_function fn, sharing how) {
  if (items == 0) return;
  if (grain == 0) grain = 1;
  if (workers_.empty() || items <= grain) {
    for (std::size_t begin = 0; begin < items; begin += grain)
      fn(begin, items - begin < grain ? items : begin + grain, 0);
    return;
  }
  shared_state& state = *state_;
  state.items = items;
  state.grain = grain;
  state.fn = &fn;
  state.by_runs = how == sharing::runs && items <= 0xffffffff;
  state.by_runs ? state.set_runs() : state.next.store(0, std::memory_order_relaxed);
  state.gate.store(shared_state::open, std::memory_order_release);
  state.ring();
  state.take_items(0);
  state.gate.fetch_and(~shared_state::open, std::memory_order_relaxed);
  for (int spin = 0; (state.gate.load(std::memory_order_acquire) & shared_state::inside) != 0; ++spin) {
    relax();
    if (spin > spins_before_sleep) std::this_thread::yield(); // its processor may be taken by someone else
  }
}

} // namespace tokamak::kernels
