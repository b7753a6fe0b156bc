#include "model/keras_import.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hdf5.h"
#include "base/json_file.h"
#include "base/zip.h"
#include "model/json_text.h"
#include "model/keras_layout.h"

namespace ekgine {

namespace {

namespace fs = std::filesystem;
using Extents = std::vector<std::int64_t>;

// Far more than any model of this kind has.
constexpr std::size_t largest_text = std::size_t{4} << 20, largest_weights = std::size_t{1} << 30;

// A layer of config.json. Keeps a reference to it.
class Layer {
 public:
  // `source`: the file and the member of the zip, for messages.
  Layer(const Json& object, const std::string& source)
      : object_(object), config_(object.at("config")), class_(object.at("class_name").text()) {
    // The outermost model has its name in its config only; a Cast has none there.
    const Json& owner = object.contains("name") ? object : config_;
    name_ = owner.at("name").get<std::string>();
    where_ = fmt::format("{}: layer {}", source, brief(name_));
  }

  const std::string& name() const { return name_; }
  const std::string& class_name() const { return class_; }
  const Json& config() const { return config_; }
  const std::string& where() const { return where_; }

  const Json& setting(const char* key) const {
    const Json* found = config_.find(key);
    if (found == nullptr) fail("{}: {} is missing", where_, key);
    return *found;
  }
  // A setting that the model fixes.
  void require(const char* key, const Json& expected) const {
    const Json& found = setting(key);
    if (found != expected) {
      fail("{}: {} is {}, expected {}", where_, key, brief(found), brief(expected));
    }
  }
  // A setting that is a size; ModelConfig::check() knows the real bounds.
  std::int64_t size(const char* key) const {
    const Json& found = setting(key);
    const std::uint64_t value = found.is_number_unsigned() ? found.get<std::uint64_t>() : 0;
    if (value < 1 || value > std::uint64_t{1} << 31) {
      fail("{}: {} must be a positive integer, got {}", where_, key, brief(found));
    }
    return static_cast<std::int64_t>(value);
  }

  // Name of the layer that this one takes as its input.
  std::string input() const {
    const Json& nodes = object_.at("inbound_nodes");
    if (nodes.size() != 1 || nodes.at(0).at("args").size() != 1) {
      fail("{}: expected one input", where_);
    }
    return nodes.at(0).at("args").at(0).at("config").at("keras_history").at(0).text();
  }

 private:
  const Json& object_;
  const Json& config_;
  std::string class_, name_, where_;
};

// The layers of a Functional model one after another, each of which must be of the class that is
// asked for and take the one before it as its input.
class LayerReader {
 public:
  LayerReader(const Json& model, const std::string& source) : model_(model, source) {
    if (model_.class_name() != "Functional") {
      fail("{} is a {}, expected a Functional model", model_.where(), model_.class_name());
    }
    for (const Json& layer : model_.setting("layers")) layers_.emplace_back(layer, source);
  }

  bool next_is(std::string_view class_name) {
    skip_casts();
    return next_ < layers_.size() && layers_[next_].class_name() == class_name;
  }

  // `otherwise`: what else could come here, for the message.
  const Layer& next(std::string_view class_name, std::string_view otherwise = {}) {
    if (!next_is(class_name)) {
      const std::string expected = fmt::format("{}{}", class_name, otherwise);
      if (next_ == layers_.size()) fail("{} ends, expected {} next", model_.where(), expected);
      fail("{} is a {}, expected {}", layers_[next_].where(), layers_[next_].class_name(),
           expected);
    }
    check_input();
    return layers_[next_++];
  }

  void finish() {
    skip_casts();
    if (next_ < layers_.size()) {
      fail("{} is a {}, expected the end of the model", layers_[next_].where(),
           layers_[next_].class_name());
    }
  }

 private:
  // Casts of mixed precision: they hold no variable.
  void skip_casts() {
    while (next_ < layers_.size() && layers_[next_].class_name() == "Cast") {
      check_input();
      ++next_;
    }
  }
  void check_input() const {
    if (next_ == 0) return;
    const std::string input = layers_[next_].input(), &previous = layers_[next_ - 1].name();
    if (input != previous) {
      fail("{} takes {} as its input, expected {}", layers_[next_].where(), brief(input),
           brief(previous));
    }
  }

  Layer model_;
  std::vector<Layer> layers_;
  std::size_t next_ = 0;
};

// Checks the feature extractor and returns embed_dim.
std::int64_t read_feature_extractor(const Json& model, const std::string& source) {
  LayerReader chain(model, source);
  chain.next("InputLayer").require("batch_shape", Json::array({nullptr, 32, 187, 1}));
  std::int64_t channels = 0;
  for (int stage = 1; stage <= 3; ++stage) {
    const Layer& conv = chain.next("Conv2D");
    channels = conv.size("filters");
    if (stage < 3) conv.require("filters", 32 * stage);
    conv.require("kernel_size", Json::array({3, 3}));
    conv.require("strides", Json::array({1, 1}));
    conv.require("padding", "same");
    conv.require("data_format", "channels_last");
    conv.require("dilation_rate", Json::array({1, 1}));
    conv.require("groups", 1);
    conv.require("activation", "linear");
    conv.require("use_bias", false);
    const Layer& norm = chain.next("BatchNormalization");
    norm.require("axis", -1);
    norm.require("momentum", 0.99);
    norm.require("epsilon", 1e-3);
    norm.require("center", true);
    norm.require("scale", true);
    chain.next("Activation").require("activation", "relu");
    if (stage == 3) break;
    const Layer& pool = chain.next("MaxPooling2D");
    pool.require("pool_size", Json::array({2, 2}));
    pool.require("strides", Json::array({2, 2}));
    pool.require("padding", "valid");
    pool.require("data_format", "channels_last");
  }
  const Layer& average = chain.next("GlobalAveragePooling2D");
  average.require("data_format", "channels_last");
  average.require("keepdims", false);
  chain.finish();
  return channels;
}

std::int64_t read_sequence_length(const Layer& input) {
  const Json& shape = input.setting("batch_shape");
  const Json expected = Json::array({nullptr, "T", 32, 187, 1});
  const bool right = shape.is_array() && shape.size() == 5 && shape[1].is_number_unsigned() &&
                     std::equal(shape.begin() + 2, shape.end(), expected.begin() + 2);
  if (!right)
    fail("{}: batch_shape is {}, expected [null,T,32,187,1]", input.where(), brief(shape));
  return shape[1].get<std::int64_t>();
}

// Sets what the config of a block tells; the rest of `config` is known already. Only the
// Conformer's has a convolution.
void read_block(const Layer& block, ModelConfig& config) {
  const bool convolution = config.name == "Main_Model";
  std::set<std::string> known = {"name",      "trainable", "dtype",  "sequence_len",
                                 "embed_dim", "num_heads", "ff_dim", "dropout_rate"};
  if (convolution) known.insert("kernel_size");
  for (const auto& [key, value] : block.config().items()) {
    if (!known.contains(key)) fail("{}: {} is not supported", block.where(), brief(key));
  }
  block.require("sequence_len", config.sequence_length);
  block.require("embed_dim", config.embed_dim);
  config.num_heads = block.size("num_heads");
  if (convolution) config.kernel_size = block.size("kernel_size");
  const std::int64_t ff_dim = block.size("ff_dim");
  if (ff_dim % config.embed_dim != 0) {
    fail("{}: ff_dim is {}, expected a multiple of embed_dim, which is {}", block.where(), ff_dim,
         config.embed_dim);
  }
  config.ff_dim_multiplier = ff_dim / config.embed_dim;
  const Json& dropout = block.setting("dropout_rate");
  if (!dropout.is_number()) {
    fail("{}: dropout_rate must be a number, got {}", block.where(), brief(dropout));
  }
  config.dropout = dropout.get<double>();
}

void read_lstm(const Layer& lstm, ModelConfig& config) {
  config.lstm_units = lstm.size("units");
  lstm.require("activation", "tanh");
  lstm.require("recurrent_activation", "sigmoid");
  lstm.require("use_bias", true);
  lstm.require("return_sequences", false);
  lstm.require("return_state", false);
  lstm.require("go_backwards", false);
  lstm.require("stateful", false);
  // Of training only, but ekgine's has none.
  lstm.require("dropout", 0.0);
  lstm.require("recurrent_dropout", 0.0);
}

ModelConfig read_model(const Json& model, const std::string& source) {
  LayerReader chain(model, source);
  ModelConfig config;
  config.name = "Baseline_Model";
  config.sequence_length = read_sequence_length(chain.next("InputLayer"));
  config.embed_dim = read_feature_extractor(chain.next("TimeDistributed").setting("layer"), source);
  std::string otherwise = ", ConformerBlock, AttentionOnlyBlock or LSTM";
  for (const auto& [name, class_name] :
       {std::pair{"Main_Model", keras_conformer_block.class_name},
        std::pair{"AttentionOnly", keras_attention_block.class_name}}) {
    if (!chain.next_is(class_name)) continue;
    config.name = name;
    config.num_blocks = 0;
    for (ModelConfig before; chain.next_is(class_name); before = config) {
      const Layer& block = chain.next(class_name);
      read_block(block, config);
      if (config.num_blocks > 0 && config != before) {
        fail("{} differs from the first block, expected equal ones", block.where());
      }
      ++config.num_blocks;
    }
    otherwise = fmt::format(" or {}", class_name);
    break;
  }
  if (config.name == "Baseline_Model" && chain.next_is("LSTM")) {
    config.name = "CNNLSTM_Model";
    read_lstm(chain.next("LSTM"), config);
  } else {
    const Layer& mean = chain.next("GlobalAveragePooling1D", otherwise);
    mean.require("data_format", "channels_last");
    mean.require("keepdims", false);
  }
  const Layer& classifier = chain.next("Dense");
  classifier.require("units", 5);
  classifier.require("activation", "softmax");
  classifier.require("use_bias", true);
  chain.finish();
  try {
    config.check();
  } catch (const Error& error) {
    fail("{}: {}", source, error.what());
  }
  return config;
}

// The variables of model.weights.h5, each taken once.
class VariableReader {
 public:
  VariableReader(const std::string& image, std::string source)
      : source_(std::move(source)),
        file_(hdf5::File::open_image(std::as_bytes(std::span(image)), source_)) {}

  void take(const KerasVariable& variable) {
    taken_.insert(variable.path);
    if (!file_.exists(variable.path)) {
      if (variable.optional) return;
      faults_.push_back(
          fmt::format("{} {} is missing", variable.path, shape_text(variable.stored)));
    } else if (const Extents found = file_.shape(variable.path); found != variable.stored) {
      faults_.push_back(fmt::format("{} is {}, expected {}", variable.path, shape_text(found),
                                    shape_text(variable.stored)));
    } else {
      state_[variable.name] = {variable.shape, file_.read<float>(variable.path)};
    }
  }

  void take_beat_unit(ModelConfig& config) const {
    if (!file_.exists(keras_normalisation) ||
        !file_.has_attribute(keras_normalisation, keras_amplitude)) {
      return;
    }
    const std::string name = file_.read_text(keras_normalisation, keras_amplitude);
    try {
      config.beat_unit = beat_unit_from_name(name);
    } catch (const Error& error) {
      fail("{}: {}", source_, error.what());
    }
  }

  std::string label_map() const { return text(keras_label_map); }

  Provenance made() const {
    const std::string made = text(keras_made);
    if (made.empty()) return {};
    return provenance_from_json(parse_json(made, source_ + ": made"), source_ + ": made");
  }

  StateDict finish() {
    if (file_.is_group("layers")) find_unexpected("layers");
    if (!faults_.empty()) {
      fail("{}: the variables are not those of config.json: {}", source_, fmt::join(faults_, "; "));
    }
    check_finite(state_, source_);
    return std::move(state_);
  }

 private:
  // An attribute that ekgine adds to what Keras writes; "" where there is none.
  std::string text(const char* attribute) const {
    const bool known =
        file_.exists(keras_normalisation) && file_.has_attribute(keras_normalisation, attribute);
    return known ? file_.read_text(keras_normalisation, attribute) : "";
  }

  void find_unexpected(const std::string& group) {
    for (const std::string& member : file_.members(group)) {
      const std::string name = group + "/" + member;
      if (file_.is_group(name)) {
        find_unexpected(name);
      } else if (!taken_.contains(name)) {
        faults_.push_back(fmt::format("{} {} is unexpected", name, shape_text(file_.shape(name))));
      }
    }
  }

  std::string source_;
  hdf5::File file_;
  StateDict state_;
  std::set<std::string> taken_;
  std::vector<std::string> faults_;
};

}  // namespace

ModelWeights import_keras(const fs::path& path) {
  const ZipReader archive(path, "a .keras file");
  const std::string file = path.string();
  const auto source = [&](const char* member) { return file + ": " + member; };

  // Checked where a message can name the layer; the rest of the structure is Keras's own and only a
  // damaged file has it wrong.
  ModelWeights weights;
  const char* member = "metadata.json";
  try {
    const Json metadata = parse_json(archive.read(member, largest_text), source(member));
    const auto version = metadata.at("keras_version").get<std::string>();
    if (!version.starts_with("3.")) {
      fail("{}: keras_version is {}, expected 3.x", source(member), brief(version));
    }
    member = "config.json";
    weights.config =
        read_model(parse_json(archive.read(member, largest_text), source(member)), source(member));
  } catch (const JsonError& error) {
    fail("{}: not as Keras writes it: {}", source(member), error.what());
  }

  member = "model.weights.h5";
  VariableReader variables(archive.read(member, largest_weights), source(member));
  for (const KerasVariable& variable : keras_variables(weights.config)) variables.take(variable);
  variables.take_beat_unit(weights.config);
  weights.label_map = variables.label_map();
  weights.made = variables.made();
  weights.state = variables.finish();
  return weights;
}

}  // namespace ekgine
