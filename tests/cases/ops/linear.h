// Cases of linear: see tests/cases/op_cases.h.
#pragma once

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase linear_case(std::int64_t rows, std::int64_t in, std::int64_t out,
                              bool bias = true) {
  std::vector<KernelInput> inputs{{.shape = {rows, in}}, {.shape = {in, out}, .parameter = true}};
  if (bias) inputs.push_back({.shape = {out}, .parameter = true});
  return {
      .name = "linear " + Shape{rows, in}.text() + " * " + Shape{in, out}.text() +
              (bias ? "" : " without bias"),
      .inputs = std::move(inputs),
      .op =
          [](Tape& tape, std::span<const Tensor> in_) {
            return linear(tape, in_[0], in_[1], in_.size() > 2 ? in_[2] : Tensor());
          },
      .cuda_by = "cuBLASLt",
      .products = true,
  };
}

inline OpCases linear_cases() {
  OpCases op{
      .cuda_tests = {linear_case(0, 3, 4), linear_case(0, 3, 4, false)},
      // Query, key and value; attention's output; feed-forward; pointwise convolutions; logits.
      .model = {linear_case(384, 128, 1024), linear_case(384, 1024, 128),
                linear_case(384, 128, 512), linear_case(384, 512, 128), linear_case(384, 128, 256),
                linear_case(384, 128, 128), linear_case(128, 128, 5)},
      .tiny = {linear_case(6, 8, 16)},
      .shaped = {{"linear",
                  {"rows", "inputs", "outputs"},
                  [](Extents e) { return linear_case(e[0], e[1], e[2]); }}},
  };
  for (const std::int64_t rows : {1, 3, 33}) {
    for (const auto& [in, out] :
         {std::pair{1, 1}, {1, 31}, {2, 1}, {31, 33}, {32, 32}, {127, 5}, {64, 129}}) {
      op.tests.push_back(linear_case(rows, in, out));
    }
  }
  op.tests.push_back(linear_case(187, 33, 17));
  op.tests.push_back(linear_case(7, 31, 9, false));
  return op;
}

}  // namespace ekgine::testing
