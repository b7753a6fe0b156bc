// Numbers that Keras computed, and the weights it computed them with: see fixtures/*.py.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"
#include "model/model.h"

namespace ekgine::testing {

inline nlohmann::json read_fixture(const std::string& name) {
  return nlohmann::json::parse(
      read_file(std::string(EKGINE_SOURCE_DIR "/tests/model/fixtures/") + name));
}

inline std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

// n numbers in [-1, 1): hash_values() of make_training_steps.py.
inline std::vector<double> hash_values(std::string_view name, std::int64_t n) {
  std::vector<double> values;
  const std::uint32_t start = crc32(name);
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(n); ++i) {
    std::uint32_t x = i * 2654435761U + start;
    x = (x ^ (x >> 15)) * 2246822519U;
    x = (x ^ (x >> 13)) * 3266489917U;
    x ^= x >> 16;
    values.push_back(static_cast<double>(x) / 0x1p31 - 1);
  }
  return values;
}

// initial() of make_training_steps.py.
inline std::vector<double> initial_values(const Parameter& parameter) {
  const std::string& name = parameter.name;
  const Shape& shape = parameter.value.shape();
  const bool norm = name.find("norm") != std::string::npos;
  double offset = 0, scale = 0.1;
  if (name.ends_with("running_variance")) {
    offset = 1, scale = 0.3;
  } else if (norm && name.ends_with("weight")) {
    offset = 1, scale = 0.2;
  } else if (name.ends_with("position")) {
    scale = 0.5;
  } else if (shape.rank() > 1 && !name.ends_with(".bias")) {
    scale = std::sqrt(6.0 / static_cast<double>(shape[-1] + shape.size() / shape[-1]));
  }
  std::vector<double> values = hash_values(name, shape.size());
  for (double& v : values) v = offset + scale * v;
  return values;
}

// Gives all parameters and running statistics of a set in double their initial_values().
inline void set_initial_values(ParameterSet& parameters) {
  const auto set = [](Parameter& parameter) {
    if (parameter.name.starts_with("normalisation.")) return;
    const std::vector<double> values = initial_values(parameter);
    std::copy(values.begin(), values.end(), parameter.value.data<double>());
  };
  for (Parameter& parameter : parameters.trainable()) set(parameter);
  for (Parameter& buffer : parameters.buffers()) set(buffer);
}

// An array is what summary() of make_training_steps.py made of Keras' array, within `tolerance` of
// the largest element expected (for sums: of what they could be).
inline void expect_array(const std::string& name, std::span<const double> found,
                         const nlohmann::json& expected, double tolerance) {
  if (expected.is_array()) {
    const auto values = expected.get<std::vector<double>>();
    ASSERT_EQ(found.size(), values.size()) << name;
    double largest = 1e-3;
    for (const double v : values) largest = std::max(largest, std::abs(v));
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(found[i], values[i], tolerance * largest) << name << ", element " << i;
    }
    return;
  }
  double sum = 0, squares = 0, projection = 0;
  const std::vector<double> probe = hash_values(name + ":probe", std::ssize(found));
  for (std::size_t i = 0; i < found.size(); ++i) {
    sum += found[i];
    squares += found[i] * found[i];
    projection += found[i] * probe[i];
  }
  const double norm = expected.at("norm"), root = std::sqrt(static_cast<double>(found.size()));
  EXPECT_NEAR(std::sqrt(squares), norm, tolerance * norm) << name;
  EXPECT_NEAR(sum, expected.at("sum").get<double>(), tolerance * norm * root) << name;
  EXPECT_NEAR(projection, expected.at("probe").get<double>(), tolerance * norm * root) << name;
}

}  // namespace ekgine::testing
