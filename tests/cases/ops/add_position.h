// Cases of add_position: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

// rows are those of the table, at least positions.
inline KernelCase add_position_case(std::int64_t sequences, std::int64_t positions,
                                    std::int64_t channels, std::int64_t rows) {
  const Shape x{sequences, positions, channels}, table{rows, channels};
  return {
      .name = fmt::format("add_position {} table {}", x.text(), table.text()),
      .inputs = {{.shape = x}, {.shape = table, .parameter = true}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return add_position(tape, in[0], in[1]); },
  };
}

inline OpCases add_position_cases() {
  OpCases op{
      .cuda_tests = {add_position_case(0, 3, 5, 4)},
      .model = {add_position_case(128, 3, 128, 3)},
      .tiny = {add_position_case(2, 3, 8, 3)},
      .counted = {add_position_case(128, 3, 128, 3)},
      .shaped = {{"add_position",
                  {"sequences", "positions", "channels"},
                  [](Extents e) { return add_position_case(e[0], e[1], e[2], e[1]); }}},
  };
  for (const std::int64_t sequences : {1, 2, 17}) {
    for (const std::int64_t positions : {1, 3, 31}) {
      for (const std::int64_t channels : {1, 3, 32, 33}) {
        op.tests.push_back(add_position_case(sequences, positions, channels, positions));
      }
    }
  }
  op.tests.push_back(add_position_case(4, 3, 5, 7));
  op.tests.push_back(add_position_case(129, 2, 31, 3));
  op.tests.push_back(add_position_case(2, 3, 127, 3));
  return op;
}

}  // namespace ekgine::testing
