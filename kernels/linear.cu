#include "kernels/linear.h"

#include "kernels/reduce.h"
#include "kernels/runtime/cuda_libraries.h"

namespace ekgine::kernels {

template <class T>
void linear_forward(const Cuda& cuda, LinearShape s, const T* x, const T* w, const T* bias, T* y) {
  if (s.rows == 0) return;
  cuda.libraries.multiply(cuda, "linear_forward", {.m = s.rows, .n = s.out, .k = s.in}, x, w, bias,
                          Gradient<T>{y, false});
}

template <class T>
void linear_backward(const Cuda& cuda, LinearShape s, const T* x, const T* w, const T* dy,
                     Gradient<T> dx, Gradient<float> dw, Gradient<float> dbias) {
  if (s.rows == 0) {
    // A product over no rows, which cuBLASLt does not take.
    if (dw && !dw.accumulate) {
      EKGINE_CUDA(cudaMemsetAsync(
          dw.data, 0, static_cast<std::size_t>(s.in * s.out) * sizeof(float), cuda.stream));
    }
  } else {
    if (dx) {
      cuda.libraries.multiply(cuda, "linear_backward dx",
                              {.m = s.rows, .n = s.in, .k = s.out, .transpose_b = true}, dy, w,
                              static_cast<const T*>(nullptr), dx);
    }
    if (dw) {
      const MatrixProduct product{.m = s.in, .n = s.out, .k = s.rows, .transpose_a = true};
      const char* const name = "linear_backward dweight";
      // One launch for both, which is what they cost at few rows.
      if (dbias && !dbias.accumulate &&
          cuda.libraries.multiply_and_sum(cuda, name, product, x, dy, dbias.data, dw)) {
        return;
      }
      cuda.libraries.multiply(cuda, name, product, x, dy, static_cast<const float*>(nullptr), dw);
    }
  }
  if (dbias) sum_rows(cuda, s.rows, s.out, dy, dbias);
}

template void linear_forward(const Cuda&, LinearShape, const float*, const float*, const float*,
                             float*);
template void linear_forward(const Cuda&, LinearShape, const bfloat16*, const bfloat16*,
                             const bfloat16*, bfloat16*);
template void linear_backward(const Cuda&, LinearShape, const float*, const float*, const float*,
                              Gradient<float>, Gradient<float>, Gradient<float>);
template void linear_backward(const Cuda&, LinearShape, const bfloat16*, const bfloat16*,
                              const bfloat16*, Gradient<bfloat16>, Gradient<float>,
                              Gradient<float>);

}  // namespace ekgine::kernels
