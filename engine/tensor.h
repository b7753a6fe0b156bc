// Tensors: a shape, an element type and contiguous row-major storage.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

#include "kernels/runtime/arena.h"
#include "kernels/runtime/bfloat16.h"

namespace ekgine {

enum class DType : std::uint8_t { f32, f64, bf16, i32 };

template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::f32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::f64;
}
template <>
constexpr DType dtype_of<bfloat16>() {
  return DType::bf16;
}
template <>
constexpr DType dtype_of<std::int32_t>() {
  return DType::i32;
}

constexpr std::size_t size_of(DType type) {
  return type == DType::f64 ? 8 : type == DType::bf16 ? 2 : 4;
}
const char* name_of(DType type);

// Extents of up to five axes; the last one is contiguous in memory.
class Shape {
 public:
  static constexpr int max_rank = 5;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents);
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  // Extent of an axis; negative axes count from the end: shape[-1] is the channels.
  std::int64_t operator[](int axis) const;
  std::int64_t size() const;  // number of elements; 1 for rank 0
  // Number of rows if all axes but the last are taken as one: size() / shape[-1].
  std::int64_t rows() const;
  Shape with_last(std::int64_t extent) const;  // the same but for the last axis
  std::string text() const;                    // "(8,3,64)"
  std::span<const std::int64_t> extents() const {
    return {extents_.data(), static_cast<std::size_t>(rank_)};
  }
  bool operator==(const Shape&) const = default;

 private:
  std::array<std::int64_t, max_rank> extents_{};
  int rank_ = 0;
};

// A handle: copies share the storage. Storage from an arena goes back to it with the last handle.
class Tensor {
 public:
  Tensor() = default;
  // Uninitialised storage from an arena that is inside a step.
  static Tensor allocate(Arena& arena, const Shape& shape, DType type);
  // Memory that somebody else keeps alive, at least shape.size() elements.
  static Tensor view(void* data, const Shape& shape, DType type);

  explicit operator bool() const { return data_ != nullptr; }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return type_; }
  // As kernels count their costs.
  double element_bytes() const { return static_cast<double>(size_of(type_)); }
  std::int64_t size() const { return shape_.size(); }

  // Elements; throws when T is not the tensor's type.
  template <class T>
  T* data() const {
    check_type(dtype_of<T>());
    return reinterpret_cast<T*>(data_);
  }
  // The elements' bytes, of whatever type.
  std::byte* bytes() const { return data_; }
  template <class T>
  std::span<T> span() const {
    return {data<T>(), static_cast<std::size_t>(size())};
  }

  // Constant views of the first elements, in another shape, and of the rows [begin, end) of the
  // first axis; nothing keeps their memory alive.
  Tensor first(const Shape& shape) const;
  Tensor rows(std::int64_t begin, std::int64_t end) const;

  // The same elements (and the same value on the tape) in another shape of equal size.
  Tensor reshape(const Shape& shape) const;

  // Number of the value on the tape that recorded it; -1 for constants.
  int id() const { return id_; }
  // True when no other handle shares the storage: its owner may overwrite it.
  bool sole_owner() const { return storage_ != nullptr && storage_.use_count() == 1; }

 private:
  friend class Tape;
  struct Storage;
  void check_type(DType type) const;

  std::shared_ptr<Storage> storage_;  // null for views
  std::byte* data_ = nullptr;
  Shape shape_;
  DType type_ = DType::f32;
  int id_ = -1;
};

}  // namespace ekgine
