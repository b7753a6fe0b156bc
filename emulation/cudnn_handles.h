// What the stand-ins for cuDNN share.
#pragma once

#include <cudnn.h>

#include <string>

#include "emulation/library.h"

struct cudnnContext {
  cudaStream_t stream = nullptr;
};
// In the order of cudnnSetTensor4dDescriptor; channels last in memory.
struct cudnnTensorStruct {
  bool set = false;
  cudnnDataType_t type;
  int n, c, h, w;
};

namespace ekgine::emulation {

Handles<cudnnContext>& cudnn_contexts();
Handles<cudnnTensorStruct>& cudnn_tensors();

// Returns the status, after a fault; cudnnGetLastErrorString gives `what`.
cudnnStatus_t refuse(const LibraryCall& call, cudnnStatus_t status, const std::string& what);

inline Storage storage_of(cudnnDataType_t type) {
  return type == CUDNN_DATA_FLOAT ? Storage::float32 : Storage::bfloat16;
}

}  // namespace ekgine::emulation
