#include "emulation/matrix.h"

#include <bit>
#include <cstdint>

namespace ekgine::emulation {
namespace {

// d (16×8) += a (16×K) · b (K×8), d of lane 4·g + t holding (g, 2t), (g, 2t+1), (g+8, 2t), (g+8,
// 2t+1).
template <int K>
void multiply(const float (&a)[16][K], const float (&b)[K][8], const WarpFragments& lanes) {
  double sum[16][8] = {};
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < K; ++k) {
      for (int column = 0; column < 8; ++column) {
        sum[row][column] += static_cast<double>(a[row][k]) * static_cast<double>(b[k][column]);
      }
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      float& d = lanes[static_cast<std::size_t>(lane)]->d[i];
      const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      d = static_cast<float>(static_cast<double>(d) + sum[row][column]);
    }
  }
}

float low_bfloat16(std::uint32_t word) {
  return std::bit_cast<float>(word << 16);
}
float high_bfloat16(std::uint32_t word) {
  return std::bit_cast<float>(word & 0xFFFF0000U);
}
// The instruction ignores the bits below TF32's.
float tf32(std::uint32_t word) {
  return std::bit_cast<float>(word & 0xFFFFE000U);
}

}  // namespace

void multiply_bfloat16(const WarpFragments& lanes) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < 32; ++lane) {
    const MatrixFragments& f = *lanes[static_cast<std::size_t>(lane)];
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) {
      const int row = g + i % 2 * 8, column = 2 * t + i / 2 * 8;
      a[row][column] = low_bfloat16(f.a[i]);
      a[row][column + 1] = high_bfloat16(f.a[i]);
    }
    for (int i = 0; i < 2; ++i) {
      b[2 * t + i * 8][g] = low_bfloat16(f.b[i]);
      b[2 * t + i * 8 + 1][g] = high_bfloat16(f.b[i]);
    }
  }
  multiply(a, b, lanes);
}

void multiply_tf32(const WarpFragments& lanes) {
  float a[16][8], b[8][8];
  for (int lane = 0; lane < 32; ++lane) {
    const MatrixFragments& f = *lanes[static_cast<std::size_t>(lane)];
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) a[g + i % 2 * 8][t + i / 2 * 4] = tf32(f.a[i]);
    for (int i = 0; i < 2; ++i) b[t + i * 4][g] = tf32(f.b[i]);
  }
  multiply(a, b, lanes);
}

}  // namespace ekgine::emulation
