// Rows of C outputs, 16 bytes per thread where C and the pointers allow, one element otherwise: the
// two halves of x that a thread needs lie C elements apart, each a full request of its warp.
#include "kernels/glu.h"

#include "kernels/device/channels.cuh"
#include "kernels/device/gradient.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/device/sigmoid.cuh"

namespace ekgine::kernels {

namespace {

template <int Width, class T>
__global__ void __launch_bounds__(device::row_threads)
    glu_forward_kernel(GluShape s, const T* x, T* y) {
  const std::int64_t row = device::row_of_thread();
  if (row >= s.rows) return;
  const T* a_row = x + row * 2 * s.channels;
  const T* b_row = a_row + s.channels;
  for (std::int64_t c = threadIdx.x * Width; c < s.channels; c += blockDim.x * Width) {
    float a[Width], b[Width];
    device::load(a, a_row + c);
    device::load(b, b_row + c);
#pragma unroll
    for (int e = 0; e < Width; ++e) a[e] *= device::sigmoid(b[e]).value;
    device::store(y + row * s.channels + c, a);
  }
}

template <int Width, class T>
__global__ void __launch_bounds__(device::row_threads)
    glu_backward_kernel(GluShape s, const T* x, const T* dy, Gradient<T> dx) {
  const std::int64_t row = device::row_of_thread();
  if (row >= s.rows) return;
  for (std::int64_t c = threadIdx.x * Width; c < s.channels; c += blockDim.x * Width) {
    const std::int64_t at_a = row * 2 * s.channels + c, at_b = at_a + s.channels;
    float a[Width], b[Width], da[Width], db[Width];
    device::load(a, x + at_a);  // both halves before dx is written, which may lie over x
    device::load(b, x + at_b);
    device::load(da, dy + row * s.channels + c);
#pragma unroll
    for (int e = 0; e < Width; ++e) {
      const Sigmoid<float> gate = device::sigmoid(b[e]);
      da[e] *= gate.value;
      db[e] = da[e] * a[e] * gate.complement;
    }
    device::put(dx, at_a, da);
    device::put(dx, at_b, db);
  }
}

}  // namespace

template <class T>
void glu_forward(const Cuda& cuda, GluShape s, const T* x, T* y) {
  if (s.rows == 0 || s.channels == 0) return;
  device::with_width<T>(device::vectorised<T>(s.channels, x, y), [&](auto width) {
    launch(cuda, "glu_forward", glu_forward_kernel<width(), T>,
           device::row_grid(s.rows, s.channels / width), s, x, y);
  });
}

template <class T>
void glu_backward(const Cuda& cuda, GluShape s, const T* x, const T* dy, Gradient<T> dx) {
  if (!dx || s.rows == 0 || s.channels == 0) return;
  device::with_width<T>(device::vectorised<T>(s.channels, x, dy, dx.data), [&](auto width) {
    launch(cuda, "glu_backward", glu_backward_kernel<width(), T>,
           device::row_grid(s.rows, s.channels / width), s, x, dy, dx);
  });
}

template void glu_forward(const Cuda&, GluShape, const float*, float*);
template void glu_forward(const Cuda&, GluShape, const bfloat16*, bfloat16*);
template void glu_backward(const Cuda&, GluShape, const float*, const float*, Gradient<float>);
template void glu_backward(const Cuda&, GluShape, const bfloat16*, const bfloat16*,
                           Gradient<bfloat16>);

}  // namespace ekgine::kernels
