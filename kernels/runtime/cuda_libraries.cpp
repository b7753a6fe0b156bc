#include "kernels/runtime/cuda_libraries.h"

#include <cublasLt.h>
#include <cudnn.h>
#include <cufft.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ekgine {

namespace {

// Status codes as text.

std::string reason(cublasStatus_t status) {
  return cublasLtGetStatusName(status);
}
std::string reason(cudnnStatus_t status) {
  std::string text = cudnnGetErrorString(status);
  char detail[256] = {};
  cudnnGetLastErrorString(detail, sizeof detail);
  if (detail[0] != '\0') text.append(" (").append(detail).append(")");
  std::replace(text.begin(), text.end(), '\n', ' ');  // an error is one line
  return text;
}
std::string reason(cufftResult status) {
  switch (status) {
    case CUFFT_INVALID_PLAN:
      return "CUFFT_INVALID_PLAN";
    case CUFFT_ALLOC_FAILED:
      return "CUFFT_ALLOC_FAILED";
    case CUFFT_INVALID_TYPE:
      return "CUFFT_INVALID_TYPE";
    case CUFFT_INVALID_VALUE:
      return "CUFFT_INVALID_VALUE";
    case CUFFT_INTERNAL_ERROR:
      return "CUFFT_INTERNAL_ERROR";
    case CUFFT_EXEC_FAILED:
      return "CUFFT_EXEC_FAILED";
    case CUFFT_SETUP_FAILED:
      return "CUFFT_SETUP_FAILED";
    case CUFFT_INVALID_SIZE:
      return "CUFFT_INVALID_SIZE";
    case CUFFT_UNALIGNED_DATA:
      return "CUFFT_UNALIGNED_DATA";
    case CUFFT_INVALID_DEVICE:
      return "CUFFT_INVALID_DEVICE";
    case CUFFT_NO_WORKSPACE:
      return "CUFFT_NO_WORKSPACE";
    case CUFFT_NOT_SUPPORTED:
      return "CUFFT_NOT_SUPPORTED";
    default:
      return fmt::format("cufftResult {}", static_cast<int>(status));
  }
}

// What a call is made for, put into words only when it fails.
struct Task {
  const char* kernel;
  const MatrixProduct* product = nullptr;
  const Convolution* convolution = nullptr;
  Element element = Element::float32;
  int length = 0, batch = 0;  // of transforms

  std::string text() const {
    const char* type = element == Element::bfloat16 ? "bfloat16" : "float";
    if (product != nullptr) {
      const MatrixProduct& p = *product;
      return fmt::format("{}: ({},{}) = ({},{}){} · ({},{}){} of {}", kernel, p.m, p.n,
                         p.transpose_a ? p.k : p.m, p.transpose_a ? p.m : p.k,
                         p.transpose_a ? "ᵀ" : "", p.transpose_b ? p.n : p.k,
                         p.transpose_b ? p.k : p.n, p.transpose_b ? "ᵀ" : "", type);
    }
    if (convolution != nullptr) {
      const Convolution& s = *convolution;
      return fmt::format("{}: x (N,H,W,C)=({},{},{},{}), weight (O,KH,KW,C)=({},{},{},{}) of {}",
                         kernel, s.n, s.h, s.w, s.c, s.o, s.kernel_h, s.kernel_w, s.c, type);
    }
    return fmt::format("{}: {} transforms of length {}", kernel, batch, length);
  }
};

template <class Status>
void check(Status status, const char* function, int line, const Task& task) {
  if (status == Status{}) return;  // success is 0 in all three libraries
  fail("{}:{}: {}: {}; {}", __FILE__, line, function, reason(status), task.text());
}
#define CALL(task, function, ...) check(function(__VA_ARGS__), #function, __LINE__, task)

// A handle and the function that ends it.
template <class Handle, auto Destroy>
class Owned {
 public:
  Owned() = default;
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (handle_ != nullptr) Destroy(handle_);
  }
  Handle* out() { return &handle_; }
  Handle get() const { return handle_; }
  operator Handle() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};

using LtHandle = Owned<cublasLtHandle_t, cublasLtDestroy>;
using LtProduct = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using LtLayout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using LtPreference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;
using DnnHandle = Owned<cudnnHandle_t, cudnnDestroy>;
using DnnTensor = Owned<cudnnTensorDescriptor_t, cudnnDestroyTensorDescriptor>;
using DnnFilter = Owned<cudnnFilterDescriptor_t, cudnnDestroyFilterDescriptor>;
using DnnConvolution = Owned<cudnnConvolutionDescriptor_t, cudnnDestroyConvolutionDescriptor>;

class Transform {  // a cuFFT plan
 public:
  Transform() = default;
  Transform(Transform&& other) noexcept
      : plan(std::exchange(other.plan, CUFFT_PLAN_NULL)), workspace(other.workspace) {}
  ~Transform() {
    if (plan != CUFFT_PLAN_NULL) cufftDestroy(plan);
  }
  cufftHandle plan = CUFFT_PLAN_NULL;
  std::size_t workspace = 0;
};

// Scratch memory for a library's call. Workspace aligns to 64 bytes; the libraries are used to what
// cudaMalloc gives.
void* take(Workspace::Scope& scratch, std::size_t bytes) {
  if (bytes == 0) return nullptr;
  constexpr std::size_t alignment = 256;
  const auto address = reinterpret_cast<std::uintptr_t>(
      scratch.take<std::byte>(bytes + alignment - Workspace::alignment));
  return reinterpret_cast<void*>((address + alignment - 1) / alignment * alignment);
}

// Matrix products.

cudaDataType_t cublas_type(Element element) {
  return element == Element::float32 ? CUDA_R_32F : CUDA_R_16BF;
}

// How far a pointer is aligned, as far as kernels can make use of it: 16 bytes.
std::uint32_t alignment_of(const void* pointer) {
  const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(pointer));
  return 1U << std::min(4, std::countr_zero(address));
}

// A vector that a product reads or writes beside its matrices.
struct Epilogue {
  cublasLtEpilogue_t kind = CUBLASLT_EPILOGUE_DEFAULT;
  const void* vector = nullptr;
};

struct Product {
  LtProduct description;
  LtLayout a, b, c;
  bool possible = false;
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace;
};

using ProductKey = std::array<std::int64_t, 13>;

// Convolutions.

enum class Pass { forward, backward_weights };

struct Convolving {
  DnnTensor x, y;
  DnnFilter w;
  DnnConvolution description;
  int algorithm;  // of the pass's own enumeration
  std::size_t workspace;
};

using ConvolutionKey = std::array<std::int64_t, 9>;

// What differs among the passes of a convolution.
struct Forward {
  using Found = cudnnConvolutionFwdAlgoPerf_t;
  static constexpr auto find = cudnnGetConvolutionForwardAlgorithm_v7;
  static constexpr auto size = cudnnGetConvolutionForwardWorkspaceSize;
  static constexpr const char* find_name = "cudnnGetConvolutionForwardAlgorithm_v7";
  static constexpr const char* size_name = "cudnnGetConvolutionForwardWorkspaceSize";
  static constexpr int algorithms = CUDNN_CONVOLUTION_FWD_ALGO_COUNT;
};
struct BackwardWeights {
  using Found = cudnnConvolutionBwdFilterAlgoPerf_t;
  static constexpr auto find = cudnnGetConvolutionBackwardFilterAlgorithm_v7;
  static constexpr auto size = cudnnGetConvolutionBackwardFilterWorkspaceSize;
  static constexpr const char* find_name = "cudnnGetConvolutionBackwardFilterAlgorithm_v7";
  static constexpr const char* size_name = "cudnnGetConvolutionBackwardFilterWorkspaceSize";
  static constexpr int algorithms = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT;
};

// The fastest algorithm, as cuDNN estimates, that is reproducible and keeps to the workspace and
// the arithmetic asked for. Sets the arithmetic of the description to what goes with it.
template <class Pass, class First, class Second, class Third>
int choose_algorithm(const Task& task, cudnnHandle_t cudnn, First first, Second second,
                     cudnnConvolutionDescriptor_t description, Third third, cudnnMathType_t math,
                     std::size_t& workspace) {
  // An algorithm may be listed once per arithmetic.
  std::array<typename Pass::Found, 2 * Pass::algorithms> found;
  int count = 0;
  check(Pass::find(cudnn, first, second, description, third, static_cast<int>(found.size()), &count,
                   found.data()),
        Pass::find_name, __LINE__, task);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const auto& candidate = found[i];
    if (candidate.status != CUDNN_STATUS_SUCCESS || candidate.determinism != CUDNN_DETERMINISTIC ||
        (math == CUDNN_FMA_MATH && candidate.mathType != CUDNN_FMA_MATH)) {
      continue;
    }
    CALL(task, cudnnSetConvolutionMathType, description, candidate.mathType);
    // The size that the list gives is for the arithmetic of the description as it was.
    check(Pass::size(cudnn, first, second, description, third, candidate.algo, &workspace),
          Pass::size_name, __LINE__, task);
    if (workspace <= CudaLibraries::workspace_limit) return candidate.algo;
  }
  fail("cuDNN has no deterministic algorithm within {} MiB for {}",
       CudaLibraries::workspace_limit >> 20, task.text());
}

}  // namespace

struct CudaLibraries::State {
  cudaStream_t stream;
  bool tf32;
  LtHandle cublas;
  DnnHandle cudnn;
  std::map<ProductKey, Product> products;
  std::map<ConvolutionKey, Convolving> convolutions;
  std::map<std::tuple<cufftType, int, int>, Transform> transforms;  // type, length, batch
  struct Kept {
    Constant key;
    float* values;
  };
  std::vector<Kept> constants;

  void refuse_during_capture(const std::string& what) const;
  const Product& product(const Task& task, const MatrixProduct& p, Element in, const void* a,
                         const void* b, Element out, Epilogue epilogue, const void* c);
  Product make_product(const Task& task, const MatrixProduct& p, Element in, const void* a,
                       const void* b, Element out, Epilogue epilogue, const void* c);
  void run(const Cuda& cuda, const Task& task, const Product& product, const void* a, const void* b,
           Epilogue epilogue, void* c, bool accumulate) const;
  const Convolving& convolution(const Task& task, Pass pass, const Convolution& s, Element element);
  Convolving make_convolution(const Task& task, Pass pass, const Convolution& s, Element element);
  void prepare(const Task& task, cufftType type);
  const Transform& transform(const Task& task, cufftType type) const;
  const float* find(const Constant& key) const;  // or null
};

CudaLibraries::CudaLibraries(cudaStream_t stream, bool tf32) : state_(std::make_unique<State>()) {
  const Task task{.kernel = "start"};
  state_->stream = stream;
  state_->tf32 = tf32;
  CALL(task, cublasLtCreate, state_->cublas.out());
  CALL(task, cudnnCreate, state_->cudnn.out());
  CALL(task, cudnnSetStream, state_->cudnn, stream);
}

CudaLibraries::~CudaLibraries() {
  for (const State::Kept& kept : state_->constants) cudaFree(kept.values);
}

void CudaLibraries::State::refuse_during_capture(const std::string& what) const {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  EKGINE_CUDA(cudaStreamIsCapturing(stream, &status));
  if (status == cudaStreamCaptureStatusNone) return;
  fail("{} cannot be made ready while the stream is captured: run the step once before", what);
}

// cuBLASLt thinks in columns: row-major c (m,n) is its column-major cᵀ (n,m) = bᵀ·aᵀ, so b is its
// first factor and a its second. A row-major (r,s) matrix is a column-major (s,r) one whose leading
// dimension is s.
Product CudaLibraries::State::make_product(const Task& task, const MatrixProduct& p, Element in,
                                           const void* a, const void* b, Element out,
                                           Epilogue epilogue, const void* c) {
  const auto layout = [&](LtLayout& made, Element element, std::int64_t rows,
                          std::int64_t columns) {
    CALL(task, cublasLtMatrixLayoutCreate, made.out(), cublas_type(element),
         static_cast<std::uint64_t>(columns), static_cast<std::uint64_t>(rows), columns);
  };
  Product made;
  p.transpose_a ? layout(made.a, in, p.k, p.m) : layout(made.a, in, p.m, p.k);
  p.transpose_b ? layout(made.b, in, p.n, p.k) : layout(made.b, in, p.k, p.n);
  layout(made.c, out, p.m, p.n);

  const bool rounded = tf32 && in == Element::float32 && !p.full_precision;
  CALL(task, cublasLtMatmulDescCreate, made.description.out(),
       rounded ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F);
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    CALL(task, cublasLtMatmulDescSetAttribute, made.description, attribute, &value, sizeof value);
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (epilogue.vector != nullptr) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue.kind);
    // The search looks at its alignment.
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, epilogue.vector);
  }

  LtPreference preference;
  CALL(task, cublasLtMatmulPreferenceCreate, preference.out());
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    CALL(task, cublasLtMatmulPreferenceSetAttribute, preference, attribute, &value, sizeof value);
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{workspace_limit});
  // A dot product that is split among blocks is put together in float, in a step of its own.
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
         std::uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(b));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(a));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(c));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(c));
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      cublas, made.description, made.b, made.a, made.c, made.c, preference, 1, &best, &found);
  // It says so in one way or the other where it knows no algorithm.
  const bool none =
      status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && found == 0);
  if (none && epilogue.kind == CUBLASLT_EPILOGUE_BGRADA) return made;
  check(status, "cublasLtMatmulAlgoGetHeuristic", __LINE__, task);
  if (none) fail("cuBLASLt has no algorithm for {}", task.text());
  check(best.state, "cublasLtMatmulAlgoGetHeuristic", __LINE__, task);
  made.possible = true;
  made.algorithm = best.algo;
  made.workspace = best.workspaceSize;
  return made;
}

const Product& CudaLibraries::State::product(const Task& task, const MatrixProduct& p, Element in,
                                             const void* a, const void* b, Element out,
                                             Epilogue epilogue, const void* c) {
  const ProductKey key{p.m,
                       p.n,
                       p.k,
                       p.transpose_a,
                       p.transpose_b,
                       p.full_precision,
                       static_cast<int>(in),
                       static_cast<int>(out),
                       epilogue.kind,
                       alignment_of(a),
                       alignment_of(b),
                       alignment_of(c),
                       alignment_of(epilogue.vector)};
  const auto known = products.find(key);
  if (known != products.end()) return known->second;
  return products.emplace(key, make_product(task, p, in, a, b, out, epilogue, c)).first->second;
}

void CudaLibraries::State::run(const Cuda& cuda, const Task& task, const Product& product,
                               const void* a, const void* b, Epilogue epilogue, void* c,
                               bool accumulate) const {
  if (epilogue.vector != nullptr) {
    CALL(task, cublasLtMatmulDescSetAttribute, product.description,
         CUBLASLT_MATMUL_DESC_BIAS_POINTER, &epilogue.vector, sizeof epilogue.vector);
  }
  const float alpha = 1, beta = accumulate ? 1.0F : 0.0F;
  Workspace::Scope scratch(cuda.workspace);
  void* workspace = take(scratch, product.workspace);
  CALL(task, cublasLtMatmul, cublas, product.description, &alpha, b, product.b, a, product.a, &beta,
       c, product.c, c, product.c, &product.algorithm, workspace, product.workspace, cuda.stream);
}

void CudaLibraries::multiply(const Cuda& cuda, const char* kernel, const MatrixProduct& p,
                             Element in, const void* a, const void* b, Element out,
                             const void* bias, void* c, bool accumulate) {
  const Task task{.kernel = kernel, .product = &p, .element = in};
  const Epilogue epilogue = bias == nullptr ? Epilogue{} : Epilogue{CUBLASLT_EPILOGUE_BIAS, bias};
  const Product& product = state_->product(task, p, in, a, b, out, epilogue, c);
  state_->run(cuda, task, product, a, b, epilogue, c, accumulate);
}

// The sums are over the product's k, of the matrix that cuBLASLt calls A: b. They have the output's
// type. cublasLt.h says nothing of the order in which they are made; cuBLAS promises the same bits
// from run to run on one kind of device but for products that are put together with atomics, which
// the search leaves out. Whether that holds here no GPU has shown: a training that is run twice
// would (CudaTraining.GivesTheSameBitsAgain).
bool CudaLibraries::multiply_and_sum(const Cuda& cuda, const char* kernel, const MatrixProduct& p,
                                     Element in, const void* a, const void* b, Element out,
                                     void* sums, void* c, bool accumulate) {
  const Task task{.kernel = kernel, .product = &p, .element = in};
  const Epilogue epilogue{CUBLASLT_EPILOGUE_BGRADA, sums};
  const Product& product = state_->product(task, p, in, a, b, out, epilogue, c);
  if (product.possible) state_->run(cuda, task, product, a, b, epilogue, c, accumulate);
  return product.possible;
}

Convolving CudaLibraries::State::make_convolution(const Task& task, Pass pass, const Convolution& s,
                                                  Element element) {
  constexpr std::int64_t most = std::numeric_limits<int>::max();  // of cuDNN
  if (s.n * s.h * s.w * std::max(s.c, s.o) > most || s.o * s.kernel_h * s.kernel_w * s.c > most) {
    fail("{}: more than {} elements; use a smaller batch", task.text(), most);
  }
  const auto number = [](std::int64_t value) { return static_cast<int>(value); };
  const cudnnDataType_t type = element == Element::float32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16;
  const cudnnMathType_t math = element == Element::bfloat16 ? CUDNN_TENSOR_OP_MATH
                               : tf32                       ? CUDNN_DEFAULT_MATH
                                                            : CUDNN_FMA_MATH;
  Convolving made;
  CALL(task, cudnnCreateTensorDescriptor, made.x.out());
  CALL(task, cudnnSetTensor4dDescriptor, made.x, CUDNN_TENSOR_NHWC, type, number(s.n), number(s.c),
       number(s.h), number(s.w));
  CALL(task, cudnnCreateTensorDescriptor, made.y.out());
  CALL(task, cudnnSetTensor4dDescriptor, made.y, CUDNN_TENSOR_NHWC, type, number(s.n), number(s.o),
       number(s.h), number(s.w));
  CALL(task, cudnnCreateFilterDescriptor, made.w.out());
  CALL(task, cudnnSetFilter4dDescriptor, made.w, type, CUDNN_TENSOR_NHWC, number(s.o), number(s.c),
       number(s.kernel_h), number(s.kernel_w));
  CALL(task, cudnnCreateConvolutionDescriptor, made.description.out());
  CALL(task, cudnnSetConvolution2dDescriptor, made.description, number(s.kernel_h / 2),
       number(s.kernel_w / 2), 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
  CALL(task, cudnnSetConvolutionMathType, made.description, math);

  const auto search = [&](auto pass_, auto first, auto second, auto third) {
    made.algorithm = choose_algorithm<decltype(pass_)>(task, cudnn, first, second, made.description,
                                                       third, math, made.workspace);
  };
  switch (pass) {
    case Pass::forward:
      search(Forward{}, made.x.get(), made.w.get(), made.y.get());
      break;
    case Pass::backward_weights:
      search(BackwardWeights{}, made.x.get(), made.y.get(), made.w.get());
      break;
  }
  return made;
}

const Convolving& CudaLibraries::State::convolution(const Task& task, Pass pass,
                                                    const Convolution& s, Element element) {
  const ConvolutionKey key{static_cast<int>(pass),
                           static_cast<int>(element),
                           s.n,
                           s.h,
                           s.w,
                           s.c,
                           s.kernel_h,
                           s.kernel_w,
                           s.o};
  const auto known = convolutions.find(key);
  if (known != convolutions.end()) return known->second;
  return convolutions.emplace(key, make_convolution(task, pass, s, element)).first->second;
}

void CudaLibraries::convolve(const Cuda& cuda, const char* kernel, const Convolution& s,
                             Element element, const void* x, const void* w, void* y,
                             bool accumulate) {
  const Task task{.kernel = kernel, .convolution = &s, .element = element};
  const Convolving& c = state_->convolution(task, Pass::forward, s, element);
  const float alpha = 1, beta = accumulate ? 1.0F : 0.0F;
  Workspace::Scope scratch(cuda.workspace);
  void* workspace = take(scratch, c.workspace);
  CALL(task, cudnnConvolutionForward, state_->cudnn, &alpha, c.x, x, c.w, w, c.description,
       static_cast<cudnnConvolutionFwdAlgo_t>(c.algorithm), workspace, c.workspace, &beta, c.y, y);
}

void CudaLibraries::convolve_backward_weights(const Cuda& cuda, const char* kernel,
                                              const Convolution& s, Element element, const void* x,
                                              const void* dy, void* dw) {
  const Task task{.kernel = kernel, .convolution = &s, .element = element};
  const Convolving& c = state_->convolution(task, Pass::backward_weights, s, element);
  const float alpha = 1, beta = 0;
  Workspace::Scope scratch(cuda.workspace);
  void* workspace = take(scratch, c.workspace);
  CALL(task, cudnnConvolutionBackwardFilter, state_->cudnn, &alpha, c.x, x, c.y, dy, c.description,
       static_cast<cudnnConvolutionBwdFilterAlgo_t>(c.algorithm), workspace, c.workspace, &beta,
       c.w, dw);
}

void CudaLibraries::State::prepare(const Task& task, cufftType type) {
  const std::tuple key{type, task.length, task.batch};
  if (transforms.contains(key)) return;
  refuse_during_capture(task.text());
  Transform made;
  CALL(task, cufftCreate, &made.plan);
  // The work area is the workspace's.
  CALL(task, cufftSetAutoAllocation, made.plan, 0);
  const int n = task.length, spectrum = n / 2 + 1;
  int length = n, in = type == CUFFT_R2C ? n : spectrum, out = type == CUFFT_R2C ? spectrum : n;
  CALL(task, cufftMakePlanMany, made.plan, 1, &length, &in, 1, in, &out, 1, out, type, task.batch,
       &made.workspace);
  CALL(task, cufftSetStream, made.plan, stream);
  if (made.workspace > workspace_limit) {
    fail("{}: cuFFT asks for {} MiB of workspace, given are at most {}", task.text(),
         made.workspace >> 20, workspace_limit >> 20);
  }
  transforms.emplace(key, std::move(made));
}

void CudaLibraries::prepare_fft(const char* kernel, int n, int batch) {
  state_->prepare({.kernel = kernel, .length = n, .batch = batch}, CUFFT_R2C);
}

void CudaLibraries::prepare_inverse_fft(const char* kernel, int n, int batch) {
  state_->prepare({.kernel = kernel, .length = n, .batch = batch}, CUFFT_C2R);
}

const Transform& CudaLibraries::State::transform(const Task& task, cufftType type) const {
  const auto known = transforms.find({type, task.length, task.batch});
  if (known == transforms.end()) fail("{}: not prepared", task.text());
  return known->second;
}

void CudaLibraries::fft(const Cuda& cuda, const char* kernel, int n, int batch, float* x,
                        float2* spectrum) {
  const Task task{.kernel = kernel, .length = n, .batch = batch};
  const Transform& transform = state_->transform(task, CUFFT_R2C);
  Workspace::Scope scratch(cuda.workspace);
  CALL(task, cufftSetWorkArea, transform.plan, take(scratch, transform.workspace));
  CALL(task, cufftExecR2C, transform.plan, x, spectrum);
}

void CudaLibraries::inverse_fft(const Cuda& cuda, const char* kernel, int n, int batch,
                                float2* spectrum, float* x) {
  const Task task{.kernel = kernel, .length = n, .batch = batch};
  const Transform& transform = state_->transform(task, CUFFT_C2R);
  Workspace::Scope scratch(cuda.workspace);
  CALL(task, cufftSetWorkArea, transform.plan, take(scratch, transform.workspace));
  CALL(task, cufftExecC2R, transform.plan, spectrum, x);
}

const float* CudaLibraries::State::find(const Constant& key) const {
  for (const Kept& one : constants) {
    if (std::string_view(one.key.name) == key.name && one.key.a == key.a && one.key.b == key.b &&
        one.key.list == key.list) {
      return one.values;
    }
  }
  return nullptr;
}

bool CudaLibraries::kept(const Constant& key) const {
  return state_->find(key) != nullptr;
}

const float* CudaLibraries::constant(const Constant& key) const {
  const float* values = state_->find(key);
  if (values == nullptr) fail("{}({},{}): not prepared", key.name, key.a, key.b);
  return values;
}

void CudaLibraries::keep(const Constant& key, std::span<const float> values) {
  state_->refuse_during_capture(fmt::format("{}({},{})", key.name, key.a, key.b));
  float* copy = nullptr;
  EKGINE_CUDA(cudaMalloc(reinterpret_cast<void**>(&copy), values.size_bytes()));
  state_->constants.push_back({key, copy});
  EKGINE_CUDA(cudaMemcpyAsync(copy, values.data(), values.size_bytes(), cudaMemcpyHostToDevice,
                              state_->stream));
  EKGINE_CUDA(cudaStreamSynchronize(state_->stream));
}

}  // namespace ekgine
