#include "engine/tensor.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "engine/back_end.h"
#include "engine/device.h"
#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

TEST(Shape, KnowsItsExtents) {
  const Shape shape{8, 3, 64};
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape[0], 8);
  EXPECT_EQ(shape[2], 64);
  EXPECT_EQ(shape[-1], 64);
  EXPECT_EQ(shape[-3], 8);
  EXPECT_EQ(shape.size(), 8 * 3 * 64);
  EXPECT_EQ(shape.rows(), 24);
  EXPECT_EQ(shape.text(), "(8,3,64)");
  EXPECT_EQ(shape.with_last(5), (Shape{8, 3, 5}));
  EXPECT_EQ(shape, Shape(std::vector<std::int64_t>{8, 3, 64}));
  EXPECT_NE(shape, (Shape{8, 3}));
  EXPECT_NE(shape, (Shape{8, 3, 64, 1}));
  EXPECT_NE((Shape{0}), (Shape{}));
}

TEST(Shape, MayBeScalarOrEmpty) {
  EXPECT_EQ(Shape().size(), 1);
  EXPECT_EQ(Shape().rows(), 1);
  EXPECT_EQ(Shape().text(), "()");
  EXPECT_EQ((Shape{3, 0, 2}).size(), 0);
  EXPECT_EQ((Shape{3, 0}).rows(), 3);
  // Larger than an int: sizes are 64 bits wide.
  EXPECT_EQ((Shape{1 << 20, 1 << 20}).size(), std::int64_t{1} << 40);
}

TEST(Shape, NamesWhatItRefuses) {
  EXPECT_ERROR((Shape{1, 2, 3, 4, 5, 6}), "shape: 6 axes, at most 5 are possible");
  EXPECT_ERROR((Shape{2, -1}), "shape: negative extent in (2,-1)");
  EXPECT_ERROR((Shape{2, 3}[2]), "shape: axis 2 of (2,3)");
  EXPECT_ERROR((Shape{2, 3}[-3]), "shape: axis -3 of (2,3)");
  EXPECT_ERROR(Shape().with_last(1), "shape: with_last() of a scalar");
}

TEST(DTypes, HaveNamesAndSizes) {
  EXPECT_STREQ(name_of(DType::f32), "f32");
  EXPECT_STREQ(name_of(DType::f64), "f64");
  EXPECT_STREQ(name_of(DType::i32), "i32");
  EXPECT_EQ(size_of(DType::f32), sizeof(float));
  EXPECT_EQ(size_of(DType::f64), sizeof(double));
  EXPECT_EQ(size_of(DType::i32), sizeof(std::int32_t));
}

TEST(Tensor, ViewsMemoryOfOthers) {
  std::vector<double> values = {1, 2, 3, 4, 5, 6};
  const Tensor tensor = Tensor::view(values.data(), {2, 3}, DType::f64);
  EXPECT_TRUE(tensor);
  EXPECT_FALSE(Tensor());
  EXPECT_EQ(tensor.data<double>(), values.data());
  EXPECT_EQ(tensor.span<double>().size(), 6U);
  EXPECT_EQ(tensor.span<double>()[5], 6);
  EXPECT_EQ(tensor.id(), -1);
  EXPECT_FALSE(tensor.sole_owner()) << "the memory is the caller's";
  EXPECT_ERROR(tensor.data<float>(), "tensor (2,3) holds f64, not f32");
  EXPECT_ERROR(tensor.span<std::int32_t>(), "tensor (2,3) holds f64, not i32");
}

TEST(Tensor, ReshapesWithoutCopying) {
  std::vector<float> values(6);
  const Tensor tensor = Tensor::view(values.data(), {2, 3}, DType::f32);
  const Tensor flat = tensor.reshape({6});
  EXPECT_EQ(flat.shape(), (Shape{6}));
  EXPECT_EQ(flat.data<float>(), values.data());
  EXPECT_EQ(tensor.shape(), (Shape{2, 3}));
  EXPECT_ERROR(tensor.reshape({5}), "reshape: (2,3) cannot become (5)");
}

TEST(Tensor, GivesItsStorageBackWithTheLastHandle) {
  Arena arena("arena", 1 << 21);
  Arena::Plan plan;
  arena.begin(plan);
  float* address = nullptr;
  {
    Tensor tensor = Tensor::allocate(arena, {10}, DType::f32);
    address = tensor.data<float>();
    EXPECT_TRUE(tensor.sole_owner());
    const Tensor reshaped = tensor.reshape({2, 5});
    EXPECT_FALSE(tensor.sole_owner());
    tensor = Tensor();
    EXPECT_TRUE(reshaped.sole_owner());
    EXPECT_NE(Tensor::allocate(arena, {1}, DType::f32).data<float>(), address);
  }
  EXPECT_EQ(Tensor::allocate(arena, {2, 5}, DType::i32).data<std::int32_t>(),
            reinterpret_cast<std::int32_t*>(address));
  arena.end();
  EXPECT_EQ(plan.bytes(), 128U);
  EXPECT_ERROR(Tensor::allocate(arena, {1}, DType::f32), "arena: allocation of 4 bytes outside");
}

TEST(Device, ComputesInRealTypesOnly) {
  EXPECT_EQ(Device::cpu(DType::f64).dtype(), DType::f64);
  EXPECT_ERROR(Device::cpu(DType::i32),
               "device: i32 is no type to compute in (f32, f64, bf16 are)");
}

TEST(Device, StoresImagesAloneInBfloat16OnTheCpu) {
  const Device device = Device::cpu(DType::bf16);
  EXPECT_EQ(device.image_dtype(), DType::bf16);
  EXPECT_EQ(device.dtype(), DType::f32);
  EXPECT_EQ(device.real_dtype(), DType::f32);
}

TEST(Device, RunsKernelsOnItsBackEnd) {
  Device device = Device::cpu(DType::f64);
  std::size_t size = 0;
  device.run([&]<class B>(B&) { size = sizeof(typename B::Scalar); });
  EXPECT_EQ(size, sizeof(double));
}

}  // namespace
}  // namespace ekgine::testing
