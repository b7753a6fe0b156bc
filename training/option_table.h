// The options of TrainOptions, a row each (base/option.h), but for `output` and `tensorboard`,
// which belong to one run. To add one: its member, and a row here.
#pragma once

#include <tuple>

#include "base/beat.h"
#include "base/option.h"
#include "model/option_table.h"
#include "training/options.h"

namespace ekgine {

// Options with names are also those of subcommands that do not train.
inline constexpr Option data_option{"data", &TrainOptions::data, OptionGroup::data,
                                    InSearch::ignores, "The store (see ekgine preprocess)"};
inline constexpr Option more_data_option{
    "more-data", &TrainOptions::more_data, OptionGroup::data, InSearch::ignores,
    "Further stores, STORE,...: their records train, too, but for those of persons whom the first "
    "store or DS2 has"};
inline constexpr Option more_weights_option{
    "more-weights",
    &TrainOptions::more_weights,
    OptionGroup::data,
    InSearch::ignores,
    "How often an epoch visits each further store: 0.5,2 is half of the first, other parts in each "
    "epoch, and the second twice; without, once",
    Range{0.01, 100}};
inline constexpr Option train_records_option{"train-records", &TrainOptions::train_records,
                                             OptionGroup::data, InSearch::ignores,
                                             "Records to train on: 100,101,..."};
inline constexpr Option validation_records_option{
    "validation-records", &TrainOptions::validation_records, OptionGroup::data, InSearch::ignores,
    "Records that choose the best epoch; without any the last one is kept"};
inline constexpr Option test_records_option{
    "test-records", &TrainOptions::test_records, OptionGroup::data, InSearch::ignores,
    "Records that are evaluated once, at the end; else the validation records are"};
inline constexpr Option allow_absent_classes_option{
    "allow-absent-classes", &TrainOptions::allow_absent_classes, OptionGroup::data,
    InSearch::ignores, "Train although a class does not occur in the training records"};
inline constexpr Option device_option{
    "device", &TrainOptions::device, OptionGroup::machine, InSearch::ignores,
    "Where to compute: auto, cpu, cuda, or cuda:K, the K-th GPU from 0 on"};
inline constexpr Option precision_option{
    "precision", &TrainOptions::precision, OptionGroup::training, InSearch::keeps,
    "f32 or bf16 (activations in bfloat16; on the CPU those of images), on CUDA also tf32 "
    "(products of factors rounded to TF32); weights and sums are always f32"};
inline constexpr Option threads_option{"threads",
                                       &TrainOptions::threads,
                                       OptionGroup::machine,
                                       InSearch::ignores,
                                       "Threads to compute with (0: all cores)",
                                       Range{1, 1024}};

// In the order of files.
inline constexpr std::tuple training_options{
    data_option,
    more_data_option,
    more_weights_option,
    train_records_option,
    validation_records_option,
    test_records_option,
    Option{"epochs", &TrainOptions::epochs, OptionGroup::training, InSearch::ignores,
           "At most this many", Range{1, 1e6}},
    Option{"batch-size", &TrainOptions::batch_size, OptionGroup::training, InSearch::varies,
           "Sequences per step", Range{1, 1 << 16}},
    Option{"learning-rate", &TrainOptions::learning_rate, OptionGroup::training, InSearch::varies,
           "Of AdamW, at the start", Range{1e-12, 10}},
    Option{"schedule", &TrainOptions::schedule, OptionGroup::training, InSearch::varies,
           "Of the learning rate: cosine (to zero at the last step), plateau (a fifth when the "
           "validation loss stalls) or constant"},
    Option{"weight-decay", &TrainOptions::weight_decay, OptionGroup::training, InSearch::varies,
           "Of AdamW", Range{0, 10}},
    Option{"warm-up-steps", &TrainOptions::warm_up_steps, OptionGroup::training, InSearch::varies,
           "Steps over which the learning rate rises to its value at the start; 0 for none",
           Range{0, 1e9}},
    Option{"ema-decay", &TrainOptions::ema_decay, OptionGroup::training, InSearch::varies,
           "Of the exponential moving average of the weights, which is then validated and kept in "
           "their stead: 0.999 spans a thousand steps; 0 for none",
           Range{0, 1, true}},
    Option{"class-weights", &TrainOptions::class_weights, OptionGroup::training, InSearch::varies,
           "Of the loss: none, balanced (inverse frequency) or sqrt (its square root)"},
    Option{"amplitude-jitter", &TrainOptions::amplitude_jitter, OptionGroup::training,
           InSearch::varies,
           "Multiplies each training beat by a random factor: the standard deviation of its "
           "logarithm; 0 for none",
           Range{0, 2}},
    Option{"time-jitter", &TrainOptions::time_jitter, OptionGroup::training, InSearch::varies,
           "Shifts the window of each training beat by a random number of samples, up to so many "
           "either way; 0 for none",
           Range{0, beat_samples / 2}},
    Option{"monitor", &TrainOptions::monitor, OptionGroup::training, InSearch::ignores,
           "What of the validation chooses the best epoch: loss, accuracy or macro_f1"},
    Option{"patience", &TrainOptions::patience, OptionGroup::training, InSearch::ignores,
           "Epochs without improvement before stopping", Range{1, 1e6}},
    Option{
        "shuffle", &TrainOptions::shuffle, OptionGroup::training, InSearch::varies,
        "Order of the sequences: stretches (of consecutive ones, shuffled; fast, since neighbours "
        "share beats), full (all shuffled) or stream (bounded memory)"},
    Option{"stretch-length", &TrainOptions::stretch_length, OptionGroup::training, InSearch::varies,
           "Sequences per stretch", Range{1, 1 << 20}, "run-length"},
    Option{"encode-each", &TrainOptions::encode_each, OptionGroup::training, InSearch::varies,
           "Encode the beats of every sequence, even those that sequences share"},
    Option{"pseudo-records", &TrainOptions::pseudo_records, OptionGroup::training, InSearch::varies,
           "Train Rhythm_Model on pseudo-records, too: dense and frequent S, fibrillation"},
    allow_absent_classes_option,
    device_option,
    precision_option,
    Option{"seed", &TrainOptions::seed, OptionGroup::training, InSearch::ignores,
           "Of initial weights, order and dropout"},
    threads_option};

// Calls visit(option, value) for every option of the model and of training.
template <class Options, class Visit>
void for_each_training_option(Options&& options, const Visit& visit) {
  for_each_option(model_options, options.model, visit);
  for_each_option(training_options, options, visit);
}

}  // namespace ekgine
