// ekgine convert: weights between Keras and safetensors, and to ONNX.

#include <fmt/format.h>

#include <memory>

#include "apps/command.h"
#include "base/atomic_file.h"
#include "base/console.h"
#include "base/json_file.h"
#include "data/beats.h"
#include "data/labels.h"
#include "model/keras_export.h"
#include "model/keras_import.h"
#include "model/model.h"
#include "model/onnx_export.h"
#include "training/evaluate.h"
#include "training/model_card.h"

namespace ekgine {

namespace {

struct ConvertArguments {
  CommonOptions common;
  std::string input, output, data;
  std::vector<std::string> normalise_on;
};

void check_names(const ConvertArguments& o) {
  for (const char* known : {".safetensors", ".keras", ".onnx"}) {
    if (!o.output.ends_with(known)) continue;
    if (o.input.ends_with(".onnx")) fail_usage("{}: ONNX files are written, not read", o.input);
    return;
  }
  fail_usage("{}: expected a name that ends in .safetensors, .keras or .onnx", o.output);
}

// What a person who finds the file should know: the card of the weights, where they have one.
std::string onnx_description(const ConvertArguments& o, const ModelWeights& weights) {
  std::string card = read_model_card(o.input);
  if (!card.empty()) return card;
  return fmt::format(
      "{} of ekgine: sequences of {} heartbeats in, probabilities of {} classes out. "
      "Research software, not a medical device; not for diagnosis.",
      weights.config.name, weights.config.sequence_length,
      weights.config.labels_every_beat() ? "their" : "the last one's");
}

void write_onnx(const ConvertArguments& o, const ModelWeights& weights) {
  if (!weights.state.contains("normalisation.mean")) {
    fail(
        "{}: carries no normalisation statistics, which an ONNX file needs; name the records it "
        "was trained on with --data and --normalise-on",
        o.input);
  }
  export_onnx(o.output, weights,
              {.classes = class_names,
               .sampling_frequency = beat_frequency,
               .description = onnx_description(o, weights)});
}

void run(ConvertArguments& o) {
  check_names(o);
  apply(o.common);
  const AtomicFile place(o.output);  // taken, until it is written
  ModelWeights weights =
      o.input.ends_with(".safetensors") ? load_model_weights(o.input) : import_keras(o.input);
  // Names and shapes are checked by loading them.
  Device device = Device::cpu(DType::f32);
  Model model(weights.config, device, ParameterSet::Use::inference, 0);
  model.load(weights.state, o.input);
  if (!o.normalise_on.empty()) {
    const Store store(o.data, weights.config.input());
    MemoryDataset records(store, o.normalise_on, weights.config.sequence_length);
    normalise_on(model, records, records.index().records());
    weights.state = model.state();
  }
  if (o.output.ends_with(".onnx")) {
    write_onnx(o, weights);
  } else if (o.output.ends_with(".keras")) {
    export_keras(o.output, weights);
  } else {
    save_model_weights(o.output, weights);
  }
  if (o.common.json) {
    Json arrays = Json::object();
    for (const auto& [name, array] : weights.state) arrays[name] = array.shape;
    print_json({{"output", o.output},
                {"model", weights.config.to_json()},
                {"parameters", count_trainable(weights.state)},
                {"arrays", arrays}});
    return;
  }
  print_result(describe(weights.state));
  say(o.common, fmt::format("{}: {}", o.output, json_text(weights.config.to_json())));
}

}  // namespace

void add_convert(CLI::App& program) {
  auto o = std::make_shared<ConvertArguments>();
  CLI::App* command = program.add_subcommand(
      "convert",
      "Convert weights between Keras' .keras files and safetensors, or to ONNX, and print their "
      "names\n"
      "and shapes. An ONNX file takes raw beats, or Rhythm_Model's features, and gives\n"
      "probabilities (docs/formats.md).\n"
      "Keras' own files carry no normalisation statistics, which ONNX needs: --normalise-on.");
  command->add_option("IN", o->input, "A .keras or a .safetensors file")->required();
  command
      ->add_option(
          "OUT", o->output,
          "The .safetensors file to write, a .keras file that Keras 3.6 and later load, or "
          "an .onnx file that ONNX Runtime 1.12 and later run")
      ->required();
  CLI::Option* data =
      command->add_option("--data", o->data, "The store of --normalise-on (see ekgine preprocess)");
  CLI::Option* records = add_records_option(*command, "--normalise-on", o->normalise_on,
                                            "Records whose statistics the weights shall normalise "
                                            "inputs with: those they were trained on");
  records->needs(data);
  data->needs(records);
  add_common_options(*command, o->common);
  command->callback([o] { run(*o); });
}

}  // namespace ekgine
