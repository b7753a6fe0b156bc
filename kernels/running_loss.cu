// One block counts the hits of all rows: a batch is a few hundred rows of a few classes, so the
// launch costs more than the work. Counts are integers, so their order is no matter; the loss is
// added by one thread.
#include "kernels/running_loss.h"

#include <cfloat>

#include "kernels/device/reduce.cuh"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

using namespace device;

constexpr int threads_per_block = 256;
constexpr int warps = threads_per_block / 32;

__global__ void __launch_bounds__(threads_per_block)
    add_up(RunningLossShape s, const Step* step, const float* loss, const float* probabilities,
           const std::int32_t* labels, RunningLoss* totals) {
  SIMT_SHARED(std::int32_t[warps], hits_of_warp);
  std::int32_t hits = 0;
  for (std::int64_t b = threadIdx.x; b < s.rows; b += threads_per_block) {
    const float* const row = probabilities + b * s.classes;
    std::int64_t best = 0;
    for (std::int64_t c = 1; c < s.classes; ++c) {
      if (row[c] > row[best]) best = c;
    }
    hits += best == labels[b] ? 1 : 0;
  }
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    hits += __shfl_xor_sync(full_warp, hits, offset);
  }
  if (threadIdx.x % 32 == 0) hits_of_warp[threadIdx.x / 32] = hits;
  __syncthreads();
  if (threadIdx.x != 0 || totals->failed_step != 0) return;
  if (!(fabsf(*loss) <= FLT_MAX)) {  // a NaN is no more than anything, either
    totals->failed_loss = *loss;
    totals->failed_step = step->number;
    return;
  }
  for (int warp = 0; warp < warps; ++warp) totals->correct += hits_of_warp[warp];
  totals->loss += static_cast<double>(*loss) * static_cast<double>(s.all);
  totals->sequences += s.rows;
}

__global__ void __launch_bounds__(1) add_ranks(std::int64_t ranks, const RunningLoss* of_ranks,
                                               RunningLoss* mine, RunningLoss* totals) {
  const RunningLoss before = *totals;
  RunningLoss sum = before;
  for (std::int64_t r = 0; r < ranks; ++r) sum = with_rank(sum, before, of_ranks[r]);
  *totals = sum;
  *mine = {};
}

}  // namespace

void running_loss(const Cuda& cuda, RunningLossShape s, const float* loss,
                  const float* probabilities, const std::int32_t* labels, RunningLoss* totals) {
  launch(cuda, "running_loss", add_up, {.blocks = dim3(1), .threads = dim3(threads_per_block)}, s,
         cuda.step, loss, probabilities, labels, totals);
}

void add_running_losses(const Cuda& cuda, std::int64_t ranks, const RunningLoss* of_ranks,
                        RunningLoss* mine, RunningLoss* totals) {
  launch(cuda, "add_running_losses", add_ranks, {.blocks = dim3(1), .threads = dim3(1)}, ranks,
         of_ranks, mine, totals);
}

}  // namespace ekgine::kernels
