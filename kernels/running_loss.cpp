#include "kernels/running_loss.h"

#include <algorithm>
#include <cmath>

namespace ekgine::kernels {

template <class T>
void running_loss(const Cpu& cpu, RunningLossShape s, const T* loss, const T* probabilities,
                  const std::int32_t* labels, RunningLoss* totals) {
  if (totals->failed_step != 0) return;
  if (!std::isfinite(*loss)) {
    totals->failed_loss = static_cast<float>(*loss);
    totals->failed_step = cpu.step.number;
    return;
  }
  for (std::int64_t b = 0; b < s.rows; ++b) {
    const T* const row = probabilities + b * s.classes;
    totals->correct += std::max_element(row, row + s.classes) - row == labels[b];
  }
  totals->loss += static_cast<double>(*loss) * static_cast<double>(s.all);
  totals->sequences += s.rows;
}

void add_running_losses(const Cpu&, std::int64_t ranks, const RunningLoss* of_ranks,
                        RunningLoss* mine, RunningLoss* totals) {
  const RunningLoss before = *totals;
  for (std::int64_t r = 0; r < ranks; ++r) *totals = with_rank(*totals, before, of_ranks[r]);
  *mine = {};
}

template void running_loss(const Cpu&, RunningLossShape, const float*, const float*,
                           const std::int32_t*, RunningLoss*);
template void running_loss(const Cpu&, RunningLossShape, const double*, const double*,
                           const std::int32_t*, RunningLoss*);

}  // namespace ekgine::kernels
