// Calls of tools, as models write them into the text of their answers. Each family of models has its own marks around a call; what is
// between them is one of a few forms. Chat templates show which marks a model knows: model_dialect.hpp looks for them there.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::frontend::openai {

struct tool_call {
  std::string name;
  std::string arguments; ///< a JSON object; of a call that had to be made and was cut, what there is of it

  friend bool operator==(const tool_call&, const tool_call&) = default;
};

/// The tools of a request: which there are, and of which type their parameters are. Models that write arguments as plain text leave it
/// to the reader whether 7 is a number or a string.
class offered_tools {
public:
  offered_tools() = default;
  /// `tools`: the request's JSON array, as it was checked; "" for none.
  explicit offered_tools(std::string_view tools);

  bool knows(std::string_view name) const { return parameters_.contains(name); }
  /// "string", "integer" and so on, "" if the tool says nothing of it.
  std::string_view type_of(std::string_view tool, std::string_view parameter) const;

private:
  using types = std::map<std::string, std::string, std::less<>>;
  std::map<std::string, types, std::less<>> parameters_;
};

/// The marks of one family. Texts, with control tokens written out.
struct call_marks {
  std::string_view begin;      ///< "": an answer that is a JSON object from its first character on is a call
  std::string_view end;        ///< "": calls end with the answer
  std::string_view item_begin = {}, item_end = {}; ///< around each of several calls within
  std::string_view separator = {}; ///< between a name and its arguments, where that is how a call is written
  bool begins_call = false;        ///< `begin` is the first part of a call itself
};

/// All that are known, those first that tell more.
std::span<const call_marks> known_call_marks();

/// The calls between begin and end. Nothing if the text is no such thing, or without marks calls a tool that was not offered.
/// The forms: JSON ({"name", "arguments"} and its relatives, one or several), NAME separator JSON, <function=NAME><parameter=KEY>,
/// <invoke name="NAME"><parameter name="KEY">, and NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value>.
std::optional<std::vector<tool_call>> read_calls(const call_marks& marks, std::string_view text, const offered_tools& tools);

} // namespace tokamak::frontend::openai
