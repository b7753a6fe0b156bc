// Two ways, by the number of positions.
//
// Few (T ≤ 8, such as the three beats of a sequence): a warp has a (sequence, head) to itself and
// keeps all keys and values in registers, each lane a few channels of every position. Every operand
// crosses memory once; a tile of 32 × 32 scores would be nine parts in a thousand full.
//
// Many: a block has a tile of one head's positions in shared memory and walks over the others, tile
// by tile (kernels/device/attention_tiles.cuh has the products). Forward keeps the running maximum
// and sum of each row's exponentials and rescales what it has when the maximum grows; backward
// recomputes probabilities from logsumexp, in one kernel whose rows are queries (dquery) and one
// whose rows are keys (dkey, dvalue), so that every sum belongs to one thread and none needs
// atomics. One buffer takes the walking operands in turn: with two of them fewer blocks would fit.
//
// Exponentials are to base 2 throughout: scores are scaled by log2(e)/√D.
#include "kernels/attention.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "base/error.h"
#include "kernels/device/attention_tiles.cuh"
#include "kernels/device/dropout.cuh"
#include "kernels/device/gradient.cuh"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

using device::DropoutDraw;

constexpr float log2e = 1.44269504F, ln2 = 0.693147181F;
constexpr float infinity = std::numeric_limits<float>::infinity();

struct Problem {
  AttentionShape shape;
  int positions, width;     // T, D
  float scale, log2_scale;  // 1/√D, log2(e)/√D
  bool vectors;             // rows may be read 16 bytes at a time
  DropoutDraw dropout;
};

// Element (position 0, channel 0) of head h of sequence n in (N, T, H, D), pair = n·H + h.
__device__ __forceinline__ std::int64_t head_offset(const Problem& p, std::int64_t pair) {
  const std::int64_t n = pair / p.shape.heads, h = pair % p.shape.heads;
  return (n * p.positions * p.shape.heads + h) * p.width;
}
// Elements from one position of a head to the next.
__device__ __forceinline__ std::int64_t position_stride(const Problem& p) {
  return p.shape.heads * p.width;
}
// Number of probability (pair, i, 0) in the stream of dropout.
__device__ __forceinline__ std::uint64_t first_element(const Problem& p, std::int64_t pair, int i) {
  return static_cast<std::uint64_t>((pair * p.positions + i) * p.positions);
}

// Loads, or puts, the channels d, ..., d + Run − 1 that exist of a row.
template <int Run, class T>
__device__ __forceinline__ void load_run(float (&x)[Run], const Problem& p, const T* row, int d) {
  if (p.vectors) {  // D is a multiple of the run
    if (d < p.width) {
      device::load(x, row + d);
      return;
    }
  }
#pragma unroll
  for (int e = 0; e < Run; ++e) x[e] = d + e < p.width ? device::to_float(row[d + e]) : 0.0F;
}
template <int Run, class T>
__device__ __forceinline__ void put_run(Gradient<T> gradient, const Problem& p, std::int64_t row,
                                        int d, const float (&x)[Run]) {
  if (p.vectors) {
    if (d >= p.width) return;
    float values[Run];
    if (gradient.accumulate) {
      device::load(values, gradient.data + row + d);
    } else {
#pragma unroll
      for (int e = 0; e < Run; ++e) values[e] = 0;
    }
#pragma unroll
    for (int e = 0; e < Run; ++e) values[e] += x[e];
    device::store(gradient.data + row + d, values);
  } else {
#pragma unroll
    for (int e = 0; e < Run; ++e) {
      if (d + e < p.width) device::put(gradient, row + d + e, x[e]);
    }
  }
}

// --------------------------------------------------------------------------------- few positions

constexpr int few_positions = 8, few_warps = 4;

// Which probabilities of a pair are kept: bit i·T + j.
__device__ __forceinline__ std::uint64_t kept_bits(const Problem& p, std::int64_t pair) {
  const std::uint64_t first = first_element(p, pair, 0);
  const unsigned lane = threadIdx.x % 32;
  const RandomKey key = device::key_of(p.dropout);
  std::uint64_t kept =
      __ballot_sync(device::full_warp, device::is_kept(p.dropout, key, first + lane));
  if (p.positions * p.positions > 32) {
    const unsigned rest =
        __ballot_sync(device::full_warp, device::is_kept(p.dropout, key, first + 32 + lane));
    kept |= static_cast<std::uint64_t>(rest) << 32;
  }
  return kept;
}

template <int Channels>
__device__ __forceinline__ float dot(const float (&a)[Channels], const float (&b)[Channels]) {
  float sum = 0;
#pragma unroll
  for (int e = 0; e < Channels; ++e) sum = fmaf(a[e], b[e], sum);
  return sum;
}

// A lane's channels, from d on, of all keys and values of a head.
template <class T, int Channels, int Positions>
__device__ __forceinline__ void load_pairs(float (&keys)[Positions][Channels],
                                           float (&values)[Positions][Channels], const Problem& p,
                                           const T* key, const T* value, int d) {
#pragma unroll
  for (int j = 0; j < Positions; ++j) {
    if (j >= p.positions) break;
    load_run(keys[j], p, key + j * position_stride(p), d);
    load_run(values[j], p, value + j * position_stride(p), d);
  }
}

// A lane has channels Channels·lane, ... of up to Positions positions.
template <class T, int Channels, int Positions>
__global__ void __launch_bounds__(32 * few_warps)
    few_forward_kernel(Problem p, const T* query, const T* key, const T* value, T* y,
                       float* logsumexp) {
  const std::int64_t pair = static_cast<std::int64_t>(blockIdx.x) * few_warps + threadIdx.x / 32;
  if (pair >= p.shape.sequences * p.shape.heads) return;
  const int lane = static_cast<int>(threadIdx.x % 32), d = lane * Channels;
  const std::int64_t head = head_offset(p, pair), stride = position_stride(p);
  float keys[Positions][Channels], values[Positions][Channels];
  load_pairs(keys, values, p, key + head, value + head, d);
  const std::uint64_t kept = p.dropout.active ? kept_bits(p, pair) : 0;
  for (int i = 0; i < p.positions; ++i) {
    const std::int64_t row = head + i * stride;
    float q[Channels], score[Positions];
    load_run(q, p, query + row, d);
    float largest = -infinity;
#pragma unroll
    for (int j = 0; j < Positions; ++j) {
      if (j >= p.positions) break;
      score[j] = device::warp_sum(dot(q, keys[j])) * p.log2_scale;
      largest = fmaxf(largest, score[j]);
    }
    float sum = 0, out[Channels] = {};
#pragma unroll
    for (int j = 0; j < Positions; ++j) {
      if (j >= p.positions) break;
      float weight = exp2f(score[j] - largest);
      sum += weight;
      if (p.dropout.active) {
        weight = (kept >> (i * p.positions + j) & 1) != 0 ? weight * p.dropout.scale : 0.0F;
      }
#pragma unroll
      for (int e = 0; e < Channels; ++e) out[e] = fmaf(weight, values[j][e], out[e]);
    }
    const float normaliser = 1.0F / sum;
#pragma unroll
    for (int e = 0; e < Channels; ++e) out[e] *= normaliser;
    put_run(Gradient<T>{y, false}, p, row, d, out);
    if (lane == 0) logsumexp[pair * p.positions + i] = (largest + log2f(sum)) * ln2;
  }
}

template <class T, int Channels, int Positions>
__global__ void __launch_bounds__(32 * few_warps)
    few_backward_kernel(Problem p, const T* query, const T* key, const T* value, const T* y,
                        const float* logsumexp, const T* dy, Gradient<T> dquery, Gradient<T> dkey,
                        Gradient<T> dvalue) {
  const std::int64_t pair = static_cast<std::int64_t>(blockIdx.x) * few_warps + threadIdx.x / 32;
  if (pair >= p.shape.sequences * p.shape.heads) return;
  const int d = static_cast<int>(threadIdx.x % 32) * Channels;
  const std::int64_t head = head_offset(p, pair), stride = position_stride(p);
  float keys[Positions][Channels], values[Positions][Channels];
  float key_sums[Positions][Channels] = {}, value_sums[Positions][Channels] = {};
  load_pairs(keys, values, p, key + head, value + head, d);
  const std::uint64_t kept = p.dropout.active ? kept_bits(p, pair) : 0;
  for (int i = 0; i < p.positions; ++i) {
    const std::int64_t row = head + i * stride;
    float q[Channels], g[Channels], out[Channels];
    load_run(q, p, query + row, d);
    load_run(g, p, dy + row, d);
    load_run(out, p, y + row, d);
    const float delta = device::warp_sum(dot(g, out));
    const float normaliser = logsumexp[pair * p.positions + i] * log2e;
    float sum[Channels] = {};
#pragma unroll
    for (int j = 0; j < Positions; ++j) {
      if (j >= p.positions) break;
      const float score = device::warp_sum(dot(q, keys[j])) * p.log2_scale;
      const float dp = device::warp_sum(dot(g, values[j]));
      const float probability = exp2f(score - normaliser);
      float factor = 1;
      if (p.dropout.active) {
        factor = (kept >> (i * p.positions + j) & 1) != 0 ? p.dropout.scale : 0.0F;
      }
      const float ds = probability * (factor * dp - delta) * p.scale;
      const float weight = probability * factor;
#pragma unroll
      for (int e = 0; e < Channels; ++e) {
        sum[e] = fmaf(ds, keys[j][e], sum[e]);
        key_sums[j][e] = fmaf(ds, q[e], key_sums[j][e]);
        value_sums[j][e] = fmaf(weight, g[e], value_sums[j][e]);
      }
    }
    if (dquery.data != nullptr) put_run(dquery, p, row, d, sum);
  }
#pragma unroll
  for (int j = 0; j < Positions; ++j) {
    if (j >= p.positions) break;
    if (dkey.data != nullptr) put_run(dkey, p, head + j * stride, d, key_sums[j]);
    if (dvalue.data != nullptr) put_run(dvalue, p, head + j * stride, d, value_sums[j]);
  }
}

// -------------------------------------------------------------------------------- many positions

// A block's shared memory: `Fixed` tiles of its own rows, one buffer for those it walks over, and
// what belongs to a tile of scores.
template <class Tiles, int Fixed>
struct Shared {
  using Element = typename Tiles::Element;
  static constexpr int fixed_tile = Tiles::rows * Tiles::stride;
  static constexpr int walking_tile = Tiles::columns * Tiles::stride;
  // Dropout's decisions, a byte each; see KeptTile. Queries are the rows or the columns.
  static constexpr int kept_by_row = Tiles::rows * (Tiles::columns + 4);
  static constexpr int kept_by_column = Tiles::columns * (Tiles::rows + 4);
  static constexpr std::size_t bytes =
      (Fixed * fixed_tile + walking_tile) * sizeof(Element) +
      (Tiles::weights + 2 * Tiles::columns) * sizeof(float) +
      (kept_by_row > kept_by_column ? kept_by_row : kept_by_column);

  Element* fixed;
  Element* walking;
  float* weights;
  float* statistics;  // of the queries that are walked over: logsumexp·log2(e), then delta
  unsigned char* kept;

  __device__ explicit Shared(unsigned char* memory)
      : fixed(reinterpret_cast<Element*>(memory)),
        walking(fixed + Fixed * fixed_tile),
        weights(reinterpret_cast<float*>(walking + walking_tile)),
        statistics(weights + Tiles::weights),
        kept(reinterpret_cast<unsigned char*>(statistics + 2 * Tiles::columns)) {}
};

// Copies Rows positions from `first` on of a head, (T, D) with rows `stride` apart, to a tile;
// zeros beyond T and D. The whole block calls. A thread has many loads in flight before it stages
// what the first of them brings: the tile is waited for by all.
template <class Tiles, int Rows, class T>
__device__ __forceinline__ void load_tile(typename Tiles::Element* tile, const Problem& p,
                                          const T* head, std::int64_t stride, int first) {
  const auto thread = static_cast<int>(threadIdx.x);
  if (p.vectors) {
    using Packet = device::Packet<T>;
    constexpr int width = device::vector_width<T>, packs = Tiles::width / width;
    constexpr int items = Rows * packs, share = (items + Tiles::threads - 1) / Tiles::threads;
    constexpr int at_once = share < 8 ? share : 8;
#pragma unroll
    for (int begin = 0; begin < share; begin += at_once) {
      Packet loaded[at_once];
#pragma unroll
      for (int k = 0; k < at_once; ++k) {
        const int item = (begin + k) * Tiles::threads + thread;
        const int r = item / packs, d = item % packs * width;
        const bool exists = r < Rows && first + r < p.positions && d < p.width;
        const T* from = head + (first + r) * stride + d;
        loaded[k] = exists ? *reinterpret_cast<const Packet*>(from) : Packet{};
      }
#pragma unroll
      for (int k = 0; k < at_once; ++k) {
        const int item = (begin + k) * Tiles::threads + thread;
        const int r = item / packs, d = item % packs * width;
        if (r < Rows) Tiles::stage(tile + r * Tiles::stride + d, loaded[k]);
      }
    }
  } else {
#pragma unroll 4
    for (int item = thread; item < Rows * Tiles::width; item += Tiles::threads) {
      const int r = item / Tiles::width, d = item % Tiles::width;
      const bool exists = first + r < p.positions && d < p.width;
      tile[r * Tiles::stride + d] =
          Tiles::element(exists ? device::to_float(head[(first + r) * stride + d]) : 0.0F);
    }
  }
}

// Dropout's decisions about a tile of Queries × Keys probabilities. A Philox block decides four
// neighbouring keys of a query, so threads draw whole blocks and share them; a query's first block
// may begin up to three keys before the tile, and its bytes are shifted by as many.
template <int Queries, int Keys, int Threads>
struct KeptTile {
  static constexpr int stride = Keys + 4;

  // The number of keys that the first block of query i begins before a tile (which begins at a
  // multiple of four).
  static __device__ __forceinline__ int shift(const Problem& p, std::int64_t pair, int i) {
    const auto t = static_cast<unsigned>(p.positions);  // modulo 4, 32 bits are enough
    return static_cast<int>((static_cast<unsigned>(pair) * t + static_cast<unsigned>(i)) * t % 4);
  }

  static __device__ __forceinline__ void draw(unsigned char* kept, const Problem& p,
                                              std::int64_t pair, int query, int key) {
    constexpr int blocks = Keys / 4 + 1;
    const RandomKey random = device::key_of(p.dropout);
    for (int item = static_cast<int>(threadIdx.x); item < Queries * blocks; item += Threads) {
      const int i = item / blocks, block = item % blocks;
      if (query + i >= p.positions) break;
      if (4 * block >= p.positions - key + 3) continue;
      const std::uint64_t first = first_element(p, pair, query + i) + static_cast<unsigned>(key);
      const auto word = philox(random, first / 4 + static_cast<unsigned>(block));
      std::uint32_t bytes = 0;
#pragma unroll
      for (int k = 0; k < 4; ++k) bytes |= (word[k] >= p.dropout.threshold ? 1U : 0U) << 8 * k;
      *reinterpret_cast<std::uint32_t*>(kept + i * stride + 4 * block) = bytes;
    }
  }
};

// What a block works on: rows first, first + 1, ... of one head.
struct Place {
  std::int64_t pair, head, stride;
  int first;
};
template <class Tiles>
__device__ __forceinline__ Place place_of_block(const Problem& p) {
  const unsigned tiles = (static_cast<unsigned>(p.positions) + Tiles::rows - 1) / Tiles::rows;
  const std::int64_t pair = blockIdx.x / tiles;
  return {pair, head_offset(p, pair), position_stride(p),
          static_cast<int>(blockIdx.x % tiles) * Tiles::rows};
}

// Takes the rows from `first` on of the block's head, of one of the arrays, into the buffer for
// tiles that are walked over: when everyone is done with the tile before, and for everyone.
// Meanwhile threads do `besides()`, which writes what else belongs to the tile.
template <class Tiles, int Fixed, class T, class Work>
__device__ __forceinline__ void walk_to(const Shared<Tiles, Fixed>& shared, const Problem& p,
                                        const Place& at, const T* array, int first,
                                        const Work& besides) {
  __syncthreads();
  load_tile<Tiles, Tiles::columns>(shared.walking, p, array + at.head, at.stride, first);
  besides();
  __syncthreads();
}
template <class Tiles, int Fixed, class T>
__device__ __forceinline__ void walk_to(const Shared<Tiles, Fixed>& shared, const Problem& p,
                                        const Place& at, const T* array, int first) {
  walk_to(shared, p, at, array, first, [] {});
}

// Puts a block's sums times `scale` to its rows.
template <class Tiles, class T>
__device__ __forceinline__ void put_sums(Gradient<T> gradient, const Problem& p, const Place& at,
                                         const float (&sum)[Tiles::thread_rows][Tiles::sums],
                                         const float (&scale)[Tiles::thread_rows]) {
#pragma unroll
  for (int r = 0; r < Tiles::thread_rows; ++r) {
    const int i = at.first + Tiles::row(r);
    if (i >= p.positions) continue;
#pragma unroll
    for (int e = 0; e < Tiles::sums; e += Tiles::run) {
      float run[Tiles::run];
#pragma unroll
      for (int k = 0; k < Tiles::run; ++k) run[k] = sum[r][e + k] * scale[r];
      put_run(gradient, p, at.head + i * at.stride, Tiles::channel(e), run);
    }
  }
}

// Shared memory decides how many blocks fit, so nothing is gained by saving registers: one block is
// asked for here and below, lest ptxas spill to make room for more.
template <class T, class Tiles>
__global__ void __launch_bounds__(Tiles::threads, 1)
    forward_kernel(Problem p, const T* query, const T* key, const T* value, T* y,
                   float* logsumexp) {
  constexpr int rows = Tiles::thread_rows, scores = Tiles::scores, sums = Tiles::sums;
  using Kept = KeptTile<Tiles::rows, Tiles::columns, Tiles::threads>;
  SIMT_DYNAMIC_SHARED(unsigned char, memory);
  const Shared<Tiles, 1> shared(memory);
  const Place at = place_of_block<Tiles>(p);
  load_tile<Tiles, Tiles::rows>(shared.fixed, p, query + at.head, at.stride, at.first);

  float largest[rows], total[rows], sum[rows][sums] = {};  // total: this lane's part of the row's
#pragma unroll
  for (int r = 0; r < rows; ++r) largest[r] = -infinity, total[r] = 0;
  for (int j0 = 0; j0 < p.positions; j0 += Tiles::columns) {
    walk_to(shared, p, at, key, j0, [&] {
      if (p.dropout.active) Kept::draw(shared.kept, p, at.pair, at.first, j0);
    });
    float weight[rows][scores];
    Tiles::products(weight, shared.fixed, shared.walking);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const int i = at.first + Tiles::row(r);
      float high = largest[r];
#pragma unroll
      for (int c = 0; c < scores; ++c) {
        const bool exists = j0 + Tiles::column(c) < p.positions;
        weight[r][c] = exists ? weight[r][c] * p.log2_scale : -infinity;
        high = fmaxf(high, weight[r][c]);
      }
      high = Tiles::row_max(high);
      const float shrink = exp2f(largest[r] - high);
      largest[r] = high;
      total[r] *= shrink;
#pragma unroll
      for (int e = 0; e < sums; ++e) sum[r][e] *= shrink;
      const unsigned char* kept =
          shared.kept + Tiles::row(r) * Kept::stride + Kept::shift(p, at.pair, i);
#pragma unroll
      for (int c = 0; c < scores; ++c) {
        weight[r][c] = exp2f(weight[r][c] - high);
        total[r] += weight[r][c];
        if (p.dropout.active && i < p.positions && j0 + Tiles::column(c) < p.positions) {
          weight[r][c] = kept[Tiles::column(c)] != 0 ? weight[r][c] * p.dropout.scale : 0.0F;
        }
      }
    }
    walk_to(shared, p, at, value, j0);
    Tiles::accumulate(sum, weight, shared.walking, shared.weights);
  }

  float normaliser[rows];
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    total[r] = Tiles::row_sum(total[r]);
    normaliser[r] = 1.0F / total[r];
    const int i = at.first + Tiles::row(r);
    if (Tiles::column(0) == 0 && i < p.positions) {  // one lane of each row
      logsumexp[at.pair * p.positions + i] = (largest[r] + log2f(total[r])) * ln2;
    }
  }
  put_sums<Tiles>(Gradient<T>{y, false}, p, at, sum, normaliser);
}

// delta (N, H, T) = Σ_d dy·y, a warp to a row of (N, T, H, D).
constexpr int delta_warps = 8;
template <class T>
__global__ void __launch_bounds__(32 * delta_warps)
    delta_kernel(Problem p, const T* y, const T* dy, float* delta) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * delta_warps + threadIdx.x / 32;
  if (row >= p.shape.rows()) return;
  const auto lane = static_cast<int>(threadIdx.x % 32);
  float sum = 0;
  if (p.vectors) {
    constexpr int width = device::vector_width<T>;
    for (int d = lane * width; d < p.width; d += 32 * width) {
      float a[width], b[width];
      device::load(a, y + row * p.width + d);
      device::load(b, dy + row * p.width + d);
      sum += dot(a, b);
    }
  } else {
    for (int d = lane; d < p.width; d += 32) {
      const std::int64_t i = row * p.width + d;
      sum = fmaf(device::to_float(y[i]), device::to_float(dy[i]), sum);
    }
  }
  sum = device::warp_sum(sum);
  const std::int64_t h = row % p.shape.heads, t = row / p.shape.heads % p.positions;
  const std::int64_t n = row / p.shape.heads / p.positions;
  if (lane == 0) delta[(n * p.shape.heads + h) * p.positions + t] = sum;
}

// Rows are queries.
template <class T, class Tiles>
__global__ void __launch_bounds__(Tiles::threads, 1)
    query_gradient_kernel(Problem p, const T* query, const T* key, const T* value,
                          const float* logsumexp, const float* delta, const T* dy,
                          Gradient<T> dquery) {
  constexpr int rows = Tiles::thread_rows, scores = Tiles::scores, sums = Tiles::sums;
  using Kept = KeptTile<Tiles::rows, Tiles::columns, Tiles::threads>;
  SIMT_DYNAMIC_SHARED(unsigned char, memory);
  const Shared<Tiles, 2> shared(memory);
  auto* const queries = shared.fixed;
  auto* const gradients = shared.fixed + shared.fixed_tile;
  const Place at = place_of_block<Tiles>(p);
  load_tile<Tiles, Tiles::rows>(queries, p, query + at.head, at.stride, at.first);
  load_tile<Tiles, Tiles::rows>(gradients, p, dy + at.head, at.stride, at.first);

  float normaliser[rows], row_delta[rows], sum[rows][sums] = {};
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    const int i = at.first + Tiles::row(r);
    const bool exists = i < p.positions;
    normaliser[r] = exists ? logsumexp[at.pair * p.positions + i] * log2e : infinity;
    row_delta[r] = exists ? delta[at.pair * p.positions + i] : 0.0F;
  }
  for (int j0 = 0; j0 < p.positions; j0 += Tiles::columns) {
    walk_to(shared, p, at, value, j0, [&] {
      if (p.dropout.active) Kept::draw(shared.kept, p, at.pair, at.first, j0);
    });
    float ds[rows][scores], score[rows][scores];
    Tiles::products(ds, gradients, shared.walking);  // dy·value, first
    walk_to(shared, p, at, key, j0);
    Tiles::products(score, queries, shared.walking);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const int i = at.first + Tiles::row(r);
      const unsigned char* kept =
          shared.kept + Tiles::row(r) * Kept::stride + Kept::shift(p, at.pair, i);
#pragma unroll
      for (int c = 0; c < scores; ++c) {
        const bool exists = i < p.positions && j0 + Tiles::column(c) < p.positions;
        if (p.dropout.active && exists) {
          ds[r][c] = kept[Tiles::column(c)] != 0 ? ds[r][c] * p.dropout.scale : 0.0F;
        }
        const float probability = exp2f(score[r][c] * p.log2_scale - normaliser[r]);
        ds[r][c] = exists ? probability * (ds[r][c] - row_delta[r]) : 0.0F;
      }
    }
    Tiles::accumulate(sum, ds, shared.walking, shared.weights);
  }
  float scale[rows];
#pragma unroll
  for (int r = 0; r < rows; ++r) scale[r] = p.scale;
  put_sums<Tiles>(dquery, p, at, sum, scale);
}

// Rows are keys.
template <class T, class Tiles>
__global__ void __launch_bounds__(Tiles::threads, 1)
    key_value_gradient_kernel(Problem p, const T* query, const T* key, const T* value,
                              const float* logsumexp, const float* delta, const T* dy,
                              Gradient<T> dkey, Gradient<T> dvalue) {
  constexpr int rows = Tiles::thread_rows, scores = Tiles::scores, sums = Tiles::sums;
  constexpr int columns = Tiles::columns;
  using Kept = KeptTile<Tiles::columns, Tiles::rows, Tiles::threads>;
  SIMT_DYNAMIC_SHARED(unsigned char, memory);
  const Shared<Tiles, 2> shared(memory);
  auto* const keys = shared.fixed;
  auto* const values = shared.fixed + shared.fixed_tile;
  const Place at = place_of_block<Tiles>(p);
  load_tile<Tiles, Tiles::rows>(keys, p, key + at.head, at.stride, at.first);
  load_tile<Tiles, Tiles::rows>(values, p, value + at.head, at.stride, at.first);

  float key_sum[rows][sums] = {}, value_sum[rows][sums] = {};
  for (int i0 = 0; i0 < p.positions; i0 += columns) {
    walk_to(shared, p, at, query, i0, [&] {
      if (p.dropout.active) Kept::draw(shared.kept, p, at.pair, i0, at.first);
      const auto c = static_cast<int>(threadIdx.x);
      if (c >= columns) return;
      // A query beyond T gives every key the probability e^(0 − ∞) = 0.
      const bool exists = i0 + c < p.positions;
      const std::int64_t i = at.pair * p.positions + i0 + c;
      shared.statistics[c] = exists ? logsumexp[i] * log2e : infinity;
      shared.statistics[columns + c] = exists ? delta[i] : 0.0F;
    });
    float weight[rows][scores], ds[rows][scores];
    Tiles::products(weight, keys, shared.walking);
    walk_to(shared, p, at, dy, i0);
    Tiles::products(ds, values, shared.walking);  // dy·value, first
#pragma unroll
    for (int c = 0; c < scores; ++c) {
      const int column = Tiles::column(c), i = i0 + column;
      const float normaliser = shared.statistics[column];
      const float column_delta = shared.statistics[columns + column];
      const unsigned char* kept = shared.kept + column * Kept::stride + Kept::shift(p, at.pair, i);
#pragma unroll
      for (int r = 0; r < rows; ++r) {
        const float probability = exp2f(weight[r][c] * p.log2_scale - normaliser);
        float factor = 1;
        if (p.dropout.active && i < p.positions && at.first + Tiles::row(r) < p.positions) {
          factor = kept[Tiles::row(r)] != 0 ? p.dropout.scale : 0.0F;
        }
        weight[r][c] = probability * factor;
        ds[r][c] = probability * (factor * ds[r][c] - column_delta);
      }
    }
    Tiles::accumulate(value_sum, weight, shared.walking, shared.weights);
    walk_to(shared, p, at, query, i0);
    Tiles::accumulate(key_sum, ds, shared.walking, shared.weights);
  }
  float scale[rows], one[rows];
#pragma unroll
  for (int r = 0; r < rows; ++r) scale[r] = p.scale, one[r] = 1;
  if (dkey.data != nullptr) put_sums<Tiles>(dkey, p, at, key_sum, scale);
  if (dvalue.data != nullptr) put_sums<Tiles>(dvalue, p, at, value_sum, one);
}

// ------------------------------------------------------------------------------------------ host

template <class... Pointer>
Problem problem_of(const Cuda& cuda, AttentionShape s, const Dropout& dropout, std::size_t element,
                   const Pointer*... pointers) {
  if (s.width > 128) {
    fail("attention: on CUDA D must be at most 128; query is (N,T,H,D)=({},{},{},{})", s.sequences,
         s.positions, s.heads, s.width);
  }
  const double scale = 1 / std::sqrt(static_cast<double>(s.width));
  return {.shape = s,
          .positions = static_cast<int>(s.positions),
          .width = static_cast<int>(s.width),
          .scale = static_cast<float>(scale),
          .log2_scale = static_cast<float>(scale * 1.4426950408889634),
          .vectors = s.width * element % 16 == 0 && (device::aligned16(pointers) && ...),
          .dropout = device::draw_of(cuda, dropout)};
}

// Calls body(width) with D rounded up to a compile-time constant.
template <class Body>
void with_head_width(std::int64_t width, const Body& body) {
  if (width <= 32) {
    body(std::integral_constant<int, 32>());
  } else if (width <= 64) {
    body(std::integral_constant<int, 64>());
  } else {
    body(std::integral_constant<int, 128>());
  }
}

template <class T>
struct Type {
  using type = T;
};

// Calls body(Type<Tiles>) with the arithmetic that the device has and the caller allows.
template <class T, int Width, int Columns, class Body>
void with_tiles(const Cuda& cuda, const Body& body) {
  const bool tensor_cores = cuda.compute_capability >= 80;
  if constexpr (std::is_same_v<T, bfloat16>) {
    if (tensor_cores) return body(Type<device::Bfloat16Tiles<Width, Columns>>());
  } else {
    if (tensor_cores && cuda.tf32) return body(Type<device::Tf32Tiles<Width>>());
  }
  body(Type<device::FmaTiles<Width>>());
}

Grid few_grid(AttentionShape s) {
  return {dim3(static_cast<unsigned>(blocks_of(s.sequences * s.heads, few_warps))),
          dim3(32 * few_warps)};
}

template <class Tiles, int Fixed>
Grid tile_grid(AttentionShape s) {
  return {dim3(static_cast<unsigned>(s.sequences * s.heads * blocks_of(s.positions, Tiles::rows))),
          dim3(Tiles::threads), Shared<Tiles, Fixed>::bytes};
}

}  // namespace

template <class T>
void attention_forward(const Cuda& cuda, AttentionShape s, const Dropout& dropout, const T* query,
                       const T* key, const T* value, T* y, float* logsumexp) {
  const Problem p = problem_of(cuda, s, dropout, sizeof(T), query, key, value, y);
  if (s.rows() == 0) return;
  with_head_width(s.width, [&](auto width) {
    if (s.positions <= few_positions) {
      constexpr int channels = width / 32;
      const auto kernel = s.positions <= few_positions / 2
                              ? few_forward_kernel<T, channels, few_positions / 2>
                              : few_forward_kernel<T, channels, few_positions>;
      launch(cuda, "attention_forward_few", kernel, few_grid(s), p, query, key, value, y,
             logsumexp);
      return;
    }
    with_tiles<T, width, 64>(cuda, [&](auto type) {
      using Tiles = typename decltype(type)::type;
      launch(cuda, "attention_forward", forward_kernel<T, Tiles>, tile_grid<Tiles, 1>(s), p, query,
             key, value, y, logsumexp);
    });
  });
}

template <class T>
void attention_backward(const Cuda& cuda, AttentionShape s, const Dropout& dropout, const T* query,
                        const T* key, const T* value, const T* y, const float* logsumexp,
                        const T* dy, Gradient<T> dquery, Gradient<T> dkey, Gradient<T> dvalue) {
  const Problem p = problem_of(cuda, s, dropout, sizeof(T), query, key, value, y, dy, dquery.data,
                               dkey.data, dvalue.data);
  if (s.rows() == 0 || (!dquery && !dkey && !dvalue)) return;
  with_head_width(s.width, [&](auto width) {
    if (s.positions <= few_positions) {
      constexpr int channels = width / 32;
      const auto kernel = s.positions <= few_positions / 2
                              ? few_backward_kernel<T, channels, few_positions / 2>
                              : few_backward_kernel<T, channels, few_positions>;
      launch(cuda, "attention_backward_few", kernel, few_grid(s), p, query, key, value, y,
             logsumexp, dy, dquery, dkey, dvalue);
      return;
    }
    Workspace::Scope scratch(cuda.workspace);
    float* delta = scratch.take<float>(static_cast<std::size_t>(s.rows()));
    launch(
        cuda, "attention_backward_delta", delta_kernel<T>,
        Grid{dim3(static_cast<unsigned>(blocks_of(s.rows(), delta_warps))), dim3(32 * delta_warps)},
        p, y, dy, delta);
    with_tiles<T, width, 32>(cuda, [&](auto type) {
      using Tiles = typename decltype(type)::type;
      if (dquery) {
        launch(cuda, "attention_backward_query", query_gradient_kernel<T, Tiles>,
               tile_grid<Tiles, 2>(s), p, query, key, value, logsumexp, delta, dy, dquery);
      }
      if (dkey || dvalue) {
        launch(cuda, "attention_backward_key_value", key_value_gradient_kernel<T, Tiles>,
               tile_grid<Tiles, 2>(s), p, query, key, value, logsumexp, delta, dy, dkey, dvalue);
      }
    });
  });
}

template void attention_forward(const Cuda&, AttentionShape, const Dropout&, const float*,
                                const float*, const float*, float*, float*);
template void attention_forward(const Cuda&, AttentionShape, const Dropout&, const bfloat16*,
                                const bfloat16*, const bfloat16*, bfloat16*, float*);
template void attention_backward(const Cuda&, AttentionShape, const Dropout&, const float*,
                                 const float*, const float*, const float*, const float*,
                                 const float*, Gradient<float>, Gradient<float>, Gradient<float>);
template void attention_backward(const Cuda&, AttentionShape, const Dropout&, const bfloat16*,
                                 const bfloat16*, const bfloat16*, const bfloat16*, const float*,
                                 const bfloat16*, Gradient<bfloat16>, Gradient<bfloat16>,
                                 Gradient<bfloat16>);

}  // namespace ekgine::kernels
