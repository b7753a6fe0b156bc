// Loads and stores of float and bfloat16 arrays, several elements at a time.
//
//   constexpr int width = vector_width<T>;        // 4 floats or 8 bfloat16: 16 bytes
//   float x[width];
//   load(x, pointer);  ...  store(pointer, x);    // pointer 16-byte aligned
//
// Kernels work in float; only loads and stores know what is stored.
#pragma once

#include <simt.cuh>

#include <cstdint>
#include <type_traits>

#include "kernels/runtime/bfloat16.h"

namespace ekgine::device {

__device__ __forceinline__ float to_float(float value) {
  return value;
}
__device__ __forceinline__ float to_float(bfloat16 value) {
  return __uint_as_float(static_cast<std::uint32_t>(value.bits) << 16);
}

template <class T>
__device__ __forceinline__ T from_float(float value);
template <>
__device__ __forceinline__ float from_float<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ bfloat16 from_float<bfloat16>(float value) {
  bfloat16 result;
  result.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
  return result;
}

// Elements in 16 bytes.
template <class T>
inline constexpr int vector_width = 16 / static_cast<int>(sizeof(T));

__device__ __forceinline__ void load(float (&x)[4], const float* from) {
  const float4 v = *reinterpret_cast<const float4*>(from);
  x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w;
}
__device__ __forceinline__ void store(float* to, const float (&x)[4]) {
  *reinterpret_cast<float4*>(to) = make_float4(x[0], x[1], x[2], x[3]);
}

// Two bfloat16 in a word, the first in the lower half.
__device__ __forceinline__ std::uint32_t pack(float low, float high) {
  return static_cast<std::uint32_t>(from_float<bfloat16>(low).bits) |
         static_cast<std::uint32_t>(from_float<bfloat16>(high).bits) << 16;
}
__device__ __forceinline__ void unpack(float& low, float& high, std::uint32_t word) {
  low = __uint_as_float(word << 16);
  high = __uint_as_float(word & 0xFFFF0000U);
}

// 16 bytes as they are loaded: 4 floats or 8 bfloat16.
template <class T>
using Packet = std::conditional_t<std::is_same_v<T, float>, float4, uint4>;

__device__ __forceinline__ void unpack(float (&x)[8], uint4 v) {
  unpack(x[0], x[1], v.x);
  unpack(x[2], x[3], v.y);
  unpack(x[4], x[5], v.z);
  unpack(x[6], x[7], v.w);
}
__device__ __forceinline__ void load(float (&x)[8], const bfloat16* from) {
  unpack(x, *reinterpret_cast<const uint4*>(from));
}
__device__ __forceinline__ void store(bfloat16* to, const float (&x)[8]) {
  *reinterpret_cast<uint4*>(to) =
      make_uint4(pack(x[0], x[1]), pack(x[2], x[3]), pack(x[4], x[5]), pack(x[6], x[7]));
}

// Eight floats: what belongs to the channels of one vector of bfloat16.
__device__ __forceinline__ void load(float (&x)[8], const float* from) {
  const float4 v = *reinterpret_cast<const float4*>(from);
  const float4 w = *reinterpret_cast<const float4*>(from + 4);
  x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w;
  x[4] = w.x, x[5] = w.y, x[6] = w.z, x[7] = w.w;
}

// Parts of 16 bytes, for kernels whose lanes share a row by other widths.
__device__ __forceinline__ void load(float (&x)[2], const float* from) {
  const float2 v = *reinterpret_cast<const float2*>(from);
  x[0] = v.x, x[1] = v.y;
}
__device__ __forceinline__ void store(float* to, const float (&x)[2]) {
  *reinterpret_cast<float2*>(to) = make_float2(x[0], x[1]);
}
__device__ __forceinline__ void load(float (&x)[2], const bfloat16* from) {
  unpack(x[0], x[1], *reinterpret_cast<const std::uint32_t*>(from));
}
__device__ __forceinline__ void store(bfloat16* to, const float (&x)[2]) {
  *reinterpret_cast<std::uint32_t*>(to) = pack(x[0], x[1]);
}
__device__ __forceinline__ void load(float (&x)[4], const bfloat16* from) {
  const uint2 v = *reinterpret_cast<const uint2*>(from);
  unpack(x[0], x[1], v.x);
  unpack(x[2], x[3], v.y);
}
__device__ __forceinline__ void store(bfloat16* to, const float (&x)[4]) {
  *reinterpret_cast<uint2*>(to) = make_uint2(pack(x[0], x[1]), pack(x[2], x[3]));
}
__device__ __forceinline__ void store(float* to, const float (&x)[8]) {
  *reinterpret_cast<float4*>(to) = make_float4(x[0], x[1], x[2], x[3]);
  *reinterpret_cast<float4*>(to + 4) = make_float4(x[4], x[5], x[6], x[7]);
}

// One element, where rows are ragged: for kernels that are templates of the width.
template <class T>
__device__ __forceinline__ void load(float (&x)[1], const T* from) {
  x[0] = to_float(*from);
}
template <class T>
__device__ __forceinline__ void store(T* to, const float (&x)[1]) {
  *to = from_float<T>(x[0]);
}

// Whether a pointer may be read 16 bytes at a time.
inline bool aligned16(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

}  // namespace ekgine::device
