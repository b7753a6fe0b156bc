#include "research/kfold.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/directory_lock.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/option_error.h"
#include "data/labels.h"
#include "evaluation/fold_plot.h"
#include "evaluation/format.h"
#include "model/weights.h"
#include "training/model_card.h"
#include "training/train.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

constexpr const char* overall_figures[] = {"accuracy", "macro_f1", "weighted_f1", "loss"};
constexpr const char* class_figures[] = {"precision", "recall", "f1", "auc", "average_precision"};

fs::path fold_directory(const KFoldOptions& o, std::int64_t fold) {
  return o.train.output / fmt::format("fold-{}", fold);
}

fs::path result_file(const KFoldOptions& o, std::int64_t fold) {
  return fold_directory(o, fold) / "result.json";
}

// What each run would find out one after another, before the first of them starts.
void check_folds(const KFoldOptions& o, const Folds& folds) {
  const Store store(o.train.data);
  std::vector<ClassCounts> sequences;  // per record
  for (const StoreRecord& record : store.find(o.train.train_records)) {
    const std::int64_t length = o.train.model.sequence_length;
    if (record.beats() < length) {
      fail("record {} has {} beats, too few for sequences of {}", record.name, record.beats(),
           length);
    }
    const std::vector<std::int32_t> labels = store.read_labels(record.name);
    ClassCounts& counts = sequences.emplace_back();
    for (std::size_t i = static_cast<std::size_t>(length - 1); i < labels.size(); ++i) {
      ++counts[static_cast<std::size_t>(labels[i])];
    }
  }
  if (o.train.allow_absent_classes) return;
  for (std::size_t f = 0; f < folds.size(); ++f) {
    std::vector<std::string_view> absent;
    for (std::size_t c = 0; c < class_names.size(); ++c) {
      std::int64_t count = 0;
      for (std::size_t r = 0; r < sequences.size(); ++r) {
        if (std::ranges::find(folds[f], o.train.train_records[r]) == folds[f].end()) {
          count += sequences[r][c];
        }
      }
      if (count == 0) absent.push_back(class_names[c]);
    }
    if (absent.empty()) continue;
    fail_option(
        {"stratify", "allow-absent-classes"},
        "fold {}: class{} {} {} no sequence in its training records; stratify the folds, or allow "
        "that classes are absent",
        f + 1, absent.size() > 1 ? "es" : "", fmt::join(absent, ", "),
        absent.size() > 1 ? "have" : "has");
  }
}

// Mean and spread of the figures that are there: null stands for an undefined one.
Json mean_and_sd(const std::vector<Json>& figures) {
  std::vector<double> values;
  for (const Json& figure : figures) {
    if (figure.is_number()) values.push_back(figure.get<double>());
  }
  const auto n = static_cast<double>(values.size());
  Json result = {{"mean", nullptr}, {"sd", nullptr}, {"folds", values.size()}};
  if (values.empty()) return result;
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  result["mean"] = mean;
  if (values.size() < 2) return result;
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  result["sd"] = std::sqrt(sum / (n - 1));
  return result;
}

Json summarise(const std::vector<Json>& folds) {
  const auto collect = [&folds](const auto& figure) {
    std::vector<Json> values;
    values.reserve(folds.size());
    for (const Json& fold : folds) values.push_back(figure(fold.at("metrics")));
    return mean_and_sd(values);
  };
  Json summary = Json::object(), classes = Json::object();
  for (const char* name : overall_figures) {
    summary[name] = collect([&](const Json& m) { return m.at(name); });
  }
  for (const std::string_view c : class_names) {
    const std::string key(c);
    Json& of_class = classes[key] = Json::object();
    for (const char* name : class_figures) {
      of_class[name] = collect([&](const Json& m) { return m.at("classes").at(key).at(name); });
    }
  }
  summary["classes"] = classes;
  std::vector<std::vector<std::int64_t>> sum(class_names.size(),
                                             std::vector<std::int64_t>(class_names.size()));
  std::size_t best = 0;
  for (std::size_t f = 0; f < folds.size(); ++f) {
    const Json& metrics = folds[f].at("metrics");
    for (std::size_t t = 0; t < sum.size(); ++t) {
      for (std::size_t p = 0; p < sum.size(); ++p) {
        sum[t][p] += metrics.at("confusion").at(t).at(p).get<std::int64_t>();
      }
    }
    if (metrics.at("accuracy").get<double>() >
        folds[best].at("metrics").at("accuracy").get<double>()) {
      best = f;
    }
  }
  return {{"best_fold", best + 1}, {"summary", summary}, {"confusion", sum}, {"folds", folds}};
}

// The result of a fold, as it was written when the fold was done.
Json read_fold_result(const KFoldOptions& o, const Folds& folds, std::int64_t fold) {
  const fs::path path = result_file(o, fold);
  Json result = read_result(path);
  check_keys(path, result, {"fold", "validation_records", "epochs", "best_epoch", "metrics"});
  json_number<std::int64_t>(path, result, "fold", fold, fold);
  const auto records = json_value<std::vector<std::string>>(path, result, "validation_records",
                                                            "a list of record names");
  if (records != fold_split(o.train.train_records, folds, fold, "folds").validation) {
    fail("{}: was validated on {}, which are not the records of fold {}", path.string(),
         fmt::join(records, ","), fold);
  }
  const auto epochs = json_number<std::int64_t>(path, result, "epochs", 1, o.train.epochs);
  json_number<std::int64_t>(path, result, "best_epoch", 1, epochs);
  check_metrics_json(json_value<Json>(path, result, "metrics", "an object"), class_names,
                     path.string());
  return result;
}

std::optional<double> sd_of(const Json& sd) {
  return sd.is_number() ? std::optional(sd.get<double>()) : std::nullopt;
}

// A figure with the decimals of its spread over the folds.
std::string text_of(const Json& value, const Json& sd) {
  if (!value.is_number()) return "-";
  return fmt::format("{:.{}f}", value.get<double>(), decimals(sd_of(sd)));
}

// The folds that have the figure beside its mean and spread.
std::string class_cell(const Json& of) {
  const Json& mean = of.at("mean");
  return fmt::format("{} ({})",
                     mean.is_number() ? spread(mean.get<double>(), sd_of(of.at("sd"))) : "-",
                     of.at("folds").get<std::int64_t>());
}

std::string format_kfold_report(const KFoldOptions& o, const Json& metrics) {
  std::string text = fmt::format(
      "{}-fold cross-validation of {}\n\ndata    {}\nfolds   by record, {}, seed {}\n"
      "epochs  at most {}; each fold's figures are of the epoch that its validation records "
      "chose\n\n",
      o.k, o.train.model.name, o.train.data.string(), o.stratify ? "stratified" : "shuffled",
      o.fold_seed, o.train.epochs);
  text += fmt::format("{:<6}{:>10}{:>10}{:>10}{:>13}{:>10}{:>9}  {}\n", "fold", "sequences",
                      "accuracy", "macro F1", "weighted F1", "loss", "epoch", "validation records");
  const Json& s = metrics.at("summary");
  const auto sd = [&s](const char* name) -> const Json& { return s.at(name).at("sd"); };
  for (const Json& fold : metrics.at("folds")) {
    const Json& m = fold.at("metrics");
    const auto cell = [&](const char* name) { return text_of(m.at(name), sd(name)); };
    text +=
        fmt::format("{:<6}{:>10}{:>10}{:>10}{:>13}{:>10}{:>9}  {}\n",
                    fold.at("fold").get<std::int64_t>(), m.at("sequences").get<std::int64_t>(),
                    cell("accuracy"), cell("macro_f1"), cell("weighted_f1"), cell("loss"),
                    fmt::format("{}/{}", fold.at("best_epoch").get<std::int64_t>(),
                                fold.at("epochs").get<std::int64_t>()),
                    fmt::join(fold.at("validation_records").get<std::vector<std::string>>(), ","));
  }
  for (const char* row : {"mean", "sd"}) {
    const auto cell = [&](const char* name) { return text_of(s.at(name).at(row), sd(name)); };
    text += fmt::format("{:<16}{:>10}{:>10}{:>13}{:>10}\n", row, cell("accuracy"), cell("macro_f1"),
                        cell("weighted_f1"), cell("loss"));
  }
  text += fmt::format(
      "\nPer class, mean ± sd over the folds that have the figure (their number)\n"
      "{:<6}",
      "class");
  for (const char* name : class_figures) text += fmt::format("{:>24}", name);
  text += '\n';
  for (const auto& [name, figures] : s.at("classes").items()) {
    text += fmt::format("{:<6}", name);
    for (const auto& [key, of] : figures.items()) {
      // Padded by hand: ± is two bytes but one column.
      const std::string cell = class_cell(of);
      const auto width = static_cast<std::size_t>(display_width(cell));
      text += std::string(24 - std::min<std::size_t>(width, 23), ' ') + cell;
    }
    text += '\n';
  }
  text += fmt::format("\nmodel.safetensors is fold {}'s, the most accurate.\n",
                      metrics.at("best_fold").get<std::int64_t>());
  return text;
}

void gather(const KFoldOptions& o, const Json& metrics) {
  const fs::path& directory = o.train.output;
  const DirectoryLock lock(directory, DirectoryLock::Wanted::wait);
  std::vector<FoldFigures> bars;
  for (const Json& fold : metrics.at("folds")) {
    const Json& m = fold.at("metrics");
    bars.push_back({m.at("accuracy").get<double>(), m.at("macro_f1").get<double>(),
                    m.at("weighted_f1").get<double>()});
  }
  std::string report = format_kfold_report(o, metrics);
  for (const std::string& note : draw_folds(directory, o.train.model.name, bars)) {
    report += note + '\n';
  }
  write_file(directory / "report.txt", report);
  const fs::path best = fold_directory(o, metrics.at("best_fold").get<std::int64_t>());
  save_model_weights(directory / "model.safetensors",
                     load_model_weights(best / "model.safetensors"));
  // The same bytes, so the card is of them, too; a fold of an earlier version has none.
  const std::string card = read_model_card(best / "model.safetensors");
  if (!card.empty()) write_file(directory / model_card_file, card);
  write_file(directory / "metrics.json", sealed_json(metrics));
}

}  // namespace

Folds deal_folds(const KFoldOptions& o) {
  if (!o.stratify) return kfold(o.train.train_records, o.k, o.fold_seed);
  std::vector<ClassCounts> counts;
  for (const StoreRecord& record : Store(o.train.data).find(o.train.train_records)) {
    counts.push_back(record.counts);
  }
  return stratified_kfold(o.train.train_records, counts, o.k, o.fold_seed);
}

Split default_fold(const std::vector<std::string>& records, std::int64_t number) {
  const KFoldOptions defaults;
  return fold_split(records, kfold(records, defaults.k, defaults.fold_seed), number, "fold");
}

KFoldResult run_kfold(const KFoldOptions& given, const Say& say) {
  KFoldOptions o = given;
  o.train.check();
  const Folds folds = deal_folds(o);
  for (const std::int64_t fold : o.only) fold_split(o.train.train_records, folds, fold, "folds");
  check_folds(o, folds);
  open_study(o.train.output, "kfold", o.train,
             {{"k", o.k}, {"fold-seed", o.fold_seed}, {"stratify", o.stratify}, {"folds", folds}});

  std::vector<std::int64_t> wanted = o.only;
  if (wanted.empty()) {
    wanted.resize(folds.size());
    std::iota(wanted.begin(), wanted.end(), 1);
  }
  std::vector<Unit> units;
  units.reserve(wanted.size());
  for (const std::int64_t fold : wanted) {
    units.push_back({fold_directory(o, fold), result_file(o, fold), [&o, &folds, &say, fold] {
                       TrainOptions t = o.train;
                       const Split split = fold_split(t.train_records, folds, fold, "folds");
                       t.train_records = split.train;
                       t.validation_records = split.validation;
                       t.output = fold_directory(o, fold);
                       say(fmt::format("fold {} of {}: validation records {}", fold, folds.size(),
                                       fmt::join(split.validation, ",")));
                       const TrainResult result = train_or_resume(t, std::nullopt, say);
                       const Metrics& m = result.evaluation->metrics;
                       const MetricIntervals of = m.intervals.value_or(MetricIntervals());
                       say(fmt::format("fold {} of {}: accuracy {}, macro F1 {}", fold,
                                       folds.size(), figure(m.accuracy, of.accuracy),
                                       figure(m.macro_f1, of.macro_f1)));
                       return Json{{"fold", fold},
                                   {"validation_records", split.validation},
                                   {"epochs", result.epochs},
                                   {"best_epoch", result.best_epoch},
                                   {"metrics", metrics_json(m)}};
                     }});
  }
  return continuable([&] {
    do_units(units, o.only.empty());
    KFoldResult result;
    std::vector<Json> results;
    for (std::int64_t fold = 1; fold <= o.k; ++fold) {
      if (fs::exists(result_file(o, fold))) {
        results.push_back(read_fold_result(o, folds, fold));
      } else {
        result.missing.push_back(fold);
      }
    }
    if (!result.missing.empty()) return result;
    result.metrics = Json{{"model", o.train.model.name}};
    result.metrics.update(summarise(results));
    gather(o, result.metrics);
    return result;
  });
}

}  // namespace ekgine
