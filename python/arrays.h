// NumPy arrays, in and out, without copies.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "base/beat.h"

namespace ekgine::python {

// A read-only array of what an object has. As the value of a property it keeps that object alive.
template <class T, nanobind::ssize_t... Extents>
using View = nanobind::ndarray<nanobind::numpy, const T, nanobind::shape<Extents...>,
                               nanobind::c_contig, nanobind::device::cpu>;

// An array that takes over `values`.
template <class T>
nanobind::object array_of(std::vector<T>&& values, std::initializer_list<std::size_t> shape) {
  auto* kept = new std::vector<T>(std::move(values));
  const nanobind::capsule owner(
      kept, [](void* all) noexcept { delete static_cast<std::vector<T>*>(all); });
  return nanobind::ndarray<nanobind::numpy, T>(kept->data(), shape, owner).cast();
}

// An array of the caller's, read where it is: nothing is converted. Errors of the two functions
// below: a TypeError where it is no array of float32 in host memory; another shape, or one that is
// not contiguous.
struct FloatArray {
  nanobind::ndarray<nanobind::ro> array;  // keeps the values
  std::span<const float> values;          // row after row

  std::size_t rows() const { return array.shape(0); }
  bool of_sequences() const { return array.ndim() == 3; }  // not of beats
};

// What `object` holds, an array of beats (n, row_width(unit)) or, where a `length` is given, also
// one of sequences (n, length, row_width(unit)). Errors: a value that is not finite.
FloatArray beats_of(nanobind::handle object, BeatUnit unit, std::int64_t length = 0);

// What `object` holds, the samples of one lead (n) or of one or two (leads, n), n > 0. Errors: a
// value that is infinite; NaN is not.
FloatArray leads_of(nanobind::handle object);

}  // namespace ekgine::python
