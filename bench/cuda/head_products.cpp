#include "bench/cuda/head_products.h"

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <utility>

#include "base/error.h"
#include "kernels/runtime/cuda_libraries.h"

namespace ekgine {

namespace {

using composed::HeadMatrices;
using composed::HeadProduct;

void check(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS) fail("{}: {}", call, cublasLtGetStatusName(status));
}
#define CUBLAS(function, ...) check(function(__VA_ARGS__), #function)

// A handle and the function that ends it.
template <class Handle, auto Destroy>
class Handled {
 public:
  Handled() = default;
  Handled(Handled&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handled& operator=(Handled&&) = delete;
  ~Handled() {
    if (handle_ != nullptr) static_cast<void>(Destroy(handle_));
  }
  Handle* out() { return &handle_; }
  operator Handle() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};

struct Product {
  Handled<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy> description;
  Handled<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy> a, b, c;
  cublasLtMatmulAlgo_t algorithm = {};
  std::size_t workspace = 0;
};

// How the heads of a sequence, or the sequences of a head, make a batch.
struct Batches {
  bool of_heads;
  std::int64_t count, calls;

  explicit Batches(const HeadProduct& p)
      : of_heads(p.heads >= p.sequences),
        count(std::max(p.heads, p.sequences)),
        calls(std::min(p.heads, p.sequences)) {}
  std::int64_t offset(const HeadMatrices& m) const { return of_heads ? m.head : m.sequence; }
  std::int64_t step(const HeadMatrices& m) const { return of_heads ? m.sequence : m.head; }
};

// How far the matrices of all batches are aligned, as far as kernels can make use of it: 16 bytes.
template <class T>
std::uint32_t alignment_of(const T* data, const HeadMatrices& m) {
  const auto offsets = static_cast<std::uint64_t>(m.head | m.sequence) * sizeof(T);
  return 1U << std::min(4, std::countr_zero(reinterpret_cast<std::uintptr_t>(data) | offsets));
}

// Row-major c (M,N) = a·b is column-major cᵀ = bᵀ·aᵀ for cuBLASLt. A matrix whose columns are 1
// apart is stored as (columns, rows) there, one whose rows are 1 apart as (rows, columns).
template <class T>
void describe(cublasLtMatrixLayout_t* made, const Batches& batches, std::int64_t rows,
              std::int64_t columns, const HeadMatrices& m) {
  const bool by_rows = m.column == 1;
  const std::int64_t height = by_rows ? columns : rows;
  CUBLAS(cublasLtMatrixLayoutCreate, made, sizeof(T) == 4 ? CUDA_R_32F : CUDA_R_16BF,
         static_cast<std::uint64_t>(height), static_cast<std::uint64_t>(by_rows ? rows : columns),
         std::max(height, by_rows ? m.row : m.column));
  const auto count = static_cast<std::int32_t>(batches.count);
  const std::int64_t offset = batches.offset(m);
  CUBLAS(cublasLtMatrixLayoutSetAttribute, *made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
         sizeof count);
  CUBLAS(cublasLtMatrixLayoutSetAttribute, *made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
         &offset, sizeof offset);
}

}  // namespace

struct HeadProducts::State {
  Handled<cublasLtHandle_t, cublasLtDestroy> cublas;
  std::map<std::array<std::int64_t, 22>, Product> products;

  template <class T>
  Product make(const HeadProduct& p, bool tf32, const std::array<std::uint32_t, 3>& alignment);
};

template <class T>
Product HeadProducts::State::make(const HeadProduct& p, bool tf32,
                                  const std::array<std::uint32_t, 3>& alignment) {
  if (cublas == nullptr) CUBLAS(cublasLtCreate, cublas.out());
  const Batches batches(p);
  Product made;
  describe<T>(made.a.out(), batches, p.m, p.k, p.a);
  describe<T>(made.b.out(), batches, p.k, p.n, p.b);
  describe<T>(made.c.out(), batches, p.m, p.n, p.c);
  CUBLAS(cublasLtMatmulDescCreate, made.description.out(),
         tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F);
  const auto transpose = [&](cublasLtMatmulDescAttributes_t attribute, const HeadMatrices& m) {
    const cublasOperation_t operation = m.column == 1 ? CUBLAS_OP_N : CUBLAS_OP_T;
    CUBLAS(cublasLtMatmulDescSetAttribute, made.description, attribute, &operation,
           sizeof operation);
  };
  transpose(CUBLASLT_MATMUL_DESC_TRANSA, p.b);
  transpose(CUBLASLT_MATMUL_DESC_TRANSB, p.a);

  Handled<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy> preference;
  CUBLAS(cublasLtMatmulPreferenceCreate, preference.out());
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    CUBLAS(cublasLtMatmulPreferenceSetAttribute, preference, attribute, &value, sizeof value);
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{CudaLibraries::workspace_limit});
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment[1]);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment[0]);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment[2]);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment[2]);
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  CUBLAS(cublasLtMatmulAlgoGetHeuristic, cublas, made.description, made.b, made.a, made.c, made.c,
         preference, 1, &best, &found);
  if (found == 0) {
    fail("cuBLASLt has no algorithm for {} products of ({},{}) and ({},{})", batches.count, p.m,
         p.k, p.k, p.n);
  }
  check(best.state, "cublasLtMatmulAlgoGetHeuristic");
  made.algorithm = best.algo;
  made.workspace = best.workspaceSize;
  return made;
}

HeadProducts::HeadProducts() : state_(std::make_unique<State>()) {}
HeadProducts::~HeadProducts() = default;

template <class T>
void HeadProducts::multiply(const Cuda& cuda, const HeadProduct& p, const T* a, const T* b,
                            Gradient<T> c) {
  const bool tf32 = cuda.tf32 && sizeof(T) == 4;
  const std::array<std::uint32_t, 3> alignment{alignment_of(a, p.a), alignment_of(b, p.b),
                                               alignment_of(c.data, p.c)};
  const std::array<std::int64_t, 22> key{
      p.sequences, p.heads,      p.m,          p.n,          p.k,        p.a.sequence,
      p.a.head,    p.a.row,      p.a.column,   p.b.sequence, p.b.head,   p.b.row,
      p.b.column,  p.c.sequence, p.c.head,     p.c.row,      p.c.column, tf32,
      sizeof(T),   alignment[0], alignment[1], alignment[2]};
  auto known = state_->products.find(key);
  if (known == state_->products.end()) {
    known = state_->products.emplace(key, state_->make<T>(p, tf32, alignment)).first;
  }
  const Product& product = known->second;
  const Batches batches(p);
  const float alpha = 1, beta = c.accumulate ? 1.0F : 0.0F;
  Workspace::Scope scratch(cuda.workspace);
  std::byte* const workspace =
      product.workspace == 0 ? nullptr : scratch.take<std::byte>(product.workspace);
  for (std::int64_t call = 0; call < batches.calls; ++call) {
    T* const to = c.data + call * batches.step(p.c);
    CUBLAS(cublasLtMatmul, state_->cublas, product.description, &alpha,
           b + call * batches.step(p.b), product.b, a + call * batches.step(p.a), product.a, &beta,
           to, product.c, to, product.c, &product.algorithm, workspace, product.workspace,
           cuda.stream);
  }
}

template void HeadProducts::multiply(const Cuda&, const HeadProduct&, const float*, const float*,
                                     Gradient<float>);
template void HeadProducts::multiply(const Cuda&, const HeadProduct&, const bfloat16*,
                                     const bfloat16*, Gradient<bfloat16>);

}  // namespace ekgine
