#include "research/final.h"

#include <array>

#include "base/error.h"
#include "base/json_file.h"
#include "base/option_error.h"
#include "base/seal.h"
#include "base/sha256.h"
#include "data/labels.h"
#include "training/checkpoint.h"
#include "training/train.h"

namespace ekgine {

namespace {

constexpr const char* report_file = "report.txt";
constexpr const char* report_key = "report-sha256";

// The content of result.json, and that the report is still the one it was written with.
Json read_final(const TrainOptions& options) {
  const std::filesystem::path path = options.output / "result.json";
  Json result = read_result(path);
  check_keys(path, result, {"model", "epochs", "seconds", "metrics", report_key});
  if (const auto model = json_value<std::string>(path, result, "model", "a text");
      model != options.model.name) {
    fail("{}: is of {}, expected {}", path.string(), model, options.model.name);
  }
  json_number<std::int64_t>(path, result, "epochs", 1, options.epochs);
  json_number<double>(path, result, "seconds", 0, 1e12);
  check_metrics_json(json_value<Json>(path, result, "metrics", "an object"), class_names,
                     path.string());
  // Files of an earlier version do not know the report.
  if (result.contains(report_key) &&
      sha256_of_file(options.output / report_file) !=
          json_value<std::string>(path, result, report_key, "a checksum")) {
    fail_damaged((options.output / report_file).string());
  }
  result.erase(report_key);
  return result;
}

}  // namespace

Json run_final(const TrainOptions& options, const Say& say) {
  if (options.test_records.empty()) {
    fail_option({"test-records", "splits"}, "no test records");
  }
  if (std::filesystem::exists(options.output / "study.json")) {
    fail_option({"output"}, "{}: holds a study, not a training run; choose another folder",
                options.output.string());
  }
  const std::filesystem::path result = options.output / "result.json";
  if (std::filesystem::exists(result)) {
    const Checkpoint checkpoint = load_checkpoint(options.output);
    options.check_same(checkpoint.options.to_json(), options.output);
    check_inputs(checkpoint.inputs, inputs_of(options), checkpoint_path(options.output), options);
    return read_final(options);
  }
  const std::array<Unit, 1> unit = {
      Unit{options.output, result, [&] {
             const TrainResult trained = train_or_resume(options, std::nullopt, say);
             double seconds = 0;
             for (const auto& epoch : read_history(options.output)) {
               seconds += epoch.at("seconds").get<double>();
             }
             return Json{{"model", options.model.name},
                         {"epochs", trained.epochs},
                         {"seconds", seconds},
                         {"metrics", metrics_json(trained.evaluation->metrics)},
                         {report_key, sha256_of_file(options.output / report_file)}};
           }}};
  continuable([&] { do_units(unit, false); });
  return read_final(options);
}

}  // namespace ekgine
