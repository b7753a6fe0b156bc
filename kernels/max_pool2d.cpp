#include "kernels/max_pool2d.h"

namespace ekgine::kernels {

namespace {

// Whether b follows a as the maximum: a stays when equal, and a NaN wins and stays.
template <class T>
bool beats(T b, T a) {
  return b > a || (b != b && a == a);
}

}  // namespace

template <class T>
void max_pool2d_forward(const Cpu&, MaxPool2dShape s, const T* x, T* y) {
  const std::int64_t rows = s.h / 2, columns = s.w / 2, x_row = s.w * s.c;
  parallel_for(s.n * rows, grain_of(2 * x_row), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* x_top = x + (row / rows * s.h + row % rows * 2) * x_row;
      for (std::int64_t j = 0; j < columns; ++j) {
        const T* top = x_top + 2 * j * s.c;
        const T* bottom = top + x_row;
        T* out = y + (row * columns + j) * s.c;
#pragma omp simd
        for (std::int64_t c = 0; c < s.c; ++c) {
          T best = top[c];
          best = beats(top[s.c + c], best) ? top[s.c + c] : best;
          best = beats(bottom[c], best) ? bottom[c] : best;
          best = beats(bottom[s.c + c], best) ? bottom[s.c + c] : best;
          out[c] = best;
        }
      }
    }
  });
}

template <class T>
void max_pool2d_backward(const Cpu&, MaxPool2dShape s, const T* x, const T* dy, Gradient<T> dx) {
  if (!dx) return;
  const std::int64_t rows = s.h / 2, columns = s.w / 2, x_row = s.w * s.c;
  parallel_for(s.n, grain_of(s.h * x_row), [&](std::int64_t begin, std::int64_t end, int) {
    if (!dx.accumulate) std::fill(dx.data + begin * s.h * x_row, dx.data + end * s.h * x_row, T(0));
    for (std::int64_t row = begin * rows; row < end * rows; ++row) {
      const std::int64_t offset = (row / rows * s.h + row % rows * 2) * x_row;
      for (std::int64_t j = 0; j < columns; ++j) {
        for (std::int64_t c = 0; c < s.c; ++c) {
          const std::int64_t first = offset + 2 * j * s.c + c;
          std::int64_t winner = first;
          for (const std::int64_t i : {first + s.c, first + x_row, first + x_row + s.c}) {
            if (beats(x[i], x[winner])) winner = i;
          }
          dx.data[winner] += dy[(row * columns + j) * s.c + c];
        }
      }
    }
  });
}

template void max_pool2d_forward(const Cpu&, MaxPool2dShape, const float*, float*);
template void max_pool2d_forward(const Cpu&, MaxPool2dShape, const double*, double*);
template void max_pool2d_backward(const Cpu&, MaxPool2dShape, const float*, const float*,
                                  Gradient<float>);
template void max_pool2d_backward(const Cpu&, MaxPool2dShape, const double*, const double*,
                                  Gradient<double>);

}  // namespace ekgine::kernels
