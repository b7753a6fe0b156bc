// ekgine score: two annotators of the same records, beat by beat.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "apps/command.h"
#include "apps/training_options.h"
#include "base/choice.h"
#include "base/console.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/record_name.h"
#include "data/labels.h"
#include "data/preprocess.h"
#include "data/protocols.h"
#include "data/subjects.h"
#include "data/wfdb_annotations.h"
#include "data/wfdb_header.h"
#include "evaluation/ec57_report.h"
#include "evaluation/format.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

enum class ScoreFormat { summary, report, condensed, lines, shutdowns, disagreements };

constexpr auto choices_of(ScoreFormat) {
  using enum ScoreFormat;
  return std::to_array<Choice<ScoreFormat>>({{summary, "summary"},
                                             {report, "report"},
                                             {condensed, "condensed"},
                                             {lines, "lines"},
                                             {shutdowns, "shutdowns"},
                                             {disagreements, "disagreements"}});
}

struct ScoreArguments {
  CommonOptions common;
  std::string database, test_database;
  Annotators annotators{"atr", ""};
  std::vector<std::string> records;
  std::optional<Protocol> protocol;
  ComparisonOptions comparison;
  ScoreFormat format = ScoreFormat::summary;
  bool no_sveb = false;

  fs::path header(const std::string& record) const {
    return fs::path(database) / (record + ".hea");
  }
  fs::path reference(const std::string& record) const {
    return fs::path(database) / (record + '.' + annotators.reference);
  }
  fs::path test(const std::string& record) const {
    return fs::path(test_database.empty() ? database : test_database) /
           (record + '.' + annotators.test);
  }
};

// "90", "5:00" or "1:30:00.5" in seconds, or nothing where it is no time.
std::optional<double> seconds_of(std::string_view text) {
  constexpr double longest = 1e9;
  double seconds = 0;
  for (int fields = 0;; ++fields) {
    const std::string_view field = text.substr(0, text.find(':'));
    double value = 0;
    const auto [end, error] =
        std::from_chars(field.data(), field.data() + field.size(), value, std::chars_format::fixed);
    if (error != std::errc() || end != field.data() + field.size()) return {};
    if (!(value >= 0 && value <= longest) || field.starts_with('-') || fields > 2) return {};
    seconds = seconds * 60 + value;
    if (field.size() == text.size()) return seconds;
    text.remove_prefix(field.size() + 1);
  }
}

// The records to score: those that were named; else those of the protocol; else those of the
// database that both annotators have, with a notice of others.
std::vector<std::string> chosen_records(const ScoreArguments& o) {
  std::vector<std::string> chosen = o.records;
  if (o.protocol) {
    const Split split = protocol_split(*o.protocol);
    if (chosen.empty()) chosen = split.test;
    for (const std::string& record : chosen) {
      if (std::ranges::find(split.test, record) == split.test.end()) {
        fail_usage("--records: {} is no test record of --protocol {}", record,
                   choice_name(*o.protocol));
      }
    }
  }
  if (!chosen.empty()) return chosen;
  std::vector<std::string> left_out;
  for (const std::string& record : database_records(o.database)) {
    const fs::path reference = o.reference(record), test = o.test(record);
    const bool has_reference = fs::exists(reference), has_test = fs::exists(test);
    if (has_reference && has_test) {
      chosen.push_back(record);
    } else if (has_reference || has_test) {
      left_out.push_back(fmt::format("record {} is left out: {} does not exist", record,
                                     (has_reference ? test : reference).string()));
    }
  }
  if (chosen.empty()) {
    fail("{}: no record has annotations by both {} and {}{}", o.database, o.annotators.reference,
         o.annotators.test,
         o.test_database.empty() ? "" : fmt::format(", the latter in {}", o.test_database));
  }
  for (const std::string& line : left_out) notice(line);
  return chosen;
}

// Fails unless all files are there, and names all that are missing: the headers, else those of the
// reference, else those of the test annotator.
void check_files(const ScoreArguments& o, const std::vector<std::string>& records) {
  using FileOf = fs::path (ScoreArguments::*)(const std::string&) const;
  for (const FileOf file_of :
       {&ScoreArguments::header, &ScoreArguments::reference, &ScoreArguments::test}) {
    std::vector<std::string> absent;
    for (const std::string& record : records) {
      check_record_name(record, "--records");
      const fs::path file = (o.*file_of)(record);
      if (!fs::exists(file)) absent.push_back(file.string());
    }
    if (!absent.empty()) {
      fail("{} {} not exist", fmt::join(absent, ", "), absent.size() == 1 ? "does" : "do");
    }
  }
}

Mark mark_of(const WfdbAnnotation& annotation) {
  static const LabelMap& map = label_map("ec57");
  if (const std::int32_t label = map.label(annotation.symbol); label >= 0) {
    return static_cast<Mark>(label);
  }
  switch (annotation.symbol) {
    case '!':
      return Mark::flutter_wave;
    case '[':
      return Mark::flutter_on;
    case ']':
      return Mark::flutter_off;
    case '~': {
      constexpr int both = 0x30;  // of the first two signals: cannot be read
      return (annotation.sub & both) == both ? Mark::unreadable : Mark::noise;
    }
    default:
      return Mark::other;
  }
}

std::vector<TimedMark> read_marks(const fs::path& path, double frequency) {
  std::vector<TimedMark> marks;
  for (const WfdbAnnotation& annotation : read_wfdb_annotations(path, frequency)) {
    marks.push_back({annotation.sample, mark_of(annotation)});
  }
  return marks;
}

std::string scored_part(const ComparisonOptions& options) {
  return fmt::format("from {}{}", format_duration(options.start),
                     options.end ? " to " + format_duration(*options.end) : " on");
}

RecordScore score_record(const ScoreArguments& o, const std::string& record) {
  const WfdbHeader header = read_wfdb_header(o.header(record));
  const double frequency = header.sampling_frequency;
  RecordScore score{record, compare_beats(read_marks(o.reference(record), frequency),
                                          read_marks(o.test(record), frequency), frequency,
                                          header.samples, o.comparison)};
  if (score.comparison.matrix.sum(beat_classes, beat_labels) == 0) {
    fail("{}: has no beats in what is scored, {}", o.reference(record).string(),
         scored_part(o.comparison));
  }
  return score;
}

std::vector<RecordScore> score_records(const ScoreArguments& o) {
  const std::vector<std::string> records = chosen_records(o);
  check_files(o, records);
  if (o.protocol) tell_parted_subjects(protocol_split(*o.protocol));
  std::vector<RecordScore> scores;
  for (const std::string& record : records) {
    throw_if_interrupted();
    scores.push_back(score_record(o, record));
  }
  return scores;
}

struct NamedFigure {
  Ec57Figure figure;
  const char *group, *key;  // in JSON
  const char* name;         // for people
};

constexpr NamedFigure named_figures[] = {
    {Ec57Figure::qrs_sensitivity, "qrs", "sensitivity", "QRS sensitivity"},
    {Ec57Figure::qrs_predictivity, "qrs", "positive_predictivity", "QRS positive predictivity"},
    {Ec57Figure::sveb_sensitivity, "sveb", "sensitivity", "SVEB sensitivity"},
    {Ec57Figure::sveb_predictivity, "sveb", "positive_predictivity", "SVEB positive predictivity"},
    {Ec57Figure::veb_sensitivity, "veb", "sensitivity", "VEB sensitivity"},
    {Ec57Figure::veb_predictivity, "veb", "positive_predictivity", "VEB positive predictivity"},
    {Ec57Figure::veb_false_positives, "veb", "false_positive_rate", "VEB false positive rate"},
};

// {"qrs": {}, "sveb": {}, "veb": {}}
Json empty_groups() {
  Json json = Json::object();
  for (const NamedFigure& f : named_figures) json[f.group] = Json::object();
  return json;
}

Json number_or_null(std::optional<double> value) {
  return value ? Json(*value) : Json();
}

Json aggregate_json(Aggregate aggregate, std::span<const RecordScore> scores) {
  Json json = empty_groups();
  for (const NamedFigure& f : named_figures) {
    Json& group = json[f.group];
    group[f.key] = number_or_null(aggregate_percent(aggregate, f.figure, scores));
    Json interval;
    if (const auto found = aggregate_interval(aggregate, f.figure, scores)) {
      interval = Json::array({found->low, found->high});
    }
    group[std::string(f.key) + "_interval"] = std::move(interval);
  }
  if (aggregate == Aggregate::average) {
    json["rms_rr_error_ms"] = number_or_null(average_rr_error(scores));
  }
  return json;
}

Json record_json(const RecordScore& score) {
  Json json = {{"record", score.record}};
  json.update(empty_groups());
  const Comparison& comparison = score.comparison;
  for (const NamedFigure& f : named_figures) {
    json[f.group][f.key] = number_or_null(record_ratio(f.figure, comparison.matrix).percent());
  }
  Json& matrix = json["matrix"] = Json::array();
  for (const auto& row : comparison.matrix.counts) {
    matrix.push_back(std::vector<std::int64_t>(row.begin(), row.end()));
  }
  json["rms_rr_error_ms"] = number_or_null(comparison.rr_error);
  json["shutdown_seconds"] = comparison.shutdown_seconds;
  return json;
}

Json score_json(const ScoreArguments& o, std::span<const RecordScore> scores) {
  Json records = Json::array();
  for (const RecordScore& score : scores) records.push_back(record_json(score));
  return {{"reference", o.annotators.reference},
          {"test", o.annotators.test},
          {"start", o.comparison.start},
          {"end", number_or_null(o.comparison.end)},
          {"window", o.comparison.window},
          {"gross", aggregate_json(Aggregate::gross, scores)},
          {"average", aggregate_json(Aggregate::average, scores)},
          {"labels", beat_labels},
          {"records", std::move(records)}};
}

// What other records might have given; "" where there is only one.
std::string interval_table(std::span<const RecordScore> scores, bool sveb) {
  if (scores.size() < 2) return "";
  std::string text =
      fmt::format("\n95 % intervals over records ({} bootstrap draws)\n{:29}{:20}{}\n",
                  grouped(bootstrap_resamples), "", "Gross", "Average");
  for (const NamedFigure& f : named_figures) {
    const bool of_sveb = std::string_view(f.group) == "sveb";
    // As in the lines: without SVEBs the false positive rate stands in their place.
    if (sveb ? f.figure == Ec57Figure::veb_false_positives : of_sveb) continue;
    text += fmt::format("{:>26}:", f.name);
    for (const Aggregate aggregate : {Aggregate::gross, Aggregate::average}) {
      const auto interval = aggregate_interval(aggregate, f.figure, scores);
      text += "  " + (interval ? fmt::format("{:6.2f} to {:6.2f} %", interval->low, interval->high)
                               : fmt::format("{:>18}", "-"));
    }
    text += '\n';
  }
  return text;
}

std::string score_text(const ScoreArguments& o, std::span<const RecordScore> scores) {
  const bool sveb = !o.no_sveb;
  std::string text;
  switch (o.format) {
    case ScoreFormat::summary:
      return beat_summary(scores, sveb) + '\n' + shutdown_summary(scores, sveb) +
             interval_table(scores, sveb);
    case ScoreFormat::lines:
      return beat_lines(scores, sveb);
    case ScoreFormat::shutdowns:
      return shutdown_lines(scores, sveb);
    case ScoreFormat::report:
    case ScoreFormat::condensed: {
      const MatrixForm form =
          o.format == ScoreFormat::report ? MatrixForm::whole : MatrixForm::condensed;
      for (const RecordScore& score : scores) text += beat_report(o.annotators, score, form, sveb);
      return text;
    }
    case ScoreFormat::disagreements:
      for (const RecordScore& score : scores) text += disagreement_lines(score.comparison, sveb);
      return text;
  }
  return text;
}

void run(ScoreArguments& o) {
  if (o.comparison.end && *o.comparison.end <= o.comparison.start) {
    fail_usage("--end must be after --start, which is {}", format_duration(o.comparison.start));
  }
  apply(o.common);
  const std::vector<RecordScore> scores = score_records(o);
  if (o.common.json) {
    print_json(score_json(o, scores));
  } else {
    print_result(score_text(o, scores));
  }
}

CLI::Option* add_time(CLI::App& command, const char* flag, const char* help,
                      const std::function<void(double)>& take) {
  return command.add_option_function<std::string>(
      flag,
      [flag, take](const std::string& text) {
        const std::optional<double> seconds = seconds_of(text);
        if (!seconds) {
          fail_usage("{}: '{}' is no time, expected SECONDS, M:SS or H:MM:SS", flag, text);
        }
        take(*seconds);
      },
      help);
}

CLI::Option* add_annotator(CLI::App& command, const char* flag, const char* help,
                           std::string& name) {
  const auto check = [](const std::string& text) {
    return text.empty() || text.find('/') != std::string::npos
               ? fmt::format("'{}' is no name of an annotator, the suffix of its files", text)
               : std::string();
  };
  return command.add_option(flag, name, help)->check(CLI::Validator(check, ""));
}

}  // namespace

void add_score(CLI::App& program) {
  auto o = std::make_shared<ScoreArguments>();
  CLI::App* command = program.add_subcommand(
      "score",
      "Compare two annotators of WFDB records beat by beat, by the rules of ANSI/AAMI EC57:\n"
      "sensitivity and positive predictivity for QRS complexes, supraventricular (SVEB) and\n"
      "ventricular (VEB) ectopic beats, as bxb and sumstats have them. docs/scoring.md has the "
      "rules.");
  command->add_option("--database", o->database, "Folder with .hea files and the reference's")
      ->required();
  add_annotator(*command, "--reference", "The reference annotator: suffix of its files",
                o->annotators.reference)
      ->capture_default_str();
  add_annotator(*command, "--test", "The annotator that is tested", o->annotators.test)->required();
  command->add_option("--test-database", o->test_database,
                      "Folder of the tested annotator's files [--database]");
  add_listed_records_option(*command, o->records,
                            "Only these records: 100,101,... [all that both annotators have]");
  add_protocol_option(*command, o->protocol,
                      "Take the test records of published comparisons: ds1ds2 is de Chazal's DS2");
  add_time(*command, "--start", "Score from this time on: SECONDS, M:SS or H:MM:SS",
           [o](double seconds) { o->comparison.start = seconds; })
      ->default_str("5:00");
  add_time(*command, "--end", "Score up to this time [the end of each record]",
           [o](double seconds) { o->comparison.end = seconds; });
  command
      ->add_option("--window", o->comparison.window,
                   "Seconds that beats may be apart and still be the same")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  add_choice(*command, "--format", o->format,
             "What is printed: a summary of all records, or what bxb prints of each");
  command->add_flag("--no-sveb", o->no_sveb,
                    "Print supraventricular beats as normal ones, and the VEB false positive rate");
  add_common_options(*command, o->common);
  command->callback([o] { run(*o); });
}

}  // namespace ekgine
