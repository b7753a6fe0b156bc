// The float convolutions of kernels/conv2d.h by Winograd's minimal filtering, F(4×4,3×3):
//   Lavin, Gray: "Fast algorithms for convolutional neural networks", CVPR 2016 (arXiv:1509.09308).
//
// An output is made in tiles of 4×4, each from the 6×6 inputs below it. In the transformed domain
// its 16 elements cost 36 products per pair of channels, not 144:
//
//   y  = Aᵀ[(G w Gᵀ) ⊙ (Bᵀ x B)]A        and, by the chain rule,
//   dw = Gᵀ[Σ_tiles (Bᵀ x B) ⊙ (A dy Aᵀ)]G
//
// where ⊙ becomes, for each of the 36 elements, a product of the matrices (tiles, C) and (C, O).
// The data gradient is the convolution of dy with the kernel turned and transposed. Rounding errors
// are about twice those of the direct sum.
#pragma once

#include "kernels/conv2d.h"

namespace ekgine::kernels::winograd {

// 3×3 kernels between multiples of 16 channels.
bool applies(Conv2dShape s);

// y, assigned or accumulated as it says, of conv2d_forward; I is float or bfloat16.
template <class I>
void correlate(const Cpu& cpu, Conv2dShape s, const I* x, const float* w, Gradient<I> y);
// dw of conv2d_backward.
template <class I>
void correlate_images(const Cpu& cpu, Conv2dShape s, const I* x, const I* dy, Gradient<float> dw);

}  // namespace ekgine::kernels::winograd
