#include "kernels/runtime/simd.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "kernels/runtime/multiply.h"
#include "tests/cases/random.h"

namespace ekgine::testing {
namespace {

using simd::lanes;

// What a vector stores must be what the scalar type stores, for every bit pattern of the half that
// is kept and around every tie of the half that is dropped.
TEST(Simd, RoundsToBfloat16AsTheScalarTypeDoes) {
  std::vector<float> values;
  for (std::uint32_t upper = 0; upper < 0x10000U; ++upper) {
    for (const std::uint32_t lower : {0x0U, 0x1U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) {
      values.push_back(std::bit_cast<float>(upper << 16 | lower));
    }
  }
  ASSERT_EQ(values.size() % lanes, 0U);
  std::vector<bfloat16> stored(values.size());
  for (std::size_t i = 0; i < values.size(); i += lanes) {
    simd::store(&stored[i], simd::load(&values[i]));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(stored[i].bits, bfloat16(values[i]).bits)
        << std::hex << std::bit_cast<std::uint32_t>(values[i]);
  }
  std::vector<float> loaded(lanes);
  for (std::size_t i = 0; i < values.size(); i += lanes) {
    simd::store(loaded.data(), simd::load(&stored[i]));
    for (std::size_t k = 0; k < lanes; ++k) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(loaded[k]), std::uint32_t{stored[i + k].bits} << 16);
    }
  }
}

// Rows that are no multiple of what is kept in registers, single vectors of columns, no terms at
// all, rows apart from each other, and both ways to lay out a; what lies between rows is untouched.
TEST(Simd, MultipliesMatricesOfAnySize) {
  Random random(5);
  for (const std::int64_t rows : {1, 2, 5, 6, 7, 8, 9, 13, 24}) {
    for (const std::int64_t columns : {lanes, 2 * lanes, 3 * lanes}) {
      for (const std::int64_t k : {0, 1, 2, 31, 33}) {
        for (const bool transposed : {false, true}) {
          for (const bool accumulate : {false, true}) {
            const std::int64_t b_row = columns + 3, c_row = columns + 5;
            const std::int64_t a_row = transposed ? 1 : k + 2, a_k = transposed ? rows + 1 : 1;
            std::vector<float> a(static_cast<std::size_t>((rows + 2) * (k + 2)));
            std::vector<float> b(static_cast<std::size_t>(k * b_row + 1));
            std::vector<float> c(static_cast<std::size_t>(rows * c_row));
            for (std::vector<float>* values : {&a, &b, &c}) {
              for (float& v : *values) v = static_cast<float>(random.integer(-8, 8));
            }
            std::vector<float> expected = c;
            for (std::int64_t r = 0; r < rows; ++r) {
              for (std::int64_t j = 0; j < columns; ++j) {
                float& sum = expected[static_cast<std::size_t>(r * c_row + j)];
                if (!accumulate) sum = 0;
                for (std::int64_t i = 0; i < k; ++i) {
                  sum += a[static_cast<std::size_t>(r * a_row + i * a_k)] *
                         b[static_cast<std::size_t>(i * b_row + j)];
                }
              }
            }
            simd::multiply(rows, columns, k, a.data(), a_row, a_k, b.data(), b_row, c.data(), c_row,
                           accumulate);
            ASSERT_EQ(c, expected) << rows << " rows, " << columns << " columns, " << k << " terms";
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ekgine::testing
