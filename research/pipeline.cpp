#include "research/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/option_error.h"
#include "base/progress.h"
#include "data/labels.h"
#include "data/preprocess.h"
#include "data/store.h"
#include "evaluation/predictions.h"
#include "kernels/morlet_cwt.h"
#include "kernels/runtime/reserved_workspace.h"
#include "model/weights.h"
#include "research/final.h"
#include "research/kfold.h"
#include "research/page.h"
#include "research/page_beats.h"
#include "research/variant.h"
#include "training/evaluate.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

class Pipeline {
 public:
  Pipeline(PipelineOptions options, const Say& say) : o_(std::move(options)), say_(say) {}
  Json execute();

 private:
  void check();
  void make_store();
  TuneOptions tune_options(const std::string& model) const;
  SearchSpace space_of(const Variant& variant) const;
  TrainOptions options_of(const std::string& model) const {
    return variant_of(o_.train, model).options;
  }
  fs::path folder(const std::string& model, const char* stage) const {
    return o_.train.output / model / stage;
  }
  void done(const std::string& stage);
  void write_page() const;

  PipelineOptions o_;
  const Say& say_;
  std::map<std::string, SearchSpace> spaces_;
  Json summary_ = {{"stages", Json::array()}, {"models", Json::object()}};
};

TuneOptions Pipeline::tune_options(const std::string& model) const {
  TuneOptions t;
  t.train = options_of(model);
  const Split split = default_fold(o_.train.train_records, 1);  // as ekgine tune
  t.train.train_records = split.train;
  t.train.validation_records = split.validation;
  t.train.test_records.clear();
  t.train.epochs = o_.tune_epochs;
  t.train.output = folder(model, "tune");
  t.space = spaces_.at(model);
  t.objective = o_.objective;
  return t;
}

SearchSpace Pipeline::space_of(const Variant& variant) const {
  const fs::path path = o_.spaces / (variant.options.model.name + ".toml");
  SearchSpace space = SearchSpace::read(path);
  for (const SearchParameter& parameter : space.parameters()) {
    if (variant.own.contains(parameter.name)) {
      fail_option({"spaces"}, "{}: varies {}, which is fixed in the model {}", path.string(),
                  parameter.name, variant.name);
    }
  }
  return space;
}

void Pipeline::check() {
  check_split({o_.train.train_records, {}, o_.train.test_records}, "records");
  if (o_.train.test_records.empty()) {
    fail_option({"test-records", "splits"}, "no test records");
  }
  if (o_.database.empty()) {
    const Store store(o_.train.data);
    store.find(o_.train.train_records);
    store.find(o_.train.test_records);
  } else {
    database_records(o_.database);  // refuses a folder that is none
  }
  if (o_.models.empty()) fail("no models to train");
  std::set<std::string> seen;
  for (const std::string& model : o_.models) {
    if (!seen.insert(model).second) fail_option({"models"}, "models: {} is named twice", model);
    variant_of(o_.train, model);
  }
  if (o_.folds > 0) kfold(o_.train.train_records, o_.folds, KFoldOptions().fold_seed);
  if (o_.tune_epochs > 0) {
    for (const std::string& model : o_.models) {
      spaces_.emplace(model, space_of(variant_of(o_.train, model)));
      tune_options(model);
    }
  }
}

void Pipeline::make_store() {
  if (!o_.database.empty()) {
    o_.train.data = o_.train.output / "store";
    if (!fs::exists(o_.train.data / "store.json")) {
      PreprocessOptions p;
      p.database = o_.database;
      p.output = o_.train.data;
      p.label_map = o_.label_map;
      p.beats = o_.beats;
      p.tool = o_.tool;
      p.records = o_.train.train_records;
      p.records.insert(p.records.end(), o_.train.test_records.begin(), o_.train.test_records.end());
      Progress progress("preprocess", "records", std::ssize(p.records));
      preprocess(p, [&](std::int64_t records, std::int64_t) { progress.update(records); });
      progress.finish();
    }
    const Store store(o_.train.data);
    if (store.info().label_map != label_map_name(o_.label_map)) {
      fail("{}: has label map {}, expected {}", o_.train.data.string(), store.info().label_map,
           o_.label_map);
    }
    store.find(o_.train.train_records);
    store.find(o_.train.test_records);
  }
}

// Told after the stage's own files are there: what is done is decided by them, never by this.
void Pipeline::done(const std::string& stage) {
  summary_["stages"].push_back(stage);
  write_file(o_.train.output / "pipeline.json", sealed_json(summary_));
  say_(fmt::format("{}: done", stage));
}

Json Pipeline::execute() {
  check();
  const OutputDirectory output(o_.train.output);
  make_store();  // first: a database that cannot be read leaves nothing behind
  open_study(o_.train.output, "pipeline", o_.train,
             {{"database", o_.database.string()},
              {"label-map", std::string(label_map_name(o_.label_map))},
              {"marks", choice_name(o_.beats.marks)},
              {"lead", o_.beats.lead},
              {"invert", o_.beats.invert},
              {"annotator", o_.beats.annotator},
              {"models", o_.models},
              {"tune-epochs", o_.tune_epochs},
              {"objective", choice_name(o_.objective)},
              {"folds", o_.folds}});
  done("preprocess");
  for (const std::string& model : o_.models) {
    TrainOptions best = options_of(model);
    Json& of = summary_["models"][model];
    of = {{"tune", nullptr}, {"kfold", nullptr}, {"final", nullptr}};
    if (o_.tune_epochs > 0) {
      say_(fmt::format("{}: search", model));
      of["tune"] = run_tune(tune_options(model), say_).at("best");
      best = with_values(best, of["tune"].at("values"));
      done(model + " search");
    }
    if (o_.folds > 0) {
      say_(fmt::format("{}: cross-validation", model));
      KFoldOptions k;
      k.train = best;
      k.train.test_records.clear();
      k.train.output = folder(model, "kfold");
      k.k = o_.folds;
      of["kfold"] = run_kfold(k, say_).metrics;
      done(model + " cross-validation");
    }
    say_(fmt::format("{}: final training and test", model));
    best.output = folder(model, "final");
    of["final"] = run_final(best, say_);
    done(model + " final");
  }
  write_page();
  done("page");
  return summary_;
}

void Pipeline::write_page() const {
  Page page;
  const Store store(o_.train.data);
  page.data = fmt::format("{}, {} label map", store.info().source, store.info().label_map);
  page.train_records = o_.train.train_records;
  page.test_records = o_.train.test_records;
  for (const std::string& model : o_.models) {
    const fs::path final_run = folder(model, "final");
    const Json& of = summary_.at("models").at(model);
    PageModel& m = page.models.emplace_back();
    m.name = model;
    const ModelWeights weights = load_model_weights(final_run / "model.safetensors");
    m.parameters = count_trainable(weights.state);
    page.made = provenance_text(weights.made);
    m.final_result = of.at("final");
    m.history = read_history(final_run);
    m.kfold = of.at("kfold");
    if (!m.kfold.is_null()) {
      for (std::int64_t fold = 1; fold <= o_.folds; ++fold) {
        m.fold_histories.push_back(
            read_history(folder(model, "kfold") / fmt::format("fold-{}", fold)));
      }
    }
    if (!of.at("tune").is_null()) m.tuned = of.at("tune").at("values");
    const fs::path predictions = final_run / "predictions.h5";
    m.predictions = read_predictions(predictions, class_names.size());
    for (const RecordPredictions& record : m.predictions) {
      if (record.r_samples.empty()) {
        fail("{}:{}/r_samples: the dataset is missing", predictions.string(), record.record);
      }
    }
  }
  page.beats = choose_beats(page.models, best_model(page.models));
  ReservedWorkspace workspace(std::size_t{1} << 26);
  for (PageBeat& beat : page.beats) {
    const RecordBeats record = store.read(beat.record);
    const auto found = std::ranges::find(record.r_samples, beat.r_sample);
    if (found == record.r_samples.end()) {
      fail("{}: record {} has no beat at sample {} any more", o_.train.data.string(), beat.record,
           beat.r_sample);
    }
    beat.frequency = record.frequency;
    const auto samples = record.beat(found - record.r_samples.begin());
    beat.samples.assign(samples.begin(), samples.end());
    beat.scalogram.resize(static_cast<std::size_t>(scalogram_scales * beat_samples));
    kernels::morlet_cwt<float>(Cpu{workspace}, {1, beat_samples, scalogram_scales},
                               beat.samples.data(), nullptr, nullptr, beat.scalogram.data());
  }
  write_file(o_.train.output / "index.html", render_page(page));
}

}  // namespace

Json run_pipeline(const PipelineOptions& options, const Say& say) {
  return continuable([&] { return Pipeline(options, say).execute(); });
}

}  // namespace ekgine
