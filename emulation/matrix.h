// The matrix instructions of tensor cores, from the fragments of all lanes of a warp.
#pragma once

#include <array>

#include "emulation/kernel_interface.h"

namespace ekgine::emulation {

using WarpFragments = std::array<MatrixFragments*, 32>;

// d += a·b in every lane's d; layouts as kernels/device/nvcc/simt.cuh draws them. Products are
// exact; the sum over k is taken in double precision and rounded to float once.
void multiply_bfloat16(const WarpFragments& lanes);
void multiply_tf32(const WarpFragments& lanes);

}  // namespace ekgine::emulation
