// CUDA C++'s built-in variables and functions, for kernels compiled by g++. Only what has a twin
// here can be used in a kernel; what is missing is a compile error.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <source_location>
#include <type_traits>

#include "emulation/kernel_interface.h"

#define threadIdx (::ekgine::emulation::thread_index())
#define blockIdx (::ekgine::emulation::block_index())
#define blockDim (::ekgine::emulation::block_size())
#define gridDim (::ekgine::emulation::grid_size())
inline constexpr int warpSize = 32;

// ------------------------------------------------------------------------------------- barriers

__forceinline__ void __syncthreads(std::source_location at = std::source_location::current()) {
  ekgine::emulation::block_barrier(at);
}
__forceinline__ int __syncthreads_count(int predicate,
                                        std::source_location at = std::source_location::current()) {
  return ekgine::emulation::block_barrier(ekgine::emulation::Vote::count, predicate != 0, at);
}
__forceinline__ int __syncthreads_and(int predicate,
                                      std::source_location at = std::source_location::current()) {
  return ekgine::emulation::block_barrier(ekgine::emulation::Vote::all, predicate != 0, at);
}
__forceinline__ int __syncthreads_or(int predicate,
                                     std::source_location at = std::source_location::current()) {
  return ekgine::emulation::block_barrier(ekgine::emulation::Vote::any, predicate != 0, at);
}
__forceinline__ void __syncwarp(unsigned mask = 0xFFFFFFFFU,
                                std::source_location at = std::source_location::current()) {
  ekgine::emulation::warp_barrier(mask, at);
}
// Orders nothing here: blocks must not wait for each other, nor hand data to each other within a
// launch.
inline void __threadfence() {}
inline void __threadfence_block() {}

// ---------------------------------------------------------------------------- shuffles and votes

namespace ekgine::emulation {

template <class T>
concept Shuffled = std::is_arithmetic_v<T> || std::is_same_v<T, __nv_bfloat16> ||
    std::is_same_v<T, __nv_bfloat162>;

template <class T>
__forceinline__ T shuffle(unsigned mask, T value, unsigned source, std::source_location at) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t word = 0;
  __builtin_memcpy(&word, &value, sizeof value);
  word = warp_exchange(mask, word, source, at);
  __builtin_memcpy(&value, &word, sizeof value);
  return value;
}

}  // namespace ekgine::emulation

// `width` is a power of two up to 32: lanes exchange within groups of that many. A source outside
// the group is the calling lane itself.
template <ekgine::emulation::Shuffled T>
__forceinline__ T __shfl_sync(unsigned mask, T value, int source, int width = 32,
                              std::source_location at = std::source_location::current()) {
  const unsigned lane = ekgine::emulation::lane_index(), size = static_cast<unsigned>(width);
  const unsigned from = (lane & ~(size - 1)) | (static_cast<unsigned>(source) & (size - 1));
  return ekgine::emulation::shuffle(mask, value, from, at);
}
template <ekgine::emulation::Shuffled T>
__forceinline__ T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                                 std::source_location at = std::source_location::current()) {
  const unsigned lane = ekgine::emulation::lane_index(), size = static_cast<unsigned>(width);
  const unsigned from = (lane & (size - 1)) >= delta ? lane - delta : lane;
  return ekgine::emulation::shuffle(mask, value, from, at);
}
template <ekgine::emulation::Shuffled T>
__forceinline__ T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                                   std::source_location at = std::source_location::current()) {
  const unsigned lane = ekgine::emulation::lane_index(), size = static_cast<unsigned>(width);
  const unsigned from = (lane & (size - 1)) + delta < size ? lane + delta : lane;
  return ekgine::emulation::shuffle(mask, value, from, at);
}
template <ekgine::emulation::Shuffled T>
__forceinline__ T __shfl_xor_sync(unsigned mask, T value, int flipped, int width = 32,
                                  std::source_location at = std::source_location::current()) {
  const unsigned lane = ekgine::emulation::lane_index(), size = static_cast<unsigned>(width);
  const unsigned other = lane ^ static_cast<unsigned>(flipped);
  const unsigned from = other <= (lane | (size - 1)) ? other : lane;
  return ekgine::emulation::shuffle(mask, value, from, at);
}

__forceinline__ unsigned __ballot_sync(unsigned mask, int predicate,
                                       std::source_location at = std::source_location::current()) {
  return ekgine::emulation::warp_ballot(mask, predicate != 0, at);
}
__forceinline__ int __any_sync(unsigned mask, int predicate,
                               std::source_location at = std::source_location::current()) {
  return ekgine::emulation::warp_ballot(mask, predicate != 0, at) != 0;
}
__forceinline__ int __all_sync(unsigned mask, int predicate,
                               std::source_location at = std::source_location::current()) {
  return ekgine::emulation::warp_ballot(mask, predicate == 0, at) == 0;
}
// More lanes than a device might name: here no branch is known to be taken.
inline unsigned __activemask() {
  return ekgine::emulation::active_lanes();
}

// -------------------------------------------------------------------------------------- atomics

namespace ekgine::emulation {

template <class T>
concept Atomic = std::same_as<T, int> || std::same_as<T, unsigned> || std::same_as<T, float> ||
    std::same_as<T, double> || std::same_as<T, unsigned long long>;

template <class T>
using AtomicWord = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// The update is a captureless lambda over T; Word carries its bits.
template <Atomic T, class F>
__forceinline__ T atomic_update(T* address, T operand, T comparand, F) {
  using Word = AtomicWord<T>;
  return std::bit_cast<T>(
      atomic(address, std::bit_cast<Word>(operand), std::bit_cast<Word>(comparand),
             static_cast<Update<Word>>([](Word old, Word value, Word expected) {
               return std::bit_cast<Word>(static_cast<T>(F()(
                   std::bit_cast<T>(old), std::bit_cast<T>(value), std::bit_cast<T>(expected))));
             })));
}

}  // namespace ekgine::emulation

template <ekgine::emulation::Atomic T>
__forceinline__ T atomicAdd(T* address, std::type_identity_t<T> value) {
  return ekgine::emulation::atomic_update(address, value, value,
                                          [](T old, T operand, T) { return old + operand; });
}
template <ekgine::emulation::Atomic T>
__forceinline__ T atomicMax(T* address, std::type_identity_t<T> value) {
  static_assert(std::integral<T>, "CUDA has atomicMax of integers only");
  return ekgine::emulation::atomic_update(
      address, value, value, [](T old, T operand, T) { return old > operand ? old : operand; });
}
template <ekgine::emulation::Atomic T>
__forceinline__ T atomicMin(T* address, std::type_identity_t<T> value) {
  static_assert(std::integral<T>, "CUDA has atomicMin of integers only");
  return ekgine::emulation::atomic_update(
      address, value, value, [](T old, T operand, T) { return old < operand ? old : operand; });
}
template <ekgine::emulation::Atomic T>
__forceinline__ T atomicOr(T* address, std::type_identity_t<T> value) {
  static_assert(std::integral<T>, "CUDA has atomicOr of integers only");
  return ekgine::emulation::atomic_update(address, value, value,
                                          [](T old, T operand, T) { return old | operand; });
}
template <ekgine::emulation::Atomic T>
__forceinline__ T atomicExch(T* address, std::type_identity_t<T> value) {
  static_assert(!std::same_as<T, double>, "CUDA has no atomicExch of double");
  return ekgine::emulation::atomic_update(address, value, value,
                                          [](T, T operand, T) { return operand; });
}
template <ekgine::emulation::Atomic T>
__forceinline__ T atomicCAS(T* address, std::type_identity_t<T> expected,
                            std::type_identity_t<T> value) {
  static_assert(std::integral<T>, "CUDA has atomicCAS of integers only");
  return ekgine::emulation::atomic_update(
      address, value, expected,
      [](T old, T operand, T comparand) { return old == comparand ? operand : old; });
}

// ---------------------------------------------------------------------------- loads and stores

// Loads through the read-only cache, streaming loads and stores: ordinary ones here.
template <class T>
__forceinline__ T __ldg(const T* address) {
  return *address;
}
template <class T>
__forceinline__ T __ldcs(const T* address) {
  return *address;
}
template <class T>
__forceinline__ void __stcs(T* address, std::type_identity_t<T> value) {
  *address = value;
}

// ---------------------------------------------------------------------------------------- maths

__forceinline__ float __uint_as_float(unsigned bits) {
  return std::bit_cast<float>(bits);
}
__forceinline__ unsigned __float_as_uint(float value) {
  return std::bit_cast<unsigned>(value);
}
__forceinline__ float __int_as_float(int bits) {
  return std::bit_cast<float>(bits);
}
__forceinline__ int __float_as_int(float value) {
  return std::bit_cast<int>(value);
}

// nvcc makes these of one ex2, lg2 or rcp instruction and a multiplication; so do these, with the
// instruction rounded to nearest.
__forceinline__ float __expf(float x) {
  return std::exp2(x * 1.4426950408889634F);
}
__forceinline__ float __exp2f(float x) {
  return std::exp2(x);
}
__forceinline__ float __logf(float x) {
  return std::log2(x) * 0.6931471805599453F;
}
__forceinline__ float __log2f(float x) {
  return std::log2(x);
}
__forceinline__ float __sinf(float x) {
  return std::sin(x);
}
__forceinline__ float __cosf(float x) {
  return std::cos(x);
}
__forceinline__ float __powf(float x, float y) {
  return std::exp2(y * std::log2(x));
}
__forceinline__ float __fdividef(float x, float y) {
  // The device returns 0 for a divisor beyond 2^126.
  return std::fabs(y) > 0x1p126F && !std::isinf(x) && !std::isinf(y) ? 0.0F : x / y;
}
__forceinline__ float __saturatef(float x) {
  return x > 0 ? (x < 1 ? x : 1.0F) : 0.0F;
}
inline float rsqrtf(float x) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(x)));
}
inline float cospif(float x) {
  return static_cast<float>(std::cos(3.14159265358979323846 * static_cast<double>(x)));
}
inline double rsqrt(double x) {
  return 1.0 / std::sqrt(x);
}
__forceinline__ float fdividef(float x, float y) {
  return x / y;
}

// Single operations that are never contracted into another.
inline float __fadd_rn(float x, float y) {
  return x + y;
}
inline float __fsub_rn(float x, float y) {
  return x - y;
}
inline float __fmul_rn(float x, float y) {
  return x * y;
}
inline float __fmaf_rn(float x, float y, float z) {
  return std::fma(x, y, z);
}
inline float __fdiv_rn(float x, float y) {
  return x / y;
}
inline float __frcp_rn(float x) {
  return 1.0F / x;
}
inline float __fsqrt_rn(float x) {
  return std::sqrt(x);
}
inline float __frsqrt_rn(float x) {
  return rsqrtf(x);
}

// Conversions saturate, and NaN becomes 0, as the device's do.
__forceinline__ int __float2int_rz(float x) {
  if (!(x == x)) return 0;
  if (x >= 0x1p31F) return std::numeric_limits<int>::max();
  if (x < -0x1p31F) return std::numeric_limits<int>::min();
  return static_cast<int>(x);
}
__forceinline__ int __float2int_rn(float x) {
  return __float2int_rz(std::nearbyint(x));
}
__forceinline__ int __float2int_rd(float x) {
  return __float2int_rz(std::floor(x));
}
__forceinline__ float __int2float_rn(int x) {
  return static_cast<float>(x);
}
__forceinline__ float __uint2float_rn(unsigned x) {
  return static_cast<float>(x);
}

__forceinline__ int __popc(unsigned x) {
  return std::popcount(x);
}
__forceinline__ int __popcll(unsigned long long x) {
  return std::popcount(x);
}
__forceinline__ int __clz(int x) {
  return std::countl_zero(static_cast<unsigned>(x));
}
__forceinline__ int __ffs(int x) {
  return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1;
}
__forceinline__ unsigned __brev(unsigned x) {
  unsigned reversed = 0;
  for (int bit = 0; bit < 32; ++bit, x >>= 1) reversed = reversed << 1 | (x & 1U);
  return reversed;
}
__forceinline__ unsigned __umulhi(unsigned x, unsigned y) {
  return static_cast<unsigned>(std::uint64_t{x} * y >> 32);
}
__forceinline__ unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<unsigned long long>(static_cast<Wide>(x) * y >> 64);
}

// As CUDA C++: for any two arithmetic types; of a number and a NaN, the number.
template <class A, class B>
requires std::is_arithmetic_v<A> && std::is_arithmetic_v<B>
constexpr std::common_type_t<A, B> min(A a, B b) {
  using C = std::common_type_t<A, B>;
  const C x = static_cast<C>(a), y = static_cast<C>(b);
  return y < x || !(x == x) ? y : x;
}
template <class A, class B>
requires std::is_arithmetic_v<A> && std::is_arithmetic_v<B>
constexpr std::common_type_t<A, B> max(A a, B b) {
  using C = std::common_type_t<A, B>;
  const C x = static_cast<C>(a), y = static_cast<C>(b);
  return x < y || !(x == x) ? y : x;
}

__forceinline__ void __trap(std::source_location at = std::source_location::current()) {
  ekgine::emulation::trap(at);
}
