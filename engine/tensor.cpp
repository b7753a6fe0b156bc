#include "engine/tensor.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"

namespace ekgine {

const char* name_of(DType type) {
  switch (type) {
    case DType::f32:
      return "f32";
    case DType::f64:
      return "f64";
    case DType::bf16:
      return "bf16";
    case DType::i32:
      return "i32";
  }
  return "?";
}

Shape::Shape(std::initializer_list<std::int64_t> extents)
    : Shape(std::span(extents.begin(), extents.size())) {}

Shape::Shape(std::span<const std::int64_t> extents) : rank_(static_cast<int>(extents.size())) {
  if (extents.size() > max_rank)
    fail("shape: {} axes, at most {} are possible", extents.size(), max_rank);
  std::copy(extents.begin(), extents.end(), extents_.begin());
  for (const std::int64_t extent : extents) {
    if (extent < 0) fail("shape: negative extent in {}", text());
  }
}

std::int64_t Shape::operator[](int axis) const {
  const int positive = axis < 0 ? axis + rank_ : axis;
  if (positive < 0 || positive >= rank_) fail("shape: axis {} of {}", axis, text());
  return extents_[static_cast<std::size_t>(positive)];
}

std::int64_t Shape::size() const {
  std::int64_t product = 1;
  for (int axis = 0; axis < rank_; ++axis) product *= extents_[static_cast<std::size_t>(axis)];
  return product;
}

std::int64_t Shape::rows() const {
  std::int64_t product = 1;
  for (int axis = 0; axis + 1 < rank_; ++axis) product *= extents_[static_cast<std::size_t>(axis)];
  return product;
}

Shape Shape::with_last(std::int64_t extent) const {
  Shape shape = *this;
  if (rank_ == 0) fail("shape: with_last() of a scalar");
  shape.extents_[static_cast<std::size_t>(rank_ - 1)] = extent;
  return shape;
}

std::string Shape::text() const {
  return fmt::format("({})", fmt::join(extents(), ","));
}

struct Tensor::Storage {
  Storage(Arena& owner, std::size_t bytes) : arena(owner), data(owner.allocate(bytes)) {}
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage() { arena.release(data); }

  Arena& arena;
  std::byte* data;
};

Tensor Tensor::allocate(Arena& arena, const Shape& shape, DType type) {
  Tensor tensor;
  tensor.storage_ =
      std::make_shared<Storage>(arena, static_cast<std::size_t>(shape.size()) * size_of(type));
  tensor.data_ = tensor.storage_->data;
  tensor.shape_ = shape;
  tensor.type_ = type;
  return tensor;
}

Tensor Tensor::view(void* data, const Shape& shape, DType type) {
  Tensor tensor;
  tensor.data_ = static_cast<std::byte*>(data);
  tensor.shape_ = shape;
  tensor.type_ = type;
  return tensor;
}

Tensor Tensor::first(const Shape& shape) const {
  if (shape.size() > size()) fail("first: {} is more than {}", shape.text(), shape_.text());
  return view(data_, shape, type_);
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t end) const {
  if (begin < 0 || begin > end || end > shape_[0]) {
    fail("rows: [{}, {}) of {}", begin, end, shape_.text());
  }
  const std::int64_t row = shape_[0] == 0 ? 0 : size() / shape_[0];
  std::array<std::int64_t, Shape::max_rank> extents{};
  std::ranges::copy(shape_.extents(), extents.begin());
  extents[0] = end - begin;
  return view(data_ + static_cast<std::size_t>(begin * row) * size_of(type_),
              Shape(std::span<const std::int64_t>(extents).first(shape_.extents().size())), type_);
}

Tensor Tensor::reshape(const Shape& shape) const {
  if (shape.size() != size()) fail("reshape: {} cannot become {}", shape_.text(), shape.text());
  Tensor tensor = *this;
  tensor.shape_ = shape;
  return tensor;
}

void Tensor::check_type(DType type) const {
  if (type != type_)
    fail("tensor {} holds {}, not {}", shape_.text(), name_of(type_), name_of(type));
}

}  // namespace ekgine
