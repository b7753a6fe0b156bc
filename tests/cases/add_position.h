// Cases of add_position: see tests/support/kernel_case.h.
#pragma once

#include <fmt/format.h>

#include "kernels/add_position.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

// rows are those of the table, at least positions.
inline KernelCase add_position_case(std::int64_t sequences, std::int64_t positions,
                                    std::int64_t channels, std::int64_t rows) {
  const kernels::AddPositionShape s{sequences, positions, channels, rows};
  const Shape x{sequences, positions, channels}, table{rows, channels};
  return {
      .name = fmt::format("add_position {} table {}", x.text(), table.text()),
      .inputs = {{.shape = x}, {.shape = table, .parameter = true}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return add_position(tape, in[0], in[1]); },
      .forward = kernels::add_position_forward_cost(s, sizeof(float)),
      .backward = kernels::add_position_backward_cost(s, sizeof(float)),
  };
}

inline std::vector<KernelCase> add_position_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t sequences : {1, 2, 17}) {
    for (const std::int64_t positions : {1, 3, 31}) {
      for (const std::int64_t channels : {1, 3, 32, 33}) {
        cases.push_back(add_position_case(sequences, positions, channels, positions));
      }
    }
  }
  cases.push_back(add_position_case(4, 3, 5, 7));
  cases.push_back(add_position_case(129, 2, 31, 3));
  cases.push_back(add_position_case(2, 3, 127, 3));
  return cases;
}

// What Main_Model does at batch 128.
inline std::vector<KernelCase> add_position_model_cases() {
  return {add_position_case(128, 3, 128, 3)};
}

}  // namespace ekgine::testing
