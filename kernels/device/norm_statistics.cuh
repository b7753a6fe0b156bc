// What becomes of the statistics of a batch: batch_norm's and stem's last stage.
#pragma once

#include <simt.cuh>

#include <cfloat>

#include "kernels/batch_norm.h"
#include "kernels/runtime/step.h"

namespace ekgine::device {

// What becomes of the mean and the variance of a channel of the batch. How much the running ones
// keep depends on the step, which is read when the kernel runs.
struct NormStatistics {
  float epsilon, momentum;
  const Step* step;
  float *mean, *rstd, *running_mean, *running_variance;

  __device__ __forceinline__ void put(std::int64_t c, float batch_mean,
                                      float batch_variance) const {
    const float kept = kernels::kept_of(momentum, *step);
    mean[c] = batch_mean;
    rstd[c] = 1 / sqrtf(batch_variance + epsilon);
    if (!(fabsf(batch_mean) <= FLT_MAX && batch_variance <= FLT_MAX)) return;  // nor is a NaN
    running_mean[c] = kept * running_mean[c] + (1 - kept) * batch_mean;
    running_variance[c] = kept * running_variance[c] + (1 - kept) * batch_variance;
  }
};

}  // namespace ekgine::device
