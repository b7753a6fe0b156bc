#include "base/suggestion.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace ekgine {

namespace {

constexpr std::size_t longest_word = 100;  // the distance takes the product of two lengths

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// Letters to change, insert, remove or swap with their neighbour (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const std::size_t change = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view word, std::span<const std::string> words) {
  constexpr std::size_t shortest_beginning = 3;
  if (word.empty() || word.size() > longest_word) return "";
  const std::string typed = lower(word);
  const std::string* nearest = nullptr;
  std::size_t least = 0;
  for (const std::string& candidate : words) {
    if (candidate.size() > longest_word) continue;
    const std::string name = lower(candidate);
    const bool beginning = typed.size() >= shortest_beginning && name.starts_with(typed);
    const std::size_t wrong = beginning ? 1 : distance(typed, name);
    if (3 * wrong > std::max(typed.size(), name.size())) continue;
    if (nearest == nullptr || wrong < least) {
      nearest = &candidate;
      least = wrong;
    }
  }
  return nearest == nullptr ? "" : "; did you mean " + *nearest + "?";
}

}  // namespace ekgine
