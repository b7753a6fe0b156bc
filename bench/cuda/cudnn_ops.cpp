#include "bench/cuda/cudnn_ops.h"

#include <cudnn.h>

#include <type_traits>

#include "base/error.h"
#include "engine/back_end.h"
#include "kernels/runtime/cuda.h"

namespace ekgine {

namespace {

void check(cudnnStatus_t status, const char* call) {
  if (status != CUDNN_STATUS_SUCCESS) fail("{}: {}", call, cudnnGetErrorString(status));
}
#define CUDNN(function, ...) check(function(__VA_ARGS__), #function)

template <class T>
constexpr cudnnDataType_t type_of() {
  return std::is_same_v<T, float> ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16;
}

// A descriptor for the time of a call.
template <class Handle, auto Create, auto Destroy>
class Descriptor {
 public:
  Descriptor() { check(Create(&handle_), "cudnnCreate...Descriptor"); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { static_cast<void>(Destroy(handle_)); }
  operator Handle() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};
using Activation = Descriptor<cudnnActivationDescriptor_t, cudnnCreateActivationDescriptor,
                              cudnnDestroyActivationDescriptor>;
using Pooling = Descriptor<cudnnPoolingDescriptor_t, cudnnCreatePoolingDescriptor,
                           cudnnDestroyPoolingDescriptor>;

class Images : public Descriptor<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor,
                                 cudnnDestroyTensorDescriptor> {
 public:
  // shape (N,H,W,C)
  Images(cudnnDataType_t type, const Shape& shape) {
    const auto extent = [&](int axis) { return static_cast<int>(shape[axis]); };
    CUDNN(cudnnSetTensor4dDescriptor, *this, CUDNN_TENSOR_NHWC, type, extent(0), extent(3),
          extent(1), extent(2));
  }
};

// Any shape as (N,H,W,C).
Shape as_images(const Shape& shape) {
  if (shape.rank() == 4) return shape;
  if (shape.rank() == 3) return {shape[0], shape[1], 1, shape[2]};
  return {shape.rows(), 1, 1, shape[-1]};
}

}  // namespace

struct CudnnOps::State {
  cudnnHandle_t handle = nullptr;

  State() { CUDNN(cudnnCreate, &handle); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { static_cast<void>(cudnnDestroy(handle)); }

  // Calls body(std::type_identity<T>) with the handle on the device's stream.
  template <class Runner, class Body>
  void run(Runner& runner, const Body& body) {
    runner.run([&]<class B>(B& b) {
      if constexpr (B::is_cuda) {
        CUDNN(cudnnSetStream, handle, b.context.stream);
        body(std::type_identity<typename B::Scalar>());
      } else {
        fail("cuDNN: needs a CUDA device");
      }
    });
  }
};

CudnnOps::CudnnOps() : state_(std::make_shared<State>()) {}
CudnnOps::~CudnnOps() = default;

Tensor CudnnOps::activate(Tape& tape, const Tensor& x, int mode) {
  const Shape images = as_images(x.shape());
  const auto set = [mode](const Activation& activation) {
    CUDNN(cudnnSetActivationDescriptor, activation, static_cast<cudnnActivationMode_t>(mode),
          CUDNN_NOT_PROPAGATE_NAN, 0.0);
    if (mode == CUDNN_ACTIVATION_SWISH) {
      CUDNN(cudnnSetActivationDescriptorSwishBeta, activation, 1.0);
    }
  };
  const Tensor y = tape.empty(x.shape());
  state_->run(tape, [&]<class T>(std::type_identity<T>) {
    const Activation activation;
    set(activation);
    const Images layout(type_of<T>(), images);
    const float alpha = 1, beta = 0;
    CUDNN(cudnnActivationForward, state_->handle, activation, &alpha, layout, x.data<T>(), &beta,
          layout, y.data<T>());
  });
  return tape.record(y, {x}, [state = state_, images, set, x, y](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    state->run(node, [&]<class T>(std::type_identity<T>) {
      const Activation activation;
      set(activation);
      const Images layout(type_of<T>(), images);
      const float alpha = 1, beta = dx.accumulate ? 1.0F : 0.0F;
      CUDNN(cudnnActivationBackward, state->handle, activation, &alpha, layout, y.data<T>(), layout,
            node.dy_data<T>(), layout, x.data<T>(), &beta, layout, dx.as<T>().data);
    });
  });
}

Tensor CudnnOps::relu(Tape& tape, const Tensor& x) {
  return activate(tape, x, CUDNN_ACTIVATION_RELU);
}

Tensor CudnnOps::swish(Tape& tape, const Tensor& x) {
  return activate(tape, x, CUDNN_ACTIVATION_SWISH);
}

Tensor CudnnOps::pool(Tape& tape, const Tensor& x, const Shape& images, const Shape& pooled,
                      int mode, int window_h, int window_w) {
  const auto set = [=](const Pooling& pooling) {
    CUDNN(cudnnSetPooling2dDescriptor, pooling, static_cast<cudnnPoolingMode_t>(mode),
          CUDNN_NOT_PROPAGATE_NAN, window_h, window_w, 0, 0, window_h, window_w);
  };
  const bool is_average = mode == CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING;
  const Tensor y = tape.empty(is_average ? Shape{pooled[0], pooled[3]} : pooled);
  state_->run(tape, [&]<class T>(std::type_identity<T>) {
    const Pooling pooling;
    set(pooling);
    const Images from(type_of<T>(), images), to(type_of<T>(), pooled);
    const float alpha = 1, beta = 0;
    CUDNN(cudnnPoolingForward, state_->handle, pooling, &alpha, from, x.data<T>(), &beta, to,
          y.data<T>());
  });
  return tape.record(y, {x}, [state = state_, images, pooled, set, x, y](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    state->run(node, [&]<class T>(std::type_identity<T>) {
      const Pooling pooling;
      set(pooling);
      const Images from(type_of<T>(), images), to(type_of<T>(), pooled);
      const float alpha = 1, beta = dx.accumulate ? 1.0F : 0.0F;
      CUDNN(cudnnPoolingBackward, state->handle, pooling, &alpha, to, y.data<T>(), to,
            node.dy_data<T>(), from, x.data<T>(), &beta, from, dx.as<T>().data);
    });
  });
}

Tensor CudnnOps::max_pool2d(Tape& tape, const Tensor& x) {
  const Shape s = x.shape();
  return pool(tape, x, s, {s[0], s[1] / 2, s[2] / 2, s[3]}, CUDNN_POOLING_MAX_DETERMINISTIC, 2, 2);
}

Tensor CudnnOps::global_avg_pool(Tape& tape, const Tensor& x) {
  const Shape s = as_images(x.shape());
  return pool(tape, x, s, {s[0], 1, 1, s[3]}, CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING,
              static_cast<int>(s[1]), static_cast<int>(s[2]));
}

Tensor CudnnOps::batch_norm(Tape& tape, const Tensor& x, const BatchNorm& norm) {
  constexpr auto mode = CUDNN_BATCHNORM_SPATIAL_PERSISTENT;
  const Shape images = as_images(x.shape()), channels{1, 1, 1, x.shape()[-1]};
  const Tensor weight = norm.weight, bias = norm.bias;
  const double epsilon = norm.epsilon;
  const Tensor y = tape.empty(x.shape());
  const Tensor mean = tape.empty_real({channels[3]}), rstd = tape.empty_real({channels[3]});
  state_->run(tape, [&]<class T>(std::type_identity<T>) {
    const Images layout(type_of<T>(), images), parameters(CUDNN_DATA_FLOAT, channels);
    const float alpha = 1, beta = 0;
    CUDNN(cudnnBatchNormalizationForwardTraining, state_->handle, mode, &alpha, &beta, layout,
          x.data<T>(), layout, y.data<T>(), parameters, weight.data<float>(), bias.data<float>(),
          0.0, nullptr, nullptr, epsilon, mean.data<float>(), rstd.data<float>());
  });
  return tape.record(
      y, {x, weight, bias},
      [state = state_, images, channels, epsilon, x, weight, mean, rstd](Backward& node) {
        const GradientPlace dx = node.gradient_over(0, x);
        const GradientPlace dweight = node.gradient(1), dbias = node.gradient(2);
        state->run(node, [&]<class T>(std::type_identity<T>) {
          const Images layout(type_of<T>(), images), parameters(CUDNN_DATA_FLOAT, channels);
          const float alpha = 1, beta_data = dx.accumulate ? 1.0F : 0.0F,
                      beta_parameters = dweight.accumulate ? 1.0F : 0.0F;
          CUDNN(cudnnBatchNormalizationBackward, state->handle, mode, &alpha, &beta_data, &alpha,
                &beta_parameters, layout, x.data<T>(), layout, node.dy_data<T>(), layout,
                dx.as<T>().data, parameters, weight.data<float>(), dweight.as<float>().data,
                dbias.as<float>().data, epsilon, mean.data<float>(), rstd.data<float>());
        });
      });
}

}  // namespace ekgine
