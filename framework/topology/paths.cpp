// Expansion of paths and questions to the file system.
#include "topology/paths.hpp"

#include "topology/spelling.hpp"

#include <cstdlib>
#include <system_error>

namespace tokamak::topology {
namespace {

bool is_variable_character(char c, bool first) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

/// The variable that begins behind a '$' at text[i]; moves i past it.
expected<std::string> variable(std::string_view text, std::size_t& i) {
  const bool braces = i < text.size() && text[i] == '{';
  const auto begin = braces ? i + 1 : i;
  auto end = begin;
  while (end < text.size() && is_variable_character(text[end], end == begin)) ++end;
  if (end == begin || (braces && (end == text.size() || text[end] != '}')))
    return fail(errc::invalid_argument,
                fmt::format("{} has a '$' without a name; expected $NAME, ${{NAME}} or $$", in_quotes(text)));
  const std::string name(text.substr(begin, end - begin));
  i = braces ? end + 1 : end;
  const char* found = std::getenv(name.c_str());
  if (!found)
    return fail(errc::not_found, fmt::format("environment variable {} in {} is not set", in_quotes(name), in_quotes(text)));
  return std::string(found);
}

} // namespace

expected<std::string> expand_path(std::string_view text, const std::filesystem::path& folder) {
  if (text.find('\0') != std::string_view::npos)
    return fail(errc::invalid_argument, fmt::format("{} has a zero byte; expected a path", in_quotes(text)));
  std::string out;
  std::size_t i = 0;
  if (text == "~" || text.starts_with("~/")) {
    const char* home = std::getenv("HOME");
    if (!home) return fail(errc::not_found, fmt::format("environment variable 'HOME' for {} is not set", in_quotes(text)));
    out = home;
    i = 1;
  } else if (text.starts_with('~')) {
    return fail(errc::invalid_argument, fmt::format("{} names another user's home; expected ~/...", in_quotes(text)));
  }
  while (i < text.size()) {
    const char c = text[i++];
    if (c != '$') {
      out += c;
    } else if (i < text.size() && text[i] == '$') {
      out += text[i++];
    } else {
      auto found = variable(text, i);
      if (!found) return fail(found.error());
      out += *found;
    }
  }
  if (out.empty()) return fail(errc::invalid_argument, fmt::format("{} expands to nothing; expected a path", in_quotes(text)));
  return (folder / out).lexically_normal().string();
}

std::string path_problem(const std::string& path, path_kind wanted) {
  std::error_code ec;
  const auto status = std::filesystem::status(path, ec);
  const auto noun = wanted == path_kind::folder ? "folder" : "file";
  if (status.type() == std::filesystem::file_type::not_found) return fmt::format("no such {} {}", noun, in_quotes(path));
  if (ec) return fmt::format("cannot look at {}: {}", in_quotes(path), ec.message());
  const bool is_folder = std::filesystem::is_directory(status);
  if (wanted == path_kind::file && is_folder) return fmt::format("{} is a folder", in_quotes(path));
  if (wanted == path_kind::folder && !is_folder) return fmt::format("{} is no folder", in_quotes(path));
  return {};
}

} // namespace tokamak::topology
