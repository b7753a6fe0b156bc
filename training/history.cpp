#include "training/history.h"

#include <optional>
#include <string>

#include "base/atomic_file.h"
#include "base/json_file.h"

namespace ekgine {

EpochValues epoch_values(const Json& line) {
  const auto value = [&line](const char* key) {
    const Json* found = line.find(key);
    return found != nullptr ? std::optional(found->get<double>()) : std::nullopt;
  };
  return {.train_loss = line.at("loss").get<double>(),
          .train_accuracy = value("accuracy"),
          .validation_loss = value("validation_loss"),
          .validation_accuracy = value("validation_accuracy"),
          .validation_macro_f1 = value("validation_macro_f1"),
          .learning_rate = line.at("learning_rate").get<double>()};
}

void write_history(const std::filesystem::path& directory, const Json& history) {
  std::string lines;
  for (const Json& line : history) lines += json_text(line) + '\n';
  write_file(directory / "history.jsonl", lines);
}

}  // namespace ekgine
