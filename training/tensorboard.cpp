#include "training/tensorboard.h"

#include <utility>

#include "base/atomic_file.h"
#include "base/option_error.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

// Of the file with the evaluation at the end.
const std::string evaluation_suffix = ".evaluation";

}  // namespace

TensorBoardLog::TensorBoardLog(fs::path directory, bool resumed,
                               std::function<void(const std::string&)> say)
    : directory_(std::move(directory)), resumed_(resumed), say_(std::move(say)) {
  make_directory(directory_);
  lock_.emplace(directory_);
  if (!resumed && !event_files(directory_).empty()) {
    fail_option({"tensorboard"},
                "{} holds the event files of another run; give each run a folder of its own "
                "(TensorBoard shows all folders below one)",
                directory_.string());
  }
}

void TensorBoardLog::add_epoch(std::int64_t epoch, const EpochValues& values,
                               std::optional<double> sequences_per_second,
                               const std::optional<Metrics>& validation) {
  EventValues shown{.step = epoch, .scalars = {}, .images = {}};
  const auto add = [&shown](const char* tag, std::optional<double> value) {
    if (value) shown.scalars.push_back({tag, *value});
  };
  add("loss/training", values.train_loss);
  add("loss/validation", values.validation_loss);
  add("accuracy/training", values.train_accuracy);
  add("accuracy/validation", values.validation_accuracy);
  add("macro_f1/validation", values.validation_macro_f1);
  add("learning_rate", values.learning_rate);
  add("sequences_per_second", sequences_per_second);
  if (validation) draw(shown, "validation", *validation);

  const double now = event_time();
  if (!epochs_) {
    epochs_ = std::make_unique<EventWriter>(next_event_file(directory_));
    if (resumed_) epochs_->append(event_restart_record(now, epoch));
  }
  epochs_->append(event_records(now, shown));
}

void TensorBoardLog::set_evaluation(std::int64_t epoch, const std::string& name,
                                    const Metrics& metrics) {
  EventValues shown{.step = epoch,
                    .scalars = {{"loss/" + name, metrics.loss},
                                {"accuracy/" + name, metrics.accuracy},
                                {"macro_f1/" + name, metrics.macro_f1}},
                    .images = {}};
  draw(shown, name, metrics);
  for (const fs::path& file : event_files(directory_)) {
    if (file.string().ends_with(evaluation_suffix)) fs::remove(file);
  }
  const double now = event_time();
  write_file(next_event_file(directory_, evaluation_suffix),
             event_version_record(now) + event_records(now, shown));
}

void TensorBoardLog::draw(EventValues& values, const std::string& name, const Metrics& metrics) {
  PngPicture picture =
      draw_confusion_matrix(fmt::format("{}, epoch {}", name, values.step), metrics);
  if (!picture.png.empty()) {
    values.images.push_back({"confusion_matrix/" + name, std::move(picture.png)});
  } else if (!std::exchange(said_, true)) {
    say_("TensorBoard: goes on without confusion matrices. " + picture.note);
  }
}

}  // namespace ekgine
