// ONNX files read back, for tests, and their graphs computed in double: the messages, operators and
// attributes that ekgine writes, by Operators.md of ONNX 1.12, and nothing else. Independent
// of the code that writes them. Throws std::runtime_error where a file has anything else.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ekgine::testing {

using OnnxExtents = std::vector<std::int64_t>;

struct OnnxTensor {
  OnnxExtents shape;
  std::vector<double> values;

  static std::int64_t size_of(const OnnxExtents& shape) {
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  }
  std::int64_t rows() const { return std::ssize(values) / shape.back(); }
};

struct OnnxNode {
  std::string op, name;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, OnnxExtents> integers;  // a single one, too
  std::map<std::string, float> floats;
};

struct OnnxFile {
  std::int64_t ir_version = 0, opset = 0;
  std::string producer, version, description;
  std::map<std::string, std::string> metadata;
  std::vector<OnnxNode> nodes;
  std::map<std::string, OnnxTensor> constants;
  struct Value {
    std::string name, description;
    std::vector<std::string> shape;  // "batch", "187"
  };
  std::vector<Value> inputs, outputs;
};

inline void onnx_require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

// The fields of a message, as often as they come: integers, and bytes or the bits of a float.
class OnnxMessage {
 public:
  explicit OnnxMessage(std::string_view rest) {
    while (!rest.empty()) {
      const std::uint64_t key = varint(rest);
      const int field = static_cast<int>(key >> 3);
      if ((key & 7) == 0) {
        integers_[field].push_back(static_cast<std::int64_t>(varint(rest)));
        continue;
      }
      onnx_require((key & 7) == 2 || (key & 7) == 5, "a kind of field that is not expected");
      const std::uint64_t size = (key & 7) == 5 ? 4 : varint(rest);
      onnx_require(size <= rest.size(), "a field is cut off");
      bytes_[field].push_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
  }

  std::int64_t integer(int field) const { return integers_.at(field).at(0); }
  bool has_integer(int field) const { return integers_.contains(field); }
  std::string text(int field) const { return std::string(bytes_.at(field).at(0)); }
  bool has_bytes(int field) const { return bytes_.contains(field); }
  OnnxMessage message(int field) const { return OnnxMessage(bytes_.at(field).at(0)); }
  std::vector<std::string_view> all(int field) const {
    return bytes_.contains(field) ? bytes_.at(field) : std::vector<std::string_view>();
  }
  std::vector<std::string> texts(int field) const {
    const auto found = all(field);
    return {found.begin(), found.end()};
  }
  OnnxExtents packed(int field) const {
    OnnxExtents numbers;
    for (std::string_view rest : all(field)) {
      while (!rest.empty()) numbers.push_back(static_cast<std::int64_t>(varint(rest)));
    }
    return numbers;
  }

 private:
  static std::uint64_t varint(std::string_view& rest) {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      onnx_require(shift < 64 && !rest.empty(), "an integer is cut off");
      const auto byte = static_cast<unsigned char>(rest.front());
      rest.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  }
  std::map<int, std::vector<std::int64_t>> integers_;
  std::map<int, std::vector<std::string_view>> bytes_;
};

template <class T>
std::vector<double> onnx_numbers(std::string_view raw) {
  std::vector<T> values(raw.size() / sizeof(T));
  onnx_require(values.size() * sizeof(T) == raw.size(), "half a number");
  std::memcpy(values.data(), raw.data(), raw.size());
  return {values.begin(), values.end()};
}

inline OnnxTensor read_onnx_tensor(const OnnxMessage& message) {
  OnnxTensor tensor{message.packed(1), {}};
  const std::string raw = message.text(9);
  const bool real = message.integer(2) == 1;
  onnx_require(real || message.integer(2) == 7, "a tensor of another type");
  tensor.values = real ? onnx_numbers<float>(raw) : onnx_numbers<std::int64_t>(raw);
  onnx_require(std::ssize(tensor.values) == OnnxTensor::size_of(tensor.shape),
               message.text(8) + " does not fill its shape");
  return tensor;
}

inline OnnxNode read_onnx_node(const OnnxMessage& message) {
  OnnxNode node{message.text(4), message.text(3), message.texts(1), message.texts(2), {}, {}};
  for (const std::string_view bytes : message.all(5)) {
    const OnnxMessage attribute(bytes);
    const std::string name = attribute.text(1);
    switch (attribute.integer(20)) {
      case 1:
        std::memcpy(&node.floats[name], attribute.text(2).data(), sizeof(float));
        break;
      case 2:
        node.integers[name] = {attribute.integer(3)};
        break;
      case 7:
        node.integers[name] = attribute.packed(8);
        break;
      default:
        throw std::runtime_error(name + " is of a kind that is not expected");
    }
  }
  return node;
}

inline OnnxFile::Value read_onnx_value(const OnnxMessage& message) {
  OnnxFile::Value value{message.text(1), message.text(3), {}};
  const OnnxMessage tensor = message.message(2).message(1);
  onnx_require(tensor.integer(1) == 1, value.name + " is no float");
  const OnnxMessage shape = tensor.message(2);
  for (const std::string_view bytes : shape.all(1)) {
    const OnnxMessage extent(bytes);
    value.shape.push_back(extent.has_integer(1) ? std::to_string(extent.integer(1))
                                                : extent.text(2));
  }
  return value;
}

inline OnnxFile read_onnx(const std::string& content) {
  const OnnxMessage model(content);
  OnnxFile file;
  file.ir_version = model.integer(1);
  file.opset = model.message(8).integer(2);
  file.producer = model.text(2);
  file.version = model.text(3);
  file.description = model.text(6);
  for (const std::string_view bytes : model.all(14)) {
    const OnnxMessage entry(bytes);
    onnx_require(file.metadata.emplace(entry.text(1), entry.text(2)).second, "a key twice");
  }
  const std::string graph_bytes = model.text(7);
  const OnnxMessage graph(graph_bytes);
  for (const std::string_view bytes : graph.all(1)) {
    file.nodes.push_back(read_onnx_node(OnnxMessage(bytes)));
  }
  for (const std::string_view bytes : graph.all(5)) {
    const OnnxMessage tensor(bytes);
    onnx_require(file.constants.emplace(tensor.text(8), read_onnx_tensor(tensor)).second,
                 tensor.text(8) + " is there twice");
  }
  for (const std::string_view bytes : graph.all(11)) {
    file.inputs.push_back(read_onnx_value(OnnxMessage(bytes)));
  }
  for (const std::string_view bytes : graph.all(12)) {
    file.outputs.push_back(read_onnx_value(OnnxMessage(bytes)));
  }
  return file;
}

// --- Operators ----------------------------------------------------------------------------------

// Strides of a tensor seen with `shape`, of no fewer axes: 0 where it is broadcast.
inline OnnxExtents onnx_strides(const OnnxTensor& x, const OnnxExtents& shape) {
  OnnxExtents strides(shape.size(), 0);
  std::int64_t stride = 1;
  for (std::size_t i = 1; i <= x.shape.size(); ++i) {
    const std::int64_t extent = x.shape[x.shape.size() - i];
    onnx_require(extent == 1 || extent == shape[shape.size() - i], "shapes do not broadcast");
    strides[shape.size() - i] = extent == 1 ? 0 : stride;
    stride *= extent;
  }
  return strides;
}

// Where in memory each element of `shape` lies, by these strides.
inline OnnxExtents onnx_places(const OnnxExtents& shape, const OnnxExtents& strides) {
  OnnxExtents places, index(shape.size(), 0);
  for (std::int64_t i = OnnxTensor::size_of(shape); i > 0; --i) {
    places.push_back(
        std::inner_product(index.begin(), index.end(), strides.begin(), std::int64_t{0}));
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return places;
}

inline OnnxTensor onnx_binary(const OnnxTensor& a, const OnnxTensor& b,
                              const std::function<double(double, double)>& f) {
  OnnxTensor y{a.shape.size() >= b.shape.size() ? a.shape : b.shape, {}};
  const OnnxExtents pa = onnx_places(y.shape, onnx_strides(a, y.shape));
  const OnnxExtents pb = onnx_places(y.shape, onnx_strides(b, y.shape));
  for (std::size_t i = 0; i < pa.size(); ++i) {
    y.values.push_back(f(a.values.at(static_cast<std::size_t>(pa[i])),
                         b.values.at(static_cast<std::size_t>(pb[i]))));
  }
  return y;
}

inline OnnxTensor onnx_unary(OnnxTensor x, const std::function<double(double)>& f) {
  for (double& v : x.values) v = f(v);
  return x;
}

inline OnnxTensor onnx_transpose(const OnnxTensor& x, const OnnxExtents& order) {
  const OnnxExtents from = onnx_strides(x, x.shape);
  OnnxTensor y;
  OnnxExtents strides;
  for (const std::int64_t axis : order) {
    y.shape.push_back(x.shape.at(static_cast<std::size_t>(axis)));
    strides.push_back(from.at(static_cast<std::size_t>(axis)));
  }
  for (const std::int64_t place : onnx_places(y.shape, strides)) {
    y.values.push_back(x.values[static_cast<std::size_t>(place)]);
  }
  return y;
}

// An extent of 0 is that of x.
inline OnnxTensor onnx_reshape(const OnnxTensor& x, OnnxExtents shape) {
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 0) shape[axis] = x.shape.at(axis);
  }
  const auto rest = std::ranges::find(shape, -1);
  if (rest != shape.end()) {
    *rest = 1;
    *rest = std::ssize(x.values) / OnnxTensor::size_of(shape);
  }
  onnx_require(OnnxTensor::size_of(shape) == std::ssize(x.values), "a reshape that does not fit");
  return {std::move(shape), x.values};
}

// (..., M, K) × (K, N) or (..., K, N)
inline OnnxTensor onnx_matmul(const OnnxTensor& a, const OnnxTensor& b) {
  const std::int64_t m = a.shape.at(a.shape.size() - 2), k = a.shape.back(), n = b.shape.back();
  onnx_require(b.shape.at(b.shape.size() - 2) == k, "a product that does not fit");
  OnnxTensor y{a.shape, {}};
  y.shape.back() = n;
  const std::int64_t batch = std::ssize(a.values) / (m * k);
  onnx_require(b.shape.size() == 2 || std::ssize(b.values) == batch * k * n, "other batches");
  for (std::int64_t row = 0; row < batch * m; ++row) {
    const std::int64_t offset = b.shape.size() == 2 ? 0 : row / m * k * n;
    for (std::int64_t column = 0; column < n; ++column) {
      double total = 0;
      for (std::int64_t i = 0; i < k; ++i) {
        total += a.values[static_cast<std::size_t>(row * k + i)] *
                 b.values[static_cast<std::size_t>(offset + i * n + column)];
      }
      y.values.push_back(total);
    }
  }
  return y;
}

// One output channel of one image; `w` are its (in, kh, kw) weights.
struct OnnxWindow {
  std::int64_t in, h, w, kh, kw, top, left, out_h, out_w;

  void add(const double* x, const double* kernel, double* y) const {
    for (std::int64_t c = 0; c < in; ++c) {
      for (std::int64_t i = 0; i < kh; ++i) {
        for (std::int64_t j = 0; j < kw; ++j) {
          const double tap = kernel[(c * kh + i) * kw + j];
          for (std::int64_t r = std::max<std::int64_t>(0, top - i);
               r < std::min(out_h, h + top - i); ++r) {
            const double* row = x + (c * h + r + i - top) * w + j - left;
            const std::int64_t first = std::max<std::int64_t>(0, left - j);
            const std::int64_t last = std::min(out_w, w + left - j);
            for (std::int64_t t = first; t < last; ++t) y[r * out_w + t] += tap * row[t];
          }
        }
      }
    }
  }
};

inline OnnxTensor onnx_conv(const OnnxNode& node, const OnnxTensor& x, const OnnxTensor& w,
                            const OnnxTensor* bias) {
  const bool flat = x.shape.size() == 3;
  const OnnxExtents pads = node.integers.at("pads");
  const std::int64_t group = node.integers.contains("group") ? node.integers.at("group")[0] : 1;
  const std::int64_t channels = x.shape.at(1), out = w.shape.at(0);
  OnnxWindow window{w.shape.at(1),
                    flat ? 1 : x.shape[2],
                    x.shape.back(),
                    flat ? 1 : w.shape[2],
                    w.shape.back(),
                    flat ? 0 : pads[0],
                    pads[flat ? 0 : 1],
                    0,
                    0};
  window.out_h = window.h + 1 - window.kh + (flat ? 0 : pads[0] + pads[2]);
  window.out_w = window.w + 1 - window.kw + pads[flat ? 0 : 1] + pads[flat ? 1 : 3];
  onnx_require(window.in * group == channels, "a convolution of other channels");
  OnnxTensor y{x.shape, {}};
  y.shape[1] = out;
  if (!flat) y.shape[2] = window.out_h;
  y.shape.back() = window.out_w;
  const std::int64_t size = window.out_h * window.out_w, image = window.h * window.w;
  for (std::int64_t n = 0; n < x.shape[0]; ++n) {
    for (std::int64_t o = 0; o < out; ++o) {
      y.values.resize(y.values.size() + static_cast<std::size_t>(size),
                      bias == nullptr ? 0 : bias->values.at(static_cast<std::size_t>(o)));
      const std::int64_t first = o / (out / group) * window.in;
      window.add(x.values.data() + (n * channels + first) * image,
                 w.values.data() + o * window.in * window.kh * window.kw,
                 y.values.data() + (n * out + o) * size);
    }
  }
  return y;
}

inline OnnxTensor onnx_max_pool(const OnnxTensor& x) {
  const std::int64_t h = x.shape.at(2), w = x.shape.at(3);
  OnnxTensor y{{x.shape[0], x.shape[1], h / 2, w / 2}, {}};
  for (std::int64_t image = 0; image < x.shape[0] * x.shape[1]; ++image) {
    for (std::int64_t r = 0; r < h / 2; ++r) {
      for (std::int64_t t = 0; t < w / 2; ++t) {
        const double* at = x.values.data() + (image * h + 2 * r) * w + 2 * t;
        y.values.push_back(std::max({at[0], at[1], at[w], at[w + 1]}));
      }
    }
  }
  return y;
}

// Of so many rows and columns each.
inline OnnxTensor onnx_average_pool(const OnnxTensor& x, std::int64_t rows, std::int64_t columns) {
  const std::int64_t h = x.shape.at(2), w = x.shape.at(3);
  OnnxTensor y{{x.shape[0], x.shape[1], h / rows, w / columns}, {}};
  for (std::int64_t image = 0; image < x.shape[0] * x.shape[1]; ++image) {
    for (std::int64_t i = 0; i < h / rows * (w / columns); ++i) {
      const std::int64_t top = i / (w / columns) * rows, left = i % (w / columns) * columns;
      double total = 0;
      for (std::int64_t at = 0; at < rows * columns; ++at) {
        total += x.values.at(
            static_cast<std::size_t>((image * h + top + at / columns) * w + left + at % columns));
      }
      y.values.push_back(total / static_cast<double>(rows * columns));
    }
  }
  return y;
}

// Means of `count` values that lie `stride` apart, for every `inner` of every `outer`.
inline std::vector<double> onnx_means(const OnnxTensor& x, std::int64_t outer, std::int64_t count,
                                      std::int64_t inner) {
  std::vector<double> means;
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < inner; ++i) {
      double total = 0;
      for (std::int64_t c = 0; c < count; ++c) {
        total += x.values[static_cast<std::size_t>((o * count + c) * inner + i)];
      }
      means.push_back(total / static_cast<double>(count));
    }
  }
  return means;
}

// y = (x − mean)/√(variance + ε)·weight + bias, channels on the second axis.
inline OnnxTensor onnx_batch_norm(const OnnxNode& node, OnnxTensor x,
                                  const std::vector<const OnnxTensor*>& in) {
  const double epsilon = node.floats.at("epsilon");
  const std::int64_t channels = x.shape.at(1);
  const std::int64_t inner = std::ssize(x.values) / (x.shape[0] * channels);
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const auto c = static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner % channels);
    x.values[i] = (x.values[i] - in.at(3)->values.at(c)) /
                      std::sqrt(in.at(4)->values.at(c) + epsilon) * in.at(1)->values.at(c) +
                  in.at(2)->values.at(c);
  }
  return x;
}

inline OnnxTensor onnx_layer_norm(const OnnxNode& node, OnnxTensor x, const OnnxTensor& weight,
                                  const OnnxTensor& bias) {
  const std::int64_t channels = x.shape.back();
  const std::vector<double> means = onnx_means(x, x.rows(), channels, 1);
  for (std::int64_t row = 0; row < x.rows(); ++row) {
    double* values = x.values.data() + row * channels;
    double variance = 0;
    for (std::int64_t c = 0; c < channels; ++c) {
      values[c] -= means[static_cast<std::size_t>(row)];
      variance += values[c] * values[c] / static_cast<double>(channels);
    }
    for (std::int64_t c = 0; c < channels; ++c) {
      values[c] = values[c] / std::sqrt(variance + node.floats.at("epsilon")) *
                      weight.values.at(static_cast<std::size_t>(c)) +
                  bias.values.at(static_cast<std::size_t>(c));
    }
  }
  return x;
}

inline OnnxTensor onnx_softmax(OnnxTensor x) {
  const std::int64_t n = x.shape.back();
  for (std::int64_t row = 0; row < x.rows(); ++row) {
    double* values = x.values.data() + row * n;
    const double largest = *std::max_element(values, values + n);
    double total = 0;
    for (std::int64_t i = 0; i < n; ++i) total += values[i] = std::exp(values[i] - largest);
    for (std::int64_t i = 0; i < n; ++i) values[i] /= total;
  }
  return x;
}

inline double onnx_sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

// (T,N,I) → (T,N+1,I), the last of zeros.
inline OnnxTensor onnx_one_more(const OnnxTensor& x) {
  const std::int64_t inner = x.shape.at(1) * x.shape.at(2);
  OnnxTensor y{{x.shape[0], x.shape[1] + 1, x.shape[2]}, {}};
  for (std::int64_t t = 0; t < x.shape[0]; ++t) {
    const auto first = x.values.begin() + t * inner;
    y.values.insert(y.values.end(), first, first + inner);
    y.values.resize(y.values.size() + static_cast<std::size_t>(x.shape[2]), 0);
  }
  return y;
}

// Y_h (1,N,H) of X (T,N,I), W (1,4H,I), R (1,4H,H) and B (1,8H), gates i, o, f, c.
inline OnnxTensor onnx_lstm(const std::vector<const OnnxTensor*>& in) {
  const OnnxTensor &x = *in.at(0), &w = *in.at(1), &r = *in.at(2), &b = *in.at(3);
  const std::int64_t steps = x.shape.at(0), n = x.shape.at(1), inputs = x.shape.at(2);
  const std::int64_t units = r.shape.at(2);
  onnx_require(w.shape == OnnxExtents{1, 4 * units, inputs} &&
                   r.shape == OnnxExtents{1, 4 * units, units} &&
                   b.shape == OnnxExtents{1, 8 * units},
               "an LSTM of other shapes");
  OnnxTensor h{{1, n, units}, std::vector<double>(static_cast<std::size_t>(n * units), 0)}, c = h;
  for (std::int64_t t = 0; t < steps; ++t) {
    const OnnxTensor before = h;
    for (std::int64_t s = 0; s < n * units; ++s) {
      const std::int64_t sequence = s / units, unit = s % units;
      double z[4];
      for (std::int64_t gate = 0; gate < 4; ++gate) {
        const std::int64_t row = gate * units + unit;
        z[gate] = b.values[static_cast<std::size_t>(row)] +
                  b.values[static_cast<std::size_t>(4 * units + row)];
        for (std::int64_t i = 0; i < inputs; ++i) {
          z[gate] += x.values[static_cast<std::size_t>((t * n + sequence) * inputs + i)] *
                     w.values[static_cast<std::size_t>(row * inputs + i)];
        }
        for (std::int64_t i = 0; i < units; ++i) {
          z[gate] += before.values[static_cast<std::size_t>(sequence * units + i)] *
                     r.values[static_cast<std::size_t>(row * units + i)];
        }
      }
      double& cell = c.values[static_cast<std::size_t>(s)];
      cell = onnx_sigmoid(z[2]) * cell + onnx_sigmoid(z[0]) * std::tanh(z[3]);
      h.values[static_cast<std::size_t>(s)] = onnx_sigmoid(z[1]) * std::tanh(cell);
    }
  }
  return h;
}

// `count` of the last axis from `first` on.
inline OnnxTensor onnx_columns(const OnnxTensor& x, std::int64_t first, std::int64_t count) {
  OnnxTensor y{x.shape, {}};
  y.shape.back() = count;
  for (std::int64_t row = 0; row < x.rows(); ++row) {
    const auto begin = x.values.begin() + row * x.shape.back() + first;
    y.values.insert(y.values.end(), begin, begin + count);
  }
  return y;
}

// Part `index` of the last axis cut into `parts`.
inline OnnxTensor onnx_part(const OnnxTensor& x, std::int64_t parts, std::int64_t index) {
  const std::int64_t width = x.shape.back() / parts;
  return onnx_columns(x, index * width, width);
}

// The k largest of the last axis, falling.
inline OnnxTensor onnx_largest(const OnnxTensor& x, std::int64_t k) {
  OnnxTensor y{x.shape, {}};
  y.shape.back() = k;
  for (std::int64_t row = 0; row < x.rows(); ++row) {
    const auto first = x.values.begin() + row * x.shape.back();
    std::vector<double> sorted(first, first + x.shape.back());
    std::ranges::sort(sorted, std::greater<>());
    y.values.insert(y.values.end(), sorted.begin(), sorted.begin() + k);
  }
  return y;
}

inline std::vector<OnnxTensor> onnx_apply(const OnnxNode& node,
                                          const std::vector<const OnnxTensor*>& in) {
  const OnnxTensor& x = *in.at(0);
  const std::string& op = node.op;
  const auto axis = [&] { return node.integers.at("axis").at(0); };
  if (op == "Add") return {onnx_binary(x, *in.at(1), std::plus<>())};
  if (op == "Sub") return {onnx_binary(x, *in.at(1), std::minus<>())};
  if (op == "Mul") return {onnx_binary(x, *in.at(1), std::multiplies<>())};
  if (op == "Div") return {onnx_binary(x, *in.at(1), std::divides<>())};
  if (op == "Abs") return {onnx_unary(x, [](double v) { return std::abs(v); })};
  if (op == "Relu") return {onnx_unary(x, [](double v) { return std::max(v, 0.0); })};
  if (op == "Sigmoid") return {onnx_unary(x, onnx_sigmoid)};
  if (op == "MatMul") return {onnx_matmul(x, *in.at(1))};
  if (op == "Conv") return {onnx_conv(node, x, *in.at(1), in.size() > 2 ? in[2] : nullptr)};
  if (op == "BatchNormalization") return {onnx_batch_norm(node, x, in)};
  if (op == "LSTM") return {{}, onnx_lstm(in)};
  if (op == "Transpose") return {onnx_transpose(x, node.integers.at("perm"))};
  if (op == "Reshape") {
    const std::vector<double>& shape = in.at(1)->values;
    return {onnx_reshape(x, OnnxExtents(shape.begin(), shape.end()))};
  }
  if (op == "Pad") {
    onnx_require(in.at(1)->values == std::vector<double>{0, 0, 0, 0, 1, 0}, "another padding");
    return {onnx_one_more(x)};
  }
  if (op == "Slice" && in.size() == 4) {
    onnx_require(in[3]->values == std::vector<double>{-1}, "a slice of another axis");
    const auto first = static_cast<std::int64_t>(in[1]->values.at(0));
    const auto end = static_cast<std::int64_t>(in[2]->values.at(0));
    return {onnx_columns(x, first, end - first)};
  }
  if (op == "Slice") {
    onnx_require(in.size() == 3 && in[1]->values == std::vector<double>{0} &&
                     in[2]->values == std::vector<double>{-1},
                 "another slice");
    OnnxTensor y = x;
    --y.shape.at(0);
    y.values.resize(static_cast<std::size_t>(OnnxTensor::size_of(y.shape)));
    return {y};
  }
  if (op == "Flatten") return {onnx_reshape(x, {x.shape.at(0), -1})};
  if (op == "MaxPool") {
    onnx_require(node.integers.at("kernel_shape") == OnnxExtents{2, 2} &&
                     node.integers.at("strides") == OnnxExtents{2, 2},
                 "another pooling");
    return {onnx_max_pool(x)};
  }
  if (op == "AveragePool") {
    const OnnxExtents& kernel = node.integers.at("kernel_shape");
    onnx_require(node.integers.at("strides") == kernel, "another pooling");
    return {onnx_average_pool(x, kernel.at(0), kernel.at(1))};
  }
  if (op == "Shape") {
    const std::int64_t start = node.integers.at("start").at(0), end = node.integers.at("end").at(0);
    return {{{end - start}, {x.shape.begin() + start, x.shape.begin() + end}}};
  }
  if (op == "Concat" && axis() == 0) {
    OnnxTensor y = x;
    const std::vector<double>& more = in.at(1)->values;
    y.values.insert(y.values.end(), more.begin(), more.end());
    y.shape.at(0) += in[1]->shape.at(0);
    return {y};
  }
  if (op == "GlobalAveragePool") {
    return {{{x.shape.at(0), x.shape.at(1), 1, 1},
             onnx_means(x, x.shape[0] * x.shape[1], x.shape.at(2) * x.shape.at(3), 1)}};
  }
  if (op == "ReduceMean") {
    onnx_require(node.integers.at("axes") == OnnxExtents{1} &&
                     node.integers.at("keepdims") == OnnxExtents{0},
                 "another mean");
    return {
        {{x.shape.at(0), x.shape.at(2)}, onnx_means(x, x.shape[0], x.shape.at(1), x.shape.at(2))}};
  }
  onnx_require(axis() == -1, op + " of another axis");
  if (op == "LayerNormalization") return {onnx_layer_norm(node, x, *in.at(1), *in.at(2))};
  if (op == "Softmax") return {onnx_softmax(x)};
  if (op == "Split") return {onnx_part(x, 2, 0), onnx_part(x, 2, 1)};
  const auto number = static_cast<std::int64_t>(in.at(1)->values.at(0));
  if (op == "TopK") return {onnx_largest(x, number), {}};
  if (op == "Gather") return {onnx_part(x, x.shape.back(), number)};
  throw std::runtime_error("operator " + op + " is not expected");
}

// The file's first output for `input`. Every node must find its inputs made before it.
inline OnnxTensor compute_onnx(const OnnxFile& file, const OnnxTensor& input) {
  std::map<std::string, OnnxTensor> tensors = file.constants;
  tensors[file.inputs.at(0).name] = input;
  for (const OnnxNode& node : file.nodes) {
    std::vector<const OnnxTensor*> in;
    for (const std::string& name : node.inputs) {
      onnx_require(tensors.contains(name), node.name + ": its input " + name + " is not there");
      in.push_back(&tensors.at(name));
    }
    std::vector<OnnxTensor> out = onnx_apply(node, in);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      onnx_require(tensors.emplace(node.outputs[i], std::move(out.at(i))).second,
                   node.outputs[i] + " is made twice");
    }
  }
  return tensors.at(file.outputs.at(0).name);
}

}  // namespace ekgine::testing
