#include "kernels/softmax_cross_entropy.h"

#include <cmath>

#include "base/error.h"

namespace ekgine::kernels {

namespace {

// Where a row's logits lie on the logarithmic scale: p = e^(z − largest) / sum.
template <class T>
struct Normaliser {
  T largest, sum;
};

template <class T>
Normaliser<T> softmax_row(std::int64_t classes, const T* z, T* p) {
  const T largest = *std::max_element(z, z + classes);
  T sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    p[c] = std::exp(z[c] - largest);
    sum += p[c];
  }
  for (std::int64_t c = 0; c < classes; ++c) p[c] /= sum;
  return {largest, sum};
}

}  // namespace

template <class T>
void softmax(const Cpu&, SoftmaxShape s, const T* logits, T* probabilities) {
  if (s.classes == 0) return;
  parallel_for(s.rows, grain_of(14 * s.classes), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) {
      softmax_row(s.classes, logits + r * s.classes, probabilities + r * s.classes);
    }
  });
}

template <class T>
void softmax_cross_entropy_forward(const Cpu& cpu, SoftmaxShape s, const T* logits,
                                   const std::int32_t* labels, const T* class_weights,
                                   T* probabilities, T* loss) {
  for (std::int64_t r = 0; r < s.rows; ++r) {
    if (labels[r] < 0 || labels[r] >= s.classes) {
      fail("softmax_cross_entropy: label {} of {} is {}, there are {} classes", r, s.rows,
           labels[r], s.classes);
    }
  }
  Workspace::Scope scratch(cpu.workspace);
  T* row_loss = scratch.take<T>(static_cast<std::size_t>(s.rows));
  parallel_for(s.rows, grain_of(14 * s.classes), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* z = logits + r * s.classes;
      const auto [largest, sum] = softmax_row(s.classes, z, probabilities + r * s.classes);
      row_loss[r] = class_weights[labels[r]] * (std::log(sum) - (z[labels[r]] - largest));
    }
  });
  double total = 0;
  for (std::int64_t r = 0; r < s.rows; ++r) total += static_cast<double>(row_loss[r]);
  *loss = static_cast<T>(total / static_cast<double>(s.all));
}

template <class T>
void softmax_cross_entropy_backward(const Cpu&, SoftmaxShape s, const T* probabilities,
                                    const std::int32_t* labels, const T* class_weights,
                                    const T* dloss, Gradient<T> dlogits) {
  if (!dlogits) return;
  const T scale = *dloss / static_cast<T>(s.all);
  parallel_for(s.rows, grain_of(14 * s.classes), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T weight = scale * class_weights[labels[r]];
      for (std::int64_t c = 0; c < s.classes; ++c) {
        const std::int64_t i = r * s.classes + c;
        dlogits.put(i, weight * (probabilities[i] - (c == labels[r] ? T(1) : T(0))));
      }
    }
  });
}

template void softmax(const Cpu&, SoftmaxShape, const float*, float*);
template void softmax(const Cpu&, SoftmaxShape, const double*, double*);
template void softmax_cross_entropy_forward(const Cpu&, SoftmaxShape, const float*,
                                            const std::int32_t*, const float*, float*, float*);
template void softmax_cross_entropy_forward(const Cpu&, SoftmaxShape, const double*,
                                            const std::int32_t*, const double*, double*, double*);
template void softmax_cross_entropy_backward(const Cpu&, SoftmaxShape, const float*,
                                             const std::int32_t*, const float*, const float*,
                                             Gradient<float>);
template void softmax_cross_entropy_backward(const Cpu&, SoftmaxShape, const double*,
                                             const std::int32_t*, const double*, const double*,
                                             Gradient<double>);

}  // namespace ekgine::kernels
