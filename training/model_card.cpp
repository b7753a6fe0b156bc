#include "training/model_card.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/json.h"
#include "base/sha256.h"
#include "data/beats.h"
#include "data/labels.h"
#include "evaluation/format.h"

namespace ekgine {

namespace {

constexpr const char* card_warning =
    "**Research software, not a medical device; not for diagnosis.**";

// A figure of a class with fewer sequences hangs on a few of them.
constexpr std::int64_t few_sequences = 30;

// Text of others, which is to be nothing but text in Markdown.
std::string plain(std::string_view text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (std::string_view("\\`*_[]<>|#&").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string row(const std::vector<std::string>& cells) {
  return fmt::format("| {} |\n", fmt::join(cells, " | "));
}

std::string head(const std::vector<std::string>& cells) {
  return row(cells) + row(std::vector<std::string>(cells.size(), "---"));
}

const char* meaning(BeatUnit unit) {
  switch (unit) {
    case BeatUnit::millivolts:
      return "mV: millivolts, as recorded";
    case BeatUnit::centred:
      return "centred: millivolts less the beat's median";
    case BeatUnit::record:
      return "record: less the beat's median, over the median of max − min of the record's beats";
    case BeatUnit::deviation:
    case BeatUnit::features:  // no amplitude
    case BeatUnit::waves:
      break;
  }
  return "deviation: less the beat's median, over the median of max − min of the record's beats, "
         "less the median of these beats, sample by sample";
}

std::string model_section(const ModelCard& card, const std::string& name,
                          const std::string& sha256) {
  const ModelConfig& config = card.options.model;
  std::string text = "## Model\n\n" + head({"", ""});
  text += row({"weights", fmt::format("`{}`, SHA-256 `{}`", name, sha256)});
  text += row({"epoch", fmt::format("{}; {} of at most {} are done", card.epoch, card.epochs,
                                    card.options.epochs)});
  text += row(
      {"architecture", fmt::format("{}, {} parameters", config.name, grouped(card.parameters))});
  const Json settings = config.to_json();
  for (const auto& [key, value] : settings.items()) {
    if (value.is_number()) text += row({key, value.dump()});
  }
  if (has_features(config.input())) {
    text += row({"input", fmt::format("{} consecutive beats, each by {}", config.sequence_length,
                                      config.feature_text())});
  } else {
    text += row({"input", fmt::format("{} consecutive beats of one lead, each {} samples at {} Hz "
                                      "around its R wave",
                                      config.sequence_length, beat_samples, beat_frequency)});
    text += row({"amplitude", meaning(config.beat_unit)});
  }
  text += row({"output", fmt::format("probabilities of the classes of {}",
                                     config.labels_every_beat() ? "every beat" : "the last beat")});
  if (card.made.empty()) return text + '\n';
  text += row({"made by", plain(fmt::format("{}, {}", card.made.tool, card.made.device))});
  return text + fmt::format("\nCommand:\n\n    {}\n\n", printable(card.made.command));
}

std::string split_row(const Store& store, const std::string& side,
                      const std::vector<std::string>& names) {
  ClassCounts counts{};
  std::int64_t beats = 0;
  std::string records;
  for (const StoreRecord& record : store.find(names)) {
    for (std::size_t c = 0; c < counts.size(); ++c) counts[c] += record.counts[c];
    beats += record.beats();
    records += (records.empty() ? "" : ", ") + plain(record.name);
  }
  std::vector<std::string> cells = {side, grouped(std::ssize(names)), grouped(beats)};
  for (const std::int64_t count : counts) cells.push_back(grouped(count));
  cells.push_back(records.empty() ? "none" : records);
  return row(cells);
}

// What trains beside the records of the split.
std::string further_stores(const ModelCard& card) {
  if (card.more.empty()) return "";
  std::string text =
      "Records of further stores trained, too, all with the same label map; an epoch visits those "
      "of a store as often as its weight says:\n\n";
  std::vector<std::string> cells = {"folder, weight", "records", "beats"};
  cells.insert(cells.end(), class_names.begin(), class_names.end());
  cells.emplace_back("names");
  text += head(cells);
  for (std::size_t i = 0; i < card.more.size(); ++i) {
    const StoreInfo& info = card.more[i].store.info();
    text += split_row(card.more[i].store,
                      fmt::format("{}{}, {}", plain(info.source),
                                  info.marks == BeatMarks::detected ? ", R waves detected" : "",
                                  card.options.more_weight(i)),
                      card.more[i].records);
  }
  return text + '\n';
}

std::string data_section(const ModelCard& card) {
  const StoreInfo& info = card.store.info();
  std::string text = fmt::format(
      "## Data\n\nRecordings of the folder {}, {} each{}, in a store of {}. Beats are cut "
      "around R waves {}; their classes are those of the label map `{}`.\n\n",
      plain(info.source), has_features(card.options.model.input()) ? "one lead or two" : "one lead",
      info.inverted ? ", turned upside down" : "", plain(info.tool),
      info.marks == BeatMarks::detected
          ? "where ekgine's detector finds them within 150 ms of an annotated one"
          : "that its annotations name",
      info.label_map);
  text += head({"class", "", "annotation symbols"});
  const LabelMap& map = label_map(info.label_map);
  for (std::size_t c = 0; c < class_names.size(); ++c) {
    std::string symbols;
    for (int symbol = '!'; symbol <= '~'; ++symbol) {
      if (map.label(static_cast<char>(symbol)) != static_cast<std::int32_t>(c)) continue;
      symbols += plain(std::string(1, static_cast<char>(symbol))) + ' ';
    }
    text += row({std::string(class_names[c]), std::string(class_descriptions[c]), symbols});
  }
  text += "\nSplit by record, in beats:\n\n";
  std::vector<std::string> cells = {"", "records", "beats"};
  cells.insert(cells.end(), class_names.begin(), class_names.end());
  cells.emplace_back("names");
  text += head(cells);
  text += split_row(card.store, "training", card.options.train_records);
  text += split_row(card.store, "validation", card.options.validation_records);
  text += split_row(card.store, "test", card.options.test_records);
  return text + '\n' + further_stores(card);
}

std::string training_section(const TrainOptions& options) {
  const Json all = options.to_json();
  std::string text = "## Training\n\n" + head({"option", "value"});
  const bool features = has_features(options.model.input());
  for (const std::string name : {"epochs", "batch-size", "learning-rate", "schedule",
                                 "weight-decay", "class-weights", "amplitude-jitter", "time-jitter",
                                 "dropout", "shuffle", "pseudo-records", "precision", "seed"}) {
    // Of samples, or of features.
    const bool other =
        features ? name.ends_with("-jitter") || name == "shuffle" : name == "pseudo-records";
    if (other || !all.contains(name)) continue;
    const Json& value = all.at(name);
    text += row({name, value.is_string() ? value.get<std::string>() : value.dump()});
  }
  return text + "\n`config.toml` of the run has all of them.\n\n";
}

std::string figure(const std::optional<double>& value) {
  return value ? fmt::format("{:.4f}", *value) : "-";
}

std::string results_section(const ModelCard& card) {
  const bool test = !card.options.test_records.empty();
  std::string text = "## Results\n\n";
  if (!test && card.options.validation_records.empty()) {
    return text +
           "None: the run had neither test nor validation records. Nothing is known of how "
           "well these weights do.\n\n";
  }
  if (card.evaluation == nullptr) {
    return text +
           fmt::format("None yet: these weights have not been evaluated on the {} records.\n\n",
                       test ? "test" : "validation");
  }
  const Metrics& m = card.evaluation->metrics;
  text += fmt::format(
      "On {} sequences of the {} records, {}: accuracy {:.4f}, macro F1 {:.4f}, weighted F1 "
      "{:.4f}, cross-entropy {:.4f}. Always predicting {} gives an accuracy of {:.4f}.\n\n",
      grouped(m.sequences), test ? "test" : "validation",
      test ? "which the training has not seen"
           : "which chose the epoch, so that figures on records never used are likely lower",
      m.accuracy, m.macro_f1, m.weighted_f1, m.loss, m.classes[majority_baseline(m).majority].name,
      majority_baseline(m).accuracy);
  text += head({"class", "precision", "recall", "F1", "ROC AUC", "avg. precision", "sequences"});
  for (const ClassMetrics& c : m.classes) {
    text += row({c.name, figure(c.precision), figure(c.recall), figure(c.f1), figure(c.auc),
                 figure(c.average_precision), grouped(c.support)});
  }
  return text + "\n`report.txt` of the run has more, record by record.\n\n";
}

// Names of the classes for which `count` says few.
template <class Count>
std::string rare_classes(const Count& count) {
  std::string names;
  for (std::size_t c = 0; c < class_names.size(); ++c) {
    if (count(c) >= few_sequences) continue;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", class_names[c]);
  }
  return names;
}

std::string limits_section(const ModelCard& card) {
  std::string text = fmt::format("## Limits\n\n- {}\n", card_warning);
  text +=
      "- Nothing is known of patients, devices, leads and sampling rates other than those of the "
      "records above.\n"
      "- Beats without an annotation, and those that a detector of R waves misses, are in no "
      "figure.\n"
      "- One run with one seed: another seed gives other figures.\n";
  const BeatUnit unit = card.options.model.input();
  if (unit == BeatUnit::record || unit == BeatUnit::deviation) {
    text +=
        "- Beats are measured by their record's typical beat, the median of all, which stands for "
        "normal: it takes a long recording of one patient, and where most beats are not normal, as "
        "with a pacemaker, answers are wrong.\n";
  }
  ClassCounts trained{};
  const auto add = [&trained](const Store& store, const std::vector<std::string>& names) {
    for (const StoreRecord& record : store.find(names)) {
      for (std::size_t c = 0; c < trained.size(); ++c) trained[c] += record.counts[c];
    }
  };
  add(card.store, card.options.train_records);
  for (const FurtherStore& further : card.more) add(further.store, further.records);
  const std::string untrained = rare_classes([&](std::size_t c) { return trained[c]; });
  if (!untrained.empty()) {
    text += fmt::format("- Fewer than {} training beats: {}.\n", few_sequences, untrained);
  }
  if (card.evaluation != nullptr) {
    const std::vector<ClassMetrics>& classes = card.evaluation->metrics.classes;
    const std::string rare = rare_classes([&](std::size_t c) { return classes[c].support; });
    if (!rare.empty()) {
      text +=
          fmt::format("- Fewer than {} sequences behind the figures: {}.\n", few_sequences, rare);
    }
  }
  return text + '\n';
}

constexpr const char* licence_section =
    "## Licence of the data\n\n"
    "Recordings keep their own licence, which what is made of them may have to name. Those of the "
    "MIT-BIH Arrhythmia Database 1.0.0 (PhysioNet, <https://physionet.org/content/mitdb/1.0.0/>, "
    "doi:10.13026/C2F305) are under the Open Data Commons Attribution License 1.0 "
    "(<https://opendatacommons.org/licenses/by/1-0/>). Cite:\n\n"
    "> Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. *IEEE Engineering in "
    "Medicine and Biology Magazine* 20(3):45–50, 2001.\n\n"
    "> Goldberger AL, Amaral LAN, Glass L, Hausdorff JM, Ivanov PCh, Mark RG, Mietus JE, Moody GB, "
    "Peng C-K, Stanley HE. PhysioBank, PhysioToolkit, and PhysioNet: components of a new research "
    "resource for complex physiologic signals. *Circulation* 101(23):e215–e220, 2000.\n";

}  // namespace

void write_model_card(const std::filesystem::path& weights, const ModelCard& card) {
  std::string text =
      fmt::format("# Model card: {}\n\n{}\n\n", card.options.model.name, card_warning);
  text +=
      "Classifies heartbeats of electrocardiograms by the classes of ANSI/AAMI EC57, for research "
      "into such models.\n\n";
  text += model_section(card, weights.filename().string(), sha256_of_file(weights));
  text += data_section(card) + training_section(card.options) + results_section(card);
  text += limits_section(card) + licence_section;
  write_file(weights.parent_path() / model_card_file, text);
}

std::string read_model_card(const std::filesystem::path& weights) {
  std::filesystem::path path = weights;
  path.replace_extension(".md");
  std::error_code unknown;
  if (!std::filesystem::is_regular_file(path, unknown)) path.replace_filename(model_card_file);
  if (!std::filesystem::is_regular_file(path, unknown)) return "";
  constexpr std::int64_t most = 1 << 20;
  std::string text = utf8(read_file(path, most));
  return text.find(sha256_of_file(weights)) == std::string::npos ? "" : text;
}

}  // namespace ekgine
