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
  return tape.record(y, {x, weight, bias}, [=](Backward& node) {
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
  // Two nodes. That of y, which goes back first, does the sum's work with its own; the sum's is for
  // who uses no y.
  const Tensor recorded = record_add_scaled(tape, sum, a, alpha, b, dropout);
  dropout.times = alpha;
  const auto go_back = [=](Backward& node) {
    const Tensor dsum = node.take_gradient(0);
    // In this order: where a and b are one, b's joins a's.
    const GradientPlace da = dsum ? node.gradient_over(1, dsum) : node.gradient(1),
                        db = node.gradient(2), dweight = node.gradient(3), dbias = node.gradient(4);
    const Op backward{"add_layer_norm",
                      kernels::add_layer_norm_backward_cost(s, node.dy().element_bytes())};
    node.run(backward, [&](auto& back_end) {
      kernels::add_layer_norm_backward(
          back_end.context, s, back_end.data(sum), back_end.real(weight), back_end.real(mean),
          back_end.real(rstd), dsum ? back_end.data(dsum) : nullptr, back_end.data(node.dy()),
          dropout, back_end.gradient(da), back_end.gradient(db), back_end.real_gradient(dweight),
          back_end.real_gradient(dbias));
    });
  };
  return {recorded, tape.record(y, {recorded, a, b, weight, bias}, go_back)};
}

}  // namespace ekgine
