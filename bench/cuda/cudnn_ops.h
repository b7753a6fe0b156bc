// Ops as cuDNN has them, for comparison with ours. They keep the contracts of engine/ops.h and take
// CUDA devices only. Training mode; gradients of all differentiable inputs have to be wanted.
#pragma once

#include <memory>

#include "engine/ops.h"

namespace ekgine {

class CudnnOps {
 public:
  CudnnOps();
  CudnnOps(const CudnnOps&) = delete;
  CudnnOps& operator=(const CudnnOps&) = delete;
  ~CudnnOps();

  Tensor relu(Tape& tape, const Tensor& x);
  Tensor swish(Tape& tape, const Tensor& x);
  Tensor max_pool2d(Tape& tape, const Tensor& x);
  Tensor global_avg_pool(Tape& tape, const Tensor& x);
  // Running statistics are left alone.
  Tensor batch_norm(Tape& tape, const Tensor& x, const BatchNorm& norm);

 private:
  struct State;
  Tensor activate(Tape& tape, const Tensor& x, int mode);
  Tensor pool(Tape& tape, const Tensor& x, const Shape& images, const Shape& pooled, int mode,
              int window_h, int window_w);
  // Shared with what the tapes record.
  std::shared_ptr<State> state_;
};

}  // namespace ekgine
