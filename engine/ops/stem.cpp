#include "kernels/stem.h"

#include <type_traits>

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"
#include "engine/ops/batch_norm.h"

namespace ekgine {

namespace {

// The kernel, for Tape::run: it has no overloads but the CPU's, and never runs on anything else.
template <class Kernel>
auto on_host(const Kernel& kernel) {
  return [&kernel]<class B>(B& b) {
    if constexpr (std::is_same_v<decltype(B::context), Cpu>) kernel(b);
  };
}

}  // namespace

Tensor stem(Tape& tape, const Tensor& x, const Tensor& kernel, const BatchNorm& norm) {
  check_shape(x.shape().rank() == 4 && x.shape()[3] == 1 && x.size() > 0, "stem", "x",
              "(N,H,W,1) with at least one element", x);
  check_shape(kernel.shape().rank() == 4 && kernel.shape()[0] == 3 && kernel.shape()[1] == 3 &&
                  kernel.shape()[2] == 1,
              "stem", "kernel", "(3,3,1,C)", kernel);
  const std::int64_t channels = kernel.shape()[3];
  check_norm("stem", {channels}, norm, "kernel is (3,3,1,C)=" + kernel.shape().text());
  if (x.id() >= 0) fail("stem: x is data and gets no gradient, but one is wanted");
  if (!tape.device().on_host()) {
    return batch_norm_relu_max_pool2d(tape, conv2d(tape, x, kernel), norm);
  }

  const kernels::StemShape s{x.shape()[0], x.shape()[1], x.shape()[2], channels};
  const Tensor weight = norm.weight, bias = norm.bias;
  const Tensor y = tape.empty_image({s.n, s.h / 2, s.w / 2, channels});
  Tensor mean = norm.running_mean, rstd, patch_mean, patch_covariance;
  if (tape.training()) {
    mean = tape.empty_real({channels});
    rstd = tape.empty_real({channels});
    patch_mean = tape.empty_real({9});
    patch_covariance = tape.empty_real({9, 9});
    const Op statistics{"stem_statistics", kernels::stem_statistics_cost(s, x.element_bytes())};
    const auto run = [&]<class B>(B& b) {
      using R = typename B::Real;
      kernels::stem_statistics(b.context, s, static_cast<R>(norm.epsilon),
                               static_cast<R>(effective_momentum(norm, tape.step())),
                               x.data<typename B::Image>(), kernel.data<R>(), patch_mean.data<R>(),
                               patch_covariance.data<R>(), mean.data<R>(), rstd.data<R>(),
                               norm.running_mean.data<R>(), norm.running_variance.data<R>());
    };
    tape.run(statistics, on_host(run));
  } else {
    rstd = running_rstd(tape, norm);
  }
  const auto forward = [&]<class B>(B& b) {
    using I = typename B::Image;
    using R = typename B::Real;
    kernels::stem_forward(b.context, s, x.data<I>(), kernel.data<R>(), mean.data<R>(),
                          rstd.data<R>(), weight.data<R>(), bias.data<R>(), y.data<I>());
  };
  tape.run({"stem", kernels::stem_forward_cost(s, y.element_bytes())}, on_host(forward));
  return tape.record(
      y, {kernel, weight, bias},
      [s, x, kernel, weight, bias, mean, rstd, patch_mean, patch_covariance](Backward& node) {
        const GradientPlace dkernel = node.gradient(0), dweight = node.gradient(1),
                            dbias = node.gradient(2);
        const auto backward = [&]<class B>(B& b) {
          using I = typename B::Image;
          using R = typename B::Real;
          kernels::stem_backward(b.context, s, x.data<I>(), kernel.data<R>(), patch_mean.data<R>(),
                                 patch_covariance.data<R>(), mean.data<R>(), rstd.data<R>(),
                                 weight.data<R>(), bias.data<R>(), node.dy_data<I>(),
                                 dkernel.as<R>(), dweight.as<R>(), dbias.as<R>());
        };
        node.run({"stem", kernels::stem_backward_cost(s, node.dy().element_bytes())},
                 on_host(backward));
      });
}

}  // namespace ekgine
