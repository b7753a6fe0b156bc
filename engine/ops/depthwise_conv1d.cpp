#include "kernels/depthwise_conv1d.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor depthwise_conv1d(Tape& tape, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_shape(x.shape().rank() == 3, "depthwise_conv1d", "x", "(N,T,C)", x);
  const std::string context = "x is (N,T,C)=" + x.shape().text();
  const std::int64_t channels = x.shape()[2];
  const std::int64_t width = weight.shape().rank() == 2 ? weight.shape()[0] : 0;
  if (width < 1 || weight.shape()[1] != channels) {
    fail("depthwise_conv1d: weight must be (K,C)=(K,{}) with K >= 1, got {}; {}", channels,
         weight.shape().text(), context);
  }
  check_shape(bias, {channels}, "depthwise_conv1d", "bias", "(C)", context);

  const kernels::DepthwiseConv1dShape s{x.shape()[0], x.shape()[1], channels, width};
  const Tensor y = tape.empty(x.shape());
  const Op forward{"depthwise_conv1d",
                   kernels::depthwise_conv1d_forward_cost(s, y.element_bytes())};
  tape.run(forward, [&](auto& b) {
    kernels::depthwise_conv1d_forward(b.context, s, b.data(x), b.real(weight), b.real(bias),
                                      b.data(y));
  });
  return tape.record(y, {x, weight, bias}, [=](Backward& node) {
    const GradientPlace dx = node.gradient(0), dweight = node.gradient(1), dbias = node.gradient(2);
    const Op backward{"depthwise_conv1d",
                      kernels::depthwise_conv1d_backward_cost(s, node.dy().element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::depthwise_conv1d_backward(b.context, s, b.data(x), b.real(weight), b.data(node.dy()),
                                         b.gradient(dx), b.real_gradient(dweight),
                                         b.real_gradient(dbias));
    });
  });
}

}  // namespace ekgine
