// cuDNN, as much of it as the project calls: convolutions of images, channels last, in double, with
// every argument checked against what the cuDNN API reference and its headers say.
#include <cudnn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "emulation/cudnn_handles.h"
#include "emulation/device.h"
#include "emulation/device_access.h"
#include "emulation/library.h"
#include "emulation/streams.h"

// k, c, h, w in the order of cudnnSetFilter4dDescriptor.
struct cudnnFilterStruct {
  bool set = false;
  cudnnDataType_t type;
  int k, c, h, w;
};
struct cudnnConvolutionStruct {
  bool set = false;
  int pad_h, pad_w;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

namespace ekgine::emulation {

Handles<cudnnContext>& cudnn_contexts() {
  static Handles<cudnnContext> handles("a cuDNN handle");
  return handles;
}

Handles<cudnnTensorStruct>& cudnn_tensors() {
  static Handles<cudnnTensorStruct> handles("a cuDNN tensor descriptor");
  return handles;
}

namespace {

#define HERE LibraryCall(__func__, __builtin_return_address(0))

Handles<cudnnContext>& contexts = cudnn_contexts();
Handles<cudnnTensorStruct>& tensors = cudnn_tensors();
Handles<cudnnFilterStruct> filters("a cuDNN filter descriptor");
Handles<cudnnConvolutionStruct> convolutions("a cuDNN convolution descriptor");

// Why the latest call was refused, for cudnnGetLastErrorString.
std::string last_error;

}  // namespace

cudnnStatus_t refuse(const LibraryCall& call, cudnnStatus_t status, const std::string& what) {
  last_error = what;
  return call.refuse(status, what);
}

namespace {

// A convolution whose parts fit together: x (N,H,W,C), w (K,R,S,C), y (N,P,Q,K).
struct Problem {
  cudnnTensorStruct x, y;
  cudnnFilterStruct w;
  cudnnConvolutionStruct convolution;

  std::size_t x_count() const { return count(x.n, x.h, x.w, x.c); }
  std::size_t w_count() const { return count(w.k, w.h, w.w, w.c); }
  std::size_t y_count() const { return count(y.n, y.h, y.w, y.c); }
  Storage storage() const { return storage_of(x.type); }
  std::size_t bytes(std::size_t elements) const { return elements * size_of(storage()); }

 private:
  static std::size_t count(int a, int b, int c, int d) {
    return static_cast<std::size_t>(a) * static_cast<std::size_t>(b) * static_cast<std::size_t>(c) *
           static_cast<std::size_t>(d);
  }
};

cudnnStatus_t assemble(const LibraryCall& call, cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                       cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t convolution,
                       cudnnTensorDescriptor_t y, Problem& problem) {
  if (!contexts.contains(handle)) {
    return refuse(call, CUDNN_STATUS_NOT_INITIALIZED, "the handle was not created");
  }
  for (const auto& [name, descriptor] : {std::pair{"x", x}, {"y", y}}) {
    if (!tensors.contains(descriptor) || !descriptor->set) {
      return refuse(call, CUDNN_STATUS_BAD_PARAM,
                    fmt::format("the descriptor of {} was not created and set", name));
    }
  }
  if (!filters.contains(w) || !w->set) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "the descriptor of w was not created and set");
  }
  if (!convolutions.contains(convolution) || !convolution->set) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM,
                  "the convolution descriptor was not created and set");
  }
  problem = {*x, *y, *w, *convolution};
  const Problem& p = problem;
  if (p.x.type != p.w.type || p.x.type != p.y.type) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM,
                  fmt::format("x, w and y are of types {}, {} and {}", static_cast<int>(p.x.type),
                              static_cast<int>(p.w.type), static_cast<int>(p.y.type)));
  }
  if (p.x.type == CUDNN_DATA_BFLOAT16 && device_properties().major < 8) {
    return refuse(call, CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH,
                  "bfloat16 needs compute capability 8.0");
  }
  if (p.x.c != p.w.c) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM,
                  fmt::format("x has {} channels, w has {}", p.x.c, p.w.c));
  }
  const int h = p.x.h + 2 * p.convolution.pad_h - p.w.h + 1;
  const int width = p.x.w + 2 * p.convolution.pad_w - p.w.w + 1;
  if (h < 1 || width < 1) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM,
                  fmt::format("w is {} x {}, larger than the padded x", p.w.h, p.w.w));
  }
  if (p.y.n != p.x.n || p.y.c != p.w.k || p.y.h != h || p.y.w != width) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM,
                  fmt::format("y (N,H,W,C)=({},{},{},{}) should be ({},{},{},{})", p.y.n, p.y.h,
                              p.y.w, p.y.c, p.x.n, h, width, p.w.k));
  }
  constexpr std::size_t most = INT32_MAX;
  if (p.x_count() > most || p.w_count() > most || p.y_count() > most) {
    return refuse(call, CUDNN_STATUS_NOT_SUPPORTED, "more than 2^31 - 1 elements");
  }
  return CUDNN_STATUS_SUCCESS;
}

// What an algorithm is like. The lists below are in the order of a supposed speed, and begin with
// what callers have to pass over: algorithms that are not reproducible, that need too much
// workspace, or that do not work on images of channels last.
template <class Algorithm>
struct Known {
  Algorithm algorithm;
  bool supported, deterministic;
  std::size_t workspace_per_output;  // bytes
};
constexpr std::size_t far_too_much = std::size_t{1} << 36U;

constexpr std::array forward_algorithms = {
    Known{CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD, false, true, 0},
    Known{CUDNN_CONVOLUTION_FWD_ALGO_GEMM, true, true, far_too_much},
    Known{CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, true, true, 4},
    Known{CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, true, true, 0},
};
constexpr std::array weights_algorithms = {
    Known{CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, true, false, 0},
    Known{CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, true, false, 4},
    Known{CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, true, true, 8},
};

// The arithmetic that is done where `math` is allowed. Real lists name it too.
cudnnMathType_t arithmetic(const Problem& p) {
  if (p.x.type == CUDNN_DATA_BFLOAT16) return CUDNN_TENSOR_OP_MATH;
  return p.convolution.math == CUDNN_FMA_MATH ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH;
}

template <class Performance, class Algorithms>
cudnnStatus_t list(const LibraryCall& call, const Problem& problem, const Algorithms& algorithms,
                   int requested, int* returned, Performance* results) {
  if (requested < 1 || returned == nullptr || results == nullptr) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, fmt::format("{} results are asked for", requested));
  }
  *returned = 0;
  for (const auto& known : algorithms) {
    if (*returned == requested) break;
    Performance& result = results[(*returned)++];
    result = {};
    result.algo = known.algorithm;
    result.status = known.supported ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
    result.time = -1;  // as the real query says: it does not measure
    result.memory = known.workspace_per_output * problem.y_count();
    result.determinism = known.deterministic ? CUDNN_DETERMINISTIC : CUDNN_NON_DETERMINISTIC;
    result.mathType = arithmetic(problem);
  }
  return CUDNN_STATUS_SUCCESS;
}

template <class Algorithms, class Algorithm>
cudnnStatus_t look_up(const LibraryCall& call, const Problem& problem, const Algorithms& algorithms,
                      Algorithm algorithm, std::size_t& workspace, bool& deterministic) {
  const auto known = std::find_if(algorithms.begin(), algorithms.end(),
                                  [&](const auto& k) { return k.algorithm == algorithm; });
  if (known == algorithms.end() || !known->supported) {
    return refuse(call, CUDNN_STATUS_NOT_SUPPORTED,
                  fmt::format("algorithm {} does not do this", static_cast<int>(algorithm)));
  }
  workspace = known->workspace_per_output * problem.y_count();
  deterministic = known->deterministic;
  return CUDNN_STATUS_SUCCESS;
}

template <class Algorithms, class Algorithm>
cudnnStatus_t workspace_size(const LibraryCall& call, const Problem& problem,
                             const Algorithms& algorithms, Algorithm algorithm,
                             std::size_t* bytes) {
  if (bytes == nullptr) return refuse(call, CUDNN_STATUS_BAD_PARAM, "sizeInBytes is null");
  bool deterministic = false;
  return look_up(call, problem, algorithms, algorithm, *bytes, deterministic);
}

// An argument of a pass. The result is last.
struct Array {
  const char* name;
  const void* data;
  std::size_t elements;
};

struct Arguments {
  const void *alpha, *beta;
  std::array<Array, 3> arrays;
  void* workspace;
  std::size_t workspace_bytes;
};

// y[n,p,q,k] += x[n,p+r−pad,q+s−pad,c]·w[k,r,s,c] for all pairs: visit(x index, w index, y index)
// of the first of C neighbouring channels of x and w.
template <class Visit>
void for_all_taps(const Problem& p, const Visit& visit) {
  const auto index = [](std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d,
                        std::int64_t nb, std::int64_t nc, std::int64_t nd) {
    return static_cast<std::size_t>(((a * nb + b) * nc + c) * nd + d);
  };
  for (int n = 0; n < p.y.n; ++n) {
    for (int h = 0; h < p.y.h; ++h) {
      for (int v = 0; v < p.y.w; ++v) {
        for (int r = 0; r < p.w.h; ++r) {
          const int row = h + r - p.convolution.pad_h;
          if (row < 0 || row >= p.x.h) continue;
          for (int s = 0; s < p.w.w; ++s) {
            const int column = v + s - p.convolution.pad_w;
            if (column < 0 || column >= p.x.w) continue;
            const std::size_t from = index(n, row, column, 0, p.x.h, p.x.w, p.x.c);
            for (int k = 0; k < p.w.k; ++k) {
              visit(from, index(k, r, s, 0, p.w.h, p.w.w, p.w.c),
                    index(n, h, v, k, p.y.h, p.y.w, p.y.c));
            }
          }
        }
      }
    }
  }
}

enum class Pass { forward, backward_weights };

void run(Pass pass, const Problem& p, const Arguments& arguments, float alpha, float beta) {
  std::array<std::vector<double>, 3> values;
  for (std::size_t i = 0; i < 3; ++i) {
    const Array& array = arguments.arrays[i];
    values[i].resize(array.elements);
    if (i == 2 && beta == 0) break;
    if (!read_array(array.data, p.storage(), array.elements, values[i].data(), array.name)) return;
  }
  if (!scribble(arguments.workspace, arguments.workspace_bytes, "workSpace")) return;
  // The arithmetic of factors, as the description allows.
  if (p.x.type == CUDNN_DATA_FLOAT && p.convolution.math != CUDNN_FMA_MATH) {
    for (std::size_t i = 0; i < 2; ++i) {
      std::transform(values[i].begin(), values[i].end(), values[i].begin(), round_to_tf32);
    }
  }
  std::vector<double> sum(arguments.arrays[2].elements);
  const auto channels = static_cast<std::size_t>(p.x.c);
  const auto &first = values[0], &second = values[1];
  switch (pass) {
    case Pass::forward:
      for_all_taps(p, [&](std::size_t x, std::size_t w, std::size_t y) {
        double dot = 0;
        for (std::size_t c = 0; c < channels; ++c) dot += first[x + c] * second[w + c];
        sum[y] += dot;
      });
      break;
    case Pass::backward_weights:
      for_all_taps(p, [&](std::size_t x, std::size_t w, std::size_t y) {
        for (std::size_t c = 0; c < channels; ++c) sum[w + c] += first[x + c] * second[y];
      });
      break;
  }
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] = alpha * sum[i] + (beta == 0 ? 0 : beta * values[2][i]);
  }
  write_array(const_cast<void*>(arguments.arrays[2].data), p.storage(), sum.size(), sum.data(),
              arguments.arrays[2].name);
}

template <class Algorithms, class Algorithm>
cudnnStatus_t queue(const LibraryCall& call, cudnnHandle_t handle, Pass pass,
                    const Problem& problem, const Algorithms& algorithms, Algorithm algorithm,
                    const Arguments& arguments) {
  if (!call.is_host_scalar("alpha", arguments.alpha) ||
      !call.is_host_scalar("beta", arguments.beta)) {
    last_error = "alpha or beta is not a host pointer";
    return CUDNN_STATUS_BAD_PARAM;
  }
  std::size_t needed = 0;
  bool deterministic = false;
  if (const auto status = look_up(call, problem, algorithms, algorithm, needed, deterministic);
      status != CUDNN_STATUS_SUCCESS) {
    return status;
  }
  if (arguments.workspace_bytes < needed) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT,
                  fmt::format("workSpace has {} bytes, algorithm {} needs {}",
                              arguments.workspace_bytes, static_cast<int>(algorithm), needed));
  }
  for (const Array& array : arguments.arrays) {
    if (!call.is_device_array(array.name, array.data, problem.bytes(array.elements),
                              size_of(problem.storage()))) {
      last_error = fmt::format("{} is not a device array", array.name);
      return CUDNN_STATUS_BAD_PARAM;
    }
  }
  if (arguments.workspace_bytes != 0 &&
      !call.is_device_array("workSpace", arguments.workspace, arguments.workspace_bytes, 16)) {
    last_error = "workSpace is not a device array";
    return CUDNN_STATUS_BAD_PARAM;
  }
  // Allowed, but nothing in this project may do it.
  if (!deterministic) {
    call.fault(fmt::format("algorithm {} is not deterministic", static_cast<int>(algorithm)));
  }
  const float alpha = *static_cast<const float*>(arguments.alpha);
  const float beta = *static_cast<const float*>(arguments.beta);
  const cudaError_t queued = enqueue_library_call(
      handle->stream, call.function(), [=] { run(pass, problem, arguments, alpha, beta); },
      call.caller());
  if (queued == cudaSuccess) return CUDNN_STATUS_SUCCESS;
  return refuse(call, CUDNN_STATUS_EXECUTION_FAILED_CUDART,
                fmt::format("the stream refuses work: {}", cudaGetErrorName(queued)));
}

bool is_stored(cudnnDataType_t type) {
  return type == CUDNN_DATA_FLOAT || type == CUDNN_DATA_BFLOAT16;
}

template <class Descriptor>
cudnnStatus_t set_dimensions(const LibraryCall& call, Handles<Descriptor>& handles,
                             Descriptor* descriptor, const Descriptor& value,
                             cudnnTensorFormat_t format, std::array<int, 4> sizes) {
  if (!handles.contains(descriptor)) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "the descriptor was not created");
  }
  if (format != CUDNN_TENSOR_NHWC || !is_stored(value.type)) {
    return refuse(call, CUDNN_STATUS_NOT_SUPPORTED,
                  fmt::format("format {} of type {} is not emulated", static_cast<int>(format),
                              static_cast<int>(value.type)));
  }
  if (std::any_of(sizes.begin(), sizes.end(), [](int size) { return size < 1; })) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM,
                  fmt::format("sizes {}, {}, {}, {} are not all positive", sizes[0], sizes[1],
                              sizes[2], sizes[3]));
  }
  *descriptor = value;
  return CUDNN_STATUS_SUCCESS;
}

template <class Descriptor>
cudnnStatus_t destroy(const LibraryCall& call, Handles<Descriptor>& handles,
                      Descriptor* descriptor) {
  if (handles.destroy(descriptor)) return CUDNN_STATUS_SUCCESS;
  return refuse(call, CUDNN_STATUS_BAD_PARAM, "the descriptor was not created");
}

}  // namespace
}  // namespace ekgine::emulation

using namespace ekgine::emulation;

extern "C" {

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_BAD_PARAM:
      return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT:
      return "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT";
    case CUDNN_STATUS_NOT_SUPPORTED:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH:
      return "CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH";
    case CUDNN_STATUS_EXECUTION_FAILED:
      return "CUDNN_STATUS_EXECUTION_FAILED";
    case CUDNN_STATUS_EXECUTION_FAILED_CUDART:
      return "CUDNN_STATUS_EXECUTION_FAILED_CUDART";
    default:
      return "an unknown status";
  }
}
void cudnnGetLastErrorString(char* message, std::size_t size) {
  if (size == 0) return;
  const std::size_t length = std::min(size - 1, last_error.size());
  std::copy_n(last_error.begin(), length, message);
  message[length] = '\0';
  last_error.clear();
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  const LibraryCall call = HERE;
  if (const auto status = call.planned<cudnnStatus_t>(); status != cudnnStatus_t{}) return status;
  if (handle == nullptr) return refuse(call, CUDNN_STATUS_BAD_PARAM, "handle is null");
  if (forbidden_while_capturing()) {
    return refuse(call, CUDNN_STATUS_NOT_INITIALIZED, "not allowed while a stream is captured");
  }
  *handle = contexts.make();
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  return destroy(HERE, contexts, handle);
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  if (!contexts.contains(handle)) {
    return refuse(HERE, CUDNN_STATUS_BAD_PARAM, "the handle was not created");
  }
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* descriptor) {
  *descriptor = tensors.make();
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor) {
  return destroy(HERE, tensors, descriptor);
}
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor,
                                         cudnnTensorFormat_t format, cudnnDataType_t type, int n,
                                         int c, int h, int w) {
  return set_dimensions(HERE, tensors, descriptor, {true, type, n, c, h, w}, format, {n, c, h, w});
}

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* descriptor) {
  *descriptor = filters.make();
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t descriptor) {
  return destroy(HERE, filters, descriptor);
}
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t descriptor, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  return set_dimensions(HERE, filters, descriptor, {true, type, k, c, h, w}, format, {k, c, h, w});
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* descriptor) {
  *descriptor = convolutions.make();
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t descriptor) {
  return destroy(HERE, convolutions, descriptor);
}
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t descriptor, int pad_h,
                                              int pad_w, int u, int v, int dilation_h,
                                              int dilation_w, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t compute) {
  const LibraryCall call = HERE;
  if (!convolutions.contains(descriptor)) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "the descriptor was not created");
  }
  if (pad_h < 0 || pad_w < 0 || u < 1 || v < 1 || dilation_h < 1 || dilation_w < 1) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM,
                  fmt::format("padding {}, {}, strides {}, {}, dilations {}, {}", pad_h, pad_w, u,
                              v, dilation_h, dilation_w));
  }
  if (u != 1 || v != 1 || dilation_h != 1 || dilation_w != 1 || mode != CUDNN_CROSS_CORRELATION ||
      compute != CUDNN_DATA_FLOAT) {
    return refuse(call, CUDNN_STATUS_NOT_SUPPORTED,
                  "only cross-correlation of stride and dilation 1, summed in float, is emulated");
  }
  descriptor->set = true;
  descriptor->pad_h = pad_h;
  descriptor->pad_w = pad_w;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t descriptor,
                                          cudnnMathType_t math) {
  const LibraryCall call = HERE;
  if (!convolutions.contains(descriptor)) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "the descriptor was not created");
  }
  if (math != CUDNN_DEFAULT_MATH && math != CUDNN_TENSOR_OP_MATH && math != CUDNN_FMA_MATH) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM,
                  fmt::format("math type {} is not emulated", static_cast<int>(math)));
  }
  descriptor->math = math;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w,
    const cudnnConvolutionDescriptor_t convolution, const cudnnTensorDescriptor_t y,
    const int requested, int* returned, cudnnConvolutionFwdAlgoPerf_t* results) {
  const LibraryCall call = HERE;
  Problem problem;
  const auto status = assemble(call, handle, x, w, convolution, y, problem);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  return list(call, problem, forward_algorithms, requested, returned, results);
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t convolution, const cudnnFilterDescriptor_t dw,
    const int requested, int* returned, cudnnConvolutionBwdFilterAlgoPerf_t* results) {
  const LibraryCall call = HERE;
  Problem problem;
  const auto status = assemble(call, handle, x, dw, convolution, dy, problem);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  return list(call, problem, weights_algorithms, requested, returned, results);
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w,
    const cudnnConvolutionDescriptor_t convolution, const cudnnTensorDescriptor_t y,
    cudnnConvolutionFwdAlgo_t algorithm, std::size_t* bytes) {
  const LibraryCall call = HERE;
  Problem problem;
  const auto status = assemble(call, handle, x, w, convolution, y, problem);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  return workspace_size(call, problem, forward_algorithms, algorithm, bytes);
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t convolution, const cudnnFilterDescriptor_t dw,
    cudnnConvolutionBwdFilterAlgo_t algorithm, std::size_t* bytes) {
  const LibraryCall call = HERE;
  Problem problem;
  const auto status = assemble(call, handle, x, dw, convolution, dy, problem);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  return workspace_size(call, problem, weights_algorithms, algorithm, bytes);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha,
                                      const cudnnTensorDescriptor_t x_descriptor, const void* x,
                                      const cudnnFilterDescriptor_t w_descriptor, const void* w,
                                      const cudnnConvolutionDescriptor_t convolution,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* workspace,
                                      std::size_t workspace_bytes, const void* beta,
                                      const cudnnTensorDescriptor_t y_descriptor, void* y) {
  const LibraryCall call = HERE;
  if (const auto status = call.planned<cudnnStatus_t>(); status != cudnnStatus_t{}) return status;
  Problem p;
  const auto status =
      assemble(call, handle, x_descriptor, w_descriptor, convolution, y_descriptor, p);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  return queue(call, handle, Pass::forward, p, forward_algorithms, algorithm,
               {alpha,
                beta,
                {Array{"x", x, p.x_count()}, {"w", w, p.w_count()}, {"y", y, p.y_count()}},
                workspace,
                workspace_bytes});
}
cudnnStatus_t cudnnConvolutionBackwardFilter(
    cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t x_descriptor,
    const void* x, const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
    const cudnnConvolutionDescriptor_t convolution, cudnnConvolutionBwdFilterAlgo_t algorithm,
    void* workspace, std::size_t workspace_bytes, const void* beta,
    const cudnnFilterDescriptor_t dw_descriptor, void* dw) {
  const LibraryCall call = HERE;
  if (const auto status = call.planned<cudnnStatus_t>(); status != cudnnStatus_t{}) return status;
  Problem p;
  const auto status =
      assemble(call, handle, x_descriptor, dw_descriptor, convolution, dy_descriptor, p);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  return queue(call, handle, Pass::backward_weights, p, weights_algorithms, algorithm,
               {alpha,
                beta,
                {Array{"x", x, p.x_count()}, {"dy", dy, p.y_count()}, {"dw", dw, p.w_count()}},
                workspace,
                workspace_bytes});
}

}  // extern "C"
