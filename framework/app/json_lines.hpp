// Commands that answer JSON lines on standard input with JSON lines on standard output.
#pragma once

#include "base/error.hpp"
#include "model/tokenizer/tokenizer.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <vector>

namespace tokamak::app {

/// Answers each line that is not empty with what `answer` makes of its object (keys in order), flushed as soon as no further line
/// waits. The first line that is no JSON object or fails ends it with an error on standard error that names the line.
/// Returns the exit status, 0 or 1.
int answer_lines(const std::function<expected<std::string>(const nlohmann::ordered_json& line)>& answer);

/// The line's "text". Errors: invalid_argument.
expected<std::string> text_of(const nlohmann::ordered_json& line);

/// The line's "ids". Errors: invalid_argument, also for ids outside the vocabulary.
expected<std::vector<std::int32_t>> ids_of(const nlohmann::ordered_json& line, std::int64_t vocab_size);

} // namespace tokamak::app
