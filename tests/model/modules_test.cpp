#include "model/modules.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/model/keras_reference.h"

namespace ekgine {
namespace {

using nlohmann::json;
using testing::expect_array;

// Runs a module, built by `make` in `parameters`, on x in inference mode.
using Module = std::function<Tensor(Tape&, const Tensor&)>;
std::vector<double> output(ParameterSet& parameters, const Module& module, const Shape& shape,
                           const std::vector<double>& x) {
  parameters.allocate(ParameterSet::Use::inference, 0);
  testing::set_initial_values(parameters);
  Device device = Device::cpu(DType::f64);
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::inference, plan);
  const Tensor y = module(tape, tape.input(shape, std::span<const double>(x)));
  EXPECT_EQ(y.shape(), shape);
  const auto values = y.span<double>();
  return {values.begin(), values.end()};
}

// Each module of a Conformer block on its own, against the same made of Keras' layers.
TEST(Modules, AgreeWithKeras) {
  const json fixture = testing::read_fixture("training_steps.json");
  int blocks = 0;
  for (const json& c : fixture.at("cases")) {
    const ModelConfig config = ModelConfig::from_json(c.at("config"), "fixture");
    if (config.name != "Main_Model") continue;
    ++blocks;
    const json& forward = c.at("forward");
    const std::vector<double> features = forward.at("features");
    const auto index = c.at("steps").at(0).at("index").get<std::vector<std::vector<std::size_t>>>();
    const std::int64_t d = config.embed_dim, t = config.sequence_length;
    const Shape shape{std::ssize(index), t, d};
    std::vector<double> x;
    for (const auto& row : index) {
      for (const std::size_t i : row) {
        const auto begin = features.begin() + static_cast<std::ptrdiff_t>(i) * d;
        x.insert(x.end(), begin, begin + d);
      }
    }
    const std::int64_t ff = config.ff_dim_multiplier * d;
    // Dropout is no part of inference.
    const double dropout = 0.5;
    const auto expect = [&](const char* name, ParameterSet& parameters, const Module& module) {
      expect_array(name, output(parameters, module, shape, x), forward.at(name), 1e-10);
    };
    ParameterSet a(DType::f64), b(DType::f64), e(DType::f64), f(DType::f64);
    expect("ffn1", a, FeedForward(a, "encoder.0.ffn1", d, ff, dropout));
    expect("attention", b,
           SelfAttention(b, "encoder.0.attention", t, d, config.num_heads, dropout));
    expect("conv", e, ConvModule(e, "encoder.0.conv", d, config.kernel_size, dropout));
    expect("block", f,
           ConformerBlock(f, "encoder.0", t, d, config.num_heads, ff, config.kernel_size, dropout));
  }
  EXPECT_EQ(blocks, 2);
}

// The feature extractor needs scalograms of the model's size; see KerasSteps in model_test.cpp for
// the whole of it.
TEST(Modules, FeaturesTakeAnyScalogram) {
  ParameterSet parameters(DType::f32);
  const FeatureExtractor features(parameters, "features", 6);
  parameters.allocate(ParameterSet::Use::training, 1);
  Device device = Device::cpu(DType::f32);
  for (const Shape& shape : {Shape{1, 4, 4, 1}, Shape{3, 7, 9, 1}, Shape{2, 32, 187, 1}}) {
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::training, plan);
    const std::vector<float> x(static_cast<std::size_t>(shape.size()), 1);
    const Tensor y = features(tape, tape.input(shape, std::span<const float>(x)));
    EXPECT_EQ(y.shape(), (Shape{shape[0], 6}));
  }
}

}  // namespace
}  // namespace ekgine
