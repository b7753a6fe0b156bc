#include "python/arrays.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"

namespace nb = nanobind;

namespace ekgine::python {

namespace {

std::string type_of(nb::handle object) {
  // An accessor would be taken for a text, not made one.
  if (nb::hasattr(object, "dtype")) {
    const nb::object type = object.attr("dtype");
    return fmt::format("an array of {}", nb::str(nb::handle(type)).c_str());
  }
  const nb::object name = object.type().attr("__name__");
  return fmt::format("a {}", nb::str(nb::handle(name)).c_str());
}

[[noreturn]] void refuse_type(const std::string& found) {
  throw nb::type_error(fmt::format("beats: {}, expected a NumPy array of float32: "
                                   "numpy.ascontiguousarray(beats, dtype=numpy.float32)",
                                   found)
                           .c_str());
}

std::string shape_of(const nb::ndarray<nb::ro>& array) {
  std::vector<std::size_t> extents;
  for (std::size_t axis = 0; axis < array.ndim(); ++axis) extents.push_back(array.shape(axis));
  return fmt::format("({})", fmt::join(extents, ","));
}

// Row after row without gaps, at an address that floats can be read from.
bool is_contiguous(const nb::ndarray<nb::ro>& array) {
  if (reinterpret_cast<std::uintptr_t>(array.data()) % alignof(float) != 0) return false;
  if (array.size() == 0) return true;
  std::int64_t expected = 1;
  for (std::size_t axis = array.ndim(); axis-- > 0;) {
    const auto extent = static_cast<std::int64_t>(array.shape(axis));
    if (extent != 1 && array.stride(axis) != expected) return false;
    expected *= extent;
  }
  return true;
}

void check_shape(const nb::ndarray<nb::ro>& array, std::int64_t length) {
  const std::size_t axes = array.ndim();
  const auto is = [&](std::size_t axis, std::int64_t extent) {
    return static_cast<std::int64_t>(array.shape(axis)) == extent;
  };
  if (axes == 2 && is(1, beat_samples)) return;
  if (length > 0 && axes == 3 && is(1, length) && is(2, beat_samples)) return;
  const std::string sequences =
      length > 0 ? fmt::format(" or (n,{},{})", length, beat_samples) : std::string();
  fail("beats: have the shape {}, expected (n,{}){}", shape_of(array), beat_samples, sequences);
}

void check_finite(std::span<const float> samples) {
  const auto bad = std::ranges::find_if(samples, [](float x) { return !std::isfinite(x); });
  if (bad == samples.end()) return;
  const std::int64_t at = bad - samples.begin();
  fail("beats: beat {}, sample {} is {}, expected a finite number", at / beat_samples,
       at % beat_samples, *bad);
}

}  // namespace

BeatArray beats_of(nb::handle object, std::int64_t length) {
  BeatArray beats;
  if (!nb::try_cast(object, beats.array) || beats.array.dtype() != nb::dtype<float>()) {
    refuse_type(type_of(object));
  }
  const nb::ndarray<nb::ro>& array = beats.array;
  if (array.device_type() != nb::device::cpu::value) {
    refuse_type("an array that is not in the host's memory");
  }
  check_shape(array, length);
  if (!is_contiguous(array)) {
    fail("beats: the array is not contiguous: numpy.ascontiguousarray(beats)");
  }
  beats.samples = {static_cast<const float*>(array.data()), array.size()};
  check_finite(beats.samples);
  return beats;
}

}  // namespace ekgine::python
