// Takes an answer's text apart while it comes: reasoning, what is said, calls of tools. Text that may be the beginning of a mark waits
// until that is known; a call comes when it is whole. Pure and single-threaded.
#pragma once

#include "frontend/openai/tool_calls.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::frontend::openai {

/// What the answers of one request are made of.
struct answer_reading {
  std::string_view reasoning_begin = {}, reasoning_end = {}; ///< "": nothing is reasoning
  bool in_reasoning = false;                   ///< the answer begins within it
  const call_marks* calls = nullptr;           ///< none: nothing is a call
  offered_tools tools = {};
  bool one_call = false;                       ///< calls after the first are left out
  std::string begun = {};                      ///< text of the answer that the prompt has already
  std::string function = {};                   ///< `begun` calls it: what follows are its arguments

  bool reads() const { return calls || !reasoning_end.empty(); }
};

class answer_parts {
public:
  struct parts {
    std::string reasoning, said;
    std::vector<tool_call> calls;

    bool empty() const { return reasoning.empty() && said.empty() && calls.empty(); }
  };

  /// `reading` outlives this.
  explicit answer_parts(const answer_reading& reading);

  parts push(std::string_view text);
  /// The answer has ended: what was waiting.
  parts finish();

  bool in_reasoning() const { return where_ == where::reasoning; }
  bool called() const { return n_calls_ > 0; }

private:
  enum class where : std::uint8_t { start, reasoning, said, call };

  bool step(parts& out); ///< false: more text is needed
  bool start();
  bool reason(parts& out);
  bool say(parts& out);
  bool call(parts& out);
  void take_calls(std::vector<tool_call> calls, parts& out);
  void say_raw(std::string_view text, parts& out);

  const answer_reading& reading_;
  std::string waiting_;
  std::string blanks_;      ///< said, but only if something else than a call follows
  std::size_t seen_ = 0;    ///< of waiting_, in a call: no end is before it
  std::size_t begun_ = 0;   ///< of waiting_, in the call that the prompt has begun
  std::size_t n_calls_ = 0;
  where where_ = where::start;
  bool reasoned_ = false;
};

} // namespace tokamak::frontend::openai
