#include "engine/ops/batch_norm.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/shared_batch.h"
#include "kernels/batch_norm.h"
#include "kernels/batch_norm_relu_pool.h"

namespace ekgine {

void check_norm(const char* op, const Shape& channels, const BatchNorm& norm,
                const std::string& context) {
  check_shape(norm.weight, channels, op, "weight", "(C)", context);
  check_shape(norm.bias, channels, op, "bias", "(C)", context);
  check_shape(norm.running_mean, channels, op, "running_mean", "(C)", context);
  check_shape(norm.running_variance, channels, op, "running_variance", "(C)", context);
}

Tensor running_rstd(Tape& tape, const BatchNorm& norm) {
  Tensor rstd = tape.empty_real(norm.running_variance.shape());
  tape.run({"batch_norm_statistics"}, [&](auto& b) {
    kernels::batch_norm_rstd(b.context, rstd.size(), b.real(norm.epsilon),
                             b.real(norm.running_variance), b.real(rstd));
  });
  return rstd;
}

namespace {

// What x is normalised with.
struct Statistics {
  Tensor mean, rstd;
};

Cost statistics_cost(const Tensor& x) {
  return kernels::batch_norm_statistics_cost({x.shape().rows(), x.shape()[-1]}, x.element_bytes());
}

// Calls body(values) with x's, an image's or another activation's.
template <class B, class Body>
void with_values(B& b, const Tensor& x, const Body& body) {
  if (x.dtype() == dtype_of<typename B::Image>()) {
    body(b.image(x));
  } else {
    body(b.data(x));
  }
}

// Of a batch that ranks share: from the moments of all.
void shared_statistics(Tape& tape, const Op& op, const Tensor& x, const BatchNorm& norm,
                       const Statistics& found) {
  const std::int64_t channels = x.shape()[-1], rows = x.shape().rows();
  const Tensor mine =
      tape.empty({kernels::batch_norm_moments_size(channels)}, tape.device().sum_dtype());
  tape.run(op, [&]<class B>(B& b) {
    auto* const moments = mine.data<typename B::Sum>();
    with_values(b, x, [&](const auto* values) {
      if constexpr (B::is_cuda) {
        kernels::batch_norm_moments(b.context, {rows, channels}, values, moments);
      } else {
        kernels::batch_norm_moments<typename B::Real>(b.context, {rows, channels}, values, moments);
      }
    });
  });
  const Tensor all = of_all_ranks(tape, mine);
  tape.run(op, [&]<class B>(B& b) {
    kernels::batch_norm_merge(b.context, channels, tape.part().ranks->count(),
                              all.data<typename B::Sum>(), b.real(norm.epsilon),
                              b.real(norm.momentum), b.real(found.mean), b.real(found.rstd),
                              b.real(norm.running_mean), b.real(norm.running_variance));
  });
}

// Of the batch when training, which updates the running ones; otherwise the running ones.
Statistics statistics(Tape& tape, const Tensor& x, const BatchNorm& norm) {
  if (!tape.training()) return {norm.running_mean, running_rstd(tape, norm)};
  const std::int64_t channels = x.shape()[-1];
  Statistics found{tape.empty_real({channels}), tape.empty_real({channels})};
  const Op op{"batch_norm_statistics", statistics_cost(x)};
  if (tape.part().ranks != nullptr) {
    shared_statistics(tape, op, x, norm, found);
    return found;
  }
  tape.run(op, [&](auto& b) {
    with_values(b, x, [&](const auto* values) {
      kernels::batch_norm_statistics(b.context, {x.shape().rows(), channels}, b.real(norm.epsilon),
                                     b.real(norm.momentum), values, b.real(found.mean),
                                     b.real(found.rstd), b.real(norm.running_mean),
                                     b.real(norm.running_variance));
    });
  });
  return found;
}

void check_norm(const char* op, const Tensor& x, const BatchNorm& norm) {
  check_norm(op, {x.shape()[-1]}, norm, "x is (...,C)=" + x.shape().text());
}

kernels::BatchNormReluPoolShape image_shape(const char* op, const Tensor& x,
                                            const BatchNorm& norm) {
  check_shape(x.shape().rank() == 4 && x.size() > 0, op, "x", "(N,H,W,C) with at least one element",
              x);
  check_norm(op, x, norm);
  return {x.shape()[0], x.shape()[1], x.shape()[2], x.shape()[3]};
}

// What backward kernels take besides what forward ones do.
template <class R>
struct BackwardTensors {
  const Tensor& x;
  const Tensor& dy;
  const GradientPlace& dx;
  Gradient<R> dweight, dbias;
};

// The op whose output is y: forward_kernel(b, norm...) and backward_kernel(b, tensors, norm...),
// where norm is mean, rstd, weight, bias; and backward in parts, for ranks: sums_kernel(b, tensors,
// sums, norm...), then, when those are added up, dx_kernel(b, tensors, sums, norm...). The forward
// operation's cost has that of the statistics, which run on their own.
template <class ForwardKernel, class BackwardKernel, class SumsKernel, class DxKernel>
Tensor normalise(Tape& tape, const Op& forward, const Op& backward, const Tensor& x,
                 const BatchNorm& norm, const Tensor& y, const ForwardKernel& forward_kernel,
                 const BackwardKernel& backward_kernel, const SumsKernel& sums_kernel,
                 const DxKernel& dx_kernel) {
  const Statistics of = statistics(tape, x, norm);
  const Tensor weight = norm.weight, bias = norm.bias;
  tape.run({forward.name, forward.cost - statistics_cost(x)}, [&](auto& b) {
    forward_kernel(b, b.real(of.mean), b.real(of.rstd), b.real(weight), b.real(bias));
  });
  return tape.record(y, {x, weight, bias}, [=, ranks = tape.part().ranks](Backward& node) {
    const GradientPlace dx = node.gradient_over(0, x);
    const GradientPlace dweight = node.gradient(1), dbias = node.gradient(2);
    const auto run = [&](const auto& kernel) {
      return [&]<class B>(B& b) {
        const BackwardTensors<typename B::Real> tensors{x, node.dy(), dx, b.real_gradient(dweight),
                                                        b.real_gradient(dbias)};
        kernel(b, tensors, b.real(of.mean), b.real(of.rstd), b.real(weight), b.real(bias));
      };
    };
    if (ranks == nullptr) return node.run(backward, run(backward_kernel));

    const std::int64_t channels = weight.size();
    const Tensor sums = node.empty({2, channels}, node.device().sum_dtype());
    const auto add_up = [&]<class B>(B& b, const auto& t, auto... norm_of) {
      auto* const of_rank = sums.data<typename B::Sum>();
      sums_kernel(b, t, of_rank, norm_of...);
      // The ranks' own sums: their gradients of weights are added up with all others.
      kernels::batch_norm_put_sums(b.context, channels, of_rank, t.dweight, t.dbias);
    };
    node.run(backward, run(add_up));
    sum_over_ranks(node, *ranks, sums);
    const auto put = [&]<class B>(B& b, const auto& t, auto... norm_of) {
      dx_kernel(b, t, sums.data<typename B::Sum>(), norm_of...);
    };
    node.run(backward, run(put));
  });
}

}  // namespace

Tensor batch_norm(Tape& tape, const Tensor& x, const BatchNorm& norm) {
  constexpr const char* op = "batch_norm";
  check_shape(x.shape().rank() >= 1 && x.size() > 0, op, "x", "(...,C) with at least one element",
              x);
  check_norm(op, x, norm);
  const kernels::BatchNormShape s{x.shape().rows(), x.shape()[-1]};
  const Tensor y = tape.empty(x.shape());
  return normalise(
      tape, {op, kernels::batch_norm_forward_cost(s, y.element_bytes())},
      {op, kernels::batch_norm_backward_cost(s, y.element_bytes())}, x, norm, y,
      [&](auto& b, auto... of) {
        kernels::batch_norm_forward(b.context, s, b.data(x), of..., b.data(y));
      },
      [s](auto& b, const auto& t, auto* mean, auto* rstd, auto* weight, auto*) {
        kernels::batch_norm_backward(b.context, s, b.data(t.x), mean, rstd, weight, b.data(t.dy),
                                     b.gradient(t.dx), t.dweight, t.dbias);
      },
      [s](auto& b, const auto& t, auto* sums, auto* mean, auto* rstd, auto*, auto*) {
        kernels::batch_norm_backward_sums(b.context, s, b.data(t.x), mean, rstd, b.data(t.dy),
                                          sums);
      },
      [s, all = tape.in_all(s.rows)](auto& b, const auto& t, const auto* sums, auto* mean,
                                     auto* rstd, auto* weight, auto*) {
        kernels::batch_norm_backward_dx(b.context, s, all, b.data(t.x), mean, rstd, weight,
                                        b.data(t.dy), sums, b.gradient(t.dx));
      });
}

Tensor batch_norm_relu_max_pool2d(Tape& tape, const Tensor& x, const BatchNorm& norm) {
  constexpr const char* op = "batch_norm_relu_max_pool2d";
  const auto s = image_shape(op, x, norm);
  const Tensor y = tape.empty_image({s.n, s.h / 2, s.w / 2, s.c});
  return normalise(
      tape, {op, kernels::batch_norm_relu_max_pool2d_forward_cost(s, y.element_bytes())},
      {op, kernels::batch_norm_relu_max_pool2d_backward_cost(s, y.element_bytes())}, x, norm, y,
      [&](auto& b, auto... of) {
        kernels::batch_norm_relu_max_pool2d_forward(b.context, s, b.image(x), of..., b.image(y));
      },
      [s](auto& b, const auto& t, auto... of) {
        kernels::batch_norm_relu_max_pool2d_backward(b.context, s, b.image(t.x), of...,
                                                     b.image(t.dy), b.image_gradient(t.dx),
                                                     t.dweight, t.dbias);
      },
      [s](auto& b, const auto& t, auto* sums, auto... of) {
        kernels::batch_norm_relu_max_pool2d_backward_sums(b.context, s, b.image(t.x), of...,
                                                          b.image(t.dy), sums);
      },
      [s, all = tape.in_all(s.n)](auto& b, const auto& t, const auto* sums, auto... of) {
        kernels::batch_norm_relu_max_pool2d_backward_dx(
            b.context, s, all, b.image(t.x), of..., b.image(t.dy), sums, b.image_gradient(t.dx));
      });
}

Tensor batch_norm_relu_global_avg_pool(Tape& tape, const Tensor& x, const BatchNorm& norm) {
  constexpr const char* op = "batch_norm_relu_global_avg_pool";
  const auto s = image_shape(op, x, norm);
  const Tensor y = tape.empty({s.n, s.c});
  return normalise(
      tape, {op, kernels::batch_norm_relu_global_avg_pool_forward_cost(s, x.element_bytes())},
      {op, kernels::batch_norm_relu_global_avg_pool_backward_cost(s, x.element_bytes())}, x, norm,
      y,
      [&](auto& b, auto... of) {
        kernels::batch_norm_relu_global_avg_pool_forward(b.context, s, b.image(x), of...,
                                                         b.data(y));
      },
      [s](auto& b, const auto& t, auto... of) {
        kernels::batch_norm_relu_global_avg_pool_backward(b.context, s, b.image(t.x), of...,
                                                          b.data(t.dy), b.image_gradient(t.dx),
                                                          t.dweight, t.dbias);
      },
      [s](auto& b, const auto& t, auto* sums, auto... of) {
        kernels::batch_norm_relu_global_avg_pool_backward_sums(b.context, s, b.image(t.x), of...,
                                                               b.data(t.dy), sums);
      },
      [s, all = tape.in_all(s.n)](auto& b, const auto& t, const auto* sums, auto... of) {
        kernels::batch_norm_relu_global_avg_pool_backward_dx(
            b.context, s, all, b.image(t.x), of..., b.data(t.dy), sums, b.image_gradient(t.dx));
      });
}

}  // namespace ekgine
