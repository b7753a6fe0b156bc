#include "training/step.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "engine/optimiser.h"

namespace ekgine {

TrainingStep::TrainingStep(Model& model, Device& device, std::span<const float> class_weights,
                           std::uint64_t seed, std::int64_t sequences, std::int64_t beats)
    : model_(model),
      device_(device),
      class_weights_(class_weights.begin(), class_weights.end()),
      seed_(seed) {
  const std::vector<float> zero_beats(static_cast<std::size_t>(beats * beat_samples));
  const std::vector<std::int32_t> zeros(
      static_cast<std::size_t>(sequences * model.config().sequence_length));
  Tape tape(device_, Tape::Mode::training, plan_, {}, true);
  record(tape, {zero_beats, zeros, std::span(zeros).first(static_cast<std::size_t>(sequences))},
         true);
}

TrainingStep::Result TrainingStep::record(Tape& tape, const BatchView& batch, bool dry) {
  const std::int64_t sequences = std::ssize(batch.labels);
  const std::int64_t length = model_.config().sequence_length;
  const Tensor beats =
      tape.input({std::ssize(batch.beats) / beat_samples, beat_samples}, batch.beats);
  const Tensor index = tape.input({sequences, length}, batch.index);
  const Tensor labels = tape.input({sequences}, batch.labels);
  const Tensor weights = tape.input({class_count}, class_weights_);
  const CrossEntropy cross_entropy =
      softmax_cross_entropy(tape, model_.forward(tape, beats, index), labels, weights);
  Result result{};
  if (!dry) {
    result.loss = device_.read_floats(cross_entropy.loss).front();
    if (!std::isfinite(result.loss)) {
      throw Diverged(fmt::format("training: the loss is {}; lower --learning-rate",
                                 std::isnan(result.loss) ? "not a number" : "infinite"));
    }
    const std::vector<float> probabilities = device_.read_floats(cross_entropy.probabilities);
    for (std::size_t i = 0; i < batch.labels.size(); ++i) {
      const auto row = probabilities.begin() + static_cast<std::ptrdiff_t>(i) * class_count;
      result.correct += std::max_element(row, row + class_count) - row == batch.labels[i];
    }
  }
  tape.backward(cross_entropy.loss);
  tape.finish();
  return result;
}

TrainingStep::Result TrainingStep::run(const BatchView& batch, std::int64_t step,
                                       const kernels::AdamWSettings& settings) {
  Tape tape(device_, Tape::Mode::training, plan_, {seed_, static_cast<std::uint32_t>(step), 0});
  const Result result = record(tape, batch, false);
  adamw_step(device_, model_.parameters(), settings, step);
  return result;
}

}  // namespace ekgine
