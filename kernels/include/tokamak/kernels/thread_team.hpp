// The compute threads of one engine: the caller and size()-1 workers share out the items of an op.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace tokamak::kernels {

/// A non-owning reference to a callable fn(begin, end, worker). No allocation; the callable must outlive the call.
class range_function {
public:
  template <class Fn>
  requires(!std::is_same_v<std::remove_cvref_t<Fn>, range_function>)
      range_function(Fn&& fn) // NOLINT: implicit on purpose, to pass lambdas
      : object_(const_cast<void*>(static_cast<const void*>(&fn))),
        call_([](void* object, std::size_t begin, std::size_t end, unsigned worker) {
          (*static_cast<std::remove_reference_t<Fn>*>(object))(begin, end, worker);
        }) {}

  void operator()(std::size_t begin, std::size_t end, unsigned worker) const { call_(object_, begin, end, worker); }

private:
  void* object_;
  void (*call_)(void*, std::size_t, std::size_t, unsigned);
};

/// How threads share out items.
enum class sharing : std::uint8_t {
  in_order, ///< the next item to whoever is free
  runs,     ///< each a run of neighbours, in order; who is done takes from the end of others' runs. For items that stream memory
};

/// Owned and called by one thread at a time; the destructor joins the workers. Workers spin for some tens of
/// microseconds after an op, in wait for the next, and then sleep: an idle team uses no processor time.
class thread_team {
public:
  /// `threads` counts the caller; 0 is taken as 1. Threads that the system refuses are done without.
  explicit thread_team(unsigned threads);
  ~thread_team();
  thread_team(const thread_team&) = delete;
  thread_team& operator=(const thread_team&) = delete;

  /// The caller plus the workers.
  unsigned size() const { return static_cast<unsigned>(workers_.size()) + 1; }

  /// Calls fn(begin, end, worker) until every item of [0, items) is done once, in ranges of at most `grain` items (0 is
  /// 1) shared out as `how` says; worker < size(), and no two calls at once have the same. Returns when all are done, and
  /// what they wrote is visible. A worker that is slow to wake is not waited for: the caller does its share. fn must
  /// not throw and must not call parallel_for of the same team.
  void parallel_for(std::size_t items, std::size_t grain, range_function fn, sharing how = sharing::in_order);

private:
  struct shared_state;
  void work(unsigned worker);
  std::unique_ptr<shared_state> state_;
  std::vector<std::thread> workers_;
};

} // namespace tokamak::kernels
