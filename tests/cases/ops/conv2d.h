// Cases of conv2d: see tests/cases/op_cases.h.
#pragma once

#include "kernels/conv2d.h"
#include "tests/cases/op_cases.h"

namespace ekgine::testing {

// With `data`, x is differentiable too: the first layer of a model needs dweight only.
inline KernelCase conv2d_case(kernels::Conv2dShape s, bool data = true) {
  const Shape x{s.n, s.h, s.w, s.c}, weight{s.kernel_h, s.kernel_w, s.c, s.o};
  return {
      .name = "conv2d " + x.text() + " * " + weight.text(),
      .inputs = {{.shape = x, .differentiable = data, .image = true},
                 {.shape = weight, .parameter = true}},
      .op = [](Tape& tape, std::span<const Tensor> in) { return conv2d(tape, in[0], in[1]); },
      .cuda_by = "cuDNN",
      .products = true,
  };
}

inline OpCases conv2d_cases() {
  OpCases op{
      // Batches without a row.
      .cuda_tests = {conv2d_case({0, 3, 5, 1, 3, 3, 4}), conv2d_case({0, 3, 5, 2, 3, 3, 4})},
      .model = {conv2d_case({384, 16, 93, 32, 3, 3, 64}), conv2d_case({384, 8, 46, 64, 3, 3, 128})},
      .tiny = {conv2d_case({2, 4, 6, 2, 3, 3, 4})},
      // Images of one channel are data.
      .shaped = {{"conv2d",
                  {"images", "height", "width", "channels", "kernel_height", "kernel_width",
                   "filters"},
                  [](Extents e) {
                    return conv2d_case({e[0], e[1], e[2], e[3], e[4], e[5], e[6]}, e[3] > 1);
                  }}},
  };
  // The model's channels, and ones that fill no vector.
  for (const auto& [c, o] : {std::pair{1, 32}, {32, 64}, {64, 128}, {1, 1}, {3, 5}, {17, 33}}) {
    op.tests.push_back(conv2d_case({2, 3, 5, c, 3, 3, o}));
  }
  // One channel: more strips of 32 pixels than one, more output channels than a block has.
  op.tests.push_back(conv2d_case({2, 4, 65, 1, 3, 3, 4}));
  op.tests.push_back(conv2d_case({1, 2, 33, 1, 3, 3, 264}));
  op.tests.push_back(conv2d_case({3, 1, 32, 1, 3, 3, 6}));
  op.tests.push_back(conv2d_case({3, 7, 1, 1, 3, 3, 8}));
  // The model's images and ones smaller than the kernel.
  op.tests.push_back(conv2d_case({1, 32, 187, 1, 3, 3, 3}, false));
  op.tests.push_back(conv2d_case({1, 8, 46, 16, 3, 3, 16}));
  op.tests.push_back(conv2d_case({3, 1, 1, 4, 3, 3, 4}));
  op.tests.push_back(conv2d_case({3, 2, 1, 16, 3, 3, 16}));
  op.tests.push_back(conv2d_case({2, 1, 31, 2, 3, 3, 3}));
  // More images than the float kernel takes at a time.
  op.tests.push_back(conv2d_case({16, 2, 3, 1, 3, 3, 2}));
  op.tests.push_back(conv2d_case({17, 2, 3, 1, 3, 3, 2}));
  op.tests.push_back(conv2d_case({35, 3, 2, 16, 3, 3, 16}));
  op.tests.push_back(conv2d_case({12, 8, 11, 1, 3, 3, 32}, false));
  op.tests.push_back(conv2d_case({11, 5, 7, 32, 3, 3, 64}));
  op.tests.push_back(conv2d_case({13, 4, 6, 64, 3, 3, 8}));
  // Tiles of minimal filtering that the image fills in part, and columns that are no pair of
  // vectors.
  op.tests.push_back(conv2d_case({2, 9, 10, 48, 3, 3, 16}));
  op.tests.push_back(conv2d_case({3, 5, 4, 16, 3, 3, 48}));
  op.tests.push_back(conv2d_case({1, 4, 97, 16, 3, 3, 32}));
  // Other kernels: even ones pad one more at the end.
  for (const auto& [kernel_h, kernel_w] : {std::pair{1, 1}, {2, 2}, {1, 4}, {5, 3}, {4, 7}}) {
    op.tests.push_back(conv2d_case({2, 6, 9, 3, kernel_h, kernel_w, 4}));
    op.tests.push_back(conv2d_case({1, 6, 9, 16, kernel_h, kernel_w, 32}));
  }
  return op;
}

}  // namespace ekgine::testing
