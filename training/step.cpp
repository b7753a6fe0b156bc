#include "training/step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/back_end.h"
#include "engine/optimiser.h"
#include "engine/shared_batch.h"

namespace ekgine {

namespace {

constexpr auto loss_words = static_cast<std::int64_t>(sizeof(kernels::RunningLoss) / 4);

kernels::RunningLoss* loss_in(const Tensor& words) {
  return reinterpret_cast<kernels::RunningLoss*>(words.bytes());
}

// The part's rows, `each` in a row, of those of the whole batch.
Tensor rows_of(const Tape::Part& part, const Tensor& all, std::int64_t each) {
  return all.rows(part.first * each, (part.first + part.rows) * each);
}

}  // namespace

TrainingStep::TrainingStep(Model& model, Device& device, const Settings& settings)
    : model_(model), device_(device), settings_(settings), replay_(device) {
  const BeatSpan& resident_beats = settings.resident_beats;
  const bool resident = !resident_beats.samples.empty();
  if (resident) model.config().check_beats(resident_beats.unit, "training");
  const std::int64_t width = row_width(model.config().input());
  const std::int64_t stored = resident ? resident_beats.count() : settings.beats;
  std::vector<float> typical = settings.typical_beats;
  if (typical.empty()) typical.resize(static_cast<std::size_t>(width));
  memory_ = device.allocate(
      resident ? "beats of the data set" : "batch",
      {{totals_memory_, {loss_words}, DType::i32},
       {mine_, {loss_words}, DType::i32},
       {of_ranks_,
        {settings.ranks == nullptr ? 0 : settings.ranks->count(), loss_words},
        DType::i32},
       {rows_, {settings.beats}, DType::i32},
       {ids_, {settings.beats}, DType::i32},
       {records_, {settings.beats}, DType::i32},
       {index_, {settings.sequences, model.config().sequence_length}, DType::i32},
       {labels_, {settings.sequences * model.config().labels_per_sequence()}, DType::i32},
       {class_weights_, {class_count}, device.real_dtype()},
       {beats_, {stored, width}, device.real_dtype()},
       {typical_, {std::ssize(typical) / width, width}, device.real_dtype()}});
  totals_ = loss_in(totals_memory_);
  device.write(class_weights_, std::span<const float>(settings.class_weights));
  device.write(typical_, std::span<const float>(typical));
  device.write(records_, std::span<const std::int32_t>(
                             std::vector<std::int32_t>(static_cast<std::size_t>(settings.beats))));
  if (resident) {
    device.write(beats_, resident_beats.samples);
    settings_.resident_beats = {};  // the caller's memory may go
  } else {
    counting_.resize(static_cast<std::size_t>(settings.beats));
    std::iota(counting_.begin(), counting_.end(), 0);
  }
  set_totals({});

  Tape tape(device_, Tape::Mode::training, plan_, {}, true);
  record(tape, inputs(settings.sequences, settings.beats), largest_parts());
}

TrainingStep::Parts TrainingStep::parts(std::int64_t sequences, std::int64_t beats) {
  Ranks* ranks = settings_.ranks;
  if (ranks == nullptr) return {{nullptr, 0, beats, beats}, {nullptr, 0, sequences, sequences}};
  if (std::min(sequences, beats) < ranks->count()) ranks = &alone_;
  const Slice of_beats = ranks->slice(beats), of_sequences = ranks->slice(sequences);
  return {{ranks, of_beats.first, of_beats.count, beats},
          {ranks, of_sequences.first, of_sequences.count, sequences}};
}

// Of the largest batch, or of one that is done alone.
TrainingStep::Parts TrainingStep::largest_parts() {
  Parts parts = this->parts(settings_.sequences, settings_.beats);
  if (settings_.ranks == nullptr) return parts;
  const std::int64_t alone =
      std::min<std::int64_t>(settings_.sequences, settings_.ranks->count() - 1);
  parts.sequences.first = parts.beats.first = 0;
  parts.sequences.rows = std::max(settings_.ranks->slice(settings_.sequences, 0).count, alone);
  parts.beats.rows = std::max(settings_.ranks->slice(settings_.beats, 0).count,
                              std::min(settings_.beats, alone * model_.config().sequence_length));
  return parts;
}

TrainingStep::Inputs TrainingStep::inputs(std::int64_t sequences, std::int64_t beats) const {
  return {.beats = beats_,
          .rows = rows_.first({beats}),
          .ids = ids_.first({beats}),
          .records = records_.first({beats}),
          .index = index_.rows(0, sequences),
          .labels = labels_.first({sequences * model_.config().labels_per_sequence()})};
}

void TrainingStep::record(Tape& tape, const Inputs& batch, const Parts& parts) {
  const auto of_beats = [&](const Tensor& all) { return rows_of(parts.beats, all, 1); };
  const Tensor beats = gather_jittered(tape, batch.beats, of_beats(batch.rows), of_beats(batch.ids),
                                       typical_, of_beats(batch.records), settings_.jitter);
  const Tensor index = rows_of(parts.sequences, batch.index, 1);
  const Tensor labels =
      rows_of(parts.sequences, batch.labels, model_.config().labels_per_sequence());
  kernels::RunningLoss* const totals = parts.beats.ranks == nullptr ? totals_ : loss_in(mine_);
  Tensor loss;  // the members': each trains as if it were alone
  for (std::int64_t member = 0; member < model_.config().members(); ++member) {
    tape.set_part(parts.beats);
    const Tensor features = gather_rows(tape, model_.encode(tape, beats, member));
    tape.set_part(parts.sequences);
    const Tensor logits = model_.classify(tape, gather(tape, features, index), member);
    const CrossEntropy of_member = softmax_cross_entropy(tape, logits, labels, class_weights_);
    running_loss(tape, of_member, labels, totals);
    loss = member == 0 ? of_member.loss : add_scaled(tape, loss, 1, of_member.loss);
  }
  tape.backward(loss);
  tape.finish();
}

// What the ranks' parts of a step add up to: gradients, loss and hits.
void TrainingStep::exchange(Ranks& ranks) {
  const Tensor all = of_ranks_.rows(0, ranks.count());
  exchange_step(device_, ranks, model_.parameters().gradients(), mine_, all);
  device_.measure({"running_loss"}, Phase::update, [&] {
    device_.run([&](auto& b) {
      kernels::add_running_losses(b.context, ranks.count(), loss_in(all), loss_in(mine_), totals_);
    });
  });
}

void TrainingStep::run(const BatchView& batch, std::int64_t step, double learning_rate) {
  device_.measure({"step"}, Phase::step, [&] { take(batch, step, learning_rate); });
}

void TrainingStep::take(const BatchView& batch, std::int64_t step, double learning_rate) {
  const std::int64_t sequences = std::ssize(batch.labels) / model_.config().labels_per_sequence();
  const Inputs inputs = this->inputs(sequences, std::ssize(batch.beat_ids));
  const Parts parts = this->parts(sequences, std::ssize(batch.beat_ids));
  device_.measure({"host copies"}, Phase::host, [&] { write(batch, inputs); });
  const RandomKey random{settings_.seed, static_cast<std::uint32_t>(step), 0};
  device_.set_step({random.seed, random.step, learning_rate});
  replay_.run({inputs.labels.size(), inputs.rows.size()}, [&] {
    keep_buffers(device_, model_.parameters());
    Tape tape(device_, Tape::Mode::training, plan_, random);
    record(tape, inputs, parts);
    if (parts.beats.ranks != nullptr) exchange(*parts.beats.ranks);
    adamw_step(device_, model_.parameters(), {.weight_decay = settings_.weight_decay},
               &totals_->failed_step);
    if (settings_.ema_decay > 0) {
      average_step(device_, model_.parameters(), settings_.ema_decay, &totals_->failed_step);
    }
  });
}

void TrainingStep::write(const BatchView& batch, const Inputs& inputs) {
  if (counting_.empty()) {
    device_.write(inputs.rows, batch.beat_ids);
  } else {
    model_.config().check_beats(batch.beats.unit, "training");
    const auto beats = static_cast<std::size_t>(inputs.rows.size());
    device_.write(inputs.rows, std::span<const std::int32_t>(counting_).first(beats));
    device_.write(beats_.rows(0, inputs.rows.size()), batch.beats.samples);
  }
  device_.write(inputs.ids, batch.beat_ids);
  if (!settings_.first_beats.empty()) write_records(batch.beat_ids, inputs.records);
  device_.write(inputs.index, batch.index);
  device_.write(inputs.labels, batch.labels);
}

void TrainingStep::write_records(std::span<const std::int32_t> beat_ids, const Tensor& records) {
  record_numbers_.clear();
  for (const std::int32_t beat : beat_ids) {
    const auto next = std::ranges::upper_bound(settings_.first_beats, std::int64_t{beat});
    record_numbers_.push_back(static_cast<std::int32_t>(next - settings_.first_beats.begin() - 1));
  }
  device_.write(records, std::span<const std::int32_t>(record_numbers_));
}

kernels::RunningLoss TrainingStep::totals() const {
  kernels::RunningLoss totals;
  device_.read_bytes(totals_, &totals, sizeof totals);
  if (totals.failed_step != 0) {
    throw Diverged({"learning-rate"},
                   fmt::format("training: the loss is {}; lower the learning rate",
                               std::isnan(totals.failed_loss) ? "not a number" : "infinite"));
  }
  return totals;
}

void TrainingStep::set_totals(const kernels::RunningLoss& totals) {
  device_.write_bytes(totals_, &totals, sizeof totals);
}

}  // namespace ekgine
