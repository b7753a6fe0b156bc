// What the CUDA benchmark times: the cases of the list of ops (tests/cases), and AdamW.
#pragma once

#include <memory>

#include "bench/choice.h"
#include "bench/composed_ops.h"
#include "bench/cuda/cudnn_ops.h"

namespace ekgine {

// Every kernel at the shapes of Main_Model with batches of 128 sequences, or, `tiny`, at shapes
// that the emulated device gets through. cuDNN's and compositions are among the rivals of each.
Timeable cuda_timeable(bool tiny, const std::shared_ptr<CudnnOps>& cudnn,
                       const std::shared_ptr<ComposedOps>& composed);

}  // namespace ekgine
