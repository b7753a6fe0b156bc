// Softmax and cross-entropy on CUDA. Rows are short, so a team of 8 or 32 lanes takes one: its
// largest logit, its sum of exponentials and its probabilities are three walks over a row that is
// in the first-level cache after the first. The rows' losses are added up by one block, in an
// order that depends on their number alone: where rows are few by the one that makes them, since a
// second launch costs more.
#include "kernels/softmax_cross_entropy.h"

#include "kernels/device/gradient.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

using namespace device;

constexpr int threads_per_block = 256;
constexpr int threads_of_few = 1024;
constexpr std::int64_t few_rows = 512;

// The row of the calling thread's team; rows beyond the last are nobody's, but their lanes take
// part in the team's sums.
template <int Team>
__device__ __forceinline__ std::int64_t team_row() {
  return static_cast<std::int64_t>(blockIdx.x) * (threads_per_block / Team) + threadIdx.x / Team;
}
template <int Team>
__device__ __forceinline__ int team_lane() {
  return static_cast<int>(threadIdx.x) % Team;
}

// Where a row's logits lie on the logarithmic scale: p = e^(z − largest) / sum.
struct Normaliser {
  float largest, sum;
};

template <int Team, class T>
__device__ __forceinline__ Normaliser normaliser(const T* z, std::int64_t classes) {
  float largest = -INFINITY, sum = 0;
  for (std::int64_t c = team_lane<Team>(); c < classes; c += Team) {
    largest = fmaxf(largest, to_float(z[c]));
  }
  largest = warp_max<Team>(largest);
  for (std::int64_t c = team_lane<Team>(); c < classes; c += Team) {
    sum += expf(to_float(z[c]) - largest);
  }
  return {largest, warp_sum<Team>(sum)};
}

// The probabilities of the team's row, and in its lane 0 the row's loss, unless labels are null.
// Else, and beyond the last row, 0.
template <int Team, class T>
__device__ __forceinline__ float softmax_row(SoftmaxShape s, std::int64_t row, const T* logits,
                                             const std::int32_t* labels, const float* class_weights,
                                             float* probabilities) {
  const std::int64_t classes = row < s.rows ? s.classes : 0;
  const T* const z = logits + row * s.classes;
  const Normaliser n = normaliser<Team>(z, classes);
  float* const p = probabilities + row * s.classes;
  for (std::int64_t c = team_lane<Team>(); c < classes; c += Team) {
    p[c] = expf(to_float(z[c]) - n.largest) / n.sum;
  }
  if (labels == nullptr || row >= s.rows || team_lane<Team>() != 0) return 0;
  const std::int32_t label = labels[row];
  const bool known = label >= 0 && label < s.classes;
  return known ? class_weights[label] * (logf(n.sum) - (to_float(z[label]) - n.largest)) : NAN;
}

// probabilities, and row_loss (B) unless it is null.
template <class T, int Team>
__global__ void __launch_bounds__(threads_per_block)
    softmax_rows(SoftmaxShape s, const T* logits, const std::int32_t* labels,
                 const float* class_weights, float* probabilities, float* row_loss) {
  const std::int64_t row = team_row<Team>();
  const float loss = softmax_row<Team>(s, row, logits, labels, class_weights, probabilities);
  if (row_loss != nullptr && row < s.rows && team_lane<Team>() == 0) row_loss[row] = loss;
}

// One block: probabilities, and the mean loss.
template <class T, int Team>
__global__ void __launch_bounds__(threads_of_few)
    softmax_few(SoftmaxShape s, const T* logits, const std::int32_t* labels,
                const float* class_weights, float* probabilities, float* loss) {
  SIMT_SHARED(float[threads_of_few / 32], scratch);
  constexpr int teams = threads_of_few / Team;
  float sum = 0;
  for (std::int64_t first = 0; first < s.rows; first += teams) {
    sum += softmax_row<Team>(s, first + threadIdx.x / Team, logits, labels, class_weights,
                             probabilities);
  }
  sum = block_sum<threads_of_few>(sum, scratch);
  if (threadIdx.x == 0) *loss = sum / static_cast<float>(s.all);
}

__global__ void __launch_bounds__(threads_per_block)
    mean_loss(std::int64_t rows, std::int64_t all, const float* row_loss, float* loss) {
  SIMT_SHARED(float[threads_per_block / 32], scratch);
  float sum = 0;
  for (std::int64_t row = threadIdx.x; row < rows; row += threads_per_block) sum += row_loss[row];
  sum = block_sum<threads_per_block>(sum, scratch);
  if (threadIdx.x == 0) *loss = sum / static_cast<float>(all);
}

template <class T, int Team>
__global__ void __launch_bounds__(threads_per_block)
    backward(SoftmaxShape s, const float* probabilities, const std::int32_t* labels,
             const float* class_weights, const float* dloss, Gradient<T> dlogits) {
  const std::int64_t row = team_row<Team>();
  if (row >= s.rows) return;
  const std::int32_t label = labels[row];
  const bool known = label >= 0 && label < s.classes;
  const float scale = known ? *dloss / static_cast<float>(s.all) * class_weights[label] : NAN;
  for (std::int64_t c = team_lane<Team>(); c < s.classes; c += Team) {
    const std::int64_t i = row * s.classes + c;
    put(dlogits, i, scale * (probabilities[i] - (c == label ? 1.0F : 0.0F)));
  }
}

// Calls body(team) with the lanes of a row.
template <class Body>
void with_team(std::int64_t classes, const Body& body) {
  if (classes <= 8) {
    body(std::integral_constant<int, 8>{});
  } else {
    body(std::integral_constant<int, 32>{});
  }
}

Grid team_grid(std::int64_t rows, int team) {
  return {.blocks = dim3(static_cast<unsigned>(blocks_of(rows, threads_per_block / team))),
          .threads = dim3(threads_per_block)};
}

}  // namespace

template <class T>
void softmax(const Cuda& cuda, SoftmaxShape s, const T* logits, float* probabilities) {
  if (s.rows * s.classes == 0) return;
  with_team(s.classes, [&](auto team) {
    launch(cuda, "softmax", softmax_rows<T, team>, team_grid(s.rows, team), s, logits, nullptr,
           nullptr, probabilities, nullptr);
  });
}

template <class T>
void softmax_cross_entropy_forward(const Cuda& cuda, SoftmaxShape s, const T* logits,
                                   const std::int32_t* labels, const float* class_weights,
                                   float* probabilities, float* loss) {
  if (s.rows <= few_rows) {
    with_team(s.classes, [&](auto team) {
      launch(cuda, "softmax_cross_entropy_forward", softmax_few<T, team>,
             {.blocks = dim3(1), .threads = dim3(threads_of_few)}, s, logits, labels, class_weights,
             probabilities, loss);
    });
    return;
  }
  Workspace::Scope scratch(cuda.workspace);
  float* const row_loss = scratch.take<float>(static_cast<std::size_t>(s.rows));
  with_team(s.classes, [&](auto team) {
    launch(cuda, "softmax_cross_entropy_forward", softmax_rows<T, team>, team_grid(s.rows, team), s,
           logits, labels, class_weights, probabilities, row_loss);
  });
  launch(cuda, "softmax_cross_entropy_forward_loss", mean_loss,
         {.blocks = dim3(1), .threads = dim3(threads_per_block)}, s.rows, s.all, row_loss, loss);
}

template <class T>
void softmax_cross_entropy_backward(const Cuda& cuda, SoftmaxShape s, const float* probabilities,
                                    const std::int32_t* labels, const float* class_weights,
                                    const float* dloss, Gradient<T> dlogits) {
  if (!dlogits || s.rows * s.classes == 0) return;
  with_team(s.classes, [&](auto team) {
    launch(cuda, "softmax_cross_entropy_backward", backward<T, team>, team_grid(s.rows, team), s,
           probabilities, labels, class_weights, dloss, dlogits);
  });
}

#define EKGINE_INSTANTIATE(T)                                                                     \
  template void softmax(const Cuda&, SoftmaxShape, const T*, float*);                             \
  template void softmax_cross_entropy_forward(const Cuda&, SoftmaxShape, const T*,                \
                                              const std::int32_t*, const float*, float*, float*); \
  template void softmax_cross_entropy_backward(const Cuda&, SoftmaxShape, const float*,           \
                                               const std::int32_t*, const float*, const float*,   \
                                               Gradient<T>);
EKGINE_INSTANTIATE(float)
EKGINE_INSTANTIATE(bfloat16)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::kernels
