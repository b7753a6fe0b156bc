#include "kernels/layer_norm.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"
#include "engine/ops/add_scaled.h"

namespace ekgine {

namespace {

kernels::LayerNormShape layer_norm_shape(const char* op, const char* argument, const Tensor& x,
                                         const Tensor& weight, const Tensor& bias) {
  check_shape(x.shape().rank() >= 1, op, argument, "(...,C)", x);
  const Shape channels{x.shape()[-1]};
  const std::string context = std::string(argument) + " is (...,C)=" + x.shape().text();
  check_shape(weight, channels, op, "weight", "(C)", context);
  check_shape(bias, channels, op, "bias", "(C)", context);
  return {x.shape().rows(), x.shape()[-1]};
}

// Records y = layer_norm(x), which a kernel has computed.
Tensor record_layer_norm(Tape& tape, const Tensor& y, const Tensor& x, const Tensor& weight,
                         const Tensor& bias, const Tensor& mean, const Tensor& rstd) {
  return tape.record(y, {x, weight, bias}, [=](Backward& node) {
    const kernels::LayerNormShape s{x.shape().rows(), x.shape()[-1]};
    const GradientPlace dx = node.gradient(0), dweight = node.gradient(1), dbias = node.gradient(2);
    const Op backward{"layer_norm",
                      kernels::layer_norm_backward_cost(s, node.dy().element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::layer_norm_backward(b.context, s, b.data(x), b.real(weight), b.real(mean),
                                   b.real(rstd), b.data(node.dy()), b.gradient(dx),
                                   b.real_gradient(dweight), b.real_gradient(dbias));
    });
  });
}

}  // namespace

Tensor layer_norm(Tape& tape, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  double epsilon) {
  const kernels::LayerNormShape s = layer_norm_shape("layer_norm", "x", x, weight, bias);
  const Tensor y = tape.empty(x.shape());
  const Tensor mean = tape.empty_real({s.rows});
  const Tensor rstd = tape.empty_real({s.rows});
  const Op forward{"layer_norm", kernels::layer_norm_forward_cost(s, y.element_bytes())};
  tape.run(forward, [&](auto& b) {
    kernels::layer_norm_forward(b.context, s, b.real(epsilon), b.data(x), b.real(weight),
                                b.real(bias), b.data(y), b.real(mean), b.real(rstd));
  });
  return record_layer_norm(tape, y, x, weight, bias, mean, rstd);
}

AddLayerNorm add_layer_norm(Tape& tape, const Tensor& a, double alpha, const Tensor& b, double rate,
                            const Tensor& weight, const Tensor& bias, double epsilon) {
  const kernels::LayerNormShape s = layer_norm_shape("add_layer_norm", "a", a, weight, bias);
  check_shape(b, a.shape(), "add_layer_norm", "b", "the shape of a");
  check_dropout_rate(rate, "add_layer_norm");
  kernels::Dropout dropout;
  if (rate != 0 && tape.training()) {
    dropout = {.rate = rate, .op = tape.next_draw(), .first = tape.first_element(b)};
  }
  const Tensor sum = tape.empty(a.shape());
  const Tensor y = tape.empty(a.shape());
  const Tensor mean = tape.empty_real({s.rows});
  const Tensor rstd = tape.empty_real({s.rows});
  const Op forward{"add_layer_norm", kernels::add_layer_norm_forward_cost(s, y.element_bytes())};
  tape.run(forward, [&](auto& back_end) {
    kernels::add_layer_norm_forward(back_end.context, s, back_end.real(epsilon), back_end.data(a),
                                    back_end.real(alpha), back_end.data(b), dropout,
                                    back_end.real(weight), back_end.real(bias), back_end.data(sum),
                                    back_end.data(y), back_end.real(mean), back_end.real(rstd));
  });
  // Two nodes: that of y adds its gradient to what else the sum's gradient is made of, before the
  // sum's own node passes it on.
  const Tensor recorded = record_add_scaled(tape, sum, a, alpha, b, dropout);
  return {recorded, record_layer_norm(tape, y, recorded, weight, bias, mean, rstd)};
}

}  // namespace ekgine
