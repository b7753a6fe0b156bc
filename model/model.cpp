#include "model/model.h"

#include <cmath>
#include <limits>

#include "model/weights.h"

namespace ekgine {

Model::Model(const ModelConfig& config, Device& device, ParameterSet::Use use, std::uint64_t seed)
    : config_((config.check(), config)),
      parameters_(device),
      normalisation_mean_(parameters_.add_buffer("normalisation.mean", {row_width(config.input())},
                                                 std::numeric_limits<double>::quiet_NaN())),
      normalisation_std_(parameters_.add_buffer("normalisation.std", {row_width(config.input())},
                                                std::numeric_limits<double>::quiet_NaN())) {
  networks_.reserve(static_cast<std::size_t>(config.members()));
  for (std::int64_t member = 0; member < config.members(); ++member) {
    networks_.emplace_back(parameters_, config.member_prefix(member), config);
  }
  parameters_.allocate(use, seed);
}

Tensor Model::encode(Tape& tape, const Tensor& beats, std::int64_t member) const {
  return network(member).encode(tape, beats, normalisation_mean_.value, normalisation_std_.value);
}

Tensor Model::classify(Tape& tape, const Tensor& features, std::int64_t member) const {
  return network(member).classify(tape, features);
}

Tensor Model::forward(Tape& tape, const Tensor& beats, const Tensor& index,
                      std::int64_t member) const {
  return classify(tape, gather(tape, encode(tape, beats, member), index), member);
}

void Model::set_normalisation(std::span<const double> mean, std::span<const double> std) {
  // Through float, as weights files hold them: a model gives the same answers after a reload.
  const auto store = [this](std::span<const double> values, const Parameter& parameter) {
    const std::vector<float> rounded(values.begin(), values.end());
    device().write(parameter.value, std::span<const float>(rounded));
  };
  store(mean, normalisation_mean_);
  store(std, normalisation_std_);
}

bool Model::has_normalisation() const {
  return !std::isnan(device().read_floats(normalisation_mean_.value).front());
}

StateDict Model::state() const {
  StateDict state;
  const auto add = [&](const Parameter& parameter) {
    const auto extents = parameter.value.shape().extents();
    state[parameter.name] = {{extents.begin(), extents.end()},
                             device().read_floats(parameter.value)};
  };
  for (const Parameter& parameter : parameters_.trainable()) add(parameter);
  for (const Parameter& buffer : parameters_.buffers()) {
    if (!buffer.name.starts_with("normalisation.") || has_normalisation()) add(buffer);
  }
  return state;
}

void Model::load(const StateDict& state, const std::string& source) {
  check_arrays(config_, state, source);
  const auto take = [&](const Parameter& parameter) {
    const auto entry = state.find(parameter.name);
    if (entry == state.end()) return;
    device().write(parameter.value, std::span<const float>(entry->second.values));
  };
  for (const Parameter& parameter : parameters_.trainable()) take(parameter);
  for (const Parameter& buffer : parameters_.buffers()) take(buffer);
}

}  // namespace ekgine
