#include "kernels/attention.h"

#include <cmath>

namespace ekgine::kernels {

namespace {

// Positions i that ask and positions j that answer are taken in tiles, so that the rows of a tile
// (64 keys of width 128: 32 KiB) are in the cache while all of the other tile use them.
constexpr std::int64_t query_tile = 16, key_tile = 64;

// Rows of one head in (N, T, H, D): position t starts at data + t·stride.
template <class T>
struct Rows {
  T* data;
  std::int64_t stride;

  T* operator[](std::int64_t t) const { return data + t * stride; }
};

// Scratch of each thread apart: a multiple of a cache line.
constexpr std::int64_t padded(std::int64_t n) {
  return (n + 15) / 16 * 16;
}

// Offset of head h of sequence n in (N, T, H, D), pair = n·H + h.
constexpr std::int64_t head_offset(AttentionShape s, std::int64_t pair) {
  const std::int64_t n = pair / s.heads, h = pair % s.heads;
  return (n * s.positions * s.heads + h) * s.width;
}

template <class T>
T dot(std::int64_t n, const T* a, const T* b) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t d = 0; d < n; ++d) sum += a[d] * b[d];
  return sum;
}

// out[j − begin] = scale·(a·rows[j]) for j in [begin, end); four at a time share the loads of a.
template <class T>
void dot_rows(std::int64_t width, const T* a, Rows<const T> rows, std::int64_t begin,
              std::int64_t end, T scale, T* out) {
  std::int64_t j = begin;
  for (; j + 4 <= end; j += 4, out += 4) {
    const T *b0 = rows[j], *b1 = rows[j + 1], *b2 = rows[j + 2], *b3 = rows[j + 3];
    T s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (std::int64_t d = 0; d < width; ++d) {
      s0 += a[d] * b0[d];
      s1 += a[d] * b1[d];
      s2 += a[d] * b2[d];
      s3 += a[d] * b3[d];
    }
    out[0] = scale * s0;
    out[1] = scale * s1;
    out[2] = scale * s2;
    out[3] = scale * s3;
  }
  for (; j < end; ++j, ++out) *out = scale * dot(width, a, rows[j]);
}

// out += Σ_j factor[(j − begin)·step]·rows[j] for j in [begin, end); four at a time share the loads
// and stores of out.
template <class T>
void add_rows(std::int64_t width, const T* factor, std::int64_t step, Rows<const T> rows,
              std::int64_t begin, std::int64_t end, T* out) {
  std::int64_t j = begin;
  for (; j + 4 <= end; j += 4, factor += 4 * step) {
    const T *b0 = rows[j], *b1 = rows[j + 1], *b2 = rows[j + 2], *b3 = rows[j + 3];
    const T f0 = factor[0], f1 = factor[step], f2 = factor[2 * step], f3 = factor[3 * step];
#pragma omp simd
    for (std::int64_t d = 0; d < width; ++d) {
      out[d] += (f0 * b0[d] + f1 * b1[d]) + (f2 * b2[d] + f3 * b3[d]);
    }
  }
  for (; j < end; ++j, factor += step) {
    const T f = *factor;
    const T* b = rows[j];
#pragma omp simd
    for (std::int64_t d = 0; d < width; ++d) out[d] += f * b[d];
  }
}

template <class T>
void clear_rows(std::int64_t width, std::int64_t count, Rows<T> rows) {
  for (std::int64_t t = 0; t < count; ++t) std::fill_n(rows[t], width, T(0));
}

// Number of probability (pair, i, 0) in the stream of dropout.
constexpr std::uint64_t first_element(AttentionShape s, std::int64_t pair, std::int64_t i) {
  return static_cast<std::uint64_t>((pair * s.positions + i) * s.positions);
}

// Turns the scores of a row into probabilities; returns logsumexp. NaN scores stay NaN.
template <class T>
T softmax_row(std::int64_t n, T* scores) {
  const T largest = *std::max_element(scores, scores + n);
  T sum = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    scores[j] = std::exp(scores[j] - largest);
    sum += scores[j];
  }
  const T scale = T(1) / sum;
#pragma omp simd
  for (std::int64_t j = 0; j < n; ++j) scores[j] *= scale;
  return largest + std::log(sum);
}

}  // namespace

template <class T>
void attention_forward(const Cpu& cpu, AttentionShape s, const Dropout& dropout, const T* query,
                       const T* key, const T* value, T* y, T* logsumexp) {
  const std::int64_t positions = s.positions, width = s.width, stride = s.heads * s.width;
  const T scale = T(1) / std::sqrt(static_cast<T>(width));
  const std::int64_t head_grain = grain_of(positions * positions * (4 * width + 14));
  Workspace::Scope scratch(cpu.workspace);
  // Whole rows of scores for a tile of queries, and a row of dropout factors.
  const std::int64_t share = padded((query_tile + 1) * positions);
  T* all = scratch.take<T>(static_cast<std::size_t>(thread_count() * share));
  parallel_for(
      s.sequences * s.heads, head_grain, [&](std::int64_t begin, std::int64_t end, int part) {
        T* scores = all + part * share;
        T* factor = scores + query_tile * positions;
        for (std::int64_t pair = begin; pair < end; ++pair) {
          const std::int64_t offset = head_offset(s, pair);
          const Rows<const T> q{query + offset, stride}, k{key + offset, stride},
              v{value + offset, stride};
          const Rows<T> out{y + offset, stride};
          clear_rows(width, positions, out);
          for (std::int64_t i0 = 0; i0 < positions; i0 += query_tile) {
            const std::int64_t i1 = std::min(i0 + query_tile, positions);
            const auto row = [&](std::int64_t i) { return scores + (i - i0) * positions; };
            for (std::int64_t j0 = 0; j0 < positions; j0 += key_tile) {
              const std::int64_t j1 = std::min(j0 + key_tile, positions);
              for (std::int64_t i = i0; i < i1; ++i) {
                dot_rows(width, q[i], k, j0, j1, scale, row(i) + j0);
              }
            }
            for (std::int64_t i = i0; i < i1; ++i) {
              T* p = row(i);
              logsumexp[pair * positions + i] = softmax_row(positions, p);
              if (dropout.rate == 0) continue;
              dropout_factors(cpu.step, dropout, first_element(s, pair, i), positions, factor);
#pragma omp simd
              for (std::int64_t j = 0; j < positions; ++j) p[j] *= factor[j];
            }
            for (std::int64_t j0 = 0; j0 < positions; j0 += key_tile) {
              const std::int64_t j1 = std::min(j0 + key_tile, positions);
              for (std::int64_t i = i0; i < i1; ++i) {
                add_rows(width, row(i) + j0, 1, v, j0, j1, out[i]);
              }
            }
          }
        }
      });
}

template <class T>
void attention_backward(const Cpu& cpu, AttentionShape s, const Dropout& dropout, const T* query,
                        const T* key, const T* value, const T* y, const T* logsumexp, const T* dy,
                        Gradient<T> dquery, Gradient<T> dkey, Gradient<T> dvalue) {
  const std::int64_t positions = s.positions, width = s.width, stride = s.heads * s.width;
  const T scale = T(1) / std::sqrt(static_cast<T>(width));
  const std::int64_t head_grain = grain_of(positions * positions * (10 * width + 15));
  Workspace::Scope scratch(cpu.workspace);
  // Tiles of f·p and ds/√D, and a row of f; a row's delta.
  const std::int64_t tile = query_tile * key_tile;
  const std::int64_t share = padded(2 * tile + key_tile + positions);
  T* all = scratch.take<T>(static_cast<std::size_t>(thread_count() * share));
  parallel_for(
      s.sequences * s.heads, head_grain, [&](std::int64_t begin, std::int64_t end, int part) {
        T* kept = all + part * share;
        T* dscores = kept + tile;
        T* factor = dscores + tile;
        T* delta = factor + key_tile;
        std::fill_n(factor, key_tile, T(1));
        for (std::int64_t pair = begin; pair < end; ++pair) {
          const std::int64_t offset = head_offset(s, pair);
          const Rows<const T> q{query + offset, stride}, k{key + offset, stride},
              v{value + offset, stride}, out{y + offset, stride}, dout{dy + offset, stride};
          const auto gradient = [&](const Gradient<T>& g) {
            return Rows<T>{g ? g.data + offset : nullptr, stride};
          };
          const Rows<T> dq = gradient(dquery), dk = gradient(dkey), dv = gradient(dvalue);
          if (dquery && !dquery.accumulate) clear_rows(width, positions, dq);
          if (dkey && !dkey.accumulate) clear_rows(width, positions, dk);
          if (dvalue && !dvalue.accumulate) clear_rows(width, positions, dv);
          for (std::int64_t i = 0; i < positions; ++i) delta[i] = dot(width, dout[i], out[i]);
          for (std::int64_t j0 = 0; j0 < positions; j0 += key_tile) {
            const std::int64_t j1 = std::min(j0 + key_tile, positions), n = j1 - j0;
            for (std::int64_t i0 = 0; i0 < positions; i0 += query_tile) {
              const std::int64_t i1 = std::min(i0 + query_tile, positions);
              for (std::int64_t i = i0; i < i1; ++i) {
                T* p = kept + (i - i0) * key_tile;
                T* ds = dscores + (i - i0) * key_tile;
                dot_rows(width, q[i], k, j0, j1, scale, p);
                dot_rows(width, dout[i], v, j0, j1, T(1), ds);
                if (dropout.rate != 0) {
                  const auto first = first_element(s, pair, i) + static_cast<std::uint64_t>(j0);
                  dropout_factors(cpu.step, dropout, first, n, factor);
                }
                const T normaliser = logsumexp[pair * positions + i];
                for (std::int64_t j = 0; j < n; ++j) {
                  const T probability = std::exp(p[j] - normaliser);
                  p[j] = probability * factor[j];
                  ds[j] = probability * (factor[j] * ds[j] - delta[i]) * scale;
                }
                if (dquery) add_rows(width, ds, 1, k, j0, j1, dq[i]);
              }
              for (std::int64_t j = 0; j < n; ++j) {
                if (dkey) add_rows(width, dscores + j, key_tile, q, i0, i1, dk[j0 + j]);
                if (dvalue) add_rows(width, kept + j, key_tile, dout, i0, i1, dv[j0 + j]);
              }
            }
          }
        }
      });
}

template void attention_forward(const Cpu&, AttentionShape, const Dropout&, const float*,
                                const float*, const float*, float*, float*);
template void attention_forward(const Cpu&, AttentionShape, const Dropout&, const double*,
                                const double*, const double*, double*, double*);
template void attention_backward(const Cpu&, AttentionShape, const Dropout&, const float*,
                                 const float*, const float*, const float*, const float*,
                                 const float*, Gradient<float>, Gradient<float>, Gradient<float>);
template void attention_backward(const Cpu&, AttentionShape, const Dropout&, const double*,
                                 const double*, const double*, const double*, const double*,
                                 const double*, Gradient<double>, Gradient<double>,
                                 Gradient<double>);

}  // namespace ekgine::kernels
