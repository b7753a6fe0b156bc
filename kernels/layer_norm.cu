// Layer normalisation on CUDA, bound by memory: a row is read once, kept in registers while its
// mean and then its deviations are summed, and written once.
//
// A row is shared by a team: a warp up to 512 channels, a block beyond. A thread holds pieces of
// Width neighbouring channels, and the pieces of a team's threads alternate, so that each load of a
// team is one stretch of memory. Teams walk down the rows: forward with weight and bias in
// registers, backward with its sums of dy·x̂ and dy, which are added up in two stages: per block,
// then over the blocks. Where rows are few, a launch costs more than reading them: then further
// blocks of the same launch take the sums, eight channels each, over all rows.
#include "kernels/layer_norm.h"

#include "base/error.h"
#include "kernels/device/channels.cuh"
#include "kernels/device/dropout.cuh"
#include "kernels/device/gradient.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

using namespace device;

constexpr int threads_per_block = 256;
constexpr std::int64_t most_channels = 4096;
constexpr std::int64_t most_forward_blocks = 1 << 14;
constexpr std::int64_t most_parts = 512;  // of sums
constexpr std::int64_t few_rows = 1024;   // 32 for each thread that sums them

// How a row lies in its team: Team threads hold Size numbers each, in pieces of Width.
template <int Team, int Width, int Size>
struct Layout {
  static constexpr int width = Width, size = Size, pieces = Size / Width;
  static constexpr std::int64_t channels = std::int64_t{Team} * Size;  // at most
  static constexpr int rows = threads_per_block / Team;                // of a block at a time

  static __device__ __forceinline__ int lane() { return static_cast<int>(threadIdx.x) % Team; }
  static __device__ __forceinline__ std::int64_t first_row() {
    return static_cast<std::int64_t>(blockIdx.x) * rows + threadIdx.x / Team;
  }
  // With so many blocks for the rows.
  static __device__ __forceinline__ std::int64_t row_step(std::int64_t blocks) {
    return blocks * rows;
  }
  // For sums over the block's teams.
  static __device__ __forceinline__ Place place() {
    return {lane(), Team, static_cast<int>(threadIdx.x) / Team, rows};
  }
  // Calls body(first, at) for each piece of the calling thread inside the row: channels first,
  // first + 1, ... are its numbers at, at + 1, ...
  template <class Body>
  static __device__ __forceinline__ void for_pieces(std::int64_t row_channels, const Body& body) {
    const int start = lane() * Width, end = static_cast<int>(row_channels) - start;
#pragma unroll
    for (int piece = 0; piece < pieces; ++piece) {
      if (piece * Team * Width < end) body(start + piece * Team * Width, piece * Width);
    }
  }
  // Reads a row; what lies beyond it is 0.
  template <class T>
  static __device__ __forceinline__ void load_row(float (&values)[Size], std::int64_t row_channels,
                                                  const T* row) {
#pragma unroll
    for (int i = 0; i < Size; ++i) values[i] = 0;
    for_pieces(row_channels, [&](int first, int at) {
      float piece[Width];
      load(piece, row + first);
#pragma unroll
      for (int k = 0; k < Width; ++k) values[at + k] = piece[k];
    });
  }
  // Over the team; every thread gets the sum. `scratch` is as block_sum wants it.
  static __device__ __forceinline__ float sum(float value, float* scratch) {
    if constexpr (Team == 32) {
      return warp_sum(value);
    } else {
      return block_sum<Team>(value, scratch);
    }
  }
};

// Drops elements of a row whose first one's number is `begin`.
template <class L>
__device__ __forceinline__ void drop(float (&values)[L::size], const DropoutDraw& draw,
                                     std::int64_t channels, std::int64_t begin) {
  L::for_pieces(channels, [&](int first, int at) {
    if constexpr (L::width % 4 ==
                  0) {  // then rows begin at multiples of it, also in a batch's part
      float factor[L::width];
      dropout_factors(factor, draw, begin + first);
#pragma unroll
      for (int k = 0; k < L::width; ++k) {
        values[at + k] = factor[k] != 0 ? values[at + k] * factor[k] : 0.0F;
      }
    } else {
      const RandomKey key = key_of(draw);
#pragma unroll
      for (int k = 0; k < L::width; ++k) {
        const bool kept = is_kept(draw, key, static_cast<std::uint64_t>(begin + first + k));
        values[at + k] = kept ? values[at + k] * draw.scale : 0.0F;
      }
    }
  });
}

// Where forward's rows come from: memory, or a sum that is stored on the way. The sum is normalised
// as it is stored, rounded to T, because that is what backward reads.
template <class T>
struct Rows {
  const T* x;

  template <class L>
  __device__ __forceinline__ void load_row(float (&values)[L::size], std::int64_t channels,
                                           std::int64_t row) const {
    L::load_row(values, channels, x + row * channels);
  }
};

template <class T>
struct SumRows {
  const T* a;
  float alpha;
  const T* b;
  DropoutDraw draw;
  T* sum;

  template <class L>
  __device__ __forceinline__ void load_row(float (&values)[L::size], std::int64_t channels,
                                           std::int64_t row) const {
    float added[L::size];
    L::load_row(values, channels, a + row * channels);
    L::load_row(added, channels, b + row * channels);
    if (draw.active) drop<L>(added, draw, channels, row * channels);
#pragma unroll
    for (int i = 0; i < L::size; ++i) {
      values[i] = to_float(from_float<T>(fmaf(alpha, added[i], values[i])));
    }
    T* const out = sum + row * channels;
    L::for_pieces(channels, [&](int first, int at) {
      float piece[L::width];
#pragma unroll
      for (int k = 0; k < L::width; ++k) piece[k] = values[at + k];
      store(out + first, piece);
    });
  }
};

template <class L, class T, class Source>
__global__ void __launch_bounds__(threads_per_block)
    forward(LayerNormShape s, float epsilon, Source source, const float* weight, const float* bias,
            T* y, float* mean, float* rstd) {
  SIMT_SHARED(float[threads_per_block / 32], scratch);
  const float count = static_cast<float>(s.channels);
  float weights[L::size], biases[L::size];
  L::load_row(weights, s.channels, weight);
  L::load_row(biases, s.channels, bias);
  for (std::int64_t row = L::first_row(); row < s.rows; row += L::row_step(gridDim.x)) {
    float x[L::size];
    source.template load_row<L>(x, s.channels, row);
    float total = 0;
#pragma unroll
    for (int i = 0; i < L::size; ++i) total += x[i];
    const float m = L::sum(total, scratch) / count;
    float squares = 0;
    L::for_pieces(s.channels, [&](int, int at) {
#pragma unroll
      for (int k = 0; k < L::width; ++k) squares += (x[at + k] - m) * (x[at + k] - m);
    });
    const float r = 1 / sqrtf(L::sum(squares, scratch) / count + epsilon);
    T* const out = y + row * s.channels;
    L::for_pieces(s.channels, [&](int first, int at) {
      float piece[L::width];
#pragma unroll
      for (int k = 0; k < L::width; ++k) {
        piece[k] = (x[at + k] - m) * r * weights[at + k] + biases[at + k];
      }
      store(out + first, piece);
    });
    if (L::lane() == 0) {
      mean[row] = m;
      rstd[row] = r;
    }
  }
}

// Adds a row of values to a gradient, or assigns it.
template <class L, class T>
__device__ __forceinline__ void put_row(Gradient<T> gradient, const float (&values)[L::size],
                                        std::int64_t channels, std::int64_t row) {
  L::for_pieces(channels, [&](int first, int at) {
    float piece[L::width];
#pragma unroll
    for (int k = 0; k < L::width; ++k) piece[k] = values[at + k];
    put(gradient, row * channels + first, piece);
  });
}

// Where backward's rows go: to the gradient of x, or, where x is a sum, to those of its terms.
template <class T>
struct ToRows {
  Gradient<T> dx;

  __device__ __forceinline__ bool wanted() const { return dx.data != nullptr; }
  template <class L>
  __device__ __forceinline__ void take(float (&values)[L::size], std::int64_t channels,
                                       std::int64_t row) const {
    put_row<L>(dx, values, channels, row);
  }
};

template <class T>
struct ToTerms {
  const T* dsum;
  DropoutDraw draw;
  Gradient<T> da, db;

  __device__ __forceinline__ bool wanted() const {
    return da.data != nullptr || db.data != nullptr;
  }
  template <class L>
  __device__ __forceinline__ void take(float (&values)[L::size], std::int64_t channels,
                                       std::int64_t row) const {
    if (dsum != nullptr) {
      float before[L::size];
      L::load_row(before, channels, dsum + row * channels);
#pragma unroll
      for (int i = 0; i < L::size; ++i) values[i] += before[i];
    }
#pragma unroll
    for (int i = 0; i < L::size; ++i) values[i] = to_float(from_float<T>(values[i]));
    if (da.data != nullptr) put_row<L>(da, values, channels, row);
    if (db.data == nullptr) return;
    if (draw.active) {
      drop<L>(values, draw, channels, row * channels);
    } else {
#pragma unroll
      for (int i = 0; i < L::size; ++i) values[i] *= draw.scale;
    }
    put_row<L>(db, values, channels, row);
  }
};

// The sums of a block's eight channels, over all rows. `scratch` is of 2·lane_scratch floats.
template <class T>
__device__ __forceinline__ void sum_channels(LayerNormShape s, std::int64_t block, const T* x,
                                             const float* mean, const float* rstd, const T* dy,
                                             Gradient<float> dweight, Gradient<float> dbias,
                                             float* scratch) {
  constexpr int columns = 8, lanes = threads_per_block / columns;
  const int column = static_cast<int>(threadIdx.x) % columns,
            lane = static_cast<int>(threadIdx.x) / columns;
  const std::int64_t c = block * columns + column;
  float totals[2] = {};
  if (c < s.channels) {
#pragma unroll 4
    for (std::int64_t row = lane; row < s.rows; row += lanes) {
      const float g = to_float(dy[row * s.channels + c]);
      totals[0] += g * ((to_float(x[row * s.channels + c]) - mean[row]) * rstd[row]);
      totals[1] += g;
    }
  }
  sum_lanes(totals, Place{column, columns, lane, lanes}, scratch);
  if (c >= s.channels || lane != 0) return;
  if (dweight.data != nullptr) put(dweight, c, totals[0]);
  if (dbias.data != nullptr) put(dbias, c, totals[1]);
}

// Gradients of rows by the first `row_blocks` blocks, and the first stage of the sums: partial
// (row_blocks, 2, C) of dy·x̂ and dy. Beyond the row's end dy is 0, so nothing there counts. No
// partial sums when it is null; blocks beyond the rows' make the sums.
template <class L, class T, class Target>
__global__ void __launch_bounds__(threads_per_block)
    backward(LayerNormShape s, const T* x, const float* weight, const float* mean,
             const float* rstd, const T* dy, Target target, std::int64_t row_blocks, float* partial,
             Gradient<float> dweight, Gradient<float> dbias) {
  SIMT_SHARED(float[(L::rows > 1 ? L::size : 2) * lane_scratch], scratch);
  if (blockIdx.x >= row_blocks) {
    sum_channels(s, blockIdx.x - row_blocks, x, mean, rstd, dy, dweight, dbias, scratch);
    return;
  }
  const float count = static_cast<float>(s.channels);
  float weight_sums[L::size] = {}, bias_sums[L::size] = {};
  for (std::int64_t row = L::first_row(); row < s.rows; row += L::row_step(row_blocks)) {
    float normalised[L::size], g[L::size];
    L::load_row(normalised, s.channels, x + row * s.channels);
    L::load_row(g, s.channels, dy + row * s.channels);
    const float m = mean[row], r = rstd[row];
    float sum_g = 0, sum_gx = 0;
#pragma unroll
    for (int i = 0; i < L::size; ++i) {
      normalised[i] = (normalised[i] - m) * r;
      weight_sums[i] += g[i] * normalised[i];
      bias_sums[i] += g[i];
    }
    if (!target.wanted()) continue;
    // Read again for every row, from the first-level cache: there are not registers for all.
    L::for_pieces(s.channels, [&](int first, int at) {
      float piece[L::width];
      load(piece, weight + first);
#pragma unroll
      for (int k = 0; k < L::width; ++k) g[at + k] *= piece[k];
    });
#pragma unroll
    for (int i = 0; i < L::size; ++i) {
      sum_g += g[i];
      sum_gx += g[i] * normalised[i];
    }
    const float mean_g = L::sum(sum_g, scratch) / count;
    const float mean_gx = L::sum(sum_gx, scratch) / count;
#pragma unroll
    for (int i = 0; i < L::size; ++i) g[i] = r * (g[i] - mean_g - normalised[i] * mean_gx);
    target.template take<L>(g, s.channels, row);
  }
  if (partial == nullptr) return;
  if constexpr (L::rows > 1) {
    const Place place = L::place();
    sum_lanes(weight_sums, place, scratch);
    sum_lanes(bias_sums, place, scratch);
    if (place.lane != 0) return;
  }
  float* const mine = partial + 2 * blockIdx.x * s.channels;
  L::for_pieces(s.channels, [&](int first, int at) {
    float of_weight[L::width], of_bias[L::width];
#pragma unroll
    for (int k = 0; k < L::width; ++k) {
      of_weight[k] = weight_sums[at + k];
      of_bias[k] = bias_sums[at + k];
    }
    store(mine + first, of_weight);
    store(mine + s.channels + first, of_bias);
  });
}

// Second stage.
__global__ void __launch_bounds__(channel_threads)
    finish_backward(std::int64_t channels, std::int64_t parts, const float* partial,
                    Gradient<float> dweight, Gradient<float> dbias) {
  SIMT_SHARED(float[2 * lane_scratch], scratch);
  float totals[2];
  add_totals(totals, parts, channels, partial, scratch);
  const std::int64_t c = totals_channel();
  if (c >= channels || threadIdx.y != 0) return;
  if (dweight.data != nullptr) put(dweight, c, totals[0]);
  if (dbias.data != nullptr) put(dbias, c, totals[1]);
}

// Calls body(layout) with the smallest layout that holds a row.
template <class T, class Body>
void with_layout(std::int64_t channels, bool vectorised, const Body& body) {
  if (channels > most_channels) {
    fail("layer_norm: {} channels, at most {} are possible on CUDA", channels, most_channels);
  }
  with_width<T>(vectorised, [&](auto width) {
    using Small = Layout<32, width, std::max<int>(width, 4)>;
    using Medium = Layout<32, width, 16>;
    using Large = Layout<threads_per_block, width, 16>;
    static_assert(Large::channels == most_channels);
    if (channels <= Small::channels) {
      body(Small{});
    } else if (channels <= Medium::channels) {
      body(Medium{});
    } else {
      body(Large{});
    }
  });
}

template <class L>
Grid row_grid(std::int64_t rows, std::int64_t most) {
  return {.blocks = dim3(static_cast<unsigned>(std::min(blocks_of(rows, L::rows), most))),
          .threads = dim3(threads_per_block)};
}

template <class T, class Source>
void run_forward(const Cuda& cuda, const char* name, LayerNormShape s, float epsilon,
                 bool vectorised, Source source, const float* weight, const float* bias, T* y,
                 float* mean, float* rstd) {
  if (s.rows == 0 || s.channels == 0) return;
  with_layout<T>(s.channels, vectorised, [&]<class L>(L) {
    launch(cuda, name, forward<L, T, Source>, row_grid<L>(s.rows, most_forward_blocks), s, epsilon,
           source, weight, bias, y, mean, rstd);
  });
}

template <class T, class Target>
void run_backward(const Cuda& cuda, const char* name, LayerNormShape s, bool vectorised, const T* x,
                  const float* weight, const float* mean, const float* rstd, const T* dy,
                  Target target, Gradient<float> dweight, Gradient<float> dbias) {
  if (s.channels == 0) return;
  Workspace::Scope scratch(cuda.workspace);
  const bool sums = dweight || dbias;
  with_layout<T>(s.channels, vectorised, [&]<class L>(L) {
    // A block writes two floats per channel, which should be little beside the rows that it reads.
    constexpr std::int64_t least_rows = 32 / sizeof(T);
    Grid grid = row_grid<L>(s.rows, std::min(blocks_of(s.rows, least_rows), most_parts));
    const std::int64_t row_blocks = grid.blocks.x;
    const bool two_stages = sums && (s.rows == 0 || s.rows > few_rows);
    float* const partial =
        two_stages ? scratch.take<float>(static_cast<std::size_t>(2 * row_blocks * s.channels))
                   : nullptr;
    if (sums && !two_stages) grid.blocks.x += static_cast<unsigned>(blocks_of(s.channels, 8));
    if (s.rows > 0) {
      launch(cuda, name, backward<L, T, Target>, grid, s, x, weight, mean, rstd, dy, target,
             row_blocks, partial, dweight, dbias);
    }
    if (two_stages) {
      launch(cuda, "layer_norm_backward_totals", finish_backward, totals_grid(s.channels),
             s.channels, row_blocks, partial, dweight, dbias);
    }
  });
}

}  // namespace

template <class T>
void layer_norm_forward(const Cuda& cuda, LayerNormShape s, float epsilon, const T* x,
                        const float* weight, const float* bias, T* y, float* mean, float* rstd) {
  run_forward(cuda, "layer_norm_forward", s, epsilon, vectorised<T>(s.channels, x, weight, bias, y),
              Rows<T>{x}, weight, bias, y, mean, rstd);
}

template <class T>
void add_layer_norm_forward(const Cuda& cuda, LayerNormShape s, float epsilon, const T* a,
                            float alpha, const T* b, const Dropout& dropout, const float* weight,
                            const float* bias, T* sum, T* y, float* mean, float* rstd) {
  run_forward(cuda, "add_layer_norm_forward", s, epsilon,
              vectorised<T>(s.channels, a, b, weight, bias, sum, y),
              SumRows<T>{a, alpha, b, draw_of(cuda, dropout), sum}, weight, bias, y, mean, rstd);
}

template <class T>
void layer_norm_backward(const Cuda& cuda, LayerNormShape s, const T* x, const float* weight,
                         const float* mean, const float* rstd, const T* dy, Gradient<T> dx,
                         Gradient<float> dweight, Gradient<float> dbias) {
  run_backward(cuda, "layer_norm_backward", s, vectorised<T>(s.channels, x, weight, dy, dx.data), x,
               weight, mean, rstd, dy, ToRows<T>{dx}, dweight, dbias);
}

template <class T>
void add_layer_norm_backward(const Cuda& cuda, LayerNormShape s, const T* sum, const float* weight,
                             const float* mean, const float* rstd, const T* dsum, const T* dy,
                             const Dropout& dropout, Gradient<T> da, Gradient<T> db,
                             Gradient<float> dweight, Gradient<float> dbias) {
  run_backward(cuda, "add_layer_norm_backward", s,
               vectorised<T>(s.channels, sum, weight, dsum, dy, da.data, db.data), sum, weight,
               mean, rstd, dy, ToTerms<T>{dsum, draw_of(cuda, dropout), da, db}, dweight, dbias);
}

#define EKGINE_INSTANTIATE(T)                                                                    \
  template void layer_norm_forward(const Cuda&, LayerNormShape, float, const T*, const float*,   \
                                   const float*, T*, float*, float*);                            \
  template void add_layer_norm_forward(const Cuda&, LayerNormShape, float, const T*, float,      \
                                       const T*, const Dropout&, const float*, const float*, T*, \
                                       T*, float*, float*);                                      \
  template void layer_norm_backward(const Cuda&, LayerNormShape, const T*, const float*,         \
                                    const float*, const float*, const T*, Gradient<T>,           \
                                    Gradient<float>, Gradient<float>);                           \
  template void add_layer_norm_backward(                                                         \
      const Cuda&, LayerNormShape, const T*, const float*, const float*, const float*, const T*, \
      const T*, const Dropout&, Gradient<T>, Gradient<T>, Gradient<float>, Gradient<float>);
EKGINE_INSTANTIATE(float)
EKGINE_INSTANTIATE(bfloat16)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels
