// A position is a product of all sequences' states with the recurrent weights, by cuBLASLt, and one
// kernel for everything else: rows are sequences, and a thread takes 16 bytes of units where H and
// the pointers allow, the four gates of them together. So the projected inputs and all that is
// saved cross memory once; only the product, which cuBLASLt writes, is written and read again. At
// position 0 there is no state yet, and no product.
//
// Positions follow each other on the stream. A kernel over all of them would have to keep the
// states of its sequences and read the recurrent weights, which do not fit a multiprocessor, once
// per position and block, without the tensor cores that cuBLASLt has for them.
#include "kernels/lstm.h"

#include "kernels/device/channels.cuh"
#include "kernels/device/gradient.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/device/sigmoid.cuh"
#include "kernels/linear.h"

namespace ekgine::kernels {

namespace {

// Gates and state of position t; `product` (N,4H) is h_{t−1}·recurrent, null at t = 0.
template <int Width, class T>
__global__ void __launch_bounds__(device::row_threads)
    forward_position_kernel(LstmShape s, std::int64_t t, const T* projected, const T* product,
                            T* gates, float* cell, T* state) {
  const std::int64_t n = device::row_of_thread(), units = s.units;
  if (n >= s.sequences) return;
  const std::int64_t saved = t * s.sequences + n;
  for (std::int64_t k = threadIdx.x * Width; k < units; k += blockDim.x * Width) {
    float z[4][Width];
#pragma unroll
    for (int gate = 0; gate < 4; ++gate) {
      const std::int64_t column = gate * units + k;
      device::load(z[gate], projected + (n * s.positions + t) * 4 * units + column);
      if (product != nullptr) {
        float add[Width];
        device::load(add, product + n * 4 * units + column);
#pragma unroll
        for (int e = 0; e < Width; ++e) z[gate][e] += add[e];
      }
    }
    float c[Width] = {}, h[Width];
    if (product != nullptr) device::load(c, cell + (saved - s.sequences) * units + k);
#pragma unroll
    for (int e = 0; e < Width; ++e) {
      z[0][e] = device::sigmoid(z[0][e]).value;
      z[1][e] = device::sigmoid(z[1][e]).value;
      z[2][e] = tanhf(z[2][e]);
      z[3][e] = device::sigmoid(z[3][e]).value;
      c[e] = fmaf(z[1][e], c[e], z[0][e] * z[2][e]);
      h[e] = z[3][e] * tanhf(c[e]);
    }
#pragma unroll
    for (int gate = 0; gate < 4; ++gate) {
      device::store(gates + saved * 4 * units + gate * units + k, z[gate]);
    }
    device::store(cell + saved * units + k, c);
    device::store(state + n * units + k, h);
  }
}

// dz (N,4H) of position t, and its place in dprojected; dc (N,H) goes in as f_{t+1}·dc_{t+1} and
// out as f_t·dc_t.
template <int Width, class T>
__global__ void __launch_bounds__(device::row_threads)
    backward_position_kernel(LstmShape s, std::int64_t t, const T* gates, const float* cell,
                             const T* dh, float* dc, T* dz, Gradient<T> dprojected) {
  const std::int64_t n = device::row_of_thread(), units = s.units;
  if (n >= s.sequences) return;
  const std::int64_t saved = t * s.sequences + n;
  for (std::int64_t k = threadIdx.x * Width; k < units; k += blockDim.x * Width) {
    const T* gate_row = gates + saved * 4 * units + k;
    float i[Width], f[Width], g[Width], o[Width], c[Width], d[Width];
    float before[Width] = {}, carried[Width] = {};
    device::load(i, gate_row);
    device::load(f, gate_row + units);
    device::load(g, gate_row + 2 * units);
    device::load(o, gate_row + 3 * units);
    device::load(c, cell + saved * units + k);
    if (t > 0) device::load(before, cell + (saved - s.sequences) * units + k);
    if (t + 1 < s.positions) device::load(carried, dc + n * units + k);
    device::load(d, dh + n * units + k);
#pragma unroll
    for (int e = 0; e < Width; ++e) {
      const float squashed = tanhf(c[e]);
      const float state = fmaf(d[e] * o[e], 1 - squashed * squashed, carried[e]);
      const float input = i[e];
      i[e] = state * g[e] * input * (1 - input);
      carried[e] = state * f[e];
      f[e] = carried[e] * before[e] * (1 - f[e]);
      g[e] = state * input * (1 - g[e] * g[e]);
      o[e] = d[e] * squashed * o[e] * (1 - o[e]);
    }
    device::store(dc + n * units + k, carried);
    T* const row = dz + n * 4 * units + k;
    device::store(row, i);
    device::store(row + units, f);
    device::store(row + 2 * units, g);
    device::store(row + 3 * units, o);
    if (dprojected.data == nullptr) continue;
    const std::int64_t first = (n * s.positions + t) * 4 * units + k;
    device::put(dprojected, first, i);
    device::put(dprojected, first + units, f);
    device::put(dprojected, first + 2 * units, g);
    device::put(dprojected, first + 3 * units, o);
  }
}

}  // namespace

template <class T>
void lstm_forward(const Cuda& cuda, LstmShape s, const T* projected, const T* recurrent, T* y,
                  T* gates, float* cell, T* hidden) {
  if (s.sequences == 0) return;
  const LinearShape step{s.sequences, s.units, 4 * s.units};
  Workspace::Scope scratch(cuda.workspace);
  T* const product = scratch.take<T>(static_cast<std::size_t>(4 * s.state()));
  device::with_width<T>(device::vectorised<T>(s.units, projected, y, gates, cell, hidden),
                        [&](auto width) {
                          for (std::int64_t t = 0; t < s.positions; ++t) {
                            if (t > 0) {
                              linear_forward<T>(cuda, step, hidden + (t - 1) * s.state(), recurrent,
                                                nullptr, product);
                            }
                            launch(cuda, "lstm_forward", forward_position_kernel<width(), T>,
                                   device::row_grid(s.sequences, s.units / width), s, t, projected,
                                   t > 0 ? product : nullptr, gates, cell,
                                   t == s.positions - 1 ? y : hidden + t * s.state());
                          }
                        });
}

template <class T>
void lstm_backward(const Cuda& cuda, LstmShape s, const T* recurrent, const T* gates,
                   const float* cell, const T* hidden, const T* dy, Gradient<T> dprojected,
                   Gradient<float> drecurrent) {
  if (!dprojected && !drecurrent) return;
  const LinearShape step{s.sequences, s.units, 4 * s.units};
  const std::int64_t state = s.state(), later = s.positions - 1;
  Workspace::Scope scratch(cuda.workspace);
  T* const dh = scratch.take<T>(static_cast<std::size_t>(state));
  float* const dc = scratch.take<float>(static_cast<std::size_t>(state));
  T* const dz = scratch.take<T>(static_cast<std::size_t>(s.positions * 4 * state));
  device::with_width<T>(
      device::vectorised<T>(s.units, gates, cell, dy, dprojected.data), [&](auto width) {
        for (std::int64_t t = later; t >= 0 && s.sequences > 0; --t) {
          T* const dz_t = dz + t * 4 * state;
          launch(cuda, "lstm_backward", backward_position_kernel<width(), T>,
                 device::row_grid(s.sequences, s.units / width), s, t, gates, cell,
                 t == later ? dy : dh, dc, dz_t, dprojected);
          if (t > 0) {
            linear_backward<T>(cuda, step, nullptr, recurrent, dz_t, Gradient<T>{dh}, {}, {});
          }
        }
      });
  if (!drecurrent) return;
  // Over the positions that have a state before them: all rows of hidden.
  linear_backward<T>(cuda, {later * s.sequences, s.units, 4 * s.units}, hidden, recurrent,
                     dz + 4 * state, {}, drecurrent, {});
}

#define EKGINE_INSTANTIATE(T)                                                                     \
  template void lstm_forward(const Cuda&, LstmShape, const T*, const T*, T*, T*, float*, T*);     \
  template void lstm_backward(const Cuda&, LstmShape, const T*, const T*, const float*, const T*, \
                              const T*, Gradient<T>, Gradient<float>);
EKGINE_INSTANTIATE(float)
EKGINE_INSTANTIATE(bfloat16)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels
