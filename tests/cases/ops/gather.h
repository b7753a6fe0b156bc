// Cases of gather: see tests/cases/op_cases.h.
#pragma once

#include <algorithm>
#include <utility>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

// index (batch, positions) into x (rows, channels).
inline KernelCase gather_case(std::int64_t rows, std::int64_t channels, std::int64_t batch,
                              std::int64_t positions, std::vector<std::int32_t> index) {
  const Shape x{rows, channels}, picks{batch, positions};
  return {
      .name = "gather " + picks.text() + " of " + x.text(),
      .inputs = {{.shape = x}, {.shape = picks, .integers = std::move(index)}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return gather(tape, in[0], in[1]); },
  };
}

// Random picks: some rows several times, some never.
inline KernelCase gather_case(std::int64_t rows, std::int64_t channels, std::int64_t batch,
                              std::int64_t positions) {
  Random random(0x6A7);
  std::vector<std::int32_t> index(static_cast<std::size_t>(batch * positions));
  std::generate(index.begin(), index.end(),
                [&] { return static_cast<std::int32_t>(random.integer(0, rows - 1)); });
  return gather_case(rows, channels, batch, positions, std::move(index));
}

// Overlapping sequences of consecutive rows, as a batch of beats has them.
inline KernelCase gather_windows_case(std::int64_t channels, std::int64_t batch,
                                      std::int64_t positions) {
  std::vector<std::int32_t> index;
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t t = 0; t < positions; ++t) index.push_back(static_cast<std::int32_t>(b + t));
  }
  return gather_case(batch + positions - 1, channels, batch, positions, std::move(index));
}

inline OpCases gather_cases() {
  OpCases op{
      // Many picks have their inverse made there.
      .cuda_tests = {gather_case(33, 7, 1025, 1), gather_case(200, 32, 700, 2)},
      // Runs of 16 consecutive beats share theirs.
      .model = {gather_windows_case(128, 128, 3)},
      .tiny = {gather_windows_case(8, 4, 3)},
      .counted = {gather_windows_case(128, 128, 3)},
      .shaped = {{"gather",
                  {"rows", "channels", "sequences", "positions"},
                  [](Extents e) { return gather_case(e[0], e[1], e[2], e[3]); }}},
  };
  for (const std::int64_t rows : {1, 2, 33}) {
    for (const std::int64_t channels : {1, 3, 32, 129}) {
      op.tests.push_back(gather_case(rows, channels, 11, 3));
    }
  }
  op.tests.push_back(gather_case(187, 31, 127, 3));
  op.tests.push_back(gather_case(4, 5, 2, 3, {3, 3, 3, 3, 3, 3}));  // one row takes all
  op.tests.push_back(gather_windows_case(31, 32, 3));
  return op;
}

}  // namespace ekgine::testing
