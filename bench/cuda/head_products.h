// Products of the matrices of all heads, by cuBLASLt in strided batches.
#pragma once

#include <memory>

#include "bench/composed_kernels.h"

namespace ekgine {

class HeadProducts {
 public:
  // Asks for no device; the first product does.
  HeadProducts();
  HeadProducts(const HeadProducts&) = delete;
  HeadProducts& operator=(const HeadProducts&) = delete;
  ~HeadProducts();

  // c is assigned or accumulated. A call for each sequence, of all its heads, or for each head, of
  // all sequences, whichever are fewer. Factors are rounded to TF32 where cuda.tf32 allows it. Once
  // a product was made, it may be captured into a graph.
  template <class T>
  void multiply(const Cuda& cuda, const composed::HeadProduct& p, const T* a, const T* b,
                Gradient<T> c);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ekgine
