// Adds up the loss and the hits of the steps, and notices the first loss that is not finite.
//
//   loss            (1)    mean over the batch, or these rows' part of the mean over A rows
//   probabilities   (B,C)
//   labels          (B)
//   totals          in the device's memory
//
// While totals.failed_step is 0 and the loss is finite:
//   totals.loss += A·loss;  totals.correct += #{b : argmax_c probabilities[b,c] = labels[b]};
//   totals.sequences += B
// (argmax: the first of equal ones; a NaN is never larger.) When the loss is not finite,
// failed_step becomes the step's number, and nothing is added from then on: the optimiser looks at
// it, leaves the weights alone (see adamw) and puts running statistics back (see put_back), so that
// nobody has to wait for the loss of every step to keep a model from being spoilt.
//
// Where ranks share a batch, each adds its rows to totals of its own, which are then added to those
// of all, in the order of the ranks, and begin anew. The first failed step that any has is that of
// all, and nothing is added in that step or after it.
//
// totals is updated. Deterministic: the same bits at any thread count.
#pragma once

#include <cstdint>

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct RunningLoss {
  double loss = 0;
  std::int64_t correct = 0, sequences = 0;
  float failed_loss = 0;          // the loss that was not finite
  std::uint32_t failed_step = 0;  // its step, 1, 2, ...; 0: none yet
};

struct RunningLossShape {
  std::int64_t rows, classes;  // B, C
  std::int64_t all = rows;     // A
};

// `sum`, which was `before` ahead of the first rank, with a further rank's.
constexpr RunningLoss with_rank(RunningLoss sum, RunningLoss before, RunningLoss of_rank) {
  if (sum.failed_step != 0) return sum;
  if (of_rank.failed_step != 0) {
    before.failed_step = of_rank.failed_step;
    before.failed_loss = of_rank.failed_loss;
    return before;
  }
  sum.loss += of_rank.loss;
  sum.correct += of_rank.correct;
  sum.sequences += of_rank.sequences;
  return sum;
}

constexpr Cost running_loss_cost(RunningLossShape s, double element) {
  const double n = static_cast<double>(s.rows) * static_cast<double>(s.classes);
  return {n, n * element + 4 * static_cast<double>(s.rows) + 2 * sizeof(RunningLoss)};
}

template <class T>
void running_loss(const Cpu& cpu, RunningLossShape s, const T* loss, const T* probabilities,
                  const std::int32_t* labels, RunningLoss* totals);

void running_loss(const Cuda& cuda, RunningLossShape s, const float* loss,
                  const float* probabilities, const std::int32_t* labels, RunningLoss* totals);

// Adds those of all ranks to totals; mine, this rank's, becomes 0.
void add_running_losses(const Cpu& cpu, std::int64_t ranks, const RunningLoss* of_ranks,
                        RunningLoss* mine, RunningLoss* totals);
void add_running_losses(const Cuda& cuda, std::int64_t ranks, const RunningLoss* of_ranks,
                        RunningLoss* mine, RunningLoss* totals);

}  // namespace ekgine::kernels
