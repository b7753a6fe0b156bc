#include "training/history.h"

#include <optional>
#include <string>

#include "base/atomic_file.h"
#include "base/json_file.h"

namespace ekgine {

using nlohmann::ordered_json;

EpochValues epoch_values(const ordered_json& line) {
  const auto value = [&line](const char* key) {
    return line.contains(key) ? std::optional(line[key].get<double>()) : std::nullopt;
  };
  return {.train_loss = line["loss"],
          .train_accuracy = value("accuracy"),
          .validation_loss = value("validation_loss"),
          .validation_accuracy = value("validation_accuracy"),
          .validation_macro_f1 = value("validation_macro_f1"),
          .learning_rate = line["learning_rate"]};
}

void write_history(const std::filesystem::path& directory, const ordered_json& history) {
  std::string lines;
  for (const ordered_json& line : history) lines += json_text(line) + '\n';
  write_file(directory / "history.jsonl", lines);
}

}  // namespace ekgine
