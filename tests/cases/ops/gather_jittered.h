// Cases of gather_jittered: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>

#include <vector>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase gather_jittered_case(std::int64_t rows, std::int64_t channels, std::int64_t picks,
                                       const kernels::Jitter& jitter) {
  constexpr std::int64_t of_records = 3;
  Random random(0x717);
  std::vector<std::int32_t> index, ids, records;
  for (std::int64_t u = 0; u < picks; ++u) {
    index.push_back(static_cast<std::int32_t>(random.integer(0, rows - 1)));
    ids.push_back(static_cast<std::int32_t>(random.integer(0, 1 << 30)));
    records.push_back(static_cast<std::int32_t>(index.back() % of_records));
  }
  const Shape x{rows, channels};
  return {
      .name = fmt::format("gather_jittered ({}) of {}, deviation {}{}", picks, x.text(),
                          jitter.deviation,
                          jitter.shift == 0 ? "" : fmt::format(", shift {}", jitter.shift)),
      .inputs = {{.shape = x, .differentiable = false, .parameter = true},
                 {.shape = {picks}, .integers = index},
                 {.shape = {picks}, .integers = ids},
                 {.shape = {of_records, channels}, .differentiable = false, .parameter = true},
                 {.shape = {picks}, .integers = records}},
      .op =
          [jitter](Tape& tape, std::span<const Tensor> in) {
            return gather_jittered(tape, in[0], in[1], in[2], in[3], in[4], jitter);
          },
  };
}

inline OpCases gather_jittered_cases() {
  OpCases op{
      // Runs of 16 consecutive beats share theirs.
      .model = {gather_jittered_case(20'000, 187, 144, {.deviation = 0.25}),
                gather_jittered_case(20'000, 187, 144, {.deviation = 0.25, .shift = 3})},
      .tiny = {gather_jittered_case(12, 33, 6, {.deviation = 0.25, .shift = 3})},
      .counted = {gather_jittered_case(1'000, 187, 144, {.deviation = 0.25}),
                  gather_jittered_case(1'000, 187, 144, {.deviation = 0.25, .shift = 3})},
      .shaped = {{"gather_jittered",
                  {"rows", "channels", "picks"},
                  [](Extents e) {
                    return gather_jittered_case(e[0], e[1], e[2], {.deviation = 0.25});
                  }}},
  };
  for (const std::int64_t channels : {1, 3, 32, 33, 187}) {
    op.tests.push_back(gather_jittered_case(5, channels, 9, {.deviation = 0.25}));
    op.tests.push_back(gather_jittered_case(5, channels, 9, {.deviation = 0.25, .shift = 4}));
  }
  op.tests.push_back(gather_jittered_case(1, 7, 1, {.deviation = 0.25, .shift = 1}));
  op.tests.push_back(gather_jittered_case(40, 3, 129, {.deviation = 0.5}));
  op.tests.push_back(gather_jittered_case(40, 31, 129, {.shift = 50}));  // beyond both ends
  op.tests.push_back(gather_jittered_case(40, 31, 33, {}));
  return op;
}

}  // namespace ekgine::testing
