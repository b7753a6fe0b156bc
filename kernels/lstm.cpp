#include "kernels/lstm.h"

#include <cmath>

#include "kernels/linear.h"
#include "kernels/sigmoid.h"

namespace ekgine::kernels {

namespace {

// Sequences per thread at least, where the maths of a unit at one position takes this many
// operations.
std::int64_t sequence_grain(LstmShape s, std::int64_t operations) {
  return grain_of(s.units * operations);
}

// The gates and the state of position t; `product` (N,4H) is h_{t−1}·recurrent, null at t = 0.
template <class T>
void forward_position(LstmShape s, std::int64_t t, const T* projected, const T* product, T* gates,
                      T* cell, T* state) {
  const std::int64_t units = s.units;
  parallel_for(s.sequences, sequence_grain(s, 66), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t n = begin; n < end; ++n) {
      const T* z = projected + (n * s.positions + t) * 4 * units;
      T* gate = gates + (t * s.sequences + n) * 4 * units;
      if (product != nullptr) {
        const T* add = product + n * 4 * units;
#pragma omp simd
        for (std::int64_t k = 0; k < 4 * units; ++k) gate[k] = z[k] + add[k];
      } else {
        std::copy_n(z, 4 * units, gate);
      }
      T *i = gate, *f = gate + units, *g = gate + 2 * units, *o = gate + 3 * units;
      T* c = cell + (t * s.sequences + n) * units;
      const T* before = t > 0 ? c - s.state() : nullptr;
      T* h = state + n * units;
      for (std::int64_t k = 0; k < units; ++k) {
        i[k] = sigmoid(i[k]).value;
        f[k] = sigmoid(f[k]).value;
        g[k] = std::tanh(g[k]);
        o[k] = sigmoid(o[k]).value;
        c[k] = (before != nullptr ? f[k] * before[k] : T(0)) + i[k] * g[k];
        h[k] = o[k] * std::tanh(c[k]);
      }
    }
  });
}

// dz (N,4H) of position t, and its place in dprojected; dc (N,H) goes in as f_{t+1}·dc_{t+1} and
// out as f_t·dc_t.
template <class T>
void backward_position(LstmShape s, std::int64_t t, const T* gates, const T* cell, const T* dh,
                       T* dc, T* dz, Gradient<T> dprojected) {
  const std::int64_t units = s.units;
  const bool last = t == s.positions - 1;
  parallel_for(s.sequences, sequence_grain(s, 36), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t n = begin; n < end; ++n) {
      const T* i = gates + (t * s.sequences + n) * 4 * units;
      const T *f = i + units, *g = f + units, *o = g + units;
      const T* c = cell + (t * s.sequences + n) * units;
      const T* before = t > 0 ? c - s.state() : nullptr;
      T *di = dz + n * 4 * units, *df = di + units, *dg = df + units, *dout = dg + units;
      for (std::int64_t k = 0; k < units; ++k) {
        const std::int64_t e = n * units + k;
        const T squashed = std::tanh(c[k]);
        const T d = dh[e] * o[k] * (T(1) - squashed * squashed) + (last ? T(0) : dc[e]);
        di[k] = d * g[k] * i[k] * (T(1) - i[k]);
        df[k] = before != nullptr ? d * before[k] * f[k] * (T(1) - f[k]) : T(0);
        dg[k] = d * i[k] * (T(1) - g[k] * g[k]);
        dout[k] = dh[e] * squashed * o[k] * (T(1) - o[k]);
        dc[e] = d * f[k];
      }
      if (!dprojected) continue;
      const std::int64_t first = (n * s.positions + t) * 4 * units;
      assign_or_add(dprojected, [&](const auto& put) {
        for (std::int64_t k = 0; k < 4 * units; ++k) put(first + k, di[k]);
      });
    }
  });
}

}  // namespace

template <class T>
void lstm_forward(const Cpu& cpu, LstmShape s, const T* projected, const T* recurrent, T* y,
                  T* gates, T* cell, T* hidden) {
  const LinearShape step{s.sequences, s.units, 4 * s.units};
  Workspace::Scope scratch(cpu.workspace);
  T* product = scratch.take<T>(static_cast<std::size_t>(4 * s.state()));
  for (std::int64_t t = 0; t < s.positions; ++t) {
    if (t > 0) {
      linear_forward<T>(cpu, step, hidden + (t - 1) * s.state(), recurrent, nullptr, product);
    }
    forward_position<T>(s, t, projected, t > 0 ? product : nullptr, gates, cell,
                        t == s.positions - 1 ? y : hidden + t * s.state());
  }
}

template <class T>
void lstm_backward(const Cpu& cpu, LstmShape s, const T* recurrent, const T* gates, const T* cell,
                   const T* hidden, const T* dy, Gradient<T> dprojected, Gradient<T> drecurrent) {
  if (!dprojected && !drecurrent) return;
  const LinearShape step{s.sequences, s.units, 4 * s.units};
  const std::int64_t state = s.state(), later = s.positions - 1;
  Workspace::Scope scratch(cpu.workspace);
  T* dh = scratch.take<T>(static_cast<std::size_t>(state));
  T* dc = scratch.take<T>(static_cast<std::size_t>(state));
  T* dz = scratch.take<T>(static_cast<std::size_t>(s.positions * 4 * state));
  for (std::int64_t t = later; t >= 0 && s.sequences > 0; --t) {
    T* dz_t = dz + t * 4 * state;
    backward_position<T>(s, t, gates, cell, t == later ? dy : dh, dc, dz_t, dprojected);
    if (t > 0) {
      linear_backward<T>(cpu, step, nullptr, recurrent, dz_t, Gradient<T>{dh}, {}, {});
    }
  }
  if (!drecurrent) return;
  if (later * state == 0) {
    if (!drecurrent.accumulate) std::fill_n(drecurrent.data, 4 * s.units * s.units, T(0));
    return;
  }
  linear_backward<T>(cpu, {later * s.sequences, s.units, 4 * s.units}, hidden, recurrent,
                     dz + 4 * state, {}, drecurrent, {});
}

template void lstm_forward(const Cpu&, LstmShape, const float*, const float*, float*, float*,
                           float*, float*);
template void lstm_forward(const Cpu&, LstmShape, const double*, const double*, double*, double*,
                           double*, double*);
template void lstm_backward(const Cpu&, LstmShape, const float*, const float*, const float*,
                            const float*, const float*, Gradient<float>, Gradient<float>);
template void lstm_backward(const Cpu&, LstmShape, const double*, const double*, const double*,
                            const double*, const double*, Gradient<double>, Gradient<double>);

}  // namespace ekgine::kernels
