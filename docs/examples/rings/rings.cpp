// Trains a network of two layers to tell points within a ring from those around it, on the CPU:
// every op of a step is called by name, and the tape plays them backwards.
#include <cstdio>
#include <random>
#include <vector>

#include "engine/ops.h"
#include "engine/optimiser.h"

using namespace ekgine;

int main() {
  constexpr std::int64_t points = 256, hidden = 16;
  constexpr std::uint64_t seed = 1;
  Device device = Device::cpu(DType::f32);

  ParameterSet parameters(device);
  Parameter& w1 = parameters.add("hidden.weight", {2, hidden}, glorot_uniform({2, hidden}));
  Parameter& b1 = parameters.add("hidden.bias", {hidden}, constant(0));
  Parameter& w2 = parameters.add("output.weight", {hidden, 2}, glorot_uniform({hidden, 2}));
  Parameter& b2 = parameters.add("output.bias", {2}, constant(0));
  parameters.allocate(ParameterSet::Use::training, seed);

  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> x(points * 2);
  std::vector<std::int32_t> labels(points);
  Arena::Plan plan;  // of the memory of a step: the first one makes it
  for (std::uint32_t number = 1; number <= 500; ++number) {
    for (float& value : x) value = uniform(random);
    for (std::size_t i = 0; i < points; ++i) {
      labels[i] = x[2 * i] * x[2 * i] + x[2 * i + 1] * x[2 * i + 1] < 0.5F ? 1 : 0;
    }
    device.set_step({.seed = seed, .number = number, .learning_rate = 0.01});
    Tape tape(device, Tape::Mode::training, plan, {.seed = seed, .step = number});
    const Tensor h = linear(tape, tape.input({points, 2}, x), tape.use(w1), tape.use(b1));
    const Tensor logits = linear(tape, swish(tape, h), tape.use(w2), tape.use(b2));
    const std::vector<float> equal = {1, 1};
    const CrossEntropy result =
        softmax_cross_entropy(tape, logits, tape.input({points}, labels), tape.input({2}, equal));
    tape.backward(result.loss);
    adamw_step(device, parameters, {});
    if (number % 100 == 0) {
      const std::vector<double> p = device.read(result.probabilities);
      int right = 0;
      for (std::size_t i = 0; i < points; ++i) right += (p[2 * i + 1] > p[2 * i]) == labels[i];
      std::printf("step %u: loss %.3f, %d of %d points right\n", number,
                  device.read(result.loss)[0], right, static_cast<int>(points));
    }
    tape.finish();
  }
}
