#include "model/onnx_export.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/beat.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/provenance.h"
#include "kernels/morlet_cwt.h"
#include "model/modules.h"
#include "model/onnx_graph.h"

namespace ekgine {

namespace {

using Extents = std::vector<std::int64_t>;

// (S,1,2L−1): row s has the weights of the samples L−1 before to L−1 behind a column of scale s.
std::vector<float> wavelet_taps(std::int64_t length, const kernels::MorletScales& of) {
  const std::int64_t scales = of.count(), lags = 2 * length - 1;
  const std::span<const double> matrix = kernels::morlet_cwt_matrix(length, of);
  std::vector<float> taps;
  taps.reserve(static_cast<std::size_t>(scales * lags));
  for (std::int64_t s = 0; s < scales; ++s) {
    for (std::int64_t k = 0; k < lags; ++k) {
      // Any sample m and column t with m − t = k − (L−1) tell the tap.
      const std::int64_t m = std::max<std::int64_t>(0, k - (length - 1));
      const std::int64_t t = m - (k - (length - 1));
      taps.push_back(
          static_cast<float>(matrix[static_cast<std::size_t>((m * scales + s) * length + t)]));
    }
  }
  return taps;
}

// The array with axis i of its result being axis order[i] of itself.
NamedArray transposed(const NamedArray& array, const Extents& order) {
  const std::size_t rank = order.size();
  Extents strides(rank, 1);
  for (std::size_t axis = rank - 1; axis-- > 0;) {
    strides[axis] = strides[axis + 1] * array.shape[axis + 1];
  }
  NamedArray result;
  Extents steps;
  for (const std::int64_t axis : order) {
    result.shape.push_back(array.shape[static_cast<std::size_t>(axis)]);
    steps.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  result.values.reserve(array.values.size());
  Extents index(rank, 0);
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    std::int64_t at = 0;
    for (std::size_t axis = 0; axis < rank; ++axis) at += index[axis] * steps[axis];
    result.values.push_back(array.values[static_cast<std::size_t>(at)]);
    for (std::size_t axis = rank; axis-- > 0;) {
      if (++index[axis] < result.shape[axis]) break;
      index[axis] = 0;
    }
  }
  return result;
}

// From (rows, 4H) with columns by gate as Keras has them, i, f, g, o, to (1, 4H, rows) with rows as
// ONNX has them: i, o, f, g.
NamedArray lstm_gates(const NamedArray& array) {
  const std::int64_t rows = array.shape[0], units = array.shape[1] / 4;
  NamedArray result{{1, 4 * units, rows}, {}};
  for (const std::int64_t gate : {0, 3, 1, 2}) {
    for (std::int64_t unit = 0; unit < units; ++unit) {
      for (std::int64_t row = 0; row < rows; ++row) {
        result.values.push_back(
            array.values[static_cast<std::size_t>((row * 4 + gate) * units + unit)]);
      }
    }
  }
  return result;
}

// The modules of model/modules.h as nodes. A tensor is its name; `name` is the module's, as in
// model/state_dict.h.
class OnnxModules {
 public:
  OnnxModules(const ModelConfig& config, const StateDict& state) : config_(config), state_(state) {}

  // Of the last of the beats (N,T,187).
  void classify(const std::string& beats, const std::string& probabilities);
  // Of all beats of any number of them (N,beats,48), with waves (N,beats,240).
  void classify_all(const std::string& rows, const std::string& probabilities);
  const OnnxGraph& graph() const { return graph_; }

 private:
  const NamedArray& array(const std::string& name) const { return state_.at(name); }
  std::string constant(const std::string& name, const NamedArray& values) {
    return graph_.add_floats(name, values.shape, values.values);
  }
  std::string weight(const std::string& name) { return constant(name, array(name)); }
  // In another shape of as many elements.
  std::string weight(const std::string& name, const Extents& shape) {
    return graph_.add_floats(name, shape, array(name).values);
  }
  std::string reshape(const std::string& where, const std::string& x, const Extents& shape);
  // T as Reshape takes it: 0 is as many as there are.
  std::int64_t positions() const {
    return config_.labels_every_beat() ? 0 : config_.sequence_length;
  }

  std::string centred(const std::string& beats);
  std::string scalograms(const std::string& beats);
  std::string coefficients(const std::string& signals, std::int64_t length,
                           const kernels::MorletScales& scales);
  std::string features(const std::string& scalograms);
  std::string convolve(const std::string& name, const std::string& norm, const std::string& x);
  std::string batch_norm(const std::string& name, const std::string& x);
  std::string layer_norm(const std::string& name, const std::string& x);
  std::string dense(const std::string& name, const std::string& x);
  std::string swish(const std::string& where, const std::string& x);
  std::string feed_forward(const std::string& name, const std::string& x);
  std::string project(const std::string& name, const std::string& x, const Extents& order);
  std::string attention(const std::string& name, const std::string& x);
  std::string convolution(const std::string& name, const std::string& x);
  std::string sum(const std::string& where, const std::string& x, const std::string& part,
                  const std::string& factor = "");
  std::string encoder(const std::string& x);
  std::string lstm(const std::string& x);

  std::string columns(const std::string& where, const std::string& rows, Columns columns);
  std::string wave_images(const std::string& rows);
  std::string of_waves(const std::string& name, const std::string& images);
  std::string of_member(const std::string& features, const std::string& images,
                        const std::string& hidden);

  const ModelConfig& config_;
  const StateDict& state_;
  std::string prefix_;  // of the member's arrays
  OnnxGraph graph_;
};

std::string OnnxModules::reshape(const std::string& where, const std::string& x,
                                 const Extents& shape) {
  return graph_.add("Reshape", where, {x, graph_.add_integers(x + ":shape", shape)});
}

// Less the median of each: the middle one of the largest half.
std::string OnnxModules::centred(const std::string& beats) {
  constexpr std::int64_t half = (beat_samples + 1) / 2;
  static_assert(beat_samples % 2 == 1);
  const std::string where = "centred";
  graph_.add_node("TopK", {beats, graph_.add_integers("centred.half", {half})},
                  {"centred/largest", "centred/places"}, {{"axis", std::int64_t{-1}}});
  const std::string median = graph_.add(
      "Gather", where, {"centred/largest", graph_.add_integers("centred.middle", {half - 1})},
      {{"axis", std::int64_t{-1}}});
  return graph_.add("Sub", where, {beats, median});
}

// (N,1,length) → (N,S,length)
std::string OnnxModules::coefficients(const std::string& signals, std::int64_t length,
                                      const kernels::MorletScales& scales) {
  const std::int64_t lags = 2 * length - 1;
  const std::string taps = graph_.add_floats("wavelet.taps", Extents{scales.count(), 1, lags},
                                             wavelet_taps(length, scales));
  return graph_.add("Conv", "scalograms", {signals, taps},
                    {{"kernel_shape", Extents{lags}}, {"pads", Extents{length - 1, length - 1}}});
}

// (N,1,187) → (N,1,32,187)
std::string OnnxModules::scalograms(const std::string& beats) {
  const std::string where = "scalograms";
  const std::string moduli =
      graph_.add("Abs", where, {coefficients(beats, beat_samples, scalogram_scales)});
  const std::string less = graph_.add("Sub", where, {moduli, weight("normalisation.mean")});
  const std::string normalised = graph_.add("Div", where, {less, weight("normalisation.std")});
  return reshape(where, normalised, {-1, 1, scalogram_scales, beat_samples});
}

// (N,1,32,187) → (N,D)
std::string OnnxModules::features(const std::string& scalograms) {
  std::string x = scalograms;
  for (int stage = 1; stage <= 3; ++stage) {
    const std::string norm = fmt::format("features.norm{}", stage);
    x = convolve(fmt::format("features.conv{}", stage), norm, x);
    if (stage == 3) break;
    x = graph_.add("MaxPool", norm, {x},
                   {{"kernel_shape", Extents{2, 2}}, {"strides", Extents{2, 2}}});
  }
  return graph_.add("Flatten", "features", {graph_.add("GlobalAveragePool", "features", {x})});
}

// 3×3 convolution, batch norm and rectifier, channels first.
std::string OnnxModules::convolve(const std::string& name, const std::string& norm,
                                  const std::string& x) {
  const std::string kernel = name + ".weight";
  const std::string y =
      graph_.add("Conv", name, {x, constant(kernel, transposed(array(kernel), {3, 2, 0, 1}))},
                 {{"kernel_shape", Extents{3, 3}}, {"pads", Extents{1, 1, 1, 1}}});
  return graph_.add("Relu", norm, {batch_norm(norm, y)});
}

// Over the second axis.
std::string OnnxModules::batch_norm(const std::string& name, const std::string& x) {
  return graph_.add("BatchNormalization", name,
                    {x, weight(name + ".weight"), weight(name + ".bias"),
                     weight(name + ".running_mean"), weight(name + ".running_variance")},
                    {{"epsilon", static_cast<float>(norm_epsilon)}});
}

std::string OnnxModules::layer_norm(const std::string& name, const std::string& x) {
  return graph_.add("LayerNormalization", name,
                    {x, weight(name + ".weight"), weight(name + ".bias")},
                    {{"axis", std::int64_t{-1}}, {"epsilon", static_cast<float>(norm_epsilon)}});
}

std::string OnnxModules::dense(const std::string& name, const std::string& x) {
  const std::string product = graph_.add("MatMul", name, {x, weight(name + ".weight")});
  return graph_.add("Add", name, {product, weight(name + ".bias")});
}

std::string OnnxModules::swish(const std::string& where, const std::string& x) {
  return graph_.add("Mul", where, {x, graph_.add("Sigmoid", where, {x})});
}

std::string OnnxModules::feed_forward(const std::string& name, const std::string& x) {
  const std::string h = dense(name + ".dense1", layer_norm(name + ".norm", x));
  return dense(name + ".dense2", swish(name, h));
}

// (N,T,D) → heads (N,T,H,D) with their axes in this order.
std::string OnnxModules::project(const std::string& name, const std::string& x,
                                 const Extents& order) {
  const std::int64_t width = config_.embed_dim, inner = config_.num_heads * width;
  const std::string product =
      graph_.add("MatMul", name, {x, weight(name + ".weight", {width, inner})});
  const std::string y = graph_.add("Add", name, {product, weight(name + ".bias", {inner})});
  const std::string heads = reshape(name, y, {-1, positions(), config_.num_heads, width});
  return graph_.add("Transpose", name, {heads}, {{"perm", order}});
}

std::string OnnxModules::attention(const std::string& name, const std::string& x) {
  const std::int64_t width = config_.embed_dim, inner = config_.num_heads * width;
  const std::string normalised = layer_norm(name + ".norm", x);
  const std::string placed =
      config_.labels_every_beat()
          ? normalised
          : graph_.add("Add", name, {normalised, weight(name + ".position")});
  const std::string query = project(name + ".query", placed, {0, 2, 1, 3});
  const std::string key = project(name + ".key", normalised, {0, 2, 3, 1});
  const std::string value = project(name + ".value", normalised, {0, 2, 1, 3});
  const float scale[] = {static_cast<float>(1 / std::sqrt(static_cast<double>(width)))};
  const std::string scores = graph_.add(
      "Mul", name,
      {graph_.add("MatMul", name, {query, key}), graph_.add_floats(name + ".scale", {}, scale)});
  const std::string shares = graph_.add("Softmax", name, {scores}, {{"axis", std::int64_t{-1}}});
  const std::string heads =
      graph_.add("Transpose", name, {graph_.add("MatMul", name, {shares, value})},
                 {{"perm", Extents{0, 2, 1, 3}}});
  const std::string output = name + ".output";
  const std::string y = graph_.add("MatMul", output,
                                   {reshape(output, heads, {-1, positions(), inner}),
                                    weight(output + ".weight", {inner, width})});
  return graph_.add("Add", output, {y, weight(output + ".bias")});
}

std::string OnnxModules::convolution(const std::string& name, const std::string& x) {
  const std::string both = dense(name + ".pointwise1", layer_norm(name + ".norm", x));
  graph_.add_node("Split", {both}, {name + "/left", name + "/right"}, {{"axis", std::int64_t{-1}}});
  const std::string gate = graph_.add("Sigmoid", name, {name + "/right"});
  const std::string gated = graph_.add("Mul", name, {name + "/left", gate});
  // Channels first for convolution and norm.
  const OnnxGraph::Attributes swap = {{"perm", Extents{0, 2, 1}}};
  const std::string depthwise = name + ".depthwise", kernel = depthwise + ".weight";
  NamedArray taps = transposed(array(kernel), {1, 0});
  const std::int64_t channels = config_.embed_dim, size = config_.kernel_size;
  taps.shape = {channels, 1, size};
  const std::string h = graph_.add("Conv", depthwise,
                                   {graph_.add("Transpose", depthwise, {gated}, swap),
                                    constant(kernel, taps), weight(depthwise + ".bias")},
                                   {{"group", channels},
                                    {"kernel_shape", Extents{size}},
                                    {"pads", Extents{(size - 1) / 2, size / 2}}});
  const std::string norm = name + ".batch_norm";
  const std::string y = graph_.add("Transpose", norm, {batch_norm(norm, h)}, swap);
  return dense(name + ".pointwise2", swish(norm, y));
}

// x + factor·part
std::string OnnxModules::sum(const std::string& where, const std::string& x,
                             const std::string& part, const std::string& factor) {
  return graph_.add("Add", where,
                    {x, factor.empty() ? part : graph_.add("Mul", where, {part, factor})});
}

std::string OnnxModules::encoder(const std::string& x) {
  const bool conformer = config_.name == "Main_Model" || config_.name == "Rhythm_Model";
  if (!conformer && config_.name != "AttentionOnly") return x;
  std::string half;
  if (conformer) half = graph_.add_floats(prefix_ + "half", {}, std::vector<float>{0.5F});
  std::string h = x;
  for (std::int64_t block = 0; block < config_.num_blocks; ++block) {
    const std::string name = fmt::format("{}encoder.{}", prefix_, block);
    if (conformer) h = sum(name, h, feed_forward(name + ".ffn1", h), half);
    h = sum(name, h, attention(name + ".attention", h));
    if (conformer) h = sum(name, h, convolution(name + ".conv", h));
    h = conformer ? sum(name, h, feed_forward(name + ".ffn2", h), half)
                  : sum(name, h, feed_forward(name + ".ffn", h));
    h = layer_norm(name + ".norm", h);
  }
  return h;
}

// (N,T,D) → (N,H). ONNX Runtime crashes where an LSTM gets no sequences, so that there is one more
// of zeros.
std::string OnnxModules::lstm(const std::string& x) {
  const std::int64_t units = config_.lstm_units;
  const std::string by_position =
      graph_.add("Transpose", "lstm", {x}, {{"perm", Extents{1, 0, 2}}});
  const std::string one_more = graph_.add(
      "Pad", "lstm", {by_position, graph_.add_integers("lstm.pads", {0, 0, 0, 0, 1, 0})});
  // ONNX has two biases: of the inputs, which is ours, and of the state.
  NamedArray bias{{1, 4 * units}, array("lstm.bias").values};
  bias.values = lstm_gates(bias).values;
  bias.values.resize(static_cast<std::size_t>(8 * units), 0.0F);
  bias.shape = {1, 8 * units};
  graph_.add_node("LSTM",
                  {one_more, constant("lstm.weight", lstm_gates(array("lstm.weight"))),
                   constant("lstm.recurrent_weight", lstm_gates(array("lstm.recurrent_weight"))),
                   constant("lstm.bias", bias)},
                  {"", "lstm/last"}, {{"hidden_size", units}});
  return graph_.add(
      "Slice", "lstm",
      {reshape("lstm", "lstm/last", {-1, units}), graph_.add_integers("lstm.first", {0}),
       graph_.add_integers("lstm.end", {-1})});
}

void OnnxModules::classify(const std::string& beats, const std::string& probabilities) {
  const bool offset_counts = config_.beat_unit == BeatUnit::millivolts;
  const bool ready = config_.beat_unit == BeatUnit::deviation;
  const std::string each = reshape("beats", beats, {-1, 1, beat_samples});
  const std::string encoded = features(scalograms(offset_counts || ready ? each : centred(each)));
  const std::string x =
      reshape("features", encoded, {-1, config_.sequence_length, config_.embed_dim});
  const std::string last = config_.name == "CNNLSTM_Model"
                               ? lstm(x)
                               : graph_.add("ReduceMean", "classifier", {encoder(x)},
                                            {{"axes", Extents{1}}, {"keepdims", std::int64_t{0}}});
  graph_.add_node("Softmax", {dense("classifier", last)}, {probabilities},
                  {{"axis", std::int64_t{-1}}});
}

// (N,T,W) → (N,T,count)
std::string OnnxModules::columns(const std::string& where, const std::string& rows,
                                 Columns columns) {
  const auto [first, count] = columns;
  if (count == row_width(config_.input())) return rows;
  return graph_.add("Slice", where,
                    {rows, graph_.add_integers(where + ".first", {first}),
                     graph_.add_integers(where + ".end", {first + count}),
                     graph_.add_integers(where + ".axis", {-1})});
}

// (N,T,240) → (N·T,1,8·leads,96)
std::string OnnxModules::wave_images(const std::string& rows) {
  const Columns taken = config_.wave_columns();
  const std::string waves = columns("waves", rows, taken);
  const std::string signals = reshape("waves", waves, {-1, 1, wave_samples});
  const kernels::MorletScales scales = wave_scales();
  const std::int64_t leads = taken.count / wave_samples;
  return reshape("scalograms", coefficients(signals, wave_samples, scales),
                 {-1, 1, leads * scales.count(), wave_samples});
}

// What WaveExtractor makes of them: (N·T,2D).
std::string OnnxModules::of_waves(const std::string& name, const std::string& images) {
  const std::string pooled =
      graph_.add("MaxPool", name, {convolve(name + ".conv1", name + ".norm1", images)},
                 {{"kernel_shape", Extents{2, 2}}, {"strides", Extents{2, 2}}});
  const Extents mean = {1, wave_columns_in_mean};
  const std::string means =
      graph_.add("AveragePool", name, {convolve(name + ".conv2", name + ".norm2", pooled)},
                 {{"kernel_shape", mean}, {"strides", mean}});
  // Channels last, as the weights of dense are.
  const std::string last = graph_.add("Transpose", name, {means}, {{"perm", Extents{0, 2, 3, 1}}});
  return dense(
      name + ".dense",
      reshape(name, last, {-1, wave_image_size(config_.wave_columns().count / wave_samples)}));
}

// Standardised features that the model takes, or images, or both → probabilities (N,T,5). `hidden`:
// with images, the integers N, T, 2D.
std::string OnnxModules::of_member(const std::string& features, const std::string& images,
                                   const std::string& hidden) {
  const std::string name = prefix_ + "projection";
  std::string h;
  if (!features.empty()) h = dense(name + ".dense1", features);
  if (!images.empty()) {
    const std::string seen = of_waves(name + ".waves", images);
    const std::string each = graph_.add("Reshape", name, {seen, hidden});
    h = h.empty() ? each : graph_.add("Add", name, {h, each});
  }
  const std::string x = dense(name + ".dense2", swish(name, h));
  const std::string logits = dense(prefix_ + "classifier", encoder(x));
  return graph_.add("Softmax", prefix_ + "classifier", {logits}, {{"axis", std::int64_t{-1}}});
}

void OnnxModules::classify_all(const std::string& rows, const std::string& probabilities) {
  std::string features, images, hidden;
  if (config_.feature_columns().count > 0) {
    const std::string less = graph_.add("Sub", rows, {rows, weight("normalisation.mean")});
    const std::string all = graph_.add("Div", rows, {less, weight("normalisation.std")});
    features = columns("taken", all, config_.feature_columns());
  }
  if (config_.wave_columns().count > 0) {
    images = wave_images(rows);
    const std::string sequences = graph_.add(
        "Shape", "hidden", {rows}, {{"start", std::int64_t{0}}, {"end", std::int64_t{2}}});
    hidden = graph_.add("Concat", "hidden",
                        {sequences, graph_.add_integers("hidden.width", {2 * config_.embed_dim})},
                        {{"axis", std::int64_t{0}}});
  }
  std::string total;
  for (std::int64_t member = 0; member < config_.members(); ++member) {
    prefix_ = config_.member_prefix(member);
    const std::string said = of_member(features, images, hidden);
    total = member == 0 ? said : graph_.add("Add", "mean", {total, said});
  }
  const float share[] = {1 / static_cast<float>(config_.members())};
  graph_.add_node("Mul", {total, graph_.add_floats("mean.share", {}, share)}, {probabilities});
}

const char* unit_text(BeatUnit unit) {
  switch (unit) {
    case BeatUnit::millivolts:
      return "in mV, as recorded";
    case BeatUnit::centred:
      return "in mV, as recorded; each beat's median is taken away inside";
    case BeatUnit::record:
      return "in mV, divided by the median over the record's beats of max - min; each beat's "
             "median is taken away inside";
    case BeatUnit::features:  // which are another text, below
    case BeatUnit::waves:
    case BeatUnit::deviation:
      break;
  }
  return "in mV, less the beat's median, divided by the median over the record's beats of max - "
         "min, less the median over the record's beats of what that gives, sample by sample";
}

OnnxValue beats_value(const ModelConfig& config, const OnnxNotes& notes) {
  return {
      "beats",
      fmt::format("{} consecutive beats of one record, each {} samples of one lead at {} Hz, the R "
                  "wave at the {}th; {}",
                  config.sequence_length, beat_samples, notes.sampling_frequency,
                  beat_samples / 2 + 1, unit_text(config.beat_unit)),
      {config.sequence_length, beat_samples}};
}

OnnxValue features_value(const ModelConfig& config) {
  const BeatUnit unit = config.input();
  std::string text = fmt::format(
      "consecutive beats of one record, each {} features of its rhythm and shape", beat_features);
  if (unit == BeatUnit::waves) {
    text +=
        fmt::format(" and, in each of {} leads, {} samples of its waves", wave_leads, wave_samples);
  }
  const ModelConfig defaults;
  if (config.features != defaults.features || config.leads != defaults.leads) {
    text += fmt::format(", of which the model takes {}", config.feature_text());
    const auto [first, count] = config.feature_columns();
    if (count > 0) text += fmt::format(", features from number {} on", first);
  }
  return {beat_unit_name(unit), text, {OnnxValue::any, row_width(unit)}};
}

OnnxModelText model_text(const ModelWeights& weights, const OnnxNotes& notes) {
  OnnxModelText text{
      .producer = "ekgine",
      .version = std::string(program_version()),
      .description = notes.description,
      .metadata = {{"format", "ekgine-onnx-1"},
                   {"model", json_text(weights.config.to_json())},
                   {"amplitude", beat_unit_name(weights.config.input())},
                   {"classes", fmt::format("{}", fmt::join(notes.classes, ","))},
                   {"sampling_frequency", fmt::format("{}", notes.sampling_frequency)}}};
  if (!weights.label_map.empty()) text.metadata["label_map"] = weights.label_map;
  if (!weights.made.empty()) text.metadata["made"] = json_text(to_json(weights.made));
  return text;
}

// Of the format: a message's size is 31 bits. Nodes and texts are small beside the arrays.
void check_size(const StateDict& state, const std::string& file) {
  constexpr std::size_t rest = 16 << 20;
  constexpr std::size_t most = std::numeric_limits<std::int32_t>::max() - rest;
  std::size_t bytes = 0;
  for (const auto& [name, array] : state) bytes += array.values.size() * sizeof(float);
  if (bytes > most) {
    fail("{}: the model's arrays are {} bytes, more than the {} that fit into a file of ONNX", file,
         bytes, most);
  }
}

}  // namespace

void export_onnx(const std::filesystem::path& path, const ModelWeights& weights,
                 const OnnxNotes& notes) {
  const std::string file = path.string();
  const ModelConfig& config = weights.config;
  check_arrays(config, weights.state, file);
  if (!weights.state.contains("normalisation.mean")) {
    fail("{}: the weights carry no normalisation statistics, which an ONNX file needs", file);
  }
  check_size(weights.state, file);
  OnnxModules modules(config, weights.state);
  const bool all = config.labels_every_beat();
  const OnnxValue input = all ? features_value(config) : beats_value(config, notes);
  const OnnxValue output{"probabilities",
                         fmt::format("of {}: {}", all ? "every beat" : "the last beat",
                                     fmt::join(notes.classes, ", ")),
                         all ? Extents{OnnxValue::any, class_count} : Extents{class_count}};
  if (all) {
    modules.classify_all(input.name, output.name);
  } else {
    modules.classify(input.name, output.name);
  }
  write_file(path, modules.graph().file(input, output, model_text(weights, notes)));
}

}  // namespace ekgine
