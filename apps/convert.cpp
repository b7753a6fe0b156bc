// ekgine convert: weights between Keras and safetensors.

#include <fmt/format.h>

#include <memory>

#include "apps/command.h"
#include "base/atomic_file.h"
#include "base/console.h"
#include "base/json_file.h"
#include "model/keras_export.h"
#include "model/keras_import.h"
#include "model/model.h"

namespace ekgine {

namespace {

struct ConvertArguments {
  CommonOptions common;
  std::string input, output;
};

void run(ConvertArguments& o) {
  apply(o.common);
  const bool to_keras = o.output.ends_with(".keras");
  if (!to_keras && !o.output.ends_with(".safetensors")) {
    fail_usage("{}: expected a name that ends in .safetensors or .keras", o.output);
  }
  const AtomicFile place(o.output);  // taken, until it is written
  const ModelWeights weights =
      o.input.ends_with(".safetensors") ? load_model_weights(o.input) : import_keras(o.input);
  // Names and shapes are checked by loading them.
  Device device = Device::cpu(DType::f32);
  Model model(weights.config, device, ParameterSet::Use::inference, 0);
  model.load(weights.state, o.input);
  if (to_keras) {
    export_keras(o.output, weights);
  } else {
    save_model_weights(o.output, weights);
  }
  if (o.common.json) {
    nlohmann::ordered_json arrays = nlohmann::ordered_json::object();
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
      "Convert weights between Keras' .keras files and safetensors, and print their names and "
      "shapes.\n"
      "Keras' own files carry no normalisation statistics: evaluate them with --normalise-on.");
  command->add_option("IN", o->input, "A .keras or a .safetensors file")->required();
  command
      ->add_option("OUT", o->output,
                   "The .safetensors file to write, or a .keras file that Keras 3.6 and later load")
      ->required();
  add_common_options(*command, o->common);
  command->callback([o] { run(*o); });
}

}  // namespace ekgine
