#include "kernels/linear.h"

#include <algorithm>
#include <array>

#include "kernels/reduce.h"
#include "kernels/runtime/onednn.h"

namespace ekgine::kernels {

namespace {

// A matrix as it lies in memory: element (i,k) at data[i·row + k·column].
template <class T>
struct Matrix {
  const T* data;
  std::int64_t row, column;
};

// c (m,n) = or += a (m,k)·b (k,n) + bias (n), where there is one; c has contiguous rows.

void multiply(const Cpu&, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<double> a,
              Matrix<double> b, const double* bias, Gradient<double> c) {
  parallel_for(m, grain_of(n * k), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      double* row = c.data + i * n;
      if (!c.accumulate) std::fill_n(row, n, 0.0);
      for (std::int64_t p = 0; p < k; ++p) {
        const double value = a.data[i * a.row + p * a.column];
        const double* in = b.data + p * b.row;
        if (b.column == 1) {
#pragma omp simd
          for (std::int64_t j = 0; j < n; ++j) row[j] += value * in[j];
        } else {
          for (std::int64_t j = 0; j < n; ++j) row[j] += value * in[j * b.column];
        }
      }
      if (bias == nullptr) continue;
      for (std::int64_t j = 0; j < n; ++j) row[j] += bias[j];
    }
  });
}

struct Product {
  onednn::Primitive run;
  onednn::Desc a, b, bias, c;
};

Product make_product(std::int64_t m, std::int64_t n, std::int64_t k, Matrix<float> a,
                     Matrix<float> b, bool with_bias, bool accumulate) {
  constexpr auto f32 = dnnl::memory::data_type::f32;
  Product product;
  product.a = {{m, k}, f32, dnnl::memory::dims{a.row, a.column}};
  product.b = {{k, n}, f32, dnnl::memory::dims{b.row, b.column}};
  product.c = onednn::floats({m, n}, onednn::Layout::ab);
  dnnl::primitive_attr attributes = onednn::attributes();
  if (accumulate) {
    dnnl::post_ops sum;
    sum.append_sum();
    attributes.set_post_ops(sum);
  }
  if (with_bias) product.bias = onednn::floats({1, n}, onednn::Layout::ab);
  product.run =
      onednn::Primitive::product(product.a, product.b, product.bias, product.c, attributes);
  return product;
}

void multiply(const Cpu& cpu, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<float> a,
              Matrix<float> b, const float* bias, Gradient<float> c) {
  static thread_local onednn::PerShape<std::array<std::int64_t, 7>, Product> products;
  const bool with_bias = bias != nullptr;
  const Product& product =
      products.get({m, n, k, a.column, b.column, with_bias, c.accumulate},
                   [&] { return make_product(m, n, k, a, b, with_bias, c.accumulate); });
  onednn::Arguments arguments{{DNNL_ARG_SRC, onednn::wrap(product.a, a.data)},
                              {DNNL_ARG_WEIGHTS, onednn::wrap(product.b, b.data)},
                              {DNNL_ARG_DST, onednn::wrap(product.c, c.data)}};
  if (with_bias) arguments.emplace(DNNL_ARG_BIAS, onednn::wrap(product.bias, bias));
  product.run.run(cpu, std::move(arguments));
}

}  // namespace

template <class T>
void linear_forward(const Cpu& cpu, LinearShape s, const T* x, const T* w, const T* bias, T* y) {
  if (s.rows == 0) return;
  multiply(cpu, s.rows, s.out, s.in, Matrix<T>{x, s.in, 1}, Matrix<T>{w, s.out, 1}, bias,
           Gradient<T>{y, false});
}

template <class T>
void linear_backward(const Cpu& cpu, LinearShape s, const T* x, const T* w, const T* dy,
                     Gradient<T> dx, Gradient<T> dw, Gradient<T> dbias) {
  if (s.rows == 0) {  // of which oneDNN makes no product
    if (dw && !dw.accumulate) std::fill_n(dw.data, s.in * s.out, T(0));
    if (dbias && !dbias.accumulate) std::fill_n(dbias.data, s.out, T(0));
    return;
  }
  if (dx) {
    multiply(cpu, s.rows, s.in, s.out, Matrix<T>{dy, s.out, 1}, Matrix<T>{w, 1, s.out},
             static_cast<const T*>(nullptr), dx);
  }
  if (dw) {
    multiply(cpu, s.in, s.out, s.rows, Matrix<T>{x, 1, s.in}, Matrix<T>{dy, s.out, 1},
             static_cast<const T*>(nullptr), dw);
  }
  if (dbias) sum_rows(cpu, s.rows, s.out, dy, dbias);
}

template void linear_forward(const Cpu&, LinearShape, const float*, const float*, const float*,
                             float*);
template void linear_forward(const Cpu&, LinearShape, const double*, const double*, const double*,
                             double*);
template void linear_backward(const Cpu&, LinearShape, const float*, const float*, const float*,
                              Gradient<float>, Gradient<float>, Gradient<float>);
template void linear_backward(const Cpu&, LinearShape, const double*, const double*, const double*,
                              Gradient<double>, Gradient<double>, Gradient<double>);

}  // namespace ekgine::kernels
