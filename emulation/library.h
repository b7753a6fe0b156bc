// What the stand-ins for NVIDIA's libraries share: the refusal of wrong calls, handles, and arrays
// in device memory.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "emulation/planned_failures.h"

namespace ekgine::emulation {

// A call of a library's function. A wrong one is refused with the status that the library
// documents, and is a fault besides: nobody has to look at the status to see it in a test.
class LibraryCall {
 public:
  // `caller` is __builtin_return_address(0) of the function.
  LibraryCall(const char* function, const void* caller) : function_(function), caller_(caller) {}

  // "FUNCTION: WHAT, called at FILE:LINE"
  void fault(const std::string& what) const;
  template <class Status>
  Status refuse(Status status, const std::string& what) const {
    fault(what);
    return status;
  }

  // False, and a fault, unless the argument points to so many bytes of device memory, aligned as
  // given.
  bool is_device_array(const char* argument, const void* data, std::size_t bytes,
                       std::size_t alignment) const;
  // The same for a scalar that the host has to read.
  bool is_host_scalar(const char* argument, const void* data) const;

  // The status that the environment plans for this call (see planned_failures.h), or success.
  template <class Status>
  Status planned() const {
    return static_cast<Status>(planned_failure(function_));
  }

  const char* function() const { return function_; }
  const void* caller() const { return caller_; }

 private:
  const char* function_;
  const void* caller_;
};

// A line for every object of a library that was not given back.
std::vector<std::string> library_leaks();
// Adds a source of such lines.
void add_library_leaks(std::function<std::vector<std::string>()> lines);

// The objects of one kind that were made and not yet given back.
template <class T>
class Handles {
 public:
  explicit Handles(std::string kind) {
    add_library_leaks([this, kind = std::move(kind)] {
      return std::vector<std::string>(live_.size(), "leak: " + kind);
    });
  }
  T* make() { return *live_.insert(new T{}).first; }
  bool contains(T* handle) const { return live_.contains(handle); }
  bool destroy(T* handle) {
    if (live_.erase(handle) == 0) return false;
    delete handle;
    return true;
  }

 private:
  std::set<T*> live_;
};

enum class Storage { float32, bfloat16 };
constexpr std::size_t size_of(Storage storage) {
  return storage == Storage::float32 ? 4 : 2;
}

// For the work of a call, when it runs: `count` neighbouring elements of device memory. Faults name
// the argument; false when it cannot be touched at all.
bool read_array(const void* from, Storage storage, std::size_t count, double* to,
                const char* argument);
bool write_array(void* to, Storage storage, std::size_t count, const double* from,
                 const char* argument);
// Leaves garbage in scratch memory, as a library does.
bool scribble(void* to, std::size_t bytes, const char* argument);

// The nearest number with 10 bits of fraction, ties away from zero: TF32.
double round_to_tf32(double value);

}  // namespace ekgine::emulation
