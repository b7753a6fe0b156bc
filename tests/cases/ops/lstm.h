// Cases of lstm: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>

#include <cmath>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

// `gain`: of the recurrent weights. Rows of norm 1, as orthogonal initialisation gives them,
// have 1.
inline KernelCase lstm_case(std::int64_t sequences, std::int64_t positions, std::int64_t units,
                            double deviation = 1, double gain = 1) {
  return {
      .name = "lstm " + Shape{sequences, positions, 4 * units}.text() +
              (deviation != 1 ? fmt::format(" deviation {}", deviation) : "") +
              (gain != 1 ? fmt::format(" gain {}", gain) : ""),
      .inputs = {{.shape = {sequences, positions, 4 * units}, .draw = normal(0, deviation)},
                 {.shape = {units, 4 * units},
                  .draw = normal(0, gain / std::sqrt(4.0 * static_cast<double>(units))),
                  .parameter = true}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return lstm(tape, in[0], in[1]); },
      // Rounding errors of the state go round once per position.
      .float_tolerance = positions > 8 ? 1e-5 : 4e-6,
      // So do those of what is stored: gates, hidden states and their gradients.
      .bfloat16_tolerance = positions > 8 ? 0x1p-5 : 0x1p-6,
  };
}

inline OpCases lstm_cases() {
  OpCases op{
      .cuda_tests = {lstm_case(0, 3, 4)},
      // CNNLSTM_Model's at batch 128; then many positions.
      .model = {lstm_case(128, 3, 128), lstm_case(8, 128, 128)},
      .tiny = {lstm_case(3, 3, 8)},
      .counted = {lstm_case(128, 3, 128)},
      .shaped = {{"lstm",
                  {"sequences", "positions", "units"},
                  [](Extents e) { return lstm_case(e[0], e[1], e[2]); }}},
  };
  for (const std::int64_t positions : {1, 2, 3, 31, 33}) {
    op.tests.push_back(lstm_case(3, positions, 5));
  }
  for (const std::int64_t units : {1, 2, 3, 31, 32, 33, 127, 129}) {
    op.tests.push_back(lstm_case(2, 3, units));
  }
  for (const std::int64_t sequences : {1, 33}) op.tests.push_back(lstm_case(sequences, 3, 8));
  op.tests.push_back(lstm_case(2, 129, 4));
  op.tests.push_back(lstm_case(2, 5, 8, 1, 4));  // a state that feeds back strongly
  op.tests.push_back(lstm_case(5, 3, 16, 6));    // gates that are open or shut
  return op;
}

}  // namespace ekgine::testing
