#include "kernels/depthwise_conv1d.h"

namespace ekgine::kernels {

namespace {

constexpr std::int64_t channel_grain = 16;  // at least a cache line of floats per thread

// The taps k for which position t + k − pad exists: [begin, end).
struct Taps {
  std::int64_t begin, end;
};
constexpr Taps taps_at(DepthwiseConv1dShape s, std::int64_t t) {
  return {std::max<std::int64_t>(0, s.pad() - t),
          std::min<std::int64_t>(s.width, s.positions - t + s.pad())};
}

template <class T>
void input_gradient(DepthwiseConv1dShape s, const T* weight, const T* dy, Gradient<T> dx) {
  const std::int64_t channels = s.channels;
  parallel_for(s.sequences * s.positions, grain_of(2 * s.width * s.channels),
               [&](std::int64_t begin, std::int64_t end, int) {
                 for (std::int64_t r = begin; r < end; ++r) {
                   const std::int64_t t = r % s.positions;
                   T* dxr = dx.data + r * channels;
                   if (!dx.accumulate) std::fill_n(dxr, channels, T(0));
                   // Outputs t − k + pad that exist.
                   const std::int64_t first =
                       std::max<std::int64_t>(0, t + s.pad() - s.positions + 1);
                   const std::int64_t last = std::min<std::int64_t>(s.width, t + s.pad() + 1);
                   for (std::int64_t k = first; k < last; ++k) {
                     const T* w = weight + k * channels;
                     const T* dyr = dy + (r - k + s.pad()) * channels;
#pragma omp simd
                     for (std::int64_t c = 0; c < channels; ++c) dxr[c] += w[c] * dyr[c];
                   }
                 }
               });
}

}  // namespace

template <class T>
void depthwise_conv1d_forward(const Cpu&, DepthwiseConv1dShape s, const T* x, const T* weight,
                              const T* bias, T* y) {
  const std::int64_t channels = s.channels;
  parallel_for(s.sequences * s.positions, grain_of(2 * s.width * s.channels),
               [&](std::int64_t begin, std::int64_t end, int) {
                 for (std::int64_t r = begin; r < end; ++r) {
                   const Taps taps = taps_at(s, r % s.positions);
                   T* yr = y + r * channels;
                   std::copy_n(bias, channels, yr);
                   for (std::int64_t k = taps.begin; k < taps.end; ++k) {
                     const T* w = weight + k * channels;
                     const T* xr = x + (r + k - s.pad()) * channels;
#pragma omp simd
                     for (std::int64_t c = 0; c < channels; ++c) yr[c] += w[c] * xr[c];
                   }
                 }
               });
}

template <class T>
void depthwise_conv1d_backward(const Cpu&, DepthwiseConv1dShape s, const T* x, const T* weight,
                               const T* dy, Gradient<T> dx, Gradient<T> dweight,
                               Gradient<T> dbias) {
  if (dx) input_gradient(s, weight, dy, dx);
  if (!dweight && !dbias) return;
  const std::int64_t channels = s.channels;
  if (dweight && !dweight.accumulate) std::fill_n(dweight.data, s.width * channels, T(0));
  if (dbias && !dbias.accumulate) std::fill_n(dbias.data, channels, T(0));
  // Threads share out the channels, not the rows: no partial sums to add up afterwards.
  const std::int64_t rows = s.sequences * s.positions;
  const std::int64_t grain = std::max(channel_grain, grain_of(2 * s.width * rows));
  parallel_for(channels, grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = 0; r < rows; ++r) {
      const T* dyr = dy + r * channels;
      if (dbias) {
#pragma omp simd
        for (std::int64_t c = begin; c < end; ++c) dbias.data[c] += dyr[c];
      }
      if (!dweight) continue;
      const Taps taps = taps_at(s, r % s.positions);
      for (std::int64_t k = taps.begin; k < taps.end; ++k) {
        T* dw = dweight.data + k * channels;
        const T* xr = x + (r + k - s.pad()) * channels;
#pragma omp simd
        for (std::int64_t c = begin; c < end; ++c) dw[c] += dyr[c] * xr[c];
      }
    }
  });
}

template void depthwise_conv1d_forward(const Cpu&, DepthwiseConv1dShape, const float*, const float*,
                                       const float*, float*);
template void depthwise_conv1d_forward(const Cpu&, DepthwiseConv1dShape, const double*,
                                       const double*, const double*, double*);
template void depthwise_conv1d_backward(const Cpu&, DepthwiseConv1dShape, const float*,
                                        const float*, const float*, Gradient<float>,
                                        Gradient<float>, Gradient<float>);
template void depthwise_conv1d_backward(const Cpu&, DepthwiseConv1dShape, const double*,
                                        const double*, const double*, Gradient<double>,
                                        Gradient<double>, Gradient<double>);

}  // namespace ekgine::kernels
