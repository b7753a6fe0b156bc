#include "kernels/runtime/workspace.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

constexpr std::size_t reserve = std::size_t{1} << 21;

TEST(Workspace, IsAStackOfAlignedScratch) {
  ReservedWorkspace workspace(reserve);
  float* outer_address = nullptr;
  {
    Workspace::Scope outer(workspace);
    float* a = outer.take<float>(3);
    outer_address = a;
    double* b = outer.take<double>(0);
    std::byte* inner_address = nullptr;
    {
      Workspace::Scope inner(workspace);
      inner_address = inner.take<std::byte>(100);
      EXPECT_GE(reinterpret_cast<std::byte*>(inner_address),
                reinterpret_cast<std::byte*>(a) + Workspace::alignment);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(inner_address) % Workspace::alignment, 0U);
      std::memset(inner_address, 1, 100);
    }
    EXPECT_EQ(outer.take<std::byte>(1), inner_address) << "an inner scope gives its memory back";
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b) % Workspace::alignment, 0U);
  }
  Workspace::Scope again(workspace);
  EXPECT_EQ(again.take<float>(1), outer_address);
  EXPECT_EQ(workspace.high_water(), 64U + 128);
}

TEST(Workspace, KeepsToItsReservation) {
  ReservedWorkspace workspace(reserve);
  Workspace::Scope scope(workspace);
  scope.take<std::byte>(1 << 20);
  EXPECT_ERROR(scope.take<double>(1 << 18),
               "workspace: 2 MiB do not fit, 1 of 2 MiB are in use; use a smaller batch");
  EXPECT_NO_THROW(scope.take<std::byte>(1 << 20));
}

}  // namespace
}  // namespace ekgine::testing
