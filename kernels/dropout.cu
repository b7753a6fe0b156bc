// Flat arrays, 16 bytes of each per thread: see kernels/device/map.cuh. A thread's four floats are
// one block of Philox, its eight bfloat16 two: no bits are drawn twice.
#include "kernels/dropout.h"

#include "kernels/device/dropout.cuh"
#include "kernels/device/map.cuh"

namespace ekgine::kernels {

namespace {

struct Scaled {
  template <int Width>
  static __device__ float of(const float (&in)[1][Width], int e, float factor) {
    return in[0][e] * factor;
  }
};

}  // namespace

template <class T>
void dropout(const Cuda& cuda, std::int64_t n, const Dropout& dropout, const T* x, Gradient<T> y) {
  device::map(cuda, "dropout", n, {x}, y, device::Dropped<Scaled>{device::draw_of(cuda, dropout)});
}

template void dropout(const Cuda&, std::int64_t, const Dropout&, const float*, Gradient<float>);
template void dropout(const Cuda&, std::int64_t, const Dropout&, const bfloat16*,
                      Gradient<bfloat16>);

}  // namespace ekgine::kernels
