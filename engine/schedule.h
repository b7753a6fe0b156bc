// How the learning rate goes down, and when training stops.
//
// Plain values in, plain values out: a checkpoint stores them as they are.
#pragma once

#include <cstdint>
#include <limits>

namespace ekgine {

// Lowers the learning rate when the validation loss has stopped falling, as Keras'
// ReduceLROnPlateau does: after `patience` epochs in a row without an improvement of more than
// `min_delta`, rate = max(rate·factor, min_rate).
struct PlateauSchedule {
  double factor = 0.2;
  std::int64_t patience = 1;
  double min_rate = 1e-6;
  double min_delta = 1e-4;

  // State.
  double rate = 0;
  double best = std::numeric_limits<double>::infinity();
  std::int64_t wait = 0;

  // Called after every epoch; returns true when the rate has changed.
  bool observe(double loss);
};

// Cosine decay from `initial` at step 0 to 0 at step `steps`: Loshchilov, Hutter: "SGDR: stochastic
// gradient descent with warm restarts", ICLR 2017, without restarts.
double cosine_rate(double initial, std::int64_t step, std::int64_t steps);

// What the rate of step `step` (0, 1, ...) is multiplied with where it rises evenly over the first
// `steps`: (step + 1)/steps, then 1; 1 for steps = 0.
double warm_up_factor(std::int64_t step, std::int64_t steps);

// Stops when the monitored value has not improved for `patience` epochs, as Keras' EarlyStopping.
struct EarlyStopping {
  std::int64_t patience = 5;

  // State.
  double best = std::numeric_limits<double>::infinity();
  std::int64_t best_epoch = 0;  // 1-based; 0 before the first
  std::int64_t wait = 0;

  // Called after epoch `epoch` (1-based) with a value that is better when lower; returns true when
  // it is the best so far.
  bool observe(std::int64_t epoch, double value);
  bool stop() const { return wait >= patience; }
};

}  // namespace ekgine
