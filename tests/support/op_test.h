// What most op tests need: running all cases, refusing wrong shapes, evaluating an op directly.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/error.h"
#include "tests/support/kernel_faults.h"
#include "tests/support/thread_count.h"

namespace ekgine::testing {

// Every fault of every case is a failure of its own.
inline void expect_no_faults(const std::vector<KernelCase>& cases) {
  ASSERT_FALSE(cases.empty());
  for (const KernelCase& c : cases) {
    for (const std::string& fault : kernel_faults(c)) ADD_FAILURE() << fault;
  }
}

// The same on the CPU with images in bfloat16.
inline void expect_no_faults_in_bfloat16(const std::vector<KernelCase>& cases) {
  ASSERT_FALSE(cases.empty());
  for (const KernelCase& c : cases) {
    for (const std::string& fault : bfloat16_faults(c)) ADD_FAILURE() << fault;
  }
}

// A kernel that adds the same gradient of images in bfloat16 to what is there as it assigns: write
// it through put(gradient).
template <class Put>
void expect_accumulates_in_bfloat16(std::int64_t n, const Put& put) {
  std::vector<bfloat16> assigned(static_cast<std::size_t>(n)), added = assigned;
  for (std::size_t i = 0; i < added.size(); ++i) {
    assigned[i] = bfloat16(NAN);  // never read
    added[i] = bfloat16(static_cast<float>(i % 7) - 3);
  }
  const std::vector<bfloat16> before = added;
  put(Gradient<bfloat16>{assigned.data(), false});
  put(Gradient<bfloat16>{added.data(), true});
  for (std::size_t i = 0; i < added.size(); ++i) {
    const auto found = static_cast<float>(added[i]), term = static_cast<float>(assigned[i]);
    const float start = static_cast<float>(before[i]);
    // Both roundings: that of the term, and that of the sum.
    EXPECT_NEAR(found, start + term, 0x1p-8F * (std::abs(term) + std::abs(start + term)))
        << "element " << i << ": " << start << " + " << term;
  }
}

// Kernels that promise the same bits at any thread count: the case, large enough for several
// threads, gives them.
inline void expect_same_bits_at_any_thread_count(const KernelCase& c) {
  std::vector<std::vector<double>> expected;
  for (const int threads : {1, 2, 3, 7}) {
    const ThreadCount count(threads);
    const std::vector<std::vector<double>> found = kernel_results(c);
    if (threads == 1) {
      expected = found;
      continue;
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_TRUE(found[i] == expected[i])
          << c.name << ": " << (i == 0 ? "output" : fmt::format("gradient of input {}", i - 1))
          << " at " << threads << " threads is not what one thread gives";
    }
  }
}

// The op, given zeros of these shapes, must refuse with exactly this text.
inline void expect_op_error(std::initializer_list<Shape> shapes, const OpFunction& op,
                            const std::string& text) {
  Device device = Device::cpu(DType::f32);
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan);
  std::vector<Tensor> inputs;
  for (const Shape& shape : shapes) {
    inputs.push_back(tape.input(shape, std::vector<float>(static_cast<std::size_t>(shape.size()))));
  }
  try {
    op(tape, inputs);
    ADD_FAILURE() << "no error; expected: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), text);
  }
}

// Runs an op in double on given values and returns its output.
inline std::vector<double> evaluate(
    Tape::Mode mode, const std::vector<std::pair<Shape, std::vector<double>>>& inputs,
    const OpFunction& op, RandomKey key = {}) {
  Device device = Device::cpu(DType::f64);
  Arena::Plan plan;
  Tape tape(device, mode, plan, key);
  std::vector<Tensor> tensors;
  tensors.reserve(inputs.size());
  for (const auto& [shape, values] : inputs)
    tensors.push_back(tape.input(shape, std::span<const double>(values)));
  const Tensor y = op(tape, tensors);
  const std::span<double> values = y.span<double>();
  return {values.begin(), values.end()};
}

}  // namespace ekgine::testing
