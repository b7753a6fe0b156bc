// The reference's trained Keras models, imported, must give its published predictions on the
// recordings it evaluated them on. Needs the database (EKGINE_DATABASE, the folder of 100.dat) and
// the reference's files (EKGINE_REFERENCE).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "base/atomic_file.h"
#include "base/json.h"
#include "data/preprocess.h"
#include "data/splits.h"
#include "evaluation/evaluation.h"
#include "model/keras_import.h"
#include "tests/support/temporary_directory.h"
#include "training/evaluate.h"
#include "training/predict.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t classes = class_count;

class ReferenceModels : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* database = std::getenv("EKGINE_DATABASE");
    const char* reference = std::getenv("EKGINE_REFERENCE");
    if (database == nullptr) GTEST_SKIP() << "the variable EKGINE_DATABASE is not set";
    if (reference == nullptr) GTEST_SKIP() << "the variable EKGINE_REFERENCE is not set";
    reference_ = reference;
    // As the reference reads: the first lead of each record.
    preprocess({database, folder_ / "store", {}, "reference", "test", false, {.lead = "0"}});
  }

  // Predictions of an imported model for records, normalised on others.
  std::vector<RecordPredictions> predict(const std::string& keras,
                                         const std::vector<std::string>& normalise_on_records,
                                         const std::vector<std::string>& names) {
    const ModelWeights weights = import_keras(reference_ / keras);
    const Store store(folder_ / "store");
    Device device = Device::cpu(DType::f32);
    Model model(weights.config, device, ParameterSet::Use::inference, 0);
    model.load(weights.state, keras);
    MemoryDataset training(store, normalise_on_records, weights.config.sequence_length);
    normalise_on(model, training, training.index().records());
    std::vector<RecordBeats> records;
    records.reserve(names.size());
    for (const std::string& name : names) records.push_back(store.read(name));
    Predictor predictor(model, device);
    return predict_records(predictor, records);
  }

  static Split reference_split() {
    return read_split(fs::path(EKGINE_SOURCE_DIR) / "data/splits/reference.json");
  }

  const testing::TemporaryDirectory folder_;
  fs::path reference_;
};

std::size_t most_likely(const std::vector<float>& probabilities, std::size_t sequence) {
  const auto row = probabilities.begin() + static_cast<std::ptrdiff_t>(sequence * classes);
  return static_cast<std::size_t>(std::max_element(row, row + classes) - row);
}

struct Comparison {
  std::size_t sequences = 0, labels_differ = 0, classes_differ = 0;
  double worst = 0, mean = 0;  // of the differences of probabilities
};

Comparison compare(const std::vector<RecordPredictions>& found,
                   const std::vector<RecordPredictions>& published) {
  std::map<std::string, const RecordPredictions*> by_name;
  for (const RecordPredictions& record : published) by_name[record.record] = &record;
  Comparison c;
  std::size_t values = 0;
  for (const RecordPredictions& ours : found) {
    const RecordPredictions* theirs = by_name[ours.record];
    if (theirs == nullptr || theirs->labels.size() != ours.labels.size()) {
      ADD_FAILURE() << "record " << ours.record << ": other sequences than published";
      continue;
    }
    for (std::size_t i = 0; i < ours.labels.size(); ++i) {
      ++c.sequences;
      c.labels_differ += ours.labels[i] != theirs->labels[i];
      c.classes_differ +=
          most_likely(ours.probabilities, i) != most_likely(theirs->probabilities, i);
    }
    for (std::size_t i = 0; i < ours.probabilities.size(); ++i, ++values) {
      const double difference = std::abs(ours.probabilities[i] - theirs->probabilities[i]);
      c.worst = std::max(c.worst, std::isnan(difference) ? 1.0 : difference);
      c.mean += difference;
    }
  }
  c.mean /= static_cast<double>(values);
  return c;
}

// They were computed in mixed float16.
TEST_F(ReferenceModels, BaselineGivesItsPublishedPredictions) {
  const Split split = reference_split();
  const auto found = predict("Baseline_Model.final.keras", split.train, split.test);
  const Comparison c =
      compare(found, read_predictions(reference_ / "Baseline_Model.final.predictions.h5", classes));
  EXPECT_EQ(c.sequences, 15573U);
  EXPECT_EQ(c.labels_differ, 0U);
  EXPECT_LE(c.worst, 1e-3);
  EXPECT_LE(c.mean, 1e-4);
  EXPECT_LE(static_cast<double>(c.classes_differ), 0.0005 * static_cast<double>(c.sequences));
}

TEST_F(ReferenceModels, ConformerGivesItsPublishedFigures) {
  const auto published =
      parse_json(read_file(reference_ / "published_results.json"))["Main_Model.fold5"];
  const auto validation = published["validation_records"].get<std::vector<std::string>>();
  std::vector<std::string> training;
  for (const std::string& name : reference_split().train) {
    if (std::ranges::find(validation, name) == validation.end()) training.push_back(name);
  }
  ASSERT_EQ(training.size(), 31U);
  const auto found = predict("Main_Model.fold5.keras", training, validation);

  EvaluationFacts facts;
  facts.class_names = {"N", "S", "V", "F", "Q"};
  const Metrics metrics = evaluate_predictions(facts, found).metrics;
  EXPECT_EQ(metrics.sequences, published["sequences"].get<std::int64_t>());
  EXPECT_EQ(std::llround(metrics.accuracy * static_cast<double>(metrics.sequences)), 9972);
  EXPECT_NEAR(metrics.loss, 0.839411, 1e-5);

  const Comparison c =
      compare(found, read_predictions(reference_ / "Main_Model.fold5.predictions.h5", classes));
  EXPECT_EQ(c.labels_differ, 0U);
  EXPECT_LE(c.worst, 2e-5);
}

}  // namespace
}  // namespace ekgine
