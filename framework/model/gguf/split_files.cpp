// Models in several files. Each is a GGUF file of its own with keys split.no (from 0), split.count and
// split.tensors.count (of all files together); the first has the model's metadata.
#include "model/gguf/gguf_file.hpp"

#include "model/gguf/gguf_cursor.hpp"

#include <algorithm>
#include <numeric>

namespace tokamak {

namespace {

/// "-00001-of-00003.gguf" for part 0 of 3.
std::string suffix_of(std::uint32_t number, std::uint32_t count) {
  return fmt::format("-{:05}-of-{:05}.gguf", number + 1, count);
}

} // namespace

expected<void> gguf_file::add_parts() {
  const auto stated = get_or<std::uint32_t>("split.count", 1);
  if (!stated)
    return fail(stated.error());
  if (*stated <= 1)
    return {};
  const auto count = *stated;
  const auto number = get<std::uint32_t>("split.no");
  if (!number)
    return fail(number.error());
  const auto first = suffix_of(0, count);
  if (*number != 0)
    return fail(errc::invalid_argument,
                fmt::format("this is file {} of {} of a split model; name the first one, *{}", *number + 1, count, first), name_);
  if (!name_.ends_with(first))
    return fail(errc::invalid_argument,
                fmt::format("this is the first of {} files of a split model; its name must end in {} for the others to be found",
                            count, first),
                name_);
  const auto stem = name_.substr(0, name_.size() - first.size());
  for (std::uint32_t i = 1; i < count; ++i) {
    auto part = map_one(stem + suffix_of(i, count));
    if (!part)
      return fail(part.error());
    if (auto ok = add_part(std::move(*part), i, count); !ok)
      return ok;
  }
  const auto total = get_or<std::uint64_t>("split.tensors.count", tensors_.size());
  if (!total)
    return fail(total.error());
  if (*total != tensors_.size())
    return fail(errc::corrupt,
                fmt::format("metadata key 'split.tensors.count' is {}, but the {} files have {} tensors", *total, count, tensors_.size()),
                name_);
  return {};
}

expected<void> gguf_file::add_part(gguf_file part, std::uint32_t number, std::uint32_t count) {
  for (const auto& [key, wanted] : {std::pair{"split.no", number}, std::pair{"split.count", count}}) {
    const auto found = part.get<std::uint32_t>(key);
    if (!found)
      return fail(found.error());
    if (*found != wanted)
      return fail(errc::corrupt, fmt::format("metadata key '{}' is {}, expected {}", key, *found, wanted), part.name_);
  }
  for (const auto& tensor : part.tensors_)
    if (find_tensor(tensor.name) != nullptr)
      return fail(errc::corrupt, fmt::format("tensor {} is also in an earlier file of the model", quoted(tensor.name)), part.name_);
  tensors_.insert(tensors_.end(), part.tensors_.begin(), part.tensors_.end());
  parts_.push_back(part.parts_.front());
  mappings_.push_back(std::move(part.mappings_.front()));
  sort_tensors();
  return {};
}

void gguf_file::sort_tensors() {
  tensors_by_name_.resize(tensors_.size());
  std::iota(tensors_by_name_.begin(), tensors_by_name_.end(), 0U);
  std::sort(tensors_by_name_.begin(), tensors_by_name_.end(),
            [this](auto a, auto b) { return tensors_[a].name < tensors_[b].name; });
}

} // namespace tokamak
