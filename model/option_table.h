// The options of ModelConfig, a row each (base/option.h). To add one: its member, and a row here.
#pragma once

#include <tuple>

#include "base/option.h"
#include "model/config.h"

namespace ekgine {

// Sets of architectures.
namespace architecture {
enum Set : unsigned {
  main = 1,
  attention_only = 2,
  cnn_lstm = 4,
  baseline = 8,
  rhythm = 16,
  with_convolution = main | rhythm,
  with_attention = with_convolution | attention_only,
  of_samples = main | attention_only | cnn_lstm | baseline,
  all = of_samples | rhythm,
};
}  // namespace architecture

// An option, and which architectures have it; the others ignore it.
template <class T>
struct ModelOption : Option<ModelConfig, T> {
  constexpr ModelOption(const char* flag, T ModelConfig::*of, architecture::Set having,
                        InSearch search, const char* text, Range limits = {})
      : Option<ModelConfig, T>{flag, of, OptionGroup::model, search, text, limits},
        architectures(having) {}
  architecture::Set architectures;
};

// In the order of files. The bounds are far above any sensible model; they keep a damaged file from
// asking for terabytes.
inline constexpr std::tuple model_options{
    ModelOption{"model", &ModelConfig::name, architecture::all, InSearch::keeps,
                "Main_Model (CNN-Conformer), AttentionOnly (transformer, no convolution along the "
                "beats), CNNLSTM_Model, Baseline_Model (mean over the beats) or Rhythm_Model (a "
                "Conformer over rhythm and shape, which labels every beat)"},
    ModelOption{"sequence-length", &ModelConfig::sequence_length, architecture::all,
                InSearch::varies, "Beats per sequence", Range{1, 4096}},
    ModelOption{"embed-dim", &ModelConfig::embed_dim, architecture::all, InSearch::varies,
                "Width of a beat's features", Range{1, 4096}},
    ModelOption{"num-heads", &ModelConfig::num_heads, architecture::with_attention,
                InSearch::varies, "Attention heads, each embed-dim wide", Range{1, 256}},
    ModelOption{"ff-dim-multiplier", &ModelConfig::ff_dim_multiplier, architecture::with_attention,
                InSearch::varies, "Width of the feed-forward modules, in embed-dim", Range{1, 64}},
    ModelOption{"kernel-size", &ModelConfig::kernel_size, architecture::with_convolution,
                InSearch::varies, "Of the convolution along the beats", Range{1, 255}},
    ModelOption{"num-blocks", &ModelConfig::num_blocks, architecture::with_attention,
                InSearch::varies, "Conformer or attention blocks", Range{1, 64}},
    ModelOption{"dropout", &ModelConfig::dropout, architecture::with_attention, InSearch::varies,
                "Dropout rate of the blocks", Range{0, 1, true}},
    ModelOption{"lstm-units", &ModelConfig::lstm_units, architecture::cnn_lstm, InSearch::varies,
                "Width of CNNLSTM_Model's state", Range{1, 1024}},
    ModelOption{
        "features", &ModelConfig::features, architecture::rhythm, InSearch::varies,
        "What of a beat Rhythm_Model takes: one of rhythm, shape and scalogram, or several, in "
        "this order and with + between them"},
    ModelOption{"leads", &ModelConfig::leads, architecture::rhythm, InSearch::varies,
                "Of shape and scalogram that Rhythm_Model takes", Range{1, 2}},
    ModelOption{
        "feature-noise", &ModelConfig::feature_noise, architecture::rhythm, InSearch::varies,
        "Noise on Rhythm_Model's features in training, in standard deviations", Range{0, 10}},
    ModelOption{"feature-dropout", &ModelConfig::feature_dropout, architecture::rhythm,
                InSearch::varies,
                "Share of Rhythm_Model's features that a training sequence is left without",
                Range{0, 1, true}},
    ModelOption{
        "rate-jitter", &ModelConfig::rate_jitter, architecture::rhythm, InSearch::varies,
        "Multiplies the heart rate of Rhythm_Model's training sequences by a random factor: "
        "the standard deviation of its logarithm",
        Range{0, 2}},
    ModelOption{"ensemble-size", &ModelConfig::ensemble_size, architecture::rhythm, InSearch::keeps,
                "Networks of Rhythm_Model trained side by side, whose probabilities are averaged",
                Range{1, 64}},
    ModelOption{"amplitude", &ModelConfig::beat_unit, architecture::of_samples, InSearch::varies,
                "What beats are measured in: mV, centred (mV without the beat's offset), record "
                "(without offset, in the size of the record's typical beat) or deviation (the same "
                "less that typical beat)"},
};

}  // namespace ekgine
