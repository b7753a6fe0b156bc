#include "research/hyperband.h"

#include "base/error.h"

namespace ekgine {

namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

std::vector<std::vector<Round>> hyperband_brackets(std::int64_t max_epochs, std::int64_t factor) {
  if (max_epochs < 1) fail("hyperband: the epochs must be 1 or more, got {}", max_epochs);
  if (factor < 2) fail("hyperband: the factor must be 2 or more, got {}", factor);
  // In integers: log(243)/log(3) is a little less than 5.
  std::vector<std::int64_t> powers = {1};
  while (powers.back() <= max_epochs / factor) powers.push_back(powers.back() * factor);
  const auto largest = static_cast<std::int64_t>(powers.size()) - 1;  // ⌊log R⌋
  const std::int64_t logarithm = largest + (powers.back() < max_epochs ? 1 : 0);

  std::vector<std::vector<Round>> brackets;
  for (std::int64_t s = largest; s >= 0; --s) {
    std::vector<Round>& rounds = brackets.emplace_back();
    for (std::int64_t i = 0; i <= s; ++i) {
      const std::int64_t power = powers[static_cast<std::size_t>(s - i)];
      rounds.push_back({divide_up((1 + logarithm) * power, s + 1), divide_up(max_epochs, power)});
    }
  }
  return brackets;
}

}  // namespace ekgine
