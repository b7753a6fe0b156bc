// The tape: one training or inference step, recorded as it runs and played backwards.
//
//   Tape tape(device, Tape::Mode::training, plan, {seed, step});
//   Tensor loss = ...ops of engine/ops.h on tape...
//   tape.backward(loss);      // fills Parameter::gradient
//   tape.finish();
//
// Ops allocate their outputs from the device's activation arena. What backward needs is kept alive
// by the node that needs it and freed as soon as backward has passed it, so memory follows from
// reference counts alone and is the same in every step (see Arena).
#pragma once

#include <array>
#include <functional>
#include <initializer_list>
#include <source_location>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/device.h"
#include "engine/parameter.h"
#include "engine/ranks.h"
#include "kernels/philox.h"

namespace ekgine {

class Backward;

class Tape {
 public:
  enum class Mode { training, inference };

  // Opens a step of the device's activation arena under `plan`. `random` has the seed and number
  // that a training step's kernels read (Device::set_step; the learning rate stays what it is); its
  // `op` is the first next_draw(). With `dry`, ops check, allocate and record but no kernel
  // runs: a dry step at the largest shapes plans the memory of all steps without touching any.
  Tape(Device& device, Mode mode, Arena::Plan& plan, RandomKey random = {}, bool dry = false);
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;
  ~Tape();

  // Closes the step. Without it (an exception passed by) the plan of a traced step is dropped.
  void finish();

  bool training() const { return mode_ == Mode::training; }
  Device& device() { return device_; }

  // For callers of ops.

  // A constant of the device's Real type, copied and converted from the host.
  Tensor input(const Shape& shape, std::span<const float> values);
  Tensor input(const Shape& shape, std::span<const double> values);
  // An integer constant (labels, indices).
  Tensor input(const Shape& shape, std::span<const std::int32_t> values);
  // A weight; using one several times in a step adds its gradients up.
  Tensor use(Parameter& parameter);
  // A value whose gradient goes to `gradient` (same shape, caller's memory): for tests.
  Tensor leaf(const Tensor& value, const Tensor& gradient);

  // Gradients of a value of one element, seeded with 1, or of any value, seeded with `seed`.
  // Afterwards every leaf and parameter used on the tape has its gradient. Once per tape.
  void backward(const Tensor& loss);
  void backward(const Tensor& value, const Tensor& seed);

  // What this process has of a batch that ranks share: rows first, ..., first + rows − 1 of `all`,
  // along the first axis of what ops are given from here on. Without ranks: everything.
  struct Part {
    Ranks* ranks = nullptr;
    std::int64_t first = 0, rows = 1, all = 1;
  };
  void set_part(const Part& part) { part_ = part; }
  const Part& part() const { return part_; }

  // For implementations of ops.

  // Where the random bits of a tensor with the rows of part() begin: those of the element's number
  // in the whole batch.
  std::uint64_t first_element(const Tensor& x) const {
    return static_cast<std::uint64_t>(part_.first * (x.size() / part_.rows));
  }
  // How many of something there are in the whole batch, of which there are `here` in part().
  std::int64_t in_all(std::int64_t here) const { return here / part_.rows * part_.all; }
  Tensor empty(const Shape& shape) { return empty(shape, device_.dtype()); }
  Tensor empty(const Shape& shape, DType type) {
    return Tensor::allocate(device_.activations(), shape, type);
  }
  Tensor empty_image(const Shape& shape) { return empty(shape, device_.image_dtype()); }
  // For statistics, losses and the like.
  Tensor empty_real(const Shape& shape) { return empty(shape, device_.real_dtype()); }
  // A weight as products take it: itself, or a constant copy where activations are stored in
  // another type. All weights of a set are copied at once, when the tape first uses one of them.
  Tensor as_scalar(const Tensor& weight);
  // Number of the next op that draws random bits, which names its stream (kernels/philox.h).
  std::uint32_t next_draw() { return next_draw_++; }
  // Runs kernel(back_end), unless the step is dry, under the name and with the cost that profiles
  // show.
  template <class Kernel>
  void run(const Op& op, const Kernel& kernel) {
    run(op, Phase::forward, kernel);
  }
  // The same under the name of the caller's source file, cost unknown.
  template <class Kernel>
  void run(const Kernel& kernel, std::source_location where = std::source_location::current()) {
    run({file_name(where)}, kernel);
  }
  // The same for sums of any real tensors, also of losses: kernel(back_end, type), where type is
  // std::type_identity of what `tensor` holds, Scalar or Real.
  template <class Kernel>
  void run_as(const Op& op, const Tensor& tensor, const Kernel& kernel) {
    run_as(op, Phase::forward, tensor, kernel);
  }
  // Makes `output` the value of a new node. `backward(Backward&)` is kept when any input is
  // differentiable and the mode is training; it captures by value exactly the tensors it needs.
  template <class Function>
  Tensor record(Tensor output, std::initializer_list<Tensor> inputs, Function&& backward) {
    if (!differentiable(inputs)) return output;
    return push(std::move(output), inputs, std::forward<Function>(backward));
  }

 private:
  friend class Backward;
  static constexpr std::size_t max_inputs = 6;
  struct Value {
    int id = -1;
    Shape shape;
    DType type = DType::f32;
  };
  struct Node {
    std::array<Value, max_inputs> inputs;
    int output;
    std::function<void(Backward&)> backward;
  };
  struct Slot {          // of one value
    Tensor gradient;     // empty until its first contribution
    Tensor destination;  // where a leaf's gradient goes
    Parameter* parameter = nullptr;
    bool written = false;
  };
  struct Copied {  // all weights of a set, and what they are as Scalar
    Tensor values, scalars;
  };

  bool differentiable(std::span<const Tensor> inputs) const;
  bool differentiable(std::initializer_list<Tensor> inputs) const {
    return differentiable(std::span(inputs.begin(), inputs.size()));
  }
  Tensor push(Tensor output, std::initializer_list<Tensor> inputs,
              std::function<void(Backward&)> backward);
  int new_value();
  void copy_weights(const ParameterSet& parameters);
  Tensor as_scalars(const Tensor& values);
  static const char* file_name(std::source_location where);
  template <class Kernel>
  void run(const Op& op, Phase phase, const Kernel& kernel) {
    if (dry_) return;
    device_.measure(op, phase, [&] { device_.run(kernel); });
  }
  template <class Kernel>
  void run_as(const Op& op, Phase phase, const Tensor& tensor, const Kernel& kernel) {
    run(op, phase, [&]<class B>(B& b) {
      if (tensor.dtype() == dtype_of<typename B::Scalar>()) {
        kernel(b, std::type_identity<typename B::Scalar>());
      } else {
        kernel(b, std::type_identity<typename B::Real>());
      }
    });
  }
  template <class From>
  Tensor copy_in(const Shape& shape, DType type, std::span<const From> values);
  void fill(const Tensor& tensor, double value);

  Device& device_;
  Mode mode_;
  std::uint32_t next_draw_;
  bool dry_, finished_ = false;
  Part part_;
  std::vector<Node> nodes_;
  std::vector<Slot> slots_;
  std::vector<Copied> copied_;
};

// The place of an input's gradient.
struct GradientPlace {
  Tensor tensor;  // empty when nobody wants it
  bool accumulate = false;

  explicit operator bool() const { return static_cast<bool>(tensor); }
  template <class T>
  Gradient<T> as() const {
    return {tensor ? tensor.data<T>() : nullptr, accumulate};
  }
};

// What a node's backward function gets: the gradient of its output, and places for the gradients of
// its inputs, numbered as in record().
class Backward {
 public:
  const Tensor& dy() const { return dy_; }
  template <class T>
  const T* dy_data() const {
    return dy_.data<T>();
  }

  bool wants(int input) const;
  // Where the input's gradient goes: assigned by its first consumer, accumulated by the others; no
  // data when the input is not differentiable. Ask outside run(), since it may allocate.
  GradientPlace gradient(int input);
  // The same, over the memory of `saved` where possible: a tensor of the input's shape that
  // backward reads elementwise and nobody needs afterwards. Saves a buffer where activations are
  // largest. Takes a new buffer when `saved` is shared or the gradient accumulates.
  GradientPlace gradient_over(int input, const Tensor& saved);
  // The same of an input whose gradient is dy itself: none, where dy's memory could become it.
  GradientPlace gradient_or_dy(int input);
  // The input's gradient is dy itself (residual sums): no copy, unless the gradient accumulates.
  void pass_through(int input);

  // What the input's consumers have made of its gradient, all of which have run, for a node that
  // goes back beyond the input itself: its own node then has nothing to do. Empty when they have
  // made none.
  Tensor take_gradient(int input);

  // As those of the tape.
  template <class Kernel>
  void run(const Op& op, const Kernel& kernel) {
    tape_.run(op, Phase::backward, kernel);
  }
  template <class Kernel>
  void run(const Kernel& kernel, std::source_location where = std::source_location::current()) {
    run({Tape::file_name(where)}, kernel);
  }
  template <class Kernel>
  void run_as(const Op& op, const Tensor& tensor, const Kernel& kernel) {
    tape_.run_as(op, Phase::backward, tensor, kernel);
  }
  Tensor empty(const Shape& shape) { return tape_.empty(shape); }
  Tensor empty(const Shape& shape, DType type) { return tape_.empty(shape, type); }
  Device& device() { return tape_.device(); }

 private:
  friend class Tape;
  Backward(Tape& tape, const Tape::Node& node, Tensor dy)
      : tape_(tape), node_(node), dy_(std::move(dy)) {}
  Tape::Slot* slot(int input) const;

  Tape& tape_;
  const Tape::Node& node_;
  Tensor dy_;
};

}  // namespace ekgine
