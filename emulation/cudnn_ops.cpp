// cuDNN's activations, pooling and batch normalisation, as much of them as the benchmark compares
// with: channels last, in double, with every argument checked against what cuDNN's headers say.
#include <cudnn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "emulation/cudnn_handles.h"
#include "emulation/device.h"
#include "emulation/device_access.h"

struct cudnnActivationStruct {
  bool set = false;
  cudnnActivationMode_t mode;
  double swish_beta = 1;
};
struct cudnnPoolingStruct {
  bool set = false;
  cudnnPoolingMode_t mode;
  int h, w;  // of the window; the stride is as large
};

namespace ekgine::emulation {
namespace {

#define HERE LibraryCall(__func__, __builtin_return_address(0))

Handles<cudnnActivationStruct> activations("a cuDNN activation descriptor");
Handles<cudnnPoolingStruct> poolings("a cuDNN pooling descriptor");

using Values = std::vector<double>;

std::size_t count(const cudnnTensorStruct& t) {
  return static_cast<std::size_t>(t.n) * static_cast<std::size_t>(t.c) *
         static_cast<std::size_t>(t.h) * static_cast<std::size_t>(t.w);
}

// An array of a call: its name, what the descriptor says, and where it is.
struct Argument {
  const char* name;
  cudnnTensorDescriptor_t descriptor;
  const void* data;
};

// Handle, descriptors and arrays of a call; all tensors of `alike` have one type and one shape.
cudnnStatus_t check(const LibraryCall& call, cudnnHandle_t handle,
                    std::initializer_list<const void*> scalars,
                    std::initializer_list<Argument> arguments) {
  if (!cudnn_contexts().contains(handle)) {
    return refuse(call, CUDNN_STATUS_NOT_INITIALIZED, "the handle was not created");
  }
  for (const void* scalar : scalars) {
    if (!call.is_host_scalar("alpha or beta", scalar)) return CUDNN_STATUS_BAD_PARAM;
  }
  for (const Argument& argument : arguments) {
    if (!cudnn_tensors().contains(argument.descriptor) || !argument.descriptor->set) {
      return refuse(call, CUDNN_STATUS_BAD_PARAM,
                    fmt::format("the descriptor of {} was not created and set", argument.name));
    }
    const cudnnTensorStruct& t = *argument.descriptor;
    if (t.type == CUDNN_DATA_BFLOAT16 && device_properties().major < 8) {
      return refuse(call, CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH,
                    "bfloat16 needs compute capability 8.0");
    }
    const std::size_t element = size_of(storage_of(t.type));
    if (!call.is_device_array(argument.name, argument.data, count(t) * element, element)) {
      return CUDNN_STATUS_BAD_PARAM;
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

bool alike(const cudnnTensorStruct& a, const cudnnTensorStruct& b) {
  return a.type == b.type && a.n == b.n && a.c == b.c && a.h == b.h && a.w == b.w;
}

cudnnStatus_t queue(const LibraryCall& call, cudnnHandle_t handle, std::function<void()> work) {
  const cudaError_t queued =
      enqueue_library_call(handle->stream, call.function(), std::move(work), call.caller());
  if (queued == cudaSuccess) return CUDNN_STATUS_SUCCESS;
  return refuse(call, CUDNN_STATUS_EXECUTION_FAILED_CUDART,
                fmt::format("the stream refuses work: {}", cudaGetErrorName(queued)));
}

float scalar(const void* value) {
  return *static_cast<const float*>(value);
}

// An array in device memory while the work runs.
struct Array {
  const char* name;
  const void* data;
  Storage storage;
  std::size_t elements;

  Array(const char* name_, const cudnnTensorStruct& t, const void* data_)
      : name(name_), data(data_), storage(storage_of(t.type)), elements(count(t)) {}
  bool read(Values& values) const {
    values.resize(elements);
    return read_array(data, storage, elements, values.data(), name);
  }
  // alpha·values + beta·(what is there), which is not read where beta is 0.
  void write(Values values, float alpha, float beta) const {
    Values before(elements);
    if (beta != 0 && !read(before)) return;
    for (std::size_t i = 0; i < elements; ++i) values[i] = alpha * values[i] + beta * before[i];
    write_array(const_cast<void*>(data), storage, elements, values.data(), name);
  }
};

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

template <class Descriptor>
cudnnStatus_t destroy(const LibraryCall& call, Handles<Descriptor>& handles,
                      Descriptor* descriptor) {
  if (handles.destroy(descriptor)) return CUDNN_STATUS_SUCCESS;
  return refuse(call, CUDNN_STATUS_BAD_PARAM, "the descriptor was not created");
}

cudnnStatus_t check_activation(const LibraryCall& call, cudnnActivationDescriptor_t activation) {
  if (activations.contains(activation) && activation->set) return CUDNN_STATUS_SUCCESS;
  return refuse(call, CUDNN_STATUS_BAD_PARAM, "the activation was not created and set");
}

cudnnStatus_t check_pooling(const LibraryCall& call, cudnnPoolingDescriptor_t pooling,
                            const cudnnTensorStruct& x, const cudnnTensorStruct& y) {
  if (!poolings.contains(pooling) || !pooling->set) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "the pooling was not created and set");
  }
  const int h = x.h / pooling->h, w = x.w / pooling->w;
  if (h < 1 || w < 1 || y.type != x.type || y.n != x.n || y.c != x.c || y.h != h || y.w != w) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM,
                  fmt::format("y (N,H,W,C)=({},{},{},{}) should be ({},{},{},{})", y.n, y.h, y.w,
                              y.c, x.n, h, w, x.c));
  }
  return CUDNN_STATUS_SUCCESS;
}

// visit(y index, x indices of its window, row by row).
template <class Visit>
void for_all_windows(const cudnnTensorStruct& x, const cudnnTensorStruct& y,
                     const cudnnPoolingStruct& pooling, const Visit& visit) {
  std::vector<std::size_t> window;
  const auto index = [](const cudnnTensorStruct& t, int n, int h, int w, int c) {
    return ((static_cast<std::size_t>(n) * static_cast<std::size_t>(t.h) +
             static_cast<std::size_t>(h)) *
                static_cast<std::size_t>(t.w) +
            static_cast<std::size_t>(w)) *
               static_cast<std::size_t>(t.c) +
           static_cast<std::size_t>(c);
  };
  for (int n = 0; n < y.n; ++n) {
    for (int h = 0; h < y.h; ++h) {
      for (int w = 0; w < y.w; ++w) {
        for (int c = 0; c < y.c; ++c) {
          window.clear();
          for (int i = 0; i < pooling.h; ++i) {
            for (int j = 0; j < pooling.w; ++j) {
              window.push_back(index(x, n, h * pooling.h + i, w * pooling.w + j, c));
            }
          }
          visit(index(y, n, h, w, c), window);
        }
      }
    }
  }
}

cudnnStatus_t check_batch_norm(const LibraryCall& call, cudnnBatchNormMode_t mode,
                               const cudnnTensorStruct& x, const cudnnTensorStruct& parameters,
                               double epsilon) {
  if (mode != CUDNN_BATCHNORM_SPATIAL && mode != CUDNN_BATCHNORM_SPATIAL_PERSISTENT) {
    return refuse(call, CUDNN_STATUS_NOT_SUPPORTED,
                  fmt::format("mode {} is not emulated", static_cast<int>(mode)));
  }
  if (parameters.type != CUDNN_DATA_FLOAT || parameters.n != 1 || parameters.h != 1 ||
      parameters.w != 1 || parameters.c != x.c) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM,
                  fmt::format("parameters (N,H,W,C)=({},{},{},{}) should be (1,1,1,{}) of float",
                              parameters.n, parameters.h, parameters.w, parameters.c, x.c));
  }
  if (epsilon < CUDNN_BN_MIN_EPSILON) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, fmt::format("epsilon {} is negative", epsilon));
  }
  return CUDNN_STATUS_SUCCESS;
}

#define RETURN_UNLESS_SUCCESS(status) \
  if (const cudnnStatus_t s = (status); s != CUDNN_STATUS_SUCCESS) return s

}  // namespace
}  // namespace ekgine::emulation

using namespace ekgine::emulation;

extern "C" {

// ---------------------------------------------------------------------------------- activations

cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t* descriptor) {
  *descriptor = activations.make();
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t descriptor) {
  return destroy(HERE, activations, descriptor);
}
cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t descriptor,
                                           cudnnActivationMode_t mode,
                                           cudnnNanPropagation_t /*nan*/, double /*coefficient*/) {
  const LibraryCall call = HERE;
  if (!activations.contains(descriptor)) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "the descriptor was not created");
  }
  if (mode != CUDNN_ACTIVATION_RELU && mode != CUDNN_ACTIVATION_SWISH) {
    return refuse(call, CUDNN_STATUS_NOT_SUPPORTED,
                  fmt::format("activation {} is not emulated", static_cast<int>(mode)));
  }
  descriptor->set = true;
  descriptor->mode = mode;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetActivationDescriptorSwishBeta(cudnnActivationDescriptor_t descriptor,
                                                    double beta) {
  RETURN_UNLESS_SUCCESS(check_activation(HERE, descriptor));
  descriptor->swish_beta = beta;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnActivationForward(cudnnHandle_t handle, cudnnActivationDescriptor_t activation,
                                     const void* alpha, const cudnnTensorDescriptor_t x_descriptor,
                                     const void* x, const void* beta,
                                     const cudnnTensorDescriptor_t y_descriptor, void* y) {
  const LibraryCall call = HERE;
  RETURN_UNLESS_SUCCESS(
      check(call, handle, {alpha, beta}, {{"x", x_descriptor, x}, {"y", y_descriptor, y}}));
  RETURN_UNLESS_SUCCESS(check_activation(call, activation));
  if (!alike(*x_descriptor, *y_descriptor)) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "x and y differ in type or shape");
  }
  return queue(call, handle,
               [=, kind = *activation, a = scalar(alpha), b = scalar(beta),
                from = Array("x", *x_descriptor, x), to = Array("y", *y_descriptor, y)] {
                 Values values;
                 if (!from.read(values)) return;
                 for (double& v : values) {
                   v = kind.mode == CUDNN_ACTIVATION_RELU ? std::max(v, 0.0)
                                                          : v * sigmoid(kind.swish_beta * v);
                 }
                 to.write(std::move(values), a, b);
               });
}
cudnnStatus_t cudnnActivationBackward(cudnnHandle_t handle, cudnnActivationDescriptor_t activation,
                                      const void* alpha, const cudnnTensorDescriptor_t y_descriptor,
                                      const void* y, const cudnnTensorDescriptor_t dy_descriptor,
                                      const void* dy, const cudnnTensorDescriptor_t x_descriptor,
                                      const void* x, const void* beta,
                                      const cudnnTensorDescriptor_t dx_descriptor, void* dx) {
  const LibraryCall call = HERE;
  RETURN_UNLESS_SUCCESS(check(call, handle, {alpha, beta},
                              {{"y", y_descriptor, y},
                               {"dy", dy_descriptor, dy},
                               {"x", x_descriptor, x},
                               {"dx", dx_descriptor, dx}}));
  RETURN_UNLESS_SUCCESS(check_activation(call, activation));
  if (!alike(*x_descriptor, *y_descriptor) || !alike(*x_descriptor, *dy_descriptor) ||
      !alike(*x_descriptor, *dx_descriptor)) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "y, dy, x and dx differ in type or shape");
  }
  return queue(call, handle,
               [=, kind = *activation, a = scalar(alpha), b = scalar(beta),
                in = Array("x", *x_descriptor, x), gradient = Array("dy", *dy_descriptor, dy),
                to = Array("dx", *dx_descriptor, dx)] {
                 Values values, dys;
                 if (!in.read(values) || !gradient.read(dys)) return;
                 for (std::size_t i = 0; i < values.size(); ++i) {
                   const double v = values[i], s = sigmoid(kind.swish_beta * v);
                   values[i] = dys[i] * (kind.mode == CUDNN_ACTIVATION_RELU
                                             ? (v > 0 ? 1 : 0)
                                             : s + kind.swish_beta * v * s * (1 - s));
                 }
                 to.write(std::move(values), a, b);
               });
}

// -------------------------------------------------------------------------------------- pooling

cudnnStatus_t cudnnCreatePoolingDescriptor(cudnnPoolingDescriptor_t* descriptor) {
  *descriptor = poolings.make();
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyPoolingDescriptor(cudnnPoolingDescriptor_t descriptor) {
  return destroy(HERE, poolings, descriptor);
}
cudnnStatus_t cudnnSetPooling2dDescriptor(cudnnPoolingDescriptor_t descriptor,
                                          cudnnPoolingMode_t mode, cudnnNanPropagation_t /*nan*/,
                                          int window_h, int window_w, int pad_h, int pad_w,
                                          int stride_h, int stride_w) {
  const LibraryCall call = HERE;
  if (!poolings.contains(descriptor)) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "the descriptor was not created");
  }
  if (window_h < 1 || window_w < 1 || stride_h < 1 || stride_w < 1 || pad_h < 0 || pad_w < 0 ||
      pad_h >= window_h || pad_w >= window_w) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM,
                  fmt::format("window {} x {}, padding {}, {}, strides {}, {}", window_h, window_w,
                              pad_h, pad_w, stride_h, stride_w));
  }
  const bool known = mode == CUDNN_POOLING_MAX_DETERMINISTIC ||
                     mode == CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING;
  if (!known || pad_h != 0 || pad_w != 0 || stride_h != window_h || stride_w != window_w) {
    return refuse(call, CUDNN_STATUS_NOT_SUPPORTED,
                  "only windows side by side without padding are emulated, of the maximum "
                  "(deterministic) or the average");
  }
  *descriptor = {true, mode, window_h, window_w};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnPoolingForward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling,
                                  const void* alpha, const cudnnTensorDescriptor_t x_descriptor,
                                  const void* x, const void* beta,
                                  const cudnnTensorDescriptor_t y_descriptor, void* y) {
  const LibraryCall call = HERE;
  RETURN_UNLESS_SUCCESS(
      check(call, handle, {alpha, beta}, {{"x", x_descriptor, x}, {"y", y_descriptor, y}}));
  RETURN_UNLESS_SUCCESS(check_pooling(call, pooling, *x_descriptor, *y_descriptor));
  return queue(
      call, handle,
      [=, kind = *pooling, xs = *x_descriptor, ys = *y_descriptor, a = scalar(alpha),
       b = scalar(beta), from = Array("x", *x_descriptor, x), to = Array("y", *y_descriptor, y)] {
        Values in, out(to.elements);
        if (!from.read(in)) return;
        for_all_windows(xs, ys, kind, [&](std::size_t i, const std::vector<std::size_t>& window) {
          double sum = 0, most = in[window.front()];
          for (const std::size_t j : window) {
            sum += in[j];
            most = std::max(most, in[j]);
          }
          out[i] = kind.mode == CUDNN_POOLING_MAX_DETERMINISTIC
                       ? most
                       : sum / static_cast<double>(window.size());
        });
        to.write(std::move(out), a, b);
      });
}
cudnnStatus_t cudnnPoolingBackward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling,
                                   const void* alpha, const cudnnTensorDescriptor_t y_descriptor,
                                   const void* y, const cudnnTensorDescriptor_t dy_descriptor,
                                   const void* dy, const cudnnTensorDescriptor_t x_descriptor,
                                   const void* x, const void* beta,
                                   const cudnnTensorDescriptor_t dx_descriptor, void* dx) {
  const LibraryCall call = HERE;
  RETURN_UNLESS_SUCCESS(check(call, handle, {alpha, beta},
                              {{"y", y_descriptor, y},
                               {"dy", dy_descriptor, dy},
                               {"x", x_descriptor, x},
                               {"dx", dx_descriptor, dx}}));
  RETURN_UNLESS_SUCCESS(check_pooling(call, pooling, *x_descriptor, *y_descriptor));
  if (!alike(*y_descriptor, *dy_descriptor) || !alike(*x_descriptor, *dx_descriptor)) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "dy is not like y, or dx not like x");
  }
  return queue(
      call, handle,
      [=, kind = *pooling, xs = *x_descriptor, ys = *y_descriptor, a = scalar(alpha),
       b = scalar(beta), in = Array("x", *x_descriptor, x),
       gradient = Array("dy", *dy_descriptor, dy), to = Array("dx", *dx_descriptor, dx)] {
        Values values, dys, out(to.elements);
        if (!in.read(values) || !gradient.read(dys)) return;
        for_all_windows(xs, ys, kind, [&](std::size_t i, const std::vector<std::size_t>& window) {
          if (kind.mode == CUDNN_POOLING_MAX_DETERMINISTIC) {
            // The first of equal ones.
            out[*std::ranges::max_element(window, {}, [&](std::size_t j) { return values[j]; })] +=
                dys[i];
          } else {
            for (const std::size_t j : window)
              out[j] += dys[i] / static_cast<double>(window.size());
          }
        });
        to.write(std::move(out), a, b);
      });
}

// --------------------------------------------------------------------------------- batch
// normalisation

cudnnStatus_t cudnnBatchNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alpha, const void* beta,
    const cudnnTensorDescriptor_t x_descriptor, const void* x,
    const cudnnTensorDescriptor_t y_descriptor, void* y, const cudnnTensorDescriptor_t parameters,
    const void* weight, const void* bias, double /*factor*/, void* running_mean,
    void* running_variance, double epsilon, void* saved_mean, void* saved_rstd) {
  const LibraryCall call = HERE;
  RETURN_UNLESS_SUCCESS(check(call, handle, {alpha, beta},
                              {{"x", x_descriptor, x},
                               {"y", y_descriptor, y},
                               {"bnScale", parameters, weight},
                               {"bnBias", parameters, bias},
                               {"resultSaveMean", parameters, saved_mean},
                               {"resultSaveInvVariance", parameters, saved_rstd}}));
  RETURN_UNLESS_SUCCESS(check_batch_norm(call, mode, *x_descriptor, *parameters, epsilon));
  if (!alike(*x_descriptor, *y_descriptor)) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "x and y differ in type or shape");
  }
  if (running_mean != nullptr || running_variance != nullptr) {
    return refuse(call, CUDNN_STATUS_NOT_SUPPORTED, "running statistics are not emulated");
  }
  return queue(call, handle,
               [=, a = scalar(alpha), b = scalar(beta), from = Array("x", *x_descriptor, x),
                to = Array("y", *y_descriptor, y), gamma = Array("bnScale", *parameters, weight),
                shift = Array("bnBias", *parameters, bias),
                mean = Array("resultSaveMean", *parameters, saved_mean),
                rstd = Array("resultSaveInvVariance", *parameters, saved_rstd)] {
                 Values values, g, s;
                 if (!from.read(values) || !gamma.read(g) || !shift.read(s)) return;
                 const std::size_t channels = g.size();
                 const double rows =
                     static_cast<double>(values.size()) / static_cast<double>(channels);
                 Values m(channels), r(channels);
                 for (std::size_t i = 0; i < values.size(); ++i)
                   m[i % channels] += values[i] / rows;
                 for (std::size_t i = 0; i < values.size(); ++i) {
                   const double d = values[i] - m[i % channels];
                   r[i % channels] += d * d / rows;
                 }
                 for (double& v : r) v = 1 / std::sqrt(v + epsilon);
                 for (std::size_t i = 0; i < values.size(); ++i) {
                   const std::size_t c = i % channels;
                   values[i] = g[c] * (values[i] - m[c]) * r[c] + s[c];
                 }
                 to.write(std::move(values), a, b);
                 mean.write(std::move(m), 1, 0);
                 rstd.write(std::move(r), 1, 0);
               });
}
cudnnStatus_t cudnnBatchNormalizationBackward(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alpha, const void* beta,
    const void* parameter_alpha, const void* parameter_beta,
    const cudnnTensorDescriptor_t x_descriptor, const void* x,
    const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
    const cudnnTensorDescriptor_t dx_descriptor, void* dx, const cudnnTensorDescriptor_t parameters,
    const void* weight, void* dweight, void* dbias, double epsilon, const void* saved_mean,
    const void* saved_rstd) {
  const LibraryCall call = HERE;
  RETURN_UNLESS_SUCCESS(check(call, handle, {alpha, beta, parameter_alpha, parameter_beta},
                              {{"x", x_descriptor, x},
                               {"dy", dy_descriptor, dy},
                               {"dx", dx_descriptor, dx},
                               {"bnScale", parameters, weight},
                               {"dBnScaleResult", parameters, dweight},
                               {"dBnBiasResult", parameters, dbias},
                               {"savedMean", parameters, saved_mean},
                               {"savedInvVariance", parameters, saved_rstd}}));
  RETURN_UNLESS_SUCCESS(check_batch_norm(call, mode, *x_descriptor, *parameters, epsilon));
  if (!alike(*x_descriptor, *dy_descriptor) || !alike(*x_descriptor, *dx_descriptor)) {
    return refuse(call, CUDNN_STATUS_BAD_PARAM, "x, dy and dx differ in type or shape");
  }
  return queue(call, handle,
               [=, a = scalar(alpha), b = scalar(beta), pa = scalar(parameter_alpha),
                pb = scalar(parameter_beta), from = Array("x", *x_descriptor, x),
                gradient = Array("dy", *dy_descriptor, dy), to = Array("dx", *dx_descriptor, dx),
                gamma = Array("bnScale", *parameters, weight),
                to_weight = Array("dBnScaleResult", *parameters, dweight),
                to_bias = Array("dBnBiasResult", *parameters, dbias),
                mean = Array("savedMean", *parameters, saved_mean),
                rstd = Array("savedInvVariance", *parameters, saved_rstd)] {
                 Values values, dys, g, m, r;
                 if (!from.read(values) || !gradient.read(dys) || !gamma.read(g) || !mean.read(m) ||
                     !rstd.read(r)) {
                   return;
                 }
                 const std::size_t channels = g.size();
                 const double rows =
                     static_cast<double>(values.size()) / static_cast<double>(channels);
                 Values dg(channels), db(channels);
                 for (std::size_t i = 0; i < values.size(); ++i) {
                   const std::size_t c = i % channels;
                   dg[c] += dys[i] * (values[i] - m[c]) * r[c];
                   db[c] += dys[i];
                 }
                 for (std::size_t i = 0; i < values.size(); ++i) {
                   const std::size_t c = i % channels;
                   const double normal = (values[i] - m[c]) * r[c];
                   values[i] = g[c] * r[c] * (dys[i] - db[c] / rows - normal * dg[c] / rows);
                 }
                 to.write(std::move(values), a, b);
                 to_weight.write(std::move(dg), pa, pb);
                 to_bias.write(std::move(db), pa, pb);
               });
}

}  // extern "C"
