#include "kernels/stem.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"
#include "engine/ops/batch_norm.h"
#include "engine/shared_batch.h"

namespace ekgine {

namespace {

struct PatchStatistics {
  Tensor mean, rstd, patch_mean, patch_covariance;
};

// Of a batch that ranks share: from the sums of all.
void shared_patch_statistics(Tape& tape, const Op& op, const kernels::StemShape& s, const Tensor& x,
                             const Tensor& kernel, const BatchNorm& norm,
                             const PatchStatistics& found) {
  const Tensor sums = tape.empty({kernels::stem_sums}, DType::f64);
  const auto add_up = [&](auto& b) {
    kernels::stem_patch_sums(b.context, s, b.image(x), sums.data<double>());
  };
  tape.run(op, add_up);
  sum_over_ranks(tape, sums);
  const auto finish = [&]<class B>(B& b) {
    kernels::stem_statistics_of<typename B::Image>(
        b.context, s, tape.in_all(s.n), b.real(norm.epsilon), b.real(norm.momentum),
        sums.data<double>(), b.real(kernel), b.real(found.patch_mean),
        b.real(found.patch_covariance), b.real(found.mean), b.real(found.rstd),
        b.real(norm.running_mean), b.real(norm.running_variance));
  };
  tape.run(op, finish);
}

// All are assigned, but for the running ones, which are updated.
void patch_statistics(Tape& tape, const kernels::StemShape& s, const Tensor& x,
                      const Tensor& kernel, const BatchNorm& norm, const PatchStatistics& found) {
  const Op op{"stem_statistics", kernels::stem_statistics_cost(s, x.element_bytes())};
  if (tape.part().ranks != nullptr) {
    return shared_patch_statistics(tape, op, s, x, kernel, norm, found);
  }
  const auto run = [&](auto& b) {
    kernels::stem_statistics(b.context, s, b.real(norm.epsilon), b.real(norm.momentum), b.image(x),
                             b.real(kernel), b.real(found.patch_mean),
                             b.real(found.patch_covariance), b.real(found.mean), b.real(found.rstd),
                             b.real(norm.running_mean), b.real(norm.running_variance));
  };
  tape.run(op, run);
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

  const kernels::StemShape s{x.shape()[0], x.shape()[1], x.shape()[2], channels};
  const Tensor weight = norm.weight, bias = norm.bias;
  const Tensor y = tape.empty_image({s.n, s.h / 2, s.w / 2, channels});
  PatchStatistics of;
  of.mean = norm.running_mean;
  if (tape.training()) {
    of = {.mean = tape.empty_real({channels}),
          .rstd = tape.empty_real({channels}),
          .patch_mean = tape.empty_real({9}),
          .patch_covariance = tape.empty_real({9, 9})};
    patch_statistics(tape, s, x, kernel, norm, of);
  } else {
    of.rstd = running_rstd(tape, norm);
  }
  const auto forward = [&]<class B>(B& b) {
    kernels::stem_forward(b.context, s, b.image(x), b.real(kernel), b.real(of.mean),
                          b.real(of.rstd), b.real(weight), b.real(bias), b.image(y));
  };
  tape.run({"stem", kernels::stem_forward_cost(s, y.element_bytes())}, forward);
  return tape.record(y, {kernel, weight, bias}, [s, x, kernel, weight, bias, of](Backward& node) {
    const GradientPlace dkernel = node.gradient(0), dweight = node.gradient(1),
                        dbias = node.gradient(2);
    const auto backward = [&]<class B>(B& b) {
      kernels::stem_backward(b.context, s, b.image(x), b.real(kernel), b.real(of.patch_mean),
                             b.real(of.patch_covariance), b.real(of.mean), b.real(of.rstd),
                             b.real(weight), b.real(bias), b.image(node.dy()),
                             b.real_gradient(dkernel), b.real_gradient(dweight),
                             b.real_gradient(dbias));
    };
    node.run({"stem", kernels::stem_backward_cost(s, node.dy().element_bytes())}, backward);
  });
}

}  // namespace ekgine
