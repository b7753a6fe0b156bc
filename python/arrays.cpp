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

[[noreturn]] void refuse_type(const char* what, const std::string& found) {
  throw nb::type_error(fmt::format("{0}: {1}, expected a NumPy array of float32: "
                                   "numpy.ascontiguousarray({0}, dtype=numpy.float32)",
                                   what, found)
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

void check_beats_shape(const nb::ndarray<nb::ro>& array, BeatUnit unit, std::int64_t length) {
  const std::size_t axes = array.ndim();
  const std::int64_t width = row_width(unit);
  const auto is = [&](std::size_t axis, std::int64_t extent) {
    return static_cast<std::int64_t>(array.shape(axis)) == extent;
  };
  if (axes == 2 && is(1, width)) return;
  if (length > 0 && axes == 3 && is(1, length) && is(2, width)) return;
  const std::string sequences =
      length > 0 ? fmt::format(" or (n,{},{})", length, width) : std::string();
  fail("beats: have the shape {}, expected (n,{}){} of {}", shape_of(array), width, sequences,
       has_features(unit) ? "features" : "samples");
}

void check_leads_shape(const nb::ndarray<nb::ro>& array) {
  const std::size_t axes = array.ndim();
  if (array.size() > 0 && (axes == 1 || (axes == 2 && array.shape(0) <= 2))) return;
  fail("samples: have the shape {}, expected (n), (1,n) or (2,n): one or two leads",
       shape_of(array));
}

void check_finite(std::span<const float> values, BeatUnit unit) {
  const auto bad = std::ranges::find_if(values, [](float x) { return !std::isfinite(x); });
  if (bad == values.end()) return;
  const std::int64_t at = bad - values.begin(), width = row_width(unit);
  fail("beats: beat {}, {} {} is {}, expected a finite number", at / width,
       has_features(unit) ? "feature" : "sample", at % width, *bad);
}

void check_not_infinite(std::span<const float> values, std::size_t samples) {
  const auto bad = std::ranges::find_if(values, [](float x) { return std::isinf(x); });
  if (bad == values.end()) return;
  const auto at = static_cast<std::size_t>(bad - values.begin());
  fail("samples: lead {}, sample {} is {}, expected mV, or NaN where not measured", at / samples,
       at % samples, *bad);
}

// An array whose values are not looked at yet.
FloatArray floats_of(nb::handle object, const char* what) {
  FloatArray floats;
  if (!nb::try_cast(object, floats.array) || floats.array.dtype() != nb::dtype<float>()) {
    refuse_type(what, type_of(object));
  }
  if (floats.array.device_type() != nb::device::cpu::value) {
    refuse_type(what, "an array that is not in the host's memory");
  }
  return floats;
}

void find_values(FloatArray& floats, const char* what) {
  if (!is_contiguous(floats.array)) {
    fail("{0}: the array is not contiguous: numpy.ascontiguousarray({0})", what);
  }
  floats.values = {static_cast<const float*>(floats.array.data()), floats.array.size()};
}

}  // namespace

FloatArray beats_of(nb::handle object, BeatUnit unit, std::int64_t length) {
  FloatArray beats = floats_of(object, "beats");
  check_beats_shape(beats.array, unit, length);
  find_values(beats, "beats");
  check_finite(beats.values, unit);
  return beats;
}

FloatArray leads_of(nb::handle object) {
  FloatArray leads = floats_of(object, "samples");
  check_leads_shape(leads.array);
  find_values(leads, "samples");
  check_not_infinite(leads.values, leads.array.shape(leads.array.ndim() - 1));
  return leads;
}

}  // namespace ekgine::python
