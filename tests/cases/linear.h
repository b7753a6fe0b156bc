// Cases of linear: see tests/support/kernel_case.h.
#pragma once

#include "kernels/linear.h"
#include "tests/support/kernel_case.h"

namespace ekgine::testing {

inline KernelCase linear_case(std::int64_t rows, std::int64_t in, std::int64_t out,
                              bool bias = true) {
  const kernels::LinearShape s{rows, in, out};
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
      .forward = kernels::linear_forward_cost(s, sizeof(float)),
      .backward = kernels::linear_backward_cost(s, sizeof(float)),
  };
}

inline std::vector<KernelCase> linear_cases() {
  std::vector<KernelCase> cases;
  for (const std::int64_t rows : {1, 3, 33}) {
    for (const auto& [in, out] :
         {std::pair{1, 1}, {1, 31}, {2, 1}, {31, 33}, {32, 32}, {127, 5}, {64, 129}}) {
      cases.push_back(linear_case(rows, in, out));
    }
  }
  cases.push_back(linear_case(187, 33, 17));
  cases.push_back(linear_case(7, 31, 9, false));
  return cases;
}

// What Main_Model does at batch 128: query, key and value; attention's output; feed-forward;
// pointwise convolutions; logits.
inline std::vector<KernelCase> linear_model_cases() {
  return {linear_case(384, 128, 1024), linear_case(384, 1024, 128), linear_case(384, 128, 512),
          linear_case(384, 512, 128),  linear_case(384, 128, 256),  linear_case(384, 128, 128),
          linear_case(128, 128, 5)};
}

}  // namespace ekgine::testing
