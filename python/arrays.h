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

// An array of beats of the caller's.
struct BeatArray {
  nanobind::ndarray<nanobind::ro> array;  // keeps the samples
  std::span<const float> samples;

  std::size_t rows() const { return array.shape(0); }
  bool of_sequences() const { return array.ndim() == 3; }  // not of beats
};

// What `object` holds, an array of beats (n, beat_samples) or, where a `length` is given, also one
// of sequences (n, length, beat_samples). Nothing is converted. Errors: a TypeError where it is no
// array of float32 in host memory; another shape, or one that is not contiguous; a value that is
// not finite.
BeatArray beats_of(nanobind::handle object, std::int64_t length = 0);

}  // namespace ekgine::python
