// Which elements are dropped, on the device: see kernels/dropout.h.
#pragma once

#include <simt.cuh>

#include <cstdint>

#include "kernels/dropout.h"
#include "kernels/runtime/cuda.h"

namespace ekgine::device {

// A Dropout, with the step that is read when the kernel runs.
struct DropoutDraw {
  const Step* step;
  std::uint32_t op, threshold;
  float scale;
  bool active;           // rate ≠ 0
  std::uint64_t before;  // elements of the whole batch before these
};

inline DropoutDraw draw_of(const Cuda& cuda, const kernels::Dropout& dropout) {
  return {cuda.step,         dropout.op,   dropout.threshold(), static_cast<float>(dropout.scale()),
          dropout.rate != 0, dropout.first};
}

__device__ __forceinline__ RandomKey key_of(const DropoutDraw& draw) {
  return random_key(*draw.step, draw.op);
}

// Whether an element is kept, for kernels whose threads take single elements.
__device__ __forceinline__ bool is_kept(const DropoutDraw& draw, const RandomKey& key,
                                        std::uint64_t element) {
  element += draw.before;
  const auto word = philox(key, element / 4);
  const unsigned k = element % 4;  // a register has no index
  return (k < 2 ? (k == 0 ? word[0] : word[1]) : (k == 2 ? word[2] : word[3])) >= draw.threshold;
}

// factor[e] of element first + e; first, Width and the number of those before are multiples of 4,
// the elements of a Philox block.
template <int Width>
__device__ __forceinline__ void dropout_factors(float (&factor)[Width], const DropoutDraw& draw,
                                                std::int64_t first) {
  static_assert(Width % 4 == 0);
  const RandomKey key = key_of(draw);
#pragma unroll
  for (int block = 0; block < Width / 4; ++block) {
    const auto word = philox(key, (draw.before + static_cast<std::uint64_t>(first)) / 4 + block);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      factor[4 * block + k] = word[k] >= draw.threshold ? draw.scale : 0.0F;
    }
  }
}

// For map(): y = Value::of(in, e, factor) for element e of a thread's inputs, 0 where it is
// dropped.
template <class Value>
struct Dropped {
  DropoutDraw draw;

  template <int Inputs, int Width>
  __device__ void operator()(std::int64_t first, const float (&in)[Inputs][Width],
                             float (&y)[Width]) const {
    float factor[Width];
    if (draw.before % 4 == 0) {
      dropout_factors(factor, draw, first);
    } else {  // rows of a part that are no multiple of 4
      const RandomKey key = key_of(draw);
#pragma unroll
      for (int e = 0; e < Width; ++e) {
        const bool kept = is_kept(draw, key, static_cast<std::uint64_t>(first + e));
        factor[e] = kept ? draw.scale : 0.0F;
      }
    }
#pragma unroll
    for (int e = 0; e < Width; ++e) y[e] = factor[e] != 0 ? Value::of(in, e, factor[e]) : 0.0F;
  }
};

}  // namespace ekgine::device
