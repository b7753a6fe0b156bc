#include "kernels/adamw.h"

#include <cmath>

namespace ekgine::kernels {

template <class T>
void adamw(const Cpu& cpu, std::int64_t n, const AdamWSettings& settings, const T* gradient,
           T* weight, T* m, T* v, const std::uint32_t* stop) {
  if (stop != nullptr && *stop != 0) return;
  const auto t = static_cast<double>(cpu.step.number);
  const double unbiased =
      std::sqrt(1 - std::pow(settings.beta2, t)) / (1 - std::pow(settings.beta1, t));
  const T rate = static_cast<T>(cpu.step.learning_rate * unbiased);
  const T decay = static_cast<T>(cpu.step.learning_rate * settings.weight_decay);
  const T new1 = static_cast<T>(1 - settings.beta1), new2 = static_cast<T>(1 - settings.beta2);
  const T epsilon = static_cast<T>(settings.epsilon);
  parallel_for(n, grain_of(14), [&](std::int64_t begin, std::int64_t end, int) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) {
      const T g = gradient[i];
      const T decayed = weight[i] - decay * weight[i];
      m[i] += (g - m[i]) * new1;
      v[i] += (g * g - v[i]) * new2;
      weight[i] = decayed - rate * m[i] / (std::sqrt(v[i]) + epsilon);
    }
  });
}

template void adamw(const Cpu&, std::int64_t, const AdamWSettings&, const float*, float*, float*,
                    float*, const std::uint32_t*);
template void adamw(const Cpu&, std::int64_t, const AdamWSettings&, const double*, double*, double*,
                    double*, const std::uint32_t*);

}  // namespace ekgine::kernels
