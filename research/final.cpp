#include "research/final.h"

#include <array>

#include "base/error.h"
#include "training/checkpoint.h"
#include "training/train.h"

namespace ekgine {

nlohmann::ordered_json run_final(const TrainOptions& options, const Say& say) {
  if (options.test_records.empty()) {
    fail("no test records: give --test-records, or --splits with a file that names some");
  }
  if (std::filesystem::exists(options.output / "study.json")) {
    fail("{}: holds a study, not a training run; choose another --output", options.output.string());
  }
  const std::filesystem::path result = options.output / "result.json";
  if (std::filesystem::exists(result)) {
    options.check_same(load_checkpoint(options.output).options, options.output);
    return read_result(result);
  }
  const std::array<Unit, 1> unit = {
      Unit{options.output, result, [&] {
             const TrainResult trained = train_or_resume(options, std::nullopt, say);
             double seconds = 0;
             for (const auto& epoch : read_history(options.output)) {
               seconds += epoch.at("seconds").get<double>();
             }
             return nlohmann::ordered_json{{"model", options.model.name},
                                           {"epochs", trained.epochs},
                                           {"seconds", seconds},
                                           {"metrics", metrics_json(trained.evaluation->metrics)}};
           }}};
  continuable([&] { do_units(unit, false); });
  return read_result(result);
}

}  // namespace ekgine
