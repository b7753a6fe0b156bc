// The matrix products of attention within a block, in three kinds of arithmetic with one interface.
//
// A block keeps a tile of `rows` positions of one head in shared memory and walks over tiles of
// `columns` other positions. Rows of shared memory are `stride` elements apart, of which `width` (D
// rounded up, zero beyond D) count. Two products are all that attention needs, forward and
// backward:
//
//   products:   p (rows × columns) = A (rows × width) · Bᵀ, B (columns × width)
//   accumulate: sum (rows × width) += p (rows × columns) · B (columns × width)
//
// p and sum live in registers, spread over the threads: p[r][c] is element (row(r), column(c)), and
// sum[r][e] element (row(r), channel(e)), for r < thread_rows, c < scores, e < sums. Sums come in
// runs of `run` neighbouring channels. The lanes that share a row are neighbours in a warp: row_max
// and row_sum combine their values. Strides are padded such that no read below has bank conflicts.
#pragma once

#include <simt.cuh>

#include <cstdint>

#include "kernels/device/reduce.cuh"
#include "kernels/device/storage.cuh"

namespace ekgine::device {

// Plain fused multiply-adds in float. 16 lanes share four rows.
template <int Width>
struct FmaTiles {
  using Element = float;
  static constexpr int width = Width, threads = 128, rows = 32, columns = 32, stride = Width + 4;
  static constexpr int lanes = 16, thread_rows = 4, scores = columns / lanes, sums = Width / lanes;
  static constexpr int run = sums < 4 ? sums : 4;
  static constexpr int weight_stride = columns + 4, weights = rows * weight_stride;  // floats

  static __device__ int lane() { return static_cast<int>(threadIdx.x) % lanes; }
  static __device__ int row(int r) {
    return static_cast<int>(threadIdx.x) / lanes * thread_rows + r;
  }
  static __device__ int column(int c) { return lane() + lanes * c; }
  static __device__ int channel(int e) { return run * lane() + run * lanes * (e / run) + e % run; }
  static __device__ float row_max(float value) { return warp_max<lanes>(value); }
  static __device__ float row_sum(float value) { return warp_sum<lanes>(value); }

  // 16 bytes that were loaded, or one element, as they lie in shared memory.
  static __device__ void stage(float* to, float4 loaded) {
    *reinterpret_cast<float4*>(to) = loaded;
  }
  static __device__ void stage(float* to, uint4 loaded) {
    float values[8];
    unpack(values, loaded);
    store(to, values);
  }
  static __device__ float element(float value) { return value; }

  static __device__ void products(float (&p)[thread_rows][scores], const float* a, const float* b) {
#pragma unroll
    for (int r = 0; r < thread_rows; ++r) {
#pragma unroll
      for (int c = 0; c < scores; ++c) p[r][c] = 0;
    }
#pragma unroll 4
    for (int d = 0; d < Width; d += 4) {
      float left[thread_rows][4], right[scores][4];
#pragma unroll
      for (int r = 0; r < thread_rows; ++r) load(left[r], a + row(r) * stride + d);
#pragma unroll
      for (int c = 0; c < scores; ++c) load(right[c], b + column(c) * stride + d);
#pragma unroll
      for (int r = 0; r < thread_rows; ++r) {
#pragma unroll
        for (int c = 0; c < scores; ++c) {
#pragma unroll
          for (int e = 0; e < 4; ++e) p[r][c] = fmaf(left[r][e], right[c][e], p[r][c]);
        }
      }
    }
  }

  // A lane needs all of a row's p: they go through shared memory, `weights` floats. Only the lanes
  // of a row meet there, so a warp's barrier is enough.
  static __device__ void accumulate(float (&sum)[thread_rows][sums],
                                    const float (&p)[thread_rows][scores], const float* b,
                                    float* weight) {
    __syncwarp();  // reads of the call before
#pragma unroll
    for (int r = 0; r < thread_rows; ++r) {
#pragma unroll
      for (int c = 0; c < scores; ++c) weight[row(r) * weight_stride + column(c)] = p[r][c];
    }
    __syncwarp();
#pragma unroll 2
    for (int j = 0; j < columns; j += 4) {
      float left[thread_rows][4];
#pragma unroll
      for (int r = 0; r < thread_rows; ++r) load(left[r], weight + row(r) * weight_stride + j);
#pragma unroll
      for (int k = 0; k < 4; ++k) {
#pragma unroll
        for (int e = 0; e < sums; e += run) {
          float right[run];
          load(right, b + (j + k) * stride + channel(e));
#pragma unroll
          for (int r = 0; r < thread_rows; ++r) {
#pragma unroll
            for (int i = 0; i < run; ++i) {
              sum[r][e + i] = fmaf(left[r][k], right[i], sum[r][e + i]);
            }
          }
        }
      }
    }
  }
};

// Tensor cores: a warp has 16 rows, and p and sum lie as mma's accumulators do. Lane 4·g + t has
// rows g and g + 8, so that four lanes share a row. p is then in place as the left factor of the
// second product, without passing through shared memory.
//
// In the second product the right factor is needed with its rows as pairs, which would be a
// transposition. But nothing says in which order an mma's eight columns are taken: two mma's have
// the even and the odd ones of 16 channels, so that one load of two neighbours serves both, and a
// lane ends with four neighbouring channels, 4·t to 4·t + 3.
template <int Width, int Columns>
struct MmaLayout {
  static constexpr int width = Width, threads = 128, rows = 64, columns = Columns;
  static constexpr int thread_rows = 2, scores = Columns / 4, sums = Width / 4, run = 4;
  static constexpr int weights = 0;

  static __device__ int g() { return static_cast<int>(threadIdx.x) % 32 / 4; }
  static __device__ int t() { return static_cast<int>(threadIdx.x) % 4; }
  static __device__ int row(int r) { return static_cast<int>(threadIdx.x) / 32 * 16 + g() + 8 * r; }
  static __device__ int column(int c) { return 8 * (c / 2) + 2 * t() + c % 2; }
  static __device__ int channel(int e) { return 16 * (e / 4) + 4 * t() + e % 4; }
  static __device__ float row_max(float value) { return warp_max<4>(value); }
  static __device__ float row_sum(float value) { return warp_sum<4>(value); }

  // d += a·b for the eight columns from 8·n on.
  template <class Tiles>
  static __device__ void add_product(float (&p)[thread_rows][scores], int n,
                                     const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
    float d[4] = {p[0][2 * n], p[0][2 * n + 1], p[1][2 * n], p[1][2 * n + 1]};
    Tiles::mma(d, a, b);
    p[0][2 * n] = d[0], p[0][2 * n + 1] = d[1], p[1][2 * n] = d[2], p[1][2 * n + 1] = d[3];
  }
  // d += a·b for the even (odd = 0) or odd of the 16 channels from 16·n on.
  template <class Tiles>
  static __device__ void add_sum(float (&sum)[thread_rows][sums], int n, int odd,
                                 const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
    const int e = 4 * n + odd;
    float d[4] = {sum[0][e], sum[0][e + 2], sum[1][e], sum[1][e + 2]};
    Tiles::mma(d, a, b);
    sum[0][e] = d[0], sum[0][e + 2] = d[1], sum[1][e] = d[2], sum[1][e + 2] = d[3];
  }
};

template <int Width, int Columns>
struct Bfloat16Tiles : MmaLayout<Width, Columns> {
  using Layout = MmaLayout<Width, Columns>;
  using Layout::g, Layout::t, Layout::row, Layout::thread_rows, Layout::scores, Layout::sums;
  using Element = bfloat16;
  static constexpr int stride = Width + 8;

  static __device__ void stage(bfloat16* to, uint4 loaded) {
    *reinterpret_cast<uint4*>(to) = loaded;
  }
  static __device__ void mma(float (&d)[4], const std::uint32_t (&a)[4],
                             const std::uint32_t (&b)[2]) {
    simt::mma_bfloat16(d, a, b);
  }
  static __device__ bfloat16 element(float value) { return from_float<bfloat16>(value); }
  static __device__ std::uint32_t two(const bfloat16* from) {
    return *reinterpret_cast<const std::uint32_t*>(from);
  }

  static __device__ void products(float (&p)[thread_rows][scores], const bfloat16* a,
                                  const bfloat16* b) {
#pragma unroll
    for (int c = 0; c < scores; ++c) p[0][c] = p[1][c] = 0;
    const bfloat16* left = a + row(0) * stride + 2 * t();
    const bfloat16* right = b + g() * stride + 2 * t();
#pragma unroll
    for (int d = 0; d < Width; d += 16) {
      const std::uint32_t a_words[4] = {two(left + d), two(left + 8 * stride + d),
                                        two(left + d + 8), two(left + 8 * stride + d + 8)};
#pragma unroll
      for (int n = 0; n < Columns / 8; ++n) {
        const bfloat16* at = right + 8 * n * stride + d;
        const std::uint32_t b_words[2] = {two(at), two(at + 8)};
        Layout::template add_product<Bfloat16Tiles>(p, n, a_words, b_words);
      }
    }
  }

  static __device__ void accumulate(float (&sum)[thread_rows][sums],
                                    const float (&p)[thread_rows][scores], const bfloat16* b,
                                    float*) {
    const bfloat16* right = b + 2 * t() * stride + 2 * g();
#pragma unroll
    for (int k = 0; k < Columns / 16; ++k) {
      const std::uint32_t a_words[4] = {
          pack(p[0][4 * k], p[0][4 * k + 1]), pack(p[1][4 * k], p[1][4 * k + 1]),
          pack(p[0][4 * k + 2], p[0][4 * k + 3]), pack(p[1][4 * k + 2], p[1][4 * k + 3])};
#pragma unroll
      for (int n = 0; n < Width / 16; ++n) {
        const bfloat16* at = right + 16 * k * stride + 16 * n;
        const std::uint32_t w0 = two(at), w1 = two(at + stride);
        const std::uint32_t w8 = two(at + 8 * stride), w9 = two(at + 9 * stride);
        const std::uint32_t even[2] = {(w0 & 0xFFFFU) | w1 << 16, (w8 & 0xFFFFU) | w9 << 16};
        const std::uint32_t odd[2] = {w0 >> 16 | (w1 & 0xFFFF0000U), w8 >> 16 | (w9 & 0xFFFF0000U)};
        Layout::template add_sum<Bfloat16Tiles>(sum, n, 0, a_words, even);
        Layout::template add_sum<Bfloat16Tiles>(sum, n, 1, a_words, odd);
      }
    }
  }
};

// Floats rounded to TF32, when they are staged. An mma's eight columns of p are taken in the order
// 0, 2, 4, 6, 1, 3, 5, 7, as the lanes have them.
template <int Width>
struct Tf32Tiles : MmaLayout<Width, 32> {
  using Layout = MmaLayout<Width, 32>;
  using Layout::g, Layout::t, Layout::row, Layout::thread_rows, Layout::scores, Layout::sums;
  using Element = float;
  static constexpr int stride = Width + 4;

  static __device__ void stage(float* to, float4 loaded) {
    *reinterpret_cast<float4*>(to) =
        make_float4(element(loaded.x), element(loaded.y), element(loaded.z), element(loaded.w));
  }
  static __device__ void mma(float (&d)[4], const std::uint32_t (&a)[4],
                             const std::uint32_t (&b)[2]) {
    simt::mma_tf32(d, a, b);
  }
  static __device__ float element(float value) { return __uint_as_float(simt::to_tf32(value)); }
  static __device__ std::uint32_t bits(const float* from) { return __float_as_uint(*from); }

  static __device__ void products(float (&p)[thread_rows][scores], const float* a, const float* b) {
#pragma unroll
    for (int c = 0; c < scores; ++c) p[0][c] = p[1][c] = 0;
    const float* left = a + row(0) * stride + t();
    const float* right = b + g() * stride + t();
#pragma unroll 4
    for (int d = 0; d < Width; d += 8) {
      const std::uint32_t a_words[4] = {bits(left + d), bits(left + 8 * stride + d),
                                        bits(left + d + 4), bits(left + 8 * stride + d + 4)};
#pragma unroll
      for (int n = 0; n < Layout::columns / 8; ++n) {
        const float* at = right + 8 * n * stride + d;
        const std::uint32_t b_words[2] = {bits(at), bits(at + 4)};
        Layout::template add_product<Tf32Tiles>(p, n, a_words, b_words);
      }
    }
  }

  static __device__ void accumulate(float (&sum)[thread_rows][sums],
                                    const float (&p)[thread_rows][scores], const float* b, float*) {
    const float* right = b + 2 * t() * stride + 2 * g();
#pragma unroll
    for (int k = 0; k < Layout::columns / 8; ++k) {
      const std::uint32_t a_words[4] = {simt::to_tf32(p[0][2 * k]), simt::to_tf32(p[1][2 * k]),
                                        simt::to_tf32(p[0][2 * k + 1]),
                                        simt::to_tf32(p[1][2 * k + 1])};
#pragma unroll
      for (int n = 0; n < Width / 16; ++n) {
        float first[2], second[2];
        load(first, right + 8 * k * stride + 16 * n);
        load(second, right + (8 * k + 1) * stride + 16 * n);
        const std::uint32_t even[2] = {__float_as_uint(first[0]), __float_as_uint(second[0])};
        const std::uint32_t odd[2] = {__float_as_uint(first[1]), __float_as_uint(second[1])};
        Layout::template add_sum<Tf32Tiles>(sum, n, 0, a_words, even);
        Layout::template add_sum<Tf32Tiles>(sum, n, 1, a_words, odd);
      }
    }
  }
};

}  // namespace ekgine::device
