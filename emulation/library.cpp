#include "emulation/library.h"

#include <fmt/format.h>

#include <cuda_bf16.h>
#include <bit>
#include <cstdint>
#include <cstring>

#include "emulation/address_space.h"
#include "emulation/device_access.h"
#include "emulation/faults.h"
#include "emulation/symbols.h"

namespace ekgine::emulation {

namespace {

// A function's, so that it is there before the handles of any file are.
std::vector<std::function<std::vector<std::string>()>>& leak_sources() {
  static std::vector<std::function<std::vector<std::string>()>> sources;
  return sources;
}

}  // namespace

std::vector<std::string> library_leaks() {
  std::vector<std::string> lines;
  for (const auto& source : leak_sources()) {
    for (std::string& line : source()) lines.push_back(std::move(line));
  }
  return lines;
}

void add_library_leaks(std::function<std::vector<std::string>()> lines) {
  leak_sources().push_back(std::move(lines));
}

void LibraryCall::fault(const std::string& what) const {
  report(fmt::format("{}: {}, called at {}", function_, what, source_line(caller_)));
}

bool LibraryCall::is_device_array(const char* argument, const void* data, std::size_t bytes,
                                  std::size_t alignment) const {
  if (data == nullptr) {
    fault(fmt::format("{} is null", argument));
    return false;
  }
  if (reinterpret_cast<std::uintptr_t>(data) % alignment != 0) {
    fault(fmt::format("{} ({}) is not aligned to {} bytes", argument, data, alignment));
    return false;
  }
  if (!is_device_memory(data, bytes)) {
    fault(fmt::format("{} ({}) is not device memory of {} bytes", argument, data, bytes));
    return false;
  }
  return true;
}

bool LibraryCall::is_host_scalar(const char* argument, const void* data) const {
  if (data == nullptr) {
    fault(fmt::format("{} is null", argument));
    return false;
  }
  if (AddressSpace::get().contains(data)) {
    fault(fmt::format("{} ({}) is device memory, a host pointer is expected", argument, data));
    return false;
  }
  return true;
}

bool read_array(const void* from, Storage storage, std::size_t count, double* to,
                const char* argument) {
  if (!device_reads(from, count * size_of(storage), argument)) return false;
  if (storage == Storage::float32) {
    const auto* values = static_cast<const float*>(from);
    for (std::size_t i = 0; i < count; ++i) to[i] = values[i];
  } else {
    const auto* values = static_cast<const __nv_bfloat16*>(from);
    for (std::size_t i = 0; i < count; ++i) to[i] = __bfloat162float(values[i]);
  }
  return true;
}

bool write_array(void* to, Storage storage, std::size_t count, const double* from,
                 const char* argument) {
  if (!device_writes(to, count * size_of(storage), argument)) return false;
  if (storage == Storage::float32) {
    auto* values = static_cast<float*>(to);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(from[i]);
  } else {
    auto* values = static_cast<__nv_bfloat16*>(to);
    for (std::size_t i = 0; i < count; ++i)
      values[i] = __float2bfloat16_rn(static_cast<float>(from[i]));
  }
  return true;
}

bool scribble(void* to, std::size_t bytes, const char* argument) {
  if (bytes == 0) return true;
  if (!device_scribbles(to, bytes, argument)) return false;
  std::memset(to, 0xFF, bytes);
  return true;
}

double round_to_tf32(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  if ((bits & 0x7F800000U) == 0x7F800000U) return value;  // infinite or NaN
  return std::bit_cast<float>((bits + 0x1000U) & 0xFFFFE000U);
}

}  // namespace ekgine::emulation
