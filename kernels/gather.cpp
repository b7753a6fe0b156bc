#include "kernels/gather.h"

#include "base/error.h"

namespace ekgine::kernels {

namespace {

void check_index(GatherShape s, const std::int32_t* index) {
  for (std::int64_t p = 0; p < s.picks; ++p) {
    if (index[p] < 0 || index[p] >= s.rows) {
      fail("gather: index {} of {} is {}, x has {} rows", p, s.picks, index[p], s.rows);
    }
  }
}

// The picks of row u are picks[offsets[u]], ..., picks[offsets[u+1] − 1], in ascending order:
// offsets (U+1), picks (P).
void invert(GatherShape s, const std::int32_t* index, std::int32_t* offsets, std::int32_t* picks) {
  check_index(s, index);
  // Counting sort. Filling from the back turns the end of each row's range into its beginning.
  std::fill_n(offsets, s.rows + 1, 0);
  for (std::int64_t p = 0; p < s.picks; ++p) ++offsets[index[p]];
  for (std::int64_t u = 0; u < s.rows; ++u) offsets[u + 1] += offsets[u];
  for (std::int64_t p = s.picks - 1; p >= 0; --p) {
    picks[--offsets[index[p]]] = static_cast<std::int32_t>(p);
  }
}

}  // namespace

template <class T>
void gather_forward(const Cpu&, GatherShape s, const T* x, const std::int32_t* index, T* y) {
  check_index(s, index);
  parallel_for(s.picks, grain_of(s.channels), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t p = begin; p < end; ++p) {
      std::copy_n(x + index[p] * s.channels, s.channels, y + p * s.channels);
    }
  });
}

template <class T>
void gather_backward(const Cpu& cpu, GatherShape s, const std::int32_t* index, const T* dy,
                     Gradient<T> dx) {
  if (!dx) return;
  Workspace::Scope scratch(cpu.workspace);
  auto* const offsets = scratch.take<std::int32_t>(static_cast<std::size_t>(s.rows + 1));
  auto* const picks = scratch.take<std::int32_t>(static_cast<std::size_t>(s.picks));
  invert(s, index, offsets, picks);
  parallel_for(s.rows, grain_of(s.channels), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t u = begin; u < end; ++u) {
      T* dxu = dx.data + u * s.channels;
      if (!dx.accumulate) std::fill_n(dxu, s.channels, T(0));
      for (std::int32_t i = offsets[u]; i < offsets[u + 1]; ++i) {
        const T* dyp = dy + picks[i] * s.channels;
#pragma omp simd
        for (std::int64_t c = 0; c < s.channels; ++c) dxu[c] += dyp[c];
      }
    }
  });
}

template void gather_forward(const Cpu&, GatherShape, const float*, const std::int32_t*, float*);
template void gather_forward(const Cpu&, GatherShape, const double*, const std::int32_t*, double*);
template void gather_backward(const Cpu&, GatherShape, const std::int32_t*, const float*,
                              Gradient<float>);
template void gather_backward(const Cpu&, GatherShape, const std::int32_t*, const double*,
                              Gradient<double>);

}  // namespace ekgine::kernels
