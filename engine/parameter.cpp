#include "engine/parameter.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/error.h"

namespace ekgine {

namespace {

// Parameters start on cache lines, so that no two of them share one.
constexpr std::int64_t alignment_elements = 16;

// The `step` of random streams that initialise: no training step has this number.
constexpr std::uint32_t initialisation_step = 0xFFFFFFFF;

std::int64_t padded(std::int64_t n) {
  return (n + alignment_elements - 1) / alignment_elements * alignment_elements;
}

}  // namespace

Initialiser constant(double value) {
  return [value](std::span<double> values, RandomKey) { std::ranges::fill(values, value); };
}

Initialiser uniform(double limit) {
  return [limit](std::span<double> values, RandomKey stream) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = limit * (2 * random_uniform(stream, i) - 1);
    }
  };
}

Initialiser glorot_uniform(const Shape& shape) {
  double field = 1;
  for (int axis = 0; axis + 2 < shape.rank(); ++axis) field *= static_cast<double>(shape[axis]);
  const double fans =
      field * static_cast<double>(shape.rank() == 1 ? 2 * shape[0] : shape[-2] + shape[-1]);
  return uniform(std::sqrt(6 / fans));
}

Initialiser orthogonal(const Shape& shape) {
  if (shape.rank() != 2 || shape[0] > shape[1]) {
    fail("orthogonal: shape must be (rows,columns) with rows ≤ columns, got {}", shape.text());
  }
  const std::int64_t rows = shape[0], columns = shape[1];
  return [rows, columns](std::span<double> values, RandomKey stream) {
    // Normal numbers have no preferred direction (Box, Muller), and making a row orthogonal to the
    // ones before it keeps that so.
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double radius = std::sqrt(-2 * std::log(1 - random_uniform(stream, 2 * i)));
      values[i] = radius * std::cos(2 * std::numbers::pi * random_uniform(stream, 2 * i + 1));
    }
    const auto row_of = [&](std::int64_t row) {
      return values.subspan(static_cast<std::size_t>(row * columns),
                            static_cast<std::size_t>(columns));
    };
    const auto dot = [](std::span<const double> a, std::span<const double> b) {
      return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
    };
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::span<double> x = row_of(row);
      // Twice: where the first pass leaves little of x, its rounding errors are no little part.
      for (int pass = 0; pass < 2; ++pass) {
        for (std::int64_t other = 0; other < row; ++other) {
          const std::span<const double> q = row_of(other);
          const double along = dot(x, q);
          for (std::size_t k = 0; k < x.size(); ++k) x[k] -= along * q[k];
        }
      }
      const double length = std::sqrt(dot(x, x));
      for (double& v : x) v /= length;
    }
  };
}

Parameter& ParameterSet::add(std::string name, const Shape& shape, Initialiser initialiser) {
  Parameter& parameter = trainable_.emplace_back();
  parameter.set = this;
  parameter.name = std::move(name);
  parameter.value = Tensor::view(nullptr, shape, dtype());
  initialisers_.push_back(std::move(initialiser));
  return parameter;
}

Parameter& ParameterSet::add_buffer(std::string name, const Shape& shape, double value) {
  Parameter& parameter = buffers_.emplace_back();
  parameter.set = this;
  parameter.name = std::move(name);
  parameter.value = Tensor::view(nullptr, shape, dtype());
  buffer_values_.push_back(value);
  return parameter;
}

std::unique_ptr<Memory> ParameterSet::zeroed(const char* purpose, std::int64_t elements) const {
  // At least one element: a set without buffers has their memory too.
  const std::size_t bytes =
      static_cast<std::size_t>(std::max<std::int64_t>(elements, 1)) * size_of(dtype());
  std::unique_ptr<Memory> memory = device_.allocate(purpose, bytes);
  memory->set(memory->data(), 0, bytes);
  return memory;
}

void ParameterSet::allocate(Use use, std::uint64_t seed) {
  if (arrays_[0]) fail("parameters: allocated twice");
  const std::size_t element = size_of(dtype());
  for (const Parameter& parameter : trainable_) elements_ += padded(parameter.value.size());
  const int arrays = use == Use::training ? 4 : 1;
  for (int i = 0; i < arrays; ++i) {
    arrays_[static_cast<std::size_t>(i)] = zeroed("parameters", elements_);
  }
  std::size_t offset = 0;
  std::uint32_t number = 0;
  std::vector<double> initial;
  // Rounded to float, so that models in float and double start equal.
  const auto store = [&](const Tensor& tensor) {
    for (double& v : initial) v = static_cast<float>(v);
    device_.write(tensor, std::span<const double>(initial));
  };
  for (Parameter& parameter : trainable_) {
    const Shape& shape = parameter.value.shape();
    const auto n = static_cast<std::size_t>(shape.size());
    parameter.value = Tensor::view(arrays_[0]->data() + offset, shape, dtype());
    if (use == Use::training) {
      parameter.gradient = Tensor::view(arrays_[1]->data() + offset, shape, dtype());
    }
    initial.assign(n, 0);
    initialisers_[number](initial, {seed, initialisation_step, number});
    store(parameter.value);
    offset += static_cast<std::size_t>(padded(shape.size())) * element;
    ++number;
  }
  for (const Parameter& buffer : buffers_) buffer_elements_ += padded(buffer.value.size());
  buffer_memory_ = zeroed("buffers", buffer_elements_);
  if (use == Use::training) kept_memory_ = zeroed("buffers", buffer_elements_);
  offset = 0;
  number = 0;
  for (Parameter& buffer : buffers_) {
    const Shape& shape = buffer.value.shape();
    buffer.value = Tensor::view(buffer_memory_->data() + offset, shape, dtype());
    initial.assign(static_cast<std::size_t>(shape.size()), buffer_values_[number++]);
    store(buffer.value);
    offset += static_cast<std::size_t>(padded(shape.size())) * element;
  }
}

std::int64_t ParameterSet::trainable_count() const {
  std::int64_t count = 0;
  for (const Parameter& parameter : trainable_) count += parameter.value.size();
  return count;
}

Tensor ParameterSet::flat(int array) const {
  const std::unique_ptr<Memory>& memory = arrays_[static_cast<std::size_t>(array)];
  if (!memory) fail("parameters: a set for inference has values only");
  return Tensor::view(memory->data(), {elements_}, dtype());
}

Tensor ParameterSet::average() const {
  if (!average_memory_) fail("parameters: no average is kept");
  return Tensor::view(average_memory_->data(), {elements_}, dtype());
}

void ParameterSet::keep_average() {
  average_memory_ = zeroed("parameters", elements_);
  device_.copy(average(), values());
}

void ParameterSet::swap_average() {
  device_.copy(gradients(), values());
  device_.copy(values(), average());
  device_.copy(average(), gradients());
}

Tensor ParameterSet::kept_buffers() const {
  if (!kept_memory_) fail("parameters: a set for inference has values only");
  return Tensor::view(kept_memory_->data(), {buffer_elements_}, dtype());
}

Tensor ParameterSet::piece(const Tensor& array, const Parameter& parameter) const {
  const auto bytes_of = [this](const Tensor& tensor) {
    return dtype() == DType::f64 ? reinterpret_cast<std::byte*>(tensor.data<double>())
                                 : reinterpret_cast<std::byte*>(tensor.data<float>());
  };
  return Tensor::view(bytes_of(array) + (bytes_of(parameter.value) - arrays_[0]->data()),
                      parameter.value.shape(), dtype());
}

}  // namespace ekgine
