// The checker checked: each deliberately wrong op must be reported, and by the right sentence.
#include "tests/support/kernel_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/back_end.h"

namespace ekgine::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t odd_length = 33;

// What product() may get wrong.
struct Mistakes {
  double gradient_factor = 1;
  bool gradient_of_last_missing = false;
  bool assigns_always = false;
  bool adds_always = false;
  std::int64_t forward_beyond = 0, backward_beyond = 0;  // elements written past the end
  bool reads_unwritten = false;
  bool leaves_last_unwritten = false;
  bool counts_calls = false;
  bool float_only = false;
  bool depends_on_other_gradient = false;
};

int calls = 0;

// y = a²·b, with da = 2ab·dy, db = a²·dy.
Tensor product(Tape& tape, const Tensor& a, const Tensor& b, const Mistakes& wrong) {
  const Tensor y = tape.empty(a.shape());
  const Tensor scratch = tape.empty(a.shape());
  tape.run([&]<class B>(B&) {
    using T = typename B::Real;  // arithmetic: these run on the CPU only
    for (std::int64_t i = 0; i < a.size() + wrong.forward_beyond; ++i) {
      if (wrong.leaves_last_unwritten && i == a.size() - 1) continue;
      const T x = i < a.size() ? a.data<T>()[i] : T(0);
      y.data<T>()[i] = i < a.size() ? x * x * b.data<T>()[i] : T(0);
    }
    if (wrong.reads_unwritten) y.data<T>()[0] += T(0) * scratch.data<T>()[0];
    if (wrong.counts_calls) y.data<T>()[0] += T(1e-6) * static_cast<T>(++calls);
    if (wrong.float_only && sizeof(T) == sizeof(float)) y.data<T>()[0] *= T(1.0001);
  });
  return tape.record(y, {a, b}, [=](Backward& node) {
    const bool both = node.wants(0) && node.wants(1);
    GradientPlace da = node.gradient(0);
    const GradientPlace db = node.gradient(1);
    if (wrong.assigns_always) da.accumulate = false;
    if (wrong.adds_always) da.accumulate = true;
    node.run([&]<class B>(B&) {
      using T = typename B::Real;  // arithmetic: these run on the CPU only
      for (std::int64_t i = 0; i < a.size(); ++i) {
        const T x = a.data<T>()[i], dy = node.dy_data<T>()[i];
        const bool missing = wrong.gradient_of_last_missing && i == a.size() - 1;
        T factor = static_cast<T>(wrong.gradient_factor);
        if (wrong.depends_on_other_gradient && !both) factor = T(1) + T(1e-9);
        if (da && !missing) da.as<T>().put(i, factor * 2 * x * b.data<T>()[i] * dy);
        if (db) db.as<T>().put(i, x * x * dy);
      }
      for (std::int64_t i = 0; da && i < wrong.backward_beyond; ++i) {
        da.as<T>().data[a.size() + i] = T(0);
      }
    });
  });
}

std::vector<std::string> faults_of(const Mistakes& wrong) {
  return kernel_faults({
      .name = "product",
      .inputs = {{.shape = {odd_length}}, {.shape = {odd_length}, .draw = normal(3, 0.5)}},
      .op = [wrong](Tape& tape,
                    std::span<const Tensor> in) { return product(tape, in[0], in[1], wrong); },
  });
}

TEST(KernelCase, FindsNothingWrongWithARightOp) {
  EXPECT_THAT(faults_of({}), IsEmpty());
}

TEST(KernelCase, ReportsAGradientWrongByOnePartInAHundredThousand) {
  EXPECT_THAT(faults_of({.gradient_factor = 1 + 1e-5}),
              Contains(HasSubstr("product: gradient of input 0 is wrong by 1.0e-05")));
}

TEST(KernelCase, ReportsAGradientOfTheWrongSign) {
  EXPECT_THAT(faults_of({.gradient_factor = -1}),
              Contains(HasSubstr("product: gradient of input 0 is wrong by 2.0e+00")));
}

TEST(KernelCase, ReportsAGradientThatIsNotWritten) {
  EXPECT_THAT(faults_of({.gradient_of_last_missing = true}),
              Contains(HasSubstr("gradient of input 0 holds NaN: not all of it is written")));
}

TEST(KernelCase, ReportsAGradientThatIsAssignedWhereItAccumulates) {
  EXPECT_THAT(faults_of({.assigns_always = true}),
              ElementsAre(HasSubstr("product: gradient of input 0 does not accumulate")));
}

TEST(KernelCase, ReportsAGradientThatIsAddedToWhatWasThere) {
  EXPECT_THAT(faults_of({.adds_always = true}),
              Contains(HasSubstr("gradient of input 0 holds NaN: not all of it is written")));
}

TEST(KernelCase, ReportsWritesPastTheEndOfTheOutput) {
  EXPECT_THAT(faults_of({.forward_beyond = 1}), Contains(HasSubstr("double: 1 memory faults")));
}

TEST(KernelCase, ReportsWritesPastTheEndOfAGradient) {
  EXPECT_THAT(faults_of({.backward_beyond = 1}),
              Contains("product: double: wrote past the end of the gradient of input 0"));
}

TEST(KernelCase, ReportsAReadOfUnwrittenMemory) {
  EXPECT_THAT(faults_of({.reads_unwritten = true}),
              Contains(HasSubstr("output in float differs from double by inf")));
}

TEST(KernelCase, ReportsAnOutputThatIsNotWritten) {
  EXPECT_THAT(faults_of({.leaves_last_unwritten = true}),
              Contains(HasSubstr("output in float differs from double by inf")));
}

TEST(KernelCase, ReportsAnOpThatGivesOtherBitsEachTime) {
  calls = 0;
  EXPECT_THAT(faults_of({.counts_calls = true}),
              Contains("product: a second run gives other bits"));
}

TEST(KernelCase, ReportsAFloatThatDiffersFromDouble) {
  EXPECT_THAT(faults_of({.float_only = true}),
              Contains(HasSubstr("output in float differs from double")));
}

TEST(KernelCase, ReportsAGradientThatDependsOnWhichOthersAreWanted) {
  EXPECT_THAT(
      faults_of({.depends_on_other_gradient = true}),
      Contains(HasSubstr("gradient of input 0 changes by 1.0e-09 when no other is wanted")));
}

}  // namespace
}  // namespace ekgine::testing
