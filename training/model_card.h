// model_card.md: what a person should know of a run's weights before they use them, in Markdown.
//
// What is known when it is made, and no more: of the data, the split, the options, and the figures
// where the run has been evaluated. It has no date, so that equal runs have equal cards. Which
// weights it is of it says by the SHA-256 of their file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/provenance.h"
#include "data/store.h"
#include "evaluation/evaluation.h"
#include "training/options.h"
#include "training/stores.h"

namespace ekgine {

inline constexpr const char* model_card_file = "model_card.md";

struct ModelCard {
  const TrainOptions& options;
  const Store& store;
  const std::vector<FurtherStore>& more;   // as the options name them
  const Provenance& made;                  // what trained them
  std::int64_t parameters = 0;             // trainable
  std::int64_t epoch = 0, epochs = 0;      // theirs, and how many are completed
  const Evaluation* evaluation = nullptr;  // of test or else validation records; none so far
};

// Writes it beside the weights, which are there. Errors: it cannot be written.
void write_model_card(const std::filesystem::path& weights, const ModelCard& card);

// The card beside `weights`, NAME.md for NAME.safetensors or else model_card.md; "" where there is
// none, or one of other weights.
std::string read_model_card(const std::filesystem::path& weights);

}  // namespace ekgine
