#include "bench/composed_ops.h"

#include <cmath>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "bench/composed_kernels.h"
#include "engine/back_end.h"
#include "engine/check.h"
#include "kernels/attention.h"
#include "kernels/reduce.h"
#if EKGINE_HAS_CUDA
#include "bench/cuda/head_products.h"
#endif

namespace ekgine {

namespace {

using composed::HeadMatrices;
using composed::HeadProduct;
using kernels::AttentionShape;
using kernels::DepthwiseConv1dShape;

// Rows of width D, as the op takes them (N,T,H,D), and the matrices between them (N,H,T,T).
constexpr HeadMatrices rows_of(AttentionShape s) {
  const std::int64_t all = s.heads * s.width;
  return {s.positions * all, s.width, all, 1};
}
constexpr HeadMatrices squares_of(AttentionShape s) {
  const std::int64_t one = s.positions * s.positions;
  return {s.heads * one, one, s.positions, 1};
}
// (T,T) = rows·rowsᵀ
constexpr HeadProduct scores(AttentionShape s) {
  return {
      s.sequences,  s.heads, s.positions, s.positions, s.width, rows_of(s), rows_of(s).transposed(),
      squares_of(s)};
}
// rows = square·rows, and squareᵀ·rows
constexpr HeadProduct mixture(AttentionShape s) {
  return {s.sequences, s.heads,       s.positions, s.width,
          s.positions, squares_of(s), rows_of(s),  rows_of(s)};
}
constexpr HeadProduct turned_mixture(AttentionShape s) {
  HeadProduct p = mixture(s);
  p.a = p.a.transposed();
  return p;
}

// Calls body(back_end) on the tape, or of its backward pass.
template <class Runner, class Body>
void run(Runner& runner, const Body& body) {
  runner.run([&]<class B>(B& b) {
    if constexpr (std::is_same_v<typename B::Scalar, double>) {
      fail("composition: in float only");
    } else {
      body(b);
    }
  });
}

}  // namespace

struct ComposedOps::State {
#if EKGINE_HAS_CUDA
  HeadProducts products;

  template <class T>
  void multiply(const Cuda& cuda, const HeadProduct& p, const T* a, const T* b, Gradient<T> c) {
    products.multiply(cuda, p, a, b, c);
  }
#endif
  void multiply(const Cpu& cpu, const HeadProduct& p, const float* a, const float* b,
                Gradient<float> c) {
    composed::multiply(cpu, p, a, b, c);
  }

  // softmax(rows·rowsᵀ/√D), and its mixture of rows.
  static Tensor probabilities(const std::shared_ptr<State>& state, Tape& tape, AttentionShape s,
                              const Tensor& query, const Tensor& key);
  static Tensor mix(const std::shared_ptr<State>& state, Tape& tape, AttentionShape s,
                    const Tensor& kept, const Tensor& value);
};

ComposedOps::ComposedOps() : state_(std::make_shared<State>()) {}
ComposedOps::~ComposedOps() = default;

Tensor ComposedOps::State::probabilities(const std::shared_ptr<State>& state, Tape& tape,
                                         AttentionShape s, const Tensor& query, const Tensor& key) {
  const Tensor p = tape.empty({s.sequences, s.heads, s.positions, s.positions});
  const float scale = 1 / std::sqrt(static_cast<float>(s.width));
  const std::int64_t rows = s.sequences * s.heads * s.positions;
  run(tape, [&](auto& b) {
    state->multiply(b.context, scores(s), b.data(query), b.data(key), b.gradient(GradientPlace{p}));
    composed::softmax_rows(b.context, rows, s.positions, scale, b.data(p));
  });
  return tape.record(p, {query, key}, [=](Backward& node) {
    const GradientPlace dquery = node.gradient(0), dkey = node.gradient(1);
    const Tensor dscores = node.empty(p.shape());
    run(node, [&](auto& b) {
      composed::softmax_rows_backward(b.context, rows, s.positions, scale, b.data(p),
                                      b.data(node.dy()), b.data(dscores));
      state->multiply(b.context, mixture(s), b.data(dscores), b.data(key), b.gradient(dquery));
      state->multiply(b.context, turned_mixture(s), b.data(dscores), b.data(query),
                      b.gradient(dkey));
    });
  });
}

Tensor ComposedOps::State::mix(const std::shared_ptr<State>& state, Tape& tape, AttentionShape s,
                               const Tensor& kept, const Tensor& value) {
  const Tensor y = tape.empty(value.shape());
  run(tape, [&](auto& b) {
    state->multiply(b.context, mixture(s), b.data(kept), b.data(value),
                    b.gradient(GradientPlace{y}));
  });
  return tape.record(y, {kept, value}, [=](Backward& node) {
    const GradientPlace dkept = node.gradient(0), dvalue = node.gradient(1);
    run(node, [&](auto& b) {
      state->multiply(b.context, scores(s), b.data(node.dy()), b.data(value), b.gradient(dkept));
      state->multiply(b.context, turned_mixture(s), b.data(kept), b.data(node.dy()),
                      b.gradient(dvalue));
    });
  });
}

Tensor ComposedOps::attention(Tape& tape, const Tensor& query, const Tensor& key,
                              const Tensor& value, double rate) {
  const Shape& shape = query.shape();
  const AttentionShape s{shape[0], shape[1], shape[2], shape[3]};
  const Tensor p = State::probabilities(state_, tape, s, query, key);
  // Element ((n·H + h)·T + i)·T + j, as in the op: the same bits.
  return State::mix(state_, tape, s, dropout(tape, p, rate), value);
}

Tensor ComposedOps::depthwise_conv1d(Tape& tape, const Tensor& x, const Tensor& weight,
                                     const Tensor& bias) {
  const Shape& shape = x.shape();
  const DepthwiseConv1dShape s{shape[0], shape[1], shape[2], weight.shape()[0]};
  const Tensor y = tape.empty(shape);
  // Calls tap(k, shift); first the one that every position has.
  const auto for_taps = [s](const auto& tap) {
    tap(s.pad(), std::int64_t{0});
    for (std::int64_t k = 0; k < s.width; ++k) {
      if (k != s.pad()) tap(k, k - s.pad());
    }
  };
  run(tape, [&]<class B>(B& b) {
    for_taps([&](std::int64_t k, std::int64_t shift) {
      composed::add_shifted(b.context, s, shift, b.real(weight) + k * s.channels,
                            shift == 0 ? b.real(bias) : nullptr, b.data(x),
                            Gradient<typename B::Scalar>{b.data(y), shift != 0});
    });
  });
  return tape.record(y, {x, weight, bias}, [=](Backward& node) {
    const GradientPlace dx = node.gradient(0), dweight = node.gradient(1), dbias = node.gradient(2);
    run(node, [&]<class B>(B& b) {
      for_taps([&](std::int64_t k, std::int64_t shift) {
        Gradient<typename B::Scalar> to = b.gradient(dx);
        to.accumulate = to.accumulate || shift != 0;
        composed::add_shifted(b.context, s, -shift, b.real(weight) + k * s.channels,
                              static_cast<const typename B::Real*>(nullptr), b.data(node.dy()), to);
        Gradient<typename B::Real> of_tap = b.real_gradient(dweight);
        of_tap.data += k * s.channels;
        composed::sum_shifted(b.context, s, shift, b.data(x), b.data(node.dy()), of_tap);
      });
      kernels::sum_rows(b.context, s.sequences * s.positions, s.channels, b.data(node.dy()),
                        b.real_gradient(dbias));
    });
  });
}

testing::KernelCase with_composition(testing::KernelCase c,
                                     const std::shared_ptr<ComposedOps>& composed) {
  using Inputs = std::span<const Tensor>;
  switch (c.composed) {
    case testing::ComposedRival::none:
      break;
    case testing::ComposedRival::attention:
      c.rivals.push_back({"composition: products, softmax, dropout",
                          [composed, rate = c.dropout](Tape& tape, Inputs in) {
                            return composed->attention(tape, in[0], in[1], in[2], rate);
                          }});
      break;
    case testing::ComposedRival::depthwise_conv1d:
      c.rivals.push_back({"composition: a pass per tap", [composed](Tape& tape, Inputs in) {
                            return composed->depthwise_conv1d(tape, in[0], in[1], in[2]);
                          }});
      break;
  }
  return c;
}

}  // namespace ekgine
