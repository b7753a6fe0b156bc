#include "training/run.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>
#include <sstream>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/json_file.h"
#include "base/sha256.h"
#include "data/pseudo_records.h"
#include "data/sampler.h"
#include "engine/check_same.h"
#include "engine/rank_devices.h"
#include "evaluation/plots.h"
#include "model/weights.h"
#include "training/class_weights.h"
#include "training/evaluate.h"
#include "training/history.h"
#include "training/model_card.h"
#include "training/profile_report.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

// A kill costs at most this much work; a checkpoint takes about 30 ms.
constexpr std::chrono::minutes checkpoint_interval{2};

constexpr const char* profile_file = "profile.txt";
constexpr const char* trace_file = "trace.json";

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

// The records, those of further stores, then what is made of the former.
std::unique_ptr<Dataset> with_pseudo_records(const Store& store,
                                             const std::vector<FurtherStore>& more,
                                             const TrainOptions& o) {
  std::vector<RecordBeats> records = store.read_all(o.train_records);
  const auto real = static_cast<std::uint32_t>(records.size());
  for (const FurtherStore& further : more) {
    std::ranges::move(further.store.read_all(further.records), std::back_inserter(records));
  }
  for (std::uint32_t r = 0; r < real; ++r) {
    const BeatWaves waves = store.read_waves(records[r].name);
    std::ranges::move(pseudo_records(records[r], waves, o.seed, r, o.model.sequence_length),
                      std::back_inserter(records));
  }
  return std::make_unique<MemoryDataset>(records, o.model.sequence_length);
}

std::unique_ptr<Dataset> open_training_set(const Store& store,
                                           const std::vector<FurtherStore>& more,
                                           const TrainOptions& o) {
  if (o.shuffle == Shuffle::stream && o.model.labels_every_beat()) {
    fail_option({"shuffle"}, "shuffle: {} takes windows of a data set in memory, not a stream",
                o.model.name);
  }
  if (o.pseudo_records && has_features(o.model.input())) {
    return with_pseudo_records(store, more, o);
  }
  if (o.shuffle == Shuffle::stream) {
    if (!more.empty()) {
      fail_option({"shuffle", "more-data"}, "shuffle: stream reads one store, not further ones");
    }
    return std::make_unique<StreamedDataset>(store, o.train_records, o.model.sequence_length);
  }
  std::vector<StoreRecords> parts = {{store, o.train_records}};
  for (const FurtherStore& further : more) parts.push_back({further.store, further.records});
  return std::make_unique<MemoryDataset>(parts, o.model.sequence_length);
}

// What SequenceIndex checks of training records, before hours of training and not after.
void check_held_out(const Store& store, const std::vector<std::string>& names,
                    const ModelConfig& model) {
  const std::int64_t length = model.labels_every_beat() ? 1 : model.sequence_length;
  for (const StoreRecord& record : store.find(names)) {
    if (record.beats() < length) {
      fail("record {} has {} beats, too few for sequences of {}", record.name, record.beats(),
           length);
    }
  }
}

std::int64_t count_beats(std::span<const RecordBeats> records) {
  std::int64_t beats = 0;
  for (const RecordBeats& record : records) beats += record.size();
  return beats;
}

std::vector<std::int64_t> first_beats(const SequenceIndex& index) {
  std::vector<std::int64_t> first;
  for (std::int64_t r = 0; r < index.records(); ++r) first.push_back(index.first_beat(r));
  return first;
}

// Of the training records, in the order of the data set; pseudo-records come after them.
std::vector<Share> shares_of(const std::vector<FurtherStore>& more, const TrainOptions& o) {
  if (more.empty()) return {};
  std::vector<Share> shares = {{std::ssize(o.train_records), 1}};
  for (std::size_t i = 0; i < more.size(); ++i) {
    shares.push_back({std::ssize(more[i].records), o.more_weight(i)});
  }
  return shares;
}

SamplerOptions sampler_options(const std::vector<FurtherStore>& more, const TrainOptions& o) {
  return {.shuffle = o.model.labels_every_beat() ? Shuffle::windows : o.shuffle,
          .batch_size = o.batch_size,
          .stretch_length = o.stretch_length,
          .seed = o.seed,
          .shares = shares_of(more, o)};
}

}  // namespace

Run::Run(const TrainOptions& options, fs::path directory, const Checkpoint* checkpoint,
         const std::function<void(const std::string&)>& say, bool profile, Ranks* ranks)
    : options_(options),
      directory_(std::move(directory)),
      say_(say),
      ranks_(ranks),
      store_(options.data, options.model.input()),
      more_(open_further_stores(store_, options)),
      training_(open_training_set(store_, more_, options)),
      validation_(store_.read_all(options.validation_records)),
      device_(
          Device::open(ranks == nullptr ? options.device : device_of_rank(*ranks, options.device),
                       options.precision, say)),
      model_(options.model, device_, ParameterSet::Use::training, options.seed),
      // Windows overlap at the ends of records alone, and what is dropped is dropped from each.
      loader_(*training_, sampler_options(more_, options),
              !options.encode_each && !options.model.labels_every_beat()),
      batches_(loader_.batches()) {
  if (profile) profile_.emplace();
  if (ranks_ != nullptr) device_.join(*ranks_);
  check_held_out(store_, options.validation_records, options.model);
  check_held_out(store_, options.test_records, options.model);
  if (!options.allow_absent_classes) require_all_classes(*training_, "training");
  make_step();
  inputs_ = inputs_of(store_, more_, options);
  if (checkpoint != nullptr) {
    go_on_from(*checkpoint);
  } else {
    made_ = made_on(device_.description());
    state_.plateau.rate = options.learning_rate;
  }
  state_.stopping.patience = options.patience;
  check_ranks(checkpoint);
  announce();
  if (checkpoint == nullptr) {
    normalise_on(model_, *training_, count_training_records(options, more_));
  }
  if (!options.tensorboard.empty() && is_first(ranks_)) {
    tensorboard_ =
        std::make_unique<TensorBoardLog>(options.tensorboard, checkpoint != nullptr, say_);
  }
}

void Run::make_step() {
  TrainingStep::Settings settings{
      .class_weights = class_weights(options_.class_weights,
                                     visited_classes(*training_, shares_of(more_, options_))),
      .seed = options_.seed,
      // Features have neither an amplitude nor a window.
      .jitter = has_features(options_.model.input())
                    ? kernels::Jitter{}
                    : kernels::Jitter{options_.amplitude_jitter, options_.time_jitter},
      .weight_decay = options_.weight_decay,
      .ema_decay = options_.ema_decay,
      .sequences = options_.batch_size,
      .beats = loader_.max_beats(),
      .ranks = ranks_};
  if (options_.time_jitter > 0) {
    settings.typical_beats = training_->typical_beats();
    if (!settings.typical_beats.empty()) settings.first_beats = first_beats(training_->index());
  }
  const auto* const in_memory = dynamic_cast<const MemoryDataset*>(training_.get());
  if (!device_.on_host() && in_memory != nullptr) {
    settings.resident_beats = {in_memory->all_beats(), in_memory->unit()};
  }
  if (options_.ema_decay > 0) model_.parameters().keep_average();
  step_ = std::make_unique<TrainingStep>(model_, device_, settings);
  predictor_ = std::make_unique<Predictor>(model_, device_);
  device_.activations().seal();
  device_.back_activations();  // what does not fit is known before anything is written
}

void Run::go_on_from(const Checkpoint& checkpoint) {
  const fs::path path = checkpoint_path(directory_);
  check_inputs(checkpoint.inputs, inputs_, path, options_);
  check_position(checkpoint.state, options_, batches_, loader_.sequences(), path.string());
  restore(checkpoint, directory_, model_);
  made_ = checkpoint.made;
  state_ = checkpoint.state;
}

// What would let ranks go different ways is an error, as it would be noticed much later.
void Run::check_ranks(const Checkpoint* checkpoint) {
  const std::int64_t count = ranks_ == nullptr ? 1 : ranks_->count();
  if (checkpoint != nullptr && state_.step > 0 && state_.ranks != count) {
    say_(fmt::format("trained on {} ranks so far, now on {}: sums are rounded otherwise",
                     state_.ranks, count));
  }
  state_.ranks = count;
  if (ranks_ == nullptr) return;
  check_same(*ranks_, "options", options_.to_toml());
  check_same(*ranks_, "data", json_text(to_json(inputs_), 2));
  check_same(*ranks_, "device", device_.description());
  if (!device_.on_host()) check_same(*ranks_, "NCCL", device_ranks_library());
  check_same(*ranks_, "step", std::to_string(state_.step));
}

// A rank whose weights are others' no more would spoil theirs from then on.
void Run::check_same_weights() {
  if (ranks_ == nullptr) return;
  Sha256 hash;
  const ParameterSet& parameters = model_.parameters();
  for (const Tensor& array : {parameters.values(), parameters.first_moments(),
                              parameters.second_moments(), parameters.buffer_values()}) {
    std::string bytes(static_cast<std::size_t>(array.size()) * size_of(array.dtype()), '\0');
    device_.read_bytes(array.bytes(), bytes.data(), bytes.size());
    hash.update(bytes);
  }
  check_same(*ranks_, "weights", hash.hex());
}

void Run::announce() const {
  const ClassCounts counts = visited_classes(*training_, shares_of(more_, options_));
  std::string classes;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    classes += fmt::format("{}{} {}", c == 0 ? "" : ", ", class_names[c], counts[c]);
  }
  say_(fmt::format("{}: {} parameters; {} training sequences ({}); {}{} threads",
                   options_.model.name, model_.parameters().trainable_count(), loader_.sequences(),
                   classes, ranks_ == nullptr ? "" : fmt::format("{} ranks of ", ranks_->count()),
                   options_.threads));
  for (std::size_t i = 0; i < more_.size(); ++i) {
    const std::string left_out = left_out_text(more_[i]);
    say_(fmt::format("{}, weight {}: {} records{}", options_.more_data[i].string(),
                     options_.more_weight(i), more_[i].records.size(),
                     left_out.empty() ? "" : "; left out: " + left_out));
  }
}

void Run::save() const {
  if (!is_first(ranks_)) return;
  save_checkpoint(directory_, options_, inputs_, made_, state_, model_);
}

double Run::learning_rate() const {
  const double rate =
      options_.schedule == Schedule::cosine
          ? cosine_rate(options_.learning_rate, state_.step, options_.epochs * batches_)
          : state_.plateau.rate;
  return rate * warm_up_factor(state_.step, options_.warm_up_steps);
}

std::int64_t Run::labels_seen() const {
  return state_.sequences * options_.model.losses_per_sequence();
}

void Run::take_totals() {
  const auto found = [&] {
    try {
      return step_->totals();
    } catch (const Diverged& diverged) {
      if (ranks_ == nullptr) throw;
      throw AgreedError(diverged.what());  // all ranks read it after the same step
    }
  };
  const kernels::RunningLoss totals = found();
  state_.loss_sum = totals.loss;
  state_.correct = totals.correct;
}

// Clocks and signals tell each rank something else. What follows from them is done by all after the
// same step: a loss that is not finite, too, ends all when it is read.
Run::AfterStep Run::agree(AfterStep mine) {
  if (ranks_ == nullptr) return mine;
  if (!is_first(ranks_)) mine.save = mine.show = false;
  AfterStep all;
  for (const AfterStep& of_rank : ranks_->gather(mine)) {
    all.stop |= of_rank.stop;
    all.save |= of_rank.save;
    all.show |= of_rank.show;
  }
  return all;
}

const Batch* Run::next_batch() {
  const Profile::Span span(device_.profile(), {"loader wait"}, Phase::host);
  return loader_.next();
}

void Run::write_profile() {
  if (!profile_ || !is_first(ranks_)) return;
  const std::string table = profile_table(
      *profile_, fmt::format("{}, batches of {}, {} {}, {} threads", options_.model.name,
                             options_.batch_size, device_.on_host() ? "cpu" : "cuda",
                             choice_name(options_.precision), options_.threads));
  write_file(directory_ / profile_file, table);
  write_file(directory_ / trace_file, chrome_trace(*profile_));
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) say_(line);
}

void Run::show(Progress& progress) {
  take_totals();
  const auto done = static_cast<double>(labels_seen());
  progress.update(state_.sequences,
                  fmt::format("loss {:.4f} accuracy {:.4f}", state_.loss_sum / done,
                              static_cast<double>(state_.correct) / done));
}

void Run::train_epoch() {
  const std::int64_t total = loader_.sequences();
  Progress progress(fmt::format("epoch {}/{}", state_.epoch + 1, options_.epochs), "sequences",
                    total, state_.sequences);
  const Clock::time_point start = Clock::now();
  Clock::time_point saved = start;
  const bool whole = state_.batch == 0;
  const std::int64_t before = state_.sequences;
  loader_.start(state_.epoch, state_.batch);
  step_->set_totals({.loss = state_.loss_sum, .correct = state_.correct});
  device_.set_profile(profile_ ? &*profile_ : nullptr);
  while (const Batch* batch = next_batch()) {
    if (ranks_ != nullptr) ranks_->set_step(state_.step + 1);
    step_->run({{batch->beats, batch->unit}, batch->beat_ids, batch->index, batch->labels},
               state_.step + 1, learning_rate());
    const std::int64_t n = batch->size();
    ++state_.step;
    ++state_.batch;
    state_.sequences += n;
    // Reading the loss waits for the device.
    const bool save_due = Clock::now() - saved > checkpoint_interval;
    const AfterStep after = agree({.stop = interrupted(),
                                   .save = save_due,
                                   .show = device_.on_host() || save_due || progress.due()});
    const bool stop = after.stop, save_now = stop || after.save;
    if (save_now || after.show) show(progress);
    if (save_now) {
      save();
      saved = Clock::now();
    }
    if (stop) throw Interrupted("interrupted");
  }
  device_.set_profile(nullptr);  // validation is not part of it
  take_totals();
  const double seconds = seconds_since(start);
  progress.finish();
  if (whole) epoch_rates_.push_back(static_cast<double>(total) / seconds);
  if (!validation_.empty()) save();  // validation takes a while: a kill must not cost the epoch
  finish_epoch(seconds, total - before);
}

std::vector<RecordPredictions> Run::predict(std::span<const RecordBeats> records,
                                            Progress& progress) {
  const auto done = [&](std::int64_t beats) { progress.update(beats); };
  if (ranks_ == nullptr) return predict_records(*predictor_, records, done);
  return predict_records(*predictor_, records, *ranks_, done);
}

Evaluation Run::validate(const std::string& title) {
  Progress progress(title, "beats", count_beats(validation_));
  const auto predictions = predict(validation_, progress);
  EvaluationFacts facts;
  facts.class_names.assign(class_names.begin(), class_names.end());
  Evaluation evaluation = evaluate_predictions(facts, predictions, Intervals::none);
  const Metrics& m = evaluation.metrics;
  progress.finish(
      fmt::format("loss {:.4f} accuracy {:.4f} macro F1 {:.4f}", m.loss, m.accuracy, m.macro_f1));
  return evaluation;
}

// `sequences` of the epoch were trained on in these seconds: fewer than all after a resumption.
void Run::finish_epoch(double seconds, std::int64_t sequences) {
  const double rate = learning_rate();
  const auto all = static_cast<double>(labels_seen());
  const double loss = state_.loss_sum / all;
  Json line = {{"epoch", state_.epoch + 1},
               {"loss", loss},
               {"accuracy", static_cast<double>(state_.correct) / all},
               {"learning_rate", rate},
               {"seconds", seconds}};
  close_epoch(
      line, sequences > 0 ? std::optional(static_cast<double>(sequences) / seconds) : std::nullopt);
  check_same_weights();
  // History before the checkpoint: a kill between the two repeats the epoch and its line.
  if (is_first(ranks_)) write_history(directory_, state_.history);
  save();
}

// Validates the epoch that `line` is of, adds it to the history, and keeps its weights where it is
// the best so far: their averages, where such are kept.
void Run::close_epoch(Json line, std::optional<double> per_second) {
  const AveragedWeights averaged(model_.parameters());
  std::optional<Metrics> validation;
  if (!validation_.empty()) {
    validation = validate("  validation").metrics;
    const Metrics& metrics = *validation;
    line["validation_loss"] = metrics.loss;
    line["validation_accuracy"] = metrics.accuracy;
    line["validation_macro_f1"] = metrics.macro_f1;
  }
  ++state_.epoch;
  state_.batch = 0;
  state_.loss_sum = 0;
  state_.correct = 0;
  state_.sequences = 0;
  state_.history.push_back(line);
  if (tensorboard_) {
    tensorboard_->add_epoch(state_.epoch, epoch_values(line), per_second, validation);
  }
  keep_if_best(line);
}

// Lets the schedules see the epoch, and keeps its weights where it is the best so far.
void Run::keep_if_best(const Json& line) {
  const double before = state_.plateau.rate;
  const bool best = observe_epoch(line, options_, state_.plateau, state_.stopping);
  if (best && is_first(ranks_)) {
    save_model_weights(directory_ / weights_file, {.config = options_.model,
                                                   .state = model_.state(),
                                                   .label_map = inputs_.label_map,
                                                   .made = made_});
    write_card(nullptr);
  }
  if (state_.plateau.rate != before) {
    say_(fmt::format("  learning rate lowered to {:.3g}", state_.plateau.rate));
  }
}

void Run::write_card(const Evaluation* evaluation) const {
  write_model_card(directory_ / weights_file, {.options = options_,
                                               .store = store_,
                                               .more = more_,
                                               .made = made_,
                                               .parameters = model_.parameters().trainable_count(),
                                               .epoch = state_.stopping.best_epoch,
                                               .epochs = state_.epoch,
                                               .evaluation = evaluation});
}

std::optional<Evaluation> Run::evaluate_best() {
  const bool test = !options_.test_records.empty();
  if (!test && validation_.empty()) return std::nullopt;
  const fs::path weights = directory_ / weights_file;
  if (ranks_ != nullptr) ranks_->any(false);  // the first has written them
  const ModelWeights best = load_model_weights(weights);
  check_weights(best, weights.string(), store_);
  model_.load(best.state, weights.string());
  const std::vector<RecordBeats> records =
      test ? store_.read_all(options_.test_records) : validation_;
  Progress progress(test ? "test" : "validation", "beats", count_beats(records));
  const auto predictions = predict(records, progress);
  progress.finish();
  if (!is_first(ranks_)) return std::nullopt;

  EvaluationFacts facts = describe_evaluation(
      model_,
      fmt::format("{}, epoch {} of {}", weights.string(), state_.stopping.best_epoch, state_.epoch),
      best.made,
      data_text(store_.folder().string(), store_.info().label_map, options_.model.input()),
      fmt::format("{} training records", count_training_records(options_, more_)));
  facts.evaluated.clear();  // with them, also where the run was evaluated after a kill
  std::vector<EpochValues> epochs;
  for (const Json& line : state_.history) epochs.push_back(epoch_values(line));
  for (std::string& note :
       draw_history(directory_, facts.model, epochs, state_.stopping.best_epoch)) {
    facts.notes.push_back(std::move(note));
  }
  if (!test) {
    facts.notes.push_back(
        "The records evaluated are the validation records that chose the epoch: "
        "figures on records never used are likely lower.");
  }
  Evaluation evaluation = write_evaluation(directory_, facts, predictions);
  write_card(&evaluation);
  if (tensorboard_) {
    tensorboard_->set_evaluation(state_.stopping.best_epoch, test ? "test" : "best",
                                 evaluation.metrics);
  }
  return evaluation;
}

void Run::train_epochs(std::int64_t epochs) {
  try {
    while (state_.epoch < epochs && !(state_.stopping.stop() && !validation_.empty())) {
      train_epoch();
    }
  } catch (const Interrupted&) {
    write_profile();
    throw;
  }
  write_profile();
  if (state_.epoch < epochs) {
    say_(fmt::format("stopped early: no improvement for {} epochs", state_.stopping.patience));
  }
}

// Over equal numbers of sequences, the rate over all is the harmonic mean.
double Run::mean_rate() const {
  // The first one warms up, if there are more.
  const std::span<const double> rates =
      std::span(epoch_rates_).subspan(epoch_rates_.size() > 1 ? 1 : 0);
  double time_per_sequence = 0;
  for (const double rate : rates) {
    time_per_sequence += 1 / rate / static_cast<double>(rates.size());
  }
  return time_per_sequence > 0 ? 1 / time_per_sequence : 0;
}

TrainResult Run::execute(std::optional<std::int64_t> epochs) {
  TrainResult result;
  try {
    train_epochs(epochs.value_or(options_.epochs));
    if (!epochs) result.evaluation = evaluate_best();
  } catch (const Interrupted&) {
    throw Interrupted(fmt::format("interrupted after step {}", state_.step));
  }
  result.run = directory_;
  result.evaluated = options_.test_records.empty() ? "validation" : "test";
  result.epochs = state_.epoch;
  result.best_epoch = state_.stopping.best_epoch;
  result.sequences_per_second = mean_rate();
  result.seconds = seconds_since(start_);
  result.peak_rss_mb = peak_rss_mb();
  result.profile = std::move(profile_);
  return result;
}

}  // namespace ekgine
