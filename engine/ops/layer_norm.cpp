#include "kernels/layer_norm.h"

#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor layer_norm(Tape& tape, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  double epsilon) {
  check_shape(x.shape().rank() >= 1, "layer_norm", "x", "(...,C)", x);
  const Shape channels{x.shape()[-1]};
  check_shape(weight, channels, "layer_norm", "weight", "(C)", "x is (...,C)=" + x.shape().text());
  check_shape(bias, channels, "layer_norm", "bias", "(C)", "x is (...,C)=" + x.shape().text());

  const kernels::LayerNormShape s{x.shape().rows(), x.shape()[-1]};
  const Tensor y = tape.empty(x.shape());
  const Tensor mean = tape.empty({s.rows});
  const Tensor rstd = tape.empty({s.rows});
  tape.run([&]<class B>(B& b) {
    using T = typename B::Scalar;
    kernels::layer_norm_forward(b.context, s, static_cast<T>(epsilon), x.data<T>(),
                                weight.data<T>(), bias.data<T>(), y.data<T>(), mean.data<T>(),
                                rstd.data<T>());
  });
  return tape.record(y, {x, weight, bias}, [=](Backward& node) {
    const GradientPlace dx = node.gradient(0), dweight = node.gradient(1), dbias = node.gradient(2);
    node.run([&]<class B>(B& b) {
      using T = typename B::Scalar;
      kernels::layer_norm_backward(b.context, s, x.data<T>(), weight.data<T>(), mean.data<T>(),
                                   rstd.data<T>(), node.dy_data<T>(), dx.as<T>(), dweight.as<T>(),
                                   dbias.as<T>());
    });
  });
}

}  // namespace ekgine
