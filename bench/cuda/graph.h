// Captured work, ready to be launched any number of times.
#pragma once

#include <cuda_runtime_api.h>

#include <utility>
#include <vector>

#include "kernels/runtime/cuda.h"

namespace ekgine {

// What a stream was given between begin() and end(), without running it.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    EKGINE_CUDA(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  // Ends the capture where an exception cut it short.
  ~Capture() {
    if (stream_ == nullptr) return;
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(stream_, &graph) == cudaSuccess) {
      static_cast<void>(cudaGraphDestroy(graph));
    }
    static_cast<void>(cudaGetLastError());
  }
  // The caller destroys the graph.
  cudaGraph_t end() {
    cudaGraph_t graph = nullptr;
    EKGINE_CUDA(cudaStreamEndCapture(std::exchange(stream_, nullptr), &graph));
    return graph;
  }

 private:
  cudaStream_t stream_;
};

// Captures one after the other, as one launch: what follows a kernel is there before it ends, so
// the host costs nothing.
class Sequence {
 public:
  Sequence() = default;
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;
  ~Sequence() {
    if (executable_ != nullptr) static_cast<void>(cudaGraphExecDestroy(executable_));
    if (whole_ != nullptr) static_cast<void>(cudaGraphDestroy(whole_));
    for (const cudaGraph_t part : parts_) static_cast<void>(cudaGraphDestroy(part));
  }

  // Takes the graph over.
  void add(cudaGraph_t part) { parts_.push_back(part); }
  bool empty() const { return parts_.empty(); }
  std::size_t size() const { return parts_.size(); }
  // Kernels, copies and fills of the first part.
  std::size_t launches() const {
    std::size_t nodes = 0;
    EKGINE_CUDA(cudaGraphGetNodes(parts_.front(), nullptr, &nodes));
    return nodes;
  }
  // To be called once, after the last add().
  void instantiate() {
    EKGINE_CUDA(cudaGraphCreate(&whole_, 0));
    cudaGraphNode_t previous = nullptr;
    for (const cudaGraph_t part : parts_) {
      cudaGraphNode_t node = nullptr;
      EKGINE_CUDA(cudaGraphAddChildGraphNode(&node, whole_,
                                             previous != nullptr ? &previous : nullptr,
                                             previous != nullptr ? 1 : 0, part));
      previous = node;
    }
    EKGINE_CUDA(cudaGraphInstantiate(&executable_, whole_, 0));
  }
  void launch(cudaStream_t stream) const { EKGINE_CUDA(cudaGraphLaunch(executable_, stream)); }

 private:
  std::vector<cudaGraph_t> parts_;
  cudaGraph_t whole_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace ekgine
