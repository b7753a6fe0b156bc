#include "base/shard.h"

#include <charconv>

#include "base/error.h"

namespace ekgine {

namespace {

constexpr std::int64_t most_shards = 1'000'000;

// Of digits alone, from 1 to most_shards; 0 where it is another.
std::int64_t number_of(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < 1 || number > most_shards) return 0;
  return number;
}

}  // namespace

Shard parse_shard(std::string_view text, const std::string& where) {
  const std::size_t slash = text.find('/');
  const std::int64_t number = number_of(text.substr(0, slash));
  const std::int64_t of = slash == std::string_view::npos ? 0 : number_of(text.substr(slash + 1));
  if (number == 0 || number > of) {
    fail("{}: '{}' is no part of a list, expected K/N with 1 <= K <= N <= {}", where, text,
         most_shards);
  }
  return {number, of};
}

}  // namespace ekgine
