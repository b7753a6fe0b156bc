#include "bench/cuda/cases.h"

#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "base/error.h"
#include "engine/back_end.h"
#include "kernels/adamw.h"
#include "tests/cases/add_position.h"
#include "tests/cases/attention.h"
#include "tests/cases/batch_norm.h"
#include "tests/cases/batch_norm_relu_pool.h"
#include "tests/cases/conv2d.h"
#include "tests/cases/depthwise_conv1d.h"
#include "tests/cases/dropout.h"
#include "tests/cases/elementwise.h"
#include "tests/cases/gather.h"
#include "tests/cases/gather_jittered.h"
#include "tests/cases/global_avg_pool.h"
#include "tests/cases/glu.h"
#include "tests/cases/layer_norm.h"
#include "tests/cases/linear.h"
#include "tests/cases/lstm.h"
#include "tests/cases/max_pool2d.h"
#include "tests/cases/morlet_cwt.h"
#include "tests/cases/relu.h"
#include "tests/cases/softmax_cross_entropy.h"
#include "tests/cases/swish.h"

namespace ekgine {

namespace {

using testing::KernelCase;
using Cudnn = std::shared_ptr<CudnnOps>;
using Op = std::function<Tensor(Tape&, std::span<const Tensor>)>;

// The inputs of `work`, by another op.
Rival rival(const KernelCase& work, std::string by, Op op) {
  Rival other{std::move(by), work};
  other.work.op = std::move(op);
  return other;
}

CudaCase plain(KernelCase work, std::string by = "ekgine") {
  return {.work = std::move(work), .by = std::move(by)};
}

CudaCase products(KernelCase work, std::string by) {
  return {.work = std::move(work), .by = std::move(by), .products = true};
}

CudaCase morlet_cwt(KernelCase work, std::int64_t scales) {
  const Shape beats = work.inputs.front().shape;
  const kernels::MorletCwtShape s{beats[0], beats[1], scales};
  const bool matrix = kernels::morlet_cwt_path(s) == kernels::MorletCwtPath::matrix;
  const auto other = matrix ? kernels::MorletCwtPath::fft : kernels::MorletCwtPath::matrix;
  const auto along = [s, other](Tape& tape, std::span<const Tensor> in) {
    const auto prepare = [&]<class B>(B& b) {
      if constexpr (B::is_cuda) kernels::morlet_cwt_prepare(b.context, s, other);
    };
    tape.device().run(prepare);
    const Tensor y = tape.empty({s.signals, s.scales, s.length, 1});
    tape.run([&]<class B>(B& b) {
      using T = typename B::Scalar;
      if constexpr (B::is_cuda) {
        kernels::morlet_cwt(b.context, s, other, in[0].data<float>(), in[1].data<float>(),
                            in[2].data<float>(), y.data<T>());
      }
    });
    return y;
  };
  CudaCase c = plain(std::move(work), matrix ? "cuBLASLt, ekgine" : "cuFFT, ekgine");
  c.rivals.push_back(rival(c.work, matrix ? "cuFFT, ekgine" : "cuBLASLt, ekgine", along));
  return c;
}

// Images of one channel are convolved by kernels of our own.
CudaCase convolution(const KernelCase& work) {
  return products(work, work.inputs[0].shape[3] == 1 ? "ekgine" : "cuDNN");
}

CudaCase batch_norm_relu_pool(KernelCase work, testing::Pool pool, const Cudnn& cudnn) {
  CudaCase c = plain(std::move(work));
  const bool max = pool == testing::Pool::max;
  c.rivals.push_back(rival(c.work,
                           max ? "composition: batch_norm, relu, max_pool2d"
                               : "composition: batch_norm, relu, global_avg_pool",
                           [max](Tape& tape, std::span<const Tensor> in) {
                             const Tensor y =
                                 relu(tape, batch_norm(tape, in[0], testing::batch_norm_of(in)));
                             return max ? max_pool2d(tape, y) : global_avg_pool(tape, y);
                           }));
  c.rivals.push_back(
      rival(c.work, "cuDNN, three calls", [max, cudnn](Tape& tape, std::span<const Tensor> in) {
        const Tensor y =
            cudnn->relu(tape, cudnn->batch_norm(tape, in[0], testing::batch_norm_of(in)));
        return max ? cudnn->max_pool2d(tape, y) : cudnn->global_avg_pool(tape, y);
      }));
  return c;
}

CudaCase against_batch_norm(KernelCase work, const Cudnn& cudnn) {
  CudaCase c = plain(std::move(work));
  c.rivals.push_back(rival(c.work, "cuDNN", [cudnn](Tape& tape, std::span<const Tensor> in) {
    return cudnn->batch_norm(tape, in[0], testing::batch_norm_of(in));
  }));
  return c;
}

// One input, and cuDNN has the same op.
CudaCase against(KernelCase work, const Cudnn& cudnn,
                 Tensor (CudnnOps::*other)(Tape&, const Tensor&)) {
  CudaCase c = plain(std::move(work));
  c.rivals.push_back(rival(c.work, "cuDNN", [cudnn, other](Tape& tape, std::span<const Tensor> in) {
    return ((*cudnn).*other)(tape, in[0]);
  }));
  return c;
}

CudaCase swish_dropout_of(const Shape& shape, double rate) {
  CudaCase c = plain(testing::swish_dropout_case(shape, rate));
  c.rivals.push_back(
      rival(c.work, "composition: swish, dropout", [rate](Tape& tape, std::span<const Tensor> in) {
        return dropout(tape, swish(tape, in[0]), rate);
      }));
  return c;
}

// Without the sum, as at the end of a block.
CudaCase add_layer_norm_of(std::int64_t rows, std::int64_t channels) {
  constexpr double alpha = 0.5, epsilon = 1e-3;
  CudaCase c = plain(testing::add_layer_norm_case(rows, channels, alpha));
  c.work.op = [](Tape& tape, std::span<const Tensor> in) {
    return add_layer_norm(tape, in[0], alpha, in[1], in[2], in[3], epsilon).y;
  };
  c.rivals.push_back(rival(
      c.work, "composition: add_scaled, layer_norm", [](Tape& tape, std::span<const Tensor> in) {
        return layer_norm(tape, add_scaled(tape, in[0], alpha, in[1]), in[2], in[3], epsilon);
      }));
  return c;
}

// An update in place; its y is the weights.
CudaCase adamw_of(std::int64_t n) {
  const testing::KernelInput array{.shape = {n}, .differentiable = false, .parameter = true};
  testing::KernelInput second = array;
  second.draw = [](testing::Random& random) { return random.uniform(0, 1); };
  return plain({
      .name = "adamw " + Shape{n}.text(),
      .inputs = {array, array, array, second},
      .op =
          [n](Tape& tape, std::span<const Tensor> in) {
            tape.run([&]<class B>(B& b) {
              if constexpr (B::is_cuda) {
                kernels::adamw(b.context, n, {}, in[0].data<float>(), in[1].data<float>(),
                               in[2].data<float>(), in[3].data<float>());
              } else {
                fail("adamw: timed on CUDA devices only");
              }
            });
            return in[1];
          },
      .forward = kernels::adamw_cost(n, sizeof(float)),
  });
}

}  // namespace

std::vector<CudaCase> model_cuda_cases(const Cudnn& cudnn) {
  using namespace testing;
  std::vector<CudaCase> cases;
  const auto add = [&](const std::vector<KernelCase>& more, const auto& make) {
    for (const KernelCase& c : more) cases.push_back(make(c));
  };
  const auto ours = [](const KernelCase& c) { return plain(c); };
  cases.push_back(morlet_cwt(morlet_cwt_case(384, 187, 32), 32));
  add(conv2d_model_cases(), convolution);
  const auto stages = batch_norm_relu_pool_model_cases();
  for (std::size_t i = 0; i < stages.size(); ++i) {
    cases.push_back(
        batch_norm_relu_pool(stages[i], i + 1 < stages.size() ? Pool::max : Pool::average, cudnn));
  }
  add(batch_norm_model_cases(), [&](const KernelCase& c) { return against_batch_norm(c, cudnn); });
  // The large composition of the first stage, op by op.
  cases.push_back(against_batch_norm(batch_norm_case({384, 32, 187, 32}), cudnn));
  add(relu_model_cases(), [&](const KernelCase& c) { return against(c, cudnn, &CudnnOps::relu); });
  add(max_pool2d_model_cases(),
      [&](const KernelCase& c) { return against(c, cudnn, &CudnnOps::max_pool2d); });
  add(global_avg_pool_model_cases(),
      [&](const KernelCase& c) { return against(c, cudnn, &CudnnOps::global_avg_pool); });
  add(gather_jittered_model_cases(), ours);
  add(gather_model_cases(), ours);
  add(layer_norm_model_cases(), ours);
  cases.push_back(add_layer_norm_of(384, 128));
  add(lstm_model_cases(), ours);
  add(linear_model_cases(), [](const KernelCase& c) { return products(c, "cuBLASLt"); });
  add({swish_case({384, 512}), swish_case({384, 128})},
      [&](const KernelCase& c) { return against(c, cudnn, &CudnnOps::swish); });
  cases.push_back(swish_dropout_of({384, 512}, 0.2));
  add(dropout_model_cases(), ours);
  add(add_position_model_cases(), ours);
  add(attention_model_cases(), [](const KernelCase& c) { return products(c, "ekgine"); });
  add(glu_model_cases(), ours);
  add(depthwise_conv1d_model_cases(), ours);
  add(elementwise_model_cases(), ours);
  add(softmax_cross_entropy_model_cases(), ours);
  add(softmax_model_cases(), ours);
  cases.push_back(adamw_of(1 << 20));
  return cases;
}

std::vector<CudaCase> tiny_cuda_cases(const Cudnn& cudnn) {
  using namespace testing;
  return {
      morlet_cwt(morlet_cwt_case(2, 33, 4), 4),
      convolution(conv2d_case({2, 4, 6, 1, 3, 3, 4}, false)),
      convolution(conv2d_case({2, 4, 6, 2, 3, 3, 4})),
      batch_norm_relu_pool(batch_norm_relu_pool_case(Pool::max, {2, 4, 6, 8}), Pool::max, cudnn),
      batch_norm_relu_pool(batch_norm_relu_pool_case(Pool::average, {2, 2, 3, 8}), Pool::average,
                           cudnn),
      against_batch_norm(batch_norm_case({4, 3, 8}), cudnn),
      against(relu_case(100), cudnn, &CudnnOps::relu),
      against(max_pool2d_case({2, 4, 7, 8}), cudnn, &CudnnOps::max_pool2d),
      against(global_avg_pool_case({4, 3, 8}), cudnn, &CudnnOps::global_avg_pool),
      plain(gather_windows_case(8, 4, 3)),
      plain(layer_norm_case(6, 16)),
      add_layer_norm_of(6, 16),
      products(linear_case(6, 8, 16), "cuBLASLt"),
      against(swish_case({6, 16}), cudnn, &CudnnOps::swish),
      swish_dropout_of({6, 16}, 0.2),
      plain(dropout_case({6, 16}, 0.2)),
      plain(add_position_case(2, 3, 8, 3)),
      products(attention_case(2, 3, 2, 8, 0.2), "ekgine"),
      plain(glu_case(6, 8)),
      plain(depthwise_conv1d_case(2, 3, 8, 5)),
      plain(add_scaled_case({6, 16}, 0.5)),
      plain(softmax_cross_entropy_case(6, 5)),
      plain(softmax_case({6, 5})),
      adamw_of(100),
  };
}

}  // namespace ekgine
