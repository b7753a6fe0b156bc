#include "bench/cuda/cases.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "base/error.h"
#include "engine/back_end.h"
#include "kernels/adamw.h"
#include "kernels/moving_average.h"
#include "tests/cases/op_cases.h"
#include "tests/cases/ops/batch_norm.h"

namespace ekgine {

namespace {

using testing::CudnnRival;
using testing::Extents;
using testing::KernelCase;
using testing::OpCases;
using testing::OpFunction;
using testing::ShapedOp;
using Inputs = std::span<const Tensor>;

// Empty where cuDNN has none.
OpFunction cudnn_op(CudnnRival rival, const std::shared_ptr<CudnnOps>& cudnn) {
  switch (rival) {
    case CudnnRival::none:
      break;
    case CudnnRival::relu:
      return [cudnn](Tape& tape, Inputs in) { return cudnn->relu(tape, in[0]); };
    case CudnnRival::swish:
      return [cudnn](Tape& tape, Inputs in) { return cudnn->swish(tape, in[0]); };
    case CudnnRival::max_pool2d:
      return [cudnn](Tape& tape, Inputs in) { return cudnn->max_pool2d(tape, in[0]); };
    case CudnnRival::global_avg_pool:
      return [cudnn](Tape& tape, Inputs in) { return cudnn->global_avg_pool(tape, in[0]); };
    case CudnnRival::batch_norm:
      return [cudnn](Tape& tape, Inputs in) {
        return cudnn->batch_norm(tape, in[0], testing::batch_norm_of(in));
      };
    case CudnnRival::batch_norm_relu_max_pool2d:
      return [cudnn](Tape& tape, Inputs in) {
        const Tensor y = cudnn->batch_norm(tape, in[0], testing::batch_norm_of(in));
        return cudnn->max_pool2d(tape, cudnn->relu(tape, y));
      };
    case CudnnRival::batch_norm_relu_global_avg_pool:
      return [cudnn](Tape& tape, Inputs in) {
        const Tensor y = cudnn->batch_norm(tape, in[0], testing::batch_norm_of(in));
        return cudnn->global_avg_pool(tape, cudnn->relu(tape, y));
      };
  }
  return {};
}

const char* name_of(CudnnRival rival) {
  const bool composed = rival == CudnnRival::batch_norm_relu_max_pool2d ||
                        rival == CudnnRival::batch_norm_relu_global_avg_pool;
  return composed ? "cuDNN, three calls" : "cuDNN";
}

// With cuDNN's rival.
KernelCase with_cudnn(KernelCase c, const std::shared_ptr<CudnnOps>& cudnn) {
  if (OpFunction op = cudnn_op(c.cudnn, cudnn)) {
    c.rivals.push_back({name_of(c.cudnn), std::move(op)});
  }
  return c;
}

// An update in place; its y is the weights.
KernelCase adamw_case(std::int64_t n) {
  const testing::KernelInput array{.shape = {n}, .differentiable = false, .parameter = true};
  testing::KernelInput second = array;
  second.draw = [](testing::Random& random) { return random.uniform(0, 1); };
  return {
      .name = "adamw " + Shape{n}.text(),
      .inputs = {array, array, array, second},
      .op =
          [n](Tape& tape, std::span<const Tensor> in) {
            const Op op{"adamw", kernels::adamw_cost(n, sizeof(float))};
            tape.run(op, [&]<class B>(B& b) {
              if constexpr (B::is_cuda) {
                kernels::adamw(b.context, n, {}, in[0].data<float>(), in[1].data<float>(),
                               in[2].data<float>(), in[3].data<float>());
              } else {
                fail("adamw: timed on CUDA devices only");
              }
            });
            return in[1];
          },
  };
}

// The same, but for the optimiser.
KernelCase moving_average_case(std::int64_t n) {
  const testing::KernelInput array{.shape = {n}, .differentiable = false, .parameter = true};
  return {
      .name = "moving_average " + Shape{n}.text(),
      .inputs = {array, array},
      .op =
          [n](Tape& tape, std::span<const Tensor> in) {
            const Op op{"moving_average", kernels::moving_average_cost(n, sizeof(float))};
            tape.run(op, [&]<class B>(B& b) {
              if constexpr (B::is_cuda) {
                kernels::moving_average(b.context, n, 0.999, in[0].data<float>(),
                                        in[1].data<float>());
              } else {
                fail("moving_average: timed on CUDA devices only");
              }
            });
            return in[1];
          },
  };
}

}  // namespace

Timeable cuda_timeable(bool tiny, const std::shared_ptr<CudnnOps>& cudnn,
                       const std::shared_ptr<ComposedOps>& composed) {
  const auto complete = [cudnn, composed](const KernelCase& c) {
    return with_composition(with_cudnn(c, cudnn), composed);
  };
  Timeable all;
  for (const OpCases& op : testing::all_ops()) {
    std::ranges::transform(tiny ? op.tiny : op.model, std::back_inserter(all.cases), complete);
    for (ShapedOp shaped : op.shaped) {
      shaped.at = [at = shaped.at, complete](Extents e) { return complete(at(e)); };
      all.shaped.push_back(std::move(shaped));
    }
  }
  // No ops, but kernels of every step.
  all.cases.push_back(adamw_case(tiny ? 100 : 1 << 20));
  all.shaped.push_back({"adamw", {"weights"}, [](Extents e) { return adamw_case(e[0]); }});
  all.cases.push_back(moving_average_case(tiny ? 100 : 1 << 20));
  all.shaped.push_back(
      {"moving_average", {"weights"}, [](Extents e) { return moving_average_case(e[0]); }});
  return all;
}

}  // namespace ekgine
