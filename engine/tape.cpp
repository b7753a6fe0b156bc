#include "engine/tape.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "engine/back_end.h"
#include "kernels/add_scaled.h"
#include "kernels/convert.h"
#include "kernels/fill.h"

namespace ekgine {

Tape::Tape(Device& device, Mode mode, Arena::Plan& plan, RandomKey random, bool dry)
    : device_(device), mode_(mode), next_draw_(random.op), dry_(dry) {
  if (!dry) device_.back_activations();
  device_.activations().begin(plan);
  if (!dry && training()) {
    device_.set_step({random.seed, random.step, device_.step().learning_rate});
  }
}

Tape::~Tape() {
  nodes_.clear();
  slots_.clear();
  copied_.clear();
  if (!finished_) device_.activations().abandon();
}

void Tape::finish() {
  nodes_.clear();
  slots_.clear();
  copied_.clear();
  device_.activations().end();
  finished_ = true;
}

template <class From>
Tensor Tape::copy_in(const Shape& shape, DType type, std::span<const From> values) {
  if (static_cast<std::int64_t>(values.size()) != shape.size()) {
    fail("input: {} values for shape {}", values.size(), shape.text());
  }
  Tensor tensor = empty(shape, type);
  if (!dry_) device_.write(tensor, values);
  return tensor;
}

Tensor Tape::input(const Shape& shape, std::span<const float> values) {
  return copy_in(shape, device_.real_dtype(), values);
}
Tensor Tape::input(const Shape& shape, std::span<const double> values) {
  return copy_in(shape, device_.real_dtype(), values);
}

Tensor Tape::input(const Shape& shape, std::span<const std::int32_t> values) {
  return copy_in(shape, DType::i32, values);
}

const char* Tape::file_name(std::source_location where) {
  const char* const slash = std::strrchr(where.file_name(), '/');
  return slash == nullptr ? where.file_name() : slash + 1;
}

void Tape::fill(const Tensor& tensor, double value) {
  const Op op{"fill", kernels::fill_cost(tensor.size(), tensor.element_bytes())};
  run_as(op, Phase::backward, tensor, [&]<class T>(auto& b, std::type_identity<T>) {
    kernels::fill(b.context, tensor.size(), b.real(value), tensor.data<T>());
  });
}

Tensor Tape::as_scalar(const Tensor& weight) {
  if (weight.dtype() == device_.dtype()) return weight;
  for (const auto& [values, scalars] : copied_) {
    const std::ptrdiff_t offset = weight.bytes() - values.bytes();
    const auto bytes = static_cast<std::ptrdiff_t>(size_of(values.dtype()));
    if (offset < 0 || offset >= values.size() * bytes) continue;
    const auto copied_bytes = static_cast<std::ptrdiff_t>(size_of(scalars.dtype()));
    return Tensor::view(scalars.bytes() + offset / bytes * copied_bytes, weight.shape(),
                        scalars.dtype());
  }
  return as_scalars(weight);
}

Tensor Tape::as_scalars(const Tensor& values) {
  Tensor scalars = empty(values.shape());
  run({"convert", kernels::convert_cost(values.size())}, [&]<class B>(B& b) {
    if constexpr (!std::is_same_v<typename B::Scalar, typename B::Real>) {
      kernels::convert(b.context, values.size(), b.real(values), b.data(scalars));
    }
  });
  return scalars;
}

void Tape::copy_weights(const ParameterSet& parameters) {
  const Tensor values = parameters.values();
  for (const Copied& copied : copied_) {
    if (copied.values.bytes() == values.bytes()) return;
  }
  copied_.push_back({values, as_scalars(values)});
}

int Tape::new_value() {
  slots_.emplace_back();
  return static_cast<int>(slots_.size()) - 1;
}

Tensor Tape::use(Parameter& parameter) {
  Tensor tensor = parameter.value;
  if (tensor.dtype() != device_.dtype() && parameter.set != nullptr) copy_weights(*parameter.set);
  if (!training() || !parameter.gradient) return tensor;
  const auto known = std::find_if(slots_.begin(), slots_.end(),
                                  [&](const Slot& slot) { return slot.parameter == &parameter; });
  if (known != slots_.end()) {
    tensor.id_ = static_cast<int>(known - slots_.begin());
    return tensor;
  }
  tensor.id_ = new_value();
  slots_.back().destination = parameter.gradient;
  slots_.back().parameter = &parameter;
  return tensor;
}

Tensor Tape::leaf(const Tensor& value, const Tensor& gradient) {
  if (value.shape() != gradient.shape()) {
    fail("leaf: value {} and gradient {} differ", value.shape().text(), gradient.shape().text());
  }
  Tensor tensor = value;
  tensor.id_ = new_value();
  slots_.back().destination = gradient;
  return tensor;
}

bool Tape::differentiable(std::span<const Tensor> inputs) const {
  return training() &&
         std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) { return t.id() >= 0; });
}

Tensor Tape::push(Tensor output, std::initializer_list<Tensor> inputs,
                  std::function<void(Backward&)> backward) {
  if (inputs.size() > max_inputs) fail("tape: {} inputs, at most {}", inputs.size(), max_inputs);
  Node node{};
  std::transform(inputs.begin(), inputs.end(), node.inputs.begin(), [](const Tensor& t) {
    return Value{t.id(), t.shape(), t.dtype()};
  });
  output.id_ = node.output = new_value();
  node.backward = std::move(backward);
  nodes_.push_back(std::move(node));
  return output;
}

void Tape::backward(const Tensor& loss) {
  if (loss.size() != 1)
    fail("backward: the loss has shape {}, expected one element", loss.shape().text());
  const Tensor seed = empty(loss.shape(), loss.dtype());
  fill(seed, 1);
  backward(loss, seed);
}

void Tape::backward(const Tensor& value, const Tensor& seed) {
  if (value.id() < 0) fail("backward: the value does not depend on any parameter of this tape");
  if (value.shape() != seed.shape()) {
    fail("backward: seed {} for a value {}", seed.shape().text(), value.shape().text());
  }
  const NvtxRange range("backward");
  slots_[static_cast<std::size_t>(value.id())].gradient = seed;
  for (; !nodes_.empty(); nodes_.pop_back()) {
    const Node& node = nodes_.back();
    Tensor& gradient = slots_[static_cast<std::size_t>(node.output)].gradient;
    if (!gradient) continue;  // nothing depends on it
    Backward step(*this, node, std::move(gradient));
    gradient = Tensor();
    node.backward(step);
  }
  for (Slot& slot : slots_) {
    if (!slot.destination) continue;
    if (!slot.written) fill(slot.destination, 0);
    if (slot.parameter != nullptr) slot.parameter->has_gradient = true;
  }
}

Tape::Slot* Backward::slot(int input) const {
  const int id = node_.inputs[static_cast<std::size_t>(input)].id;
  return id < 0 ? nullptr : &tape_.slots_[static_cast<std::size_t>(id)];
}

bool Backward::wants(int input) const {
  return slot(input) != nullptr;
}

GradientPlace Backward::gradient(int input) {
  Tape::Slot* target = slot(input);
  if (target == nullptr) return {};
  const bool accumulate = std::exchange(target->written, true);
  if (target->destination) return {target->destination, accumulate};
  if (!accumulate) {
    const Tape::Value& value = node_.inputs[static_cast<std::size_t>(input)];
    target->gradient = tape_.empty(value.shape, value.type);
  }
  return {target->gradient, accumulate};
}

GradientPlace Backward::gradient_over(int input, const Tensor& saved) {
  Tape::Slot* target = slot(input);
  if (target == nullptr) return {};
  if (target->written || target->destination || !saved.sole_owner()) return gradient(input);
  target->written = true;
  target->gradient = saved;
  return {saved, false};
}

Tensor Backward::take_gradient(int input) {
  Tape::Slot* const target = slot(input);
  return target == nullptr ? Tensor() : std::exchange(target->gradient, Tensor());
}

GradientPlace Backward::gradient_or_dy(int input) {
  Tape::Slot* target = slot(input);
  if (target == nullptr) return {};
  if (target->written || target->destination || !dy_.sole_owner()) return gradient(input);
  target->written = true;
  target->gradient = dy_;
  return {};
}

void Backward::pass_through(int input) {
  const GradientPlace dx = gradient_or_dy(input);
  if (!dx) return;
  run_as({"pass_through", kernels::scale_cost(dy_.size(), dy_.element_bytes())}, dy_,
         [&]<class T>(auto& b, std::type_identity<T>) {
           kernels::scale(b.context, dy_.size(), b.real(1), dy_data<T>(), dx.as<T>());
         });
}

}  // namespace ekgine
