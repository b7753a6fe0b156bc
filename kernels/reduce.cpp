#include "kernels/reduce.h"

namespace ekgine::kernels {

template <class T>
void sum_rows(const Cpu& cpu, std::int64_t rows, std::int64_t columns, const T* x,
              Gradient<T> sum) {
  Workspace::Scope scratch(cpu.workspace);
  T* partial = scratch.take<T>(static_cast<std::size_t>(thread_count() * columns));
  const int parts =
      parallel_for(rows, grain_of(columns), [&](std::int64_t begin, std::int64_t end, int part) {
        T* mine = partial + part * columns;
        std::fill_n(mine, columns, T(0));
        for (std::int64_t r = begin; r < end; ++r) {
#pragma omp simd
          for (std::int64_t c = 0; c < columns; ++c) mine[c] += x[r * columns + c];
        }
      });
  for (std::int64_t c = 0; c < columns; ++c) {
    T total = 0;
    for (int part = 0; part < parts; ++part) total += partial[part * columns + c];
    sum.put(c, total);
  }
}

template void sum_rows(const Cpu&, std::int64_t, std::int64_t, const float*, Gradient<float>);
template void sum_rows(const Cpu&, std::int64_t, std::int64_t, const double*, Gradient<double>);

}  // namespace ekgine::kernels
