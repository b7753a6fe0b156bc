#include "bench/composed_kernels.h"

#include <algorithm>
#include <array>
#include <limits>

#include "kernels/runtime/onednn.h"
#include "kernels/sigmoid.h"

namespace ekgine::composed {

namespace {

struct Product {
  onednn::Primitive run;
  onednn::Desc a, b, c;
};

onednn::Desc describe(const HeadProduct& p, std::int64_t rows, std::int64_t columns,
                      const HeadMatrices& at) {
  return {{p.sequences, p.heads, rows, columns},
          dnnl::memory::data_type::f32,
          dnnl::memory::dims{at.sequence, at.head, at.row, at.column}};
}

Product make_product(const HeadProduct& p, bool accumulate) {
  Product product;
  product.a = describe(p, p.m, p.k, p.a);
  product.b = describe(p, p.k, p.n, p.b);
  product.c = describe(p, p.m, p.n, p.c);
  dnnl::primitive_attr attributes = onednn::attributes();
  if (accumulate) {
    dnnl::post_ops sum;
    sum.append_sum();
    attributes.set_post_ops(sum);
  }
  product.run = onednn::Primitive::product(product.a, product.b, {}, product.c, attributes);
  return product;
}

// Whether any position has one so far away.
constexpr bool exists(kernels::DepthwiseConv1dShape s, std::int64_t shift) {
  return shift > -s.positions && shift < s.positions;
}

// Calls body(r, exists, part) for all rows r = (n,t) of the array, in parallel, with whether
// position t + shift exists.
template <class Body>
int for_rows(kernels::DepthwiseConv1dShape s, std::int64_t shift, const Body& body) {
  return parallel_for(s.sequences * s.positions, grain_of(2 * s.channels),
                      [&](std::int64_t begin, std::int64_t end, int part) {
                        std::int64_t t = begin % s.positions;
                        for (std::int64_t r = begin; r < end; ++r) {
                          body(r, t + shift >= 0 && t + shift < s.positions, part);
                          if (++t == s.positions) t = 0;
                        }
                      });
}

}  // namespace

void multiply(const Cpu& cpu, const HeadProduct& p, const float* a, const float* b,
              Gradient<float> c) {
  static thread_local onednn::PerShape<std::array<std::int64_t, 18>, Product> products;
  const Product& product =
      products.get({p.sequences, p.heads, p.m, p.n, p.k, p.a.sequence, p.a.head, p.a.row,
                    p.a.column, p.b.sequence, p.b.head, p.b.row, p.b.column, p.c.sequence, p.c.head,
                    p.c.row, p.c.column, c.accumulate},
                   [&] { return make_product(p, c.accumulate); });
  product.run.run(cpu, {{DNNL_ARG_SRC, onednn::wrap(product.a, a)},
                        {DNNL_ARG_WEIGHTS, onednn::wrap(product.b, b)},
                        {DNNL_ARG_DST, onednn::wrap(product.c, c.data)}});
}

void softmax_rows(const Cpu&, std::int64_t rows, std::int64_t columns, float scale, float* scores) {
  parallel_for(rows, grain_of(14 * columns), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) {
      float* p = scores + r * columns;
      float largest = -std::numeric_limits<float>::infinity(), sum = 0;
#pragma omp simd reduction(max : largest)
      for (std::int64_t c = 0; c < columns; ++c) largest = p[c] > largest ? p[c] : largest;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t c = 0; c < columns; ++c) {
        p[c] = kernels::exp_of_negative(scale * (p[c] - largest));
        sum += p[c];
      }
      const float share = 1 / sum;
#pragma omp simd
      for (std::int64_t c = 0; c < columns; ++c) p[c] *= share;
    }
  });
}

void softmax_rows_backward(const Cpu&, std::int64_t rows, std::int64_t columns, float scale,
                           const float* p, const float* dp, float* dscores) {
  parallel_for(rows, grain_of(5 * columns), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t first = begin * columns; first < end * columns; first += columns) {
      const float *pr = p + first, *dpr = dp + first;
      float* out = dscores + first;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t c = 0; c < columns; ++c) sum += pr[c] * dpr[c];
#pragma omp simd
      for (std::int64_t c = 0; c < columns; ++c) out[c] = scale * pr[c] * (dpr[c] - sum);
    }
  });
}

void add_shifted(const Cpu&, kernels::DepthwiseConv1dShape s, std::int64_t shift,
                 const float* weight, const float* bias, const float* x, Gradient<float> y) {
  if (y.accumulate && !exists(s, shift)) return;
  for_rows(s, shift, [=](std::int64_t r, bool exists, int) {
    float* out = y.data + r * s.channels;
    if (!y.accumulate) {
      bias != nullptr ? std::copy_n(bias, s.channels, out) : std::fill_n(out, s.channels, 0.0F);
    }
    if (!exists) return;
    const float* in = x + (r + shift) * s.channels;
#pragma omp simd
    for (std::int64_t c = 0; c < s.channels; ++c) out[c] += weight[c] * in[c];
  });
}

void sum_shifted(const Cpu& cpu, kernels::DepthwiseConv1dShape s, std::int64_t shift,
                 const float* x, const float* dy, Gradient<float> dweight) {
  const std::int64_t parts = exists(s, shift) ? thread_count() : 0;
  Workspace::Scope scratch(cpu.workspace);
  float* const sums = scratch.take<float>(static_cast<std::size_t>(parts * s.channels));
  std::fill_n(sums, parts * s.channels, 0.0F);
  if (parts > 0) {
    for_rows(s, shift, [=](std::int64_t r, bool exists, int part) {
      if (!exists) return;
      float* sum = sums + part * s.channels;
      const float *in = x + (r + shift) * s.channels, *out = dy + r * s.channels;
#pragma omp simd
      for (std::int64_t c = 0; c < s.channels; ++c) sum[c] += out[c] * in[c];
    });
  }
  for (std::int64_t c = 0; c < s.channels; ++c) {
    float sum = 0;
    for (std::int64_t part = 0; part < parts; ++part) sum += sums[part * s.channels + c];
    dweight.put(c, sum);
  }
}

}  // namespace ekgine::composed
