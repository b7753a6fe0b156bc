// A part of a list, for processes that share its work without a word to each other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ekgine {

// The `number`-th of `of` parts, counted from 1.
struct Shard {
  std::int64_t number = 1, of = 1;
};

// "2/3". Errors: other text than two numbers, K and N of 1 <= K <= N; `where` opens the line.
Shard parse_shard(std::string_view text, const std::string& where);

// Every N-th of the list from the K-th on, in its order: the parts of all K make the list, each
// entry is in one, and which one depends on the list and N alone. Empty where K is beyond its end.
template <class T>
std::vector<T> part_of(const std::vector<T>& list, const Shard& shard) {
  std::vector<T> part;
  const auto step = static_cast<std::size_t>(shard.of);
  for (auto i = static_cast<std::size_t>(shard.number - 1); i < list.size(); i += step) {
    part.push_back(list[i]);
  }
  return part;
}

}  // namespace ekgine
