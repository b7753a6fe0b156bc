// The weights of a model: named, typed, and laid out for one-pass updates.
//
// All trainable values lie in one array; gradients and both moments of the optimiser lie in three
// more at the same offsets, so that one launch updates every weight. Buffers (running statistics)
// have a value but no gradient; they lie in one array, too. All of it lies in the memory of one
// device.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "engine/device.h"
#include "engine/tensor.h"
#include "kernels/philox.h"

namespace ekgine {

class ParameterSet;

struct Parameter {
  std::string name;  // dotted path: "encoder.0.attention.query.weight"
  Tensor value;
  Tensor gradient;                    // empty for buffers and in models built for inference
  bool has_gradient = false;          // set by a backward pass, cleared by the optimiser
  const ParameterSet* set = nullptr;  // that declared it; null for one by itself
};

// Fills the initial values of one parameter from its own stream of random bits. Values are rounded
// to float, so that models in float and double start equal.
using Initialiser = std::function<void(std::span<double> values, RandomKey stream)>;

Initialiser constant(double value);
// Uniform in [−limit, limit).
Initialiser uniform(double limit);
// Uniform with limit √(6 / (fan_in + fan_out)): Glorot, Bengio, AISTATS 2010. `shape` is the one
// the fans are counted from, as Keras counts them: (in, out), or (receptive field..., in, out).
Initialiser glorot_uniform(const Shape& shape);
// Rows of length 1 at right angles to each other, drawn uniformly from all such (rows, columns),
// rows ≤ columns: Saxe, McClelland, Ganguli, ICLR 2014.
Initialiser orthogonal(const Shape& shape);

class ParameterSet {
 public:
  // The device outlives the set.
  explicit ParameterSet(Device& device) : device_(device) {}
  ParameterSet(const ParameterSet&) = delete;
  ParameterSet& operator=(const ParameterSet&) = delete;

  // Declares parameters; the references stay valid. Names are unique.
  Parameter& add(std::string name, const Shape& shape, Initialiser initialiser);
  Parameter& add_buffer(std::string name, const Shape& shape, double value);

  // Lays out and initialises everything declared; once. A set for inference has values only.
  enum class Use { training, inference };
  void allocate(Use use, std::uint64_t seed);

  Device& device() const { return device_; }
  DType dtype() const { return device_.real_dtype(); }
  std::deque<Parameter>& trainable() { return trainable_; }
  const std::deque<Parameter>& trainable() const { return trainable_; }
  std::deque<Parameter>& buffers() { return buffers_; }
  const std::deque<Parameter>& buffers() const { return buffers_; }
  // Number of trainable scalars.
  std::int64_t trainable_count() const;

  // The arrays of all trainable parameters, padding between them included (it stays zero).
  Tensor values() const { return flat(0); }
  Tensor gradients() const { return flat(1); }
  Tensor first_moments() const { return flat(2); }
  Tensor second_moments() const { return flat(3); }
  // The moving average of the values (kernels/moving_average.h), where keep_average() was called.
  Tensor average() const;
  bool has_average() const { return average_memory_ != nullptr; }
  // Once, after allocate(): from here on an average is kept, which begins as the values now.
  void keep_average();
  // Exchanges the values and their average, by way of the gradients, which are lost.
  void swap_average();
  // The arrays of all buffers, and of what they were at the beginning of a step (see
  // keep_buffers in engine/optimiser.h); both may be empty.
  Tensor buffer_values() const {
    return Tensor::view(buffer_memory_->data(), {buffer_elements_}, dtype());
  }
  Tensor kept_buffers() const;
  // The piece of an array of trainable parameters that belongs to one of them.
  Tensor piece(const Tensor& array, const Parameter& parameter) const;

 private:
  std::unique_ptr<Memory> zeroed(const char* purpose, std::int64_t elements) const;
  Tensor flat(int array) const;

  Device& device_;
  std::deque<Parameter> trainable_, buffers_;
  std::deque<Initialiser> initialisers_;  // of trainable_, then unused
  std::deque<double> buffer_values_;
  std::int64_t elements_ = 0;  // of each of the four arrays
  std::array<std::unique_ptr<Memory>, 4> arrays_;
  std::int64_t buffer_elements_ = 0;
  std::unique_ptr<Memory> average_memory_, buffer_memory_, kept_memory_;
};

// While it lives, the parameters have their averages as values, where they keep any: for
// predictions and weights files.
class AveragedWeights {
 public:
  explicit AveragedWeights(ParameterSet& parameters) : parameters_(parameters) { swap(); }
  AveragedWeights(const AveragedWeights&) = delete;
  AveragedWeights& operator=(const AveragedWeights&) = delete;
  ~AveragedWeights() { swap(); }

 private:
  void swap() {
    if (parameters_.has_average()) parameters_.swap_average();
  }

  ParameterSet& parameters_;
};

}  // namespace ekgine
