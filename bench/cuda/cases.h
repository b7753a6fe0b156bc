// What the CUDA benchmark times, and what it times beside it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/cuda/cudnn_ops.h"
#include "tests/support/kernel_case.h"

namespace ekgine {

// The same work done in another way: same inputs, same output. Where the bits are the same random
// ones, too.
struct Rival {
  std::string by;  // "composition: swish, dropout"
  testing::KernelCase work;
};

struct CudaCase {
  testing::KernelCase work;
  std::string by;         // whose kernels the op runs: "ekgine", "cuBLASLt"
  bool products = false;  // whether it multiplies matrices as TF32 lets it
  std::vector<Rival> rivals = {};
};

// Every kernel at the shapes of Main_Model with batches of 128 sequences.
std::vector<CudaCase> model_cuda_cases(const std::shared_ptr<CudnnOps>& cudnn);
// The same ops at shapes that an emulated device gets through.
std::vector<CudaCase> tiny_cuda_cases(const std::shared_ptr<CudnnOps>& cudnn);

}  // namespace ekgine
