// How fast a vocabulary encodes a text on one core, in processor time: tokenizer_bench VOCABULARY.gguf TEXT [runs]
#include "model/tokenizer/tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>

namespace {

using namespace tokamak;

// Of this process, so that others on the machine do not count.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// MB/s of encoding the text in requests of `bytes` each with a tokenizer that is new, so that its caches are empty.
double rate(const gguf_file& file, std::string_view text, std::size_t bytes, std::size_t& ids) {
  const auto tokens = *tokenizer::from_gguf(file);
  ids = 0;
  const double begin = cpu_seconds();
  for (std::size_t at = 0; at < text.size(); at += bytes)
    ids += tokens->encode(text.substr(at, bytes), {.add_special = false}).size();
  return static_cast<double>(text.size()) / 1e6 / (cpu_seconds() - begin);
}

int measure(const char* vocabulary, const char* path, int runs) {
  const auto file = gguf_file::open(vocabulary);
  if (!file) {
    fmt::print(stderr, "{}\n", file.error().to_string());
    return 1;
  }
  if (const auto tokens = tokenizer::from_gguf(*file); !tokens) {
    fmt::print(stderr, "{}\n", tokens.error().to_string());
    return 1;
  }
  std::ifstream in(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  if (text.empty()) {
    fmt::print(stderr, "{}: cannot be read, or is empty\n", path);
    return 1;
  }
  for (const std::size_t bytes : {text.size(), std::size_t{2048}}) {
    std::vector<double> rates;
    std::size_t ids = 0;
    for (int run = 0; run < runs; ++run)
      rates.push_back(rate(*file, text, bytes, ids));
    std::sort(rates.begin(), rates.end());
    fmt::print("{}: {:.1f} MB in requests of {} bytes, {} ids, median {:.1f} MB/s, from {:.1f} to {:.1f} in {} runs\n", vocabulary,
               static_cast<double>(text.size()) / 1e6, bytes, ids, rates[rates.size() / 2], rates.front(), rates.back(), runs);
  }
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    fmt::print(stderr, "usage: tokenizer_bench VOCABULARY.gguf TEXT [runs]\n");
    return 2;
  }
  return measure(argv[1], argv[2], argc == 4 ? std::max(1, std::atoi(argv[3])) : 5);
}
