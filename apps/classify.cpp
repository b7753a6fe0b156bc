// ekgine classify: recordings → the class of every beat.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "apps/command.h"
#include "apps/option_flags.h"
#include "apps/parts.h"
#include "apps/training_options.h"
#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/provenance.h"
#include "base/record_name.h"
#include "base/record_parts.h"
#include "base/sha256.h"
#include "classification/classify.h"
#include "classification/findings.h"
#include "classification/model_facts.h"
#include "classification/record_page.h"
#include "classification/result.h"
#include "data/beats.h"
#include "data/labels.h"
#include "data/preprocess.h"
#include "data/recording.h"
#include "model/weights.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

struct ClassifyArguments {
  CommonOptions common;
  std::vector<std::string> paths, records;
  std::string database, output, weights, lead;
  std::string annotator = "ekg", label_map = "ec57";
  double rate = 0;
  bool invert = false;
  PartOptions parts;
  PrecisionChoice precision = PrecisionChoice::f32;
};

// Parts share the folder; else it is one process's.
DirectoryLock::Kind sharing(const ClassifyArguments& o) {
  return o.parts.shard ? DirectoryLock::Kind::shared : DirectoryLock::Kind::alone;
}

// A recording to classify, and what its files are called below --output.
struct ClassifyItem {
  fs::path path;
  std::string name;
};

// The weights that come with the program: below the prefix that it is installed in, else beside it,
// where a build tree has a link to them.
fs::path shipped_weights() {
  constexpr const char* name = "mitdb-ds1.safetensors";
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path folder = program.parent_path();
  for (const fs::path& prefix : {folder.parent_path(), folder}) {
    fs::path place = prefix / "share/ekgine/weights" / name;
    if (fs::exists(place, error)) return place;
  }
  fail("{} is not found, expected in {}; name weights with --weights", name,
       (folder.parent_path() / "share/ekgine/weights").string());
}

// A recording that is named. One that cannot be opened is left to fail when its turn comes, where
// others are to be spared.
ClassifyItem named_item(const ClassifyArguments& o, const fs::path& path) {
  try {
    const Recording recording = open_recording(path, {.rate = o.rate});
    return {recording.path, recording.name};
  } catch (const Error&) {
    if (!o.parts.keep_going) throw;
    return {path, path.stem().string()};
  }
}

// The records of WFDB in a folder, and its files of EDF and BDF. Tables have to be named: other
// programs write such files, too.
void add_folder(const fs::path& folder, std::vector<ClassifyItem>& items) {
  std::vector<std::string> names;
  bool wfdb = fs::exists(folder / "RECORDS");
  if (!fs::is_directory(folder)) fail("{}: the folder does not exist", folder.string());
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path ending = entry.path().extension();
    if (ending == ".hea") wfdb = true;
    if (ending == ".edf" || ending == ".bdf") names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  if (wfdb || names.empty()) {
    for (const std::string& name : database_records(folder)) {
      items.push_back({folder / (name + ".hea"), name});
    }
  }
  for (const std::string& name : names) items.push_back({folder / name, fs::path(name).stem()});
}

std::vector<ClassifyItem> items_of(const ClassifyArguments& o) {
  std::vector<ClassifyItem> items;
  for (const std::string& name : o.records) {
    check_record_name(name, "--records");
    items.push_back({named_item(o, fs::path(o.database) / name).path, name});
  }
  if (!o.database.empty() && o.records.empty()) add_folder(o.database, items);
  for (const fs::path path : o.paths) {
    if (fs::is_directory(path)) {
      add_folder(path, items);
    } else {
      items.push_back(named_item(o, path));
    }
  }
  std::set<std::string> names;
  for (const ClassifyItem& item : items) {
    if (!names.insert(item.name).second) {
      fail_usage(
          "two recordings are called {}, so their results would be; give each --output of "
          "its own",
          item.name);
    }
  }
  return o.parts.shard ? part_of(items, *o.parts.shard) : items;
}

ModelWeights read_weights(const ClassifyArguments& o, const std::string& path) {
  ModelWeights weights = load_model_weights(path);
  if (weights.label_map.empty()) {
    notice(fmt::format("{}: does not say what its classes are; taken as those of {}", path,
                       o.label_map));
  } else if (label_map_name(weights.label_map) != label_map(o.label_map).name()) {
    fail("{}: was trained on classes of label map {}, expected {}; choose it with --label-map",
         path, weights.label_map, o.label_map);
  }
  return weights;
}

// `second`: with the second lead, where there is one.
LeadSignal read_signal(const ClassifyArguments& o, const ClassifyItem& item, bool second) {
  const Recording recording = open_recording(item.path, {.rate = o.rate});
  const std::size_t lead = choose_lead(recording, o.lead);
  const double frequency = recording.leads[lead].frequency;
  check_frequency(frequency, recording.path.string());
  LeadSignal signal{.recording = item.name,
                    .lead = recording.leads[lead].name,
                    .frequency = frequency,
                    .signal = read_lead(recording, lead),
                    .second = {},
                    .inverted = o.invert};
  if (const auto other = second ? second_lead(recording, lead) : std::nullopt) {
    signal.second = [recording, other] { return read_lead(recording, *other); };
    signal.second_frequency = recording.leads[*other].frequency;
  }
  if (o.invert) {
    for (float& x : signal.signal) x = -x;
  }
  return signal;
}

// Of all samples that are read.
std::string checksum_of(const LeadSignal& signal) {
  std::string checksum = samples_checksum(signal.signal, signal.frequency);
  if (signal.second) {
    checksum += " " + samples_checksum(signal.second(), signal.second_frequency);
  }
  return checksum;
}

// Fails where annotations of others would be written over, or hidden beside a record's own.
void check_annotator(const ClassifyArguments& o, const ClassifyItem& item,
                     const ResultFiles& files) {
  files.check_ours();
  ResultFiles(item.path.parent_path(), item.path.stem().string(), o.annotator).check_ours();
}

// What a result and its page say of the weights.
struct UsedWeights {
  std::string checksum;
  ModelFacts facts;
};

// The result of a recording, with `done_already`, whether it was there; with --merge null where it
// is not.
Json classify_one(const ClassifyArguments& o, const ClassifyItem& item, const UsedWeights& weights,
                  BeatClassifier& classifier,
                  const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const ResultFiles files(o.output, item.name, o.annotator);
  // Of a recording that several processes were told to do one does it.
  const OutputDirectory folder(files.annotations().parent_path(), sharing(o));
  const AtomicFile place(files.annotations());
  check_annotator(o, item, files);
  const bool features = has_features(classifier.config().input());
  LeadSignal signal = read_signal(o, item, features);
  const ClassifyInputs inputs{.tool = program_name(),
                              .weights = weights.checksum,
                              .samples = checksum_of(signal),
                              .precision = choice_name(o.precision),
                              .lead = signal.lead,
                              .inverted = o.invert};
  Json result = files.done(inputs);
  const bool done = !result.is_null();
  if (!done && o.parts.merge) return {};
  if (!done) {
    const LabelledRecording recording = label_beats(std::move(signal), classifier, progress);
    // Read once more for the page, so that it takes no memory while beats are found and labelled.
    const LeadSignal again = read_signal(o, item, false);
    const Findings findings = find_findings(recording);
    result =
        files.write(recording, findings,
                    render_record_page(recording, again.signal, findings, weights.facts), inputs);
  }
  result["annotations"] = files.annotations().string();
  result["page"] = files.page().string();
  result["done_already"] = done;
  return result;
}

std::string line_of(const Json& result) {
  std::string classes;
  for (const auto& [name, count] : result.at("classes").items()) {
    classes += fmt::format("{}{} {}", classes.empty() ? "" : ", ", name, count.get<std::int64_t>());
  }
  const std::string lead = result.at("inputs").at("lead").get<std::string>();
  std::string line = fmt::format("{}: {} beats ({})", result.at("annotations").get<std::string>(),
                                 result.at("beats").get<std::int64_t>(), classes);
  if (!lead.empty()) line += " in " + lead;
  if (const auto count = result.at("unreadable").size(); count > 0) {
    line += fmt::format(", {} unreadable stretch{}", count, count == 1 ? "" : "es");
  }
  if (const auto count = result.at("left_out").get<std::int64_t>(); count > 0) {
    line += fmt::format(", {} beats left out beside them", count);
  }
  return line + (result.at("done_already").get<bool>() ? " (done already)" : "");
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct ClassifySummary {
  Json records = Json::array(), failed = Json::array();
  std::vector<std::string> missing;  // with --merge
};

ClassifySummary classify_all(const ClassifyArguments& o, const std::vector<ClassifyItem>& items,
                             const UsedWeights& weights, BeatClassifier& classifier) {
  ClassifySummary summary;
  std::unique_ptr<Progress> progress;
  const bool one = items.size() == 1;
  const auto update = [&](std::int64_t done, std::int64_t total) {
    if (!one) return;
    if (!progress) progress = std::make_unique<Progress>("classify", "beats", total);
    progress->update(done);
  };
  const auto report = [&](const RecordStatus& record) {
    tell_record(o.parts, record);
    if (record.error == nullptr) return;
    summary.failed.push_back({{"record", record.record}, {"error", record.error->what()}});
  };
  RecordJobs jobs(report, o.parts.keep_going);
  jobs.expect(std::ssize(items));
  for (const ClassifyItem& item : items) {
    throw_if_interrupted();
    Json result;
    jobs.run(item.name, [&] {
      result = classify_one(o, item, weights, classifier, update);
      if (result.is_null()) return RecordOutcome{};
      return RecordOutcome{
          result.at("done_already").get<bool>(),
          {{"beats", result.at("beats")}, {"annotations", result.at("annotations")}}};
    });
    if (progress) progress->finish();
    if (result.is_null()) {  // failed, which is told, or not done
      if (o.parts.merge) summary.missing.push_back(item.name);
      continue;
    }
    if (!o.common.json && !o.parts.json_lines && !o.parts.merge) say(o.common, line_of(result));
    summary.records.push_back(std::move(result));
  }
  return summary;
}

void run(ClassifyArguments& o) {
  if (o.paths.empty() && o.database.empty()) {
    fail_usage("no recordings: name files, records or folders, or a --database");
  }
  apply(o.common, o.parts.processes());
  const auto start = std::chrono::steady_clock::now();
  const std::vector<ClassifyItem> items = items_of(o);
  const std::string weights = o.weights.empty() ? shipped_weights().string() : o.weights;
  const ModelWeights read = read_weights(o, weights);
  const UsedWeights used{.checksum = sha256_of_file(weights),
                         .facts = read_model_facts(read, weights)};
  BeatClassifier classifier(read, weights, o.common.device, o.precision,
                            [&o](const std::string& text) { say(o.common, text); });
  const OutputDirectory output(o.output, sharing(o));
  const ClassifySummary summary = classify_all(o, items, used, classifier);
  if (!summary.missing.empty()) fail_missing(o.output, summary.missing, items.size());
  if (o.common.json) {
    print_json({{"weights", weights},
                {"output", o.output},
                {"records", summary.records},
                {"failed", summary.failed},
                {"seconds", seconds_since(start)}});
  }
  if (items.empty()) {
    say(o.common, fmt::format("no recording is left for part {} of {}", o.parts.shard->number,
                              o.parts.shard->of));
    return;
  }
  if (summary.records.empty()) fail("none of {} recordings could be classified", items.size());
  if (o.parts.merge) {
    say(o.common, fmt::format("{}: all of {} recordings are done", o.output, items.size()));
  }
  if (!summary.failed.empty()) {
    say(o.common, fmt::format("{} of {} recordings could not be classified", summary.failed.size(),
                              items.size()));
  }
}

}  // namespace

void add_classify(CLI::App& program) {
  auto o = std::make_shared<ClassifyArguments>();
  CLI::App* command = program.add_subcommand(
      "classify",
      "Find the beats of ECG recordings and say of which class each is (N, S, V, F, Q).\n"
      "Writes NAME.ekg, annotations that WFDB software reads, NAME.ekg.csv, a line per beat,\n"
      "NAME.ekg.html, a page to read and print, and NAME.ekg.json; a recording that has them "
      "already\n"
      "is skipped. Any sampling frequency from 100 Hz on. No medical device: docs/classify.md "
      "says\n"
      "how well it does.");
  command->add_option("recordings", o->paths,
                      "Records (100 or 100.hea), files of EDF, BDF or CSV, or folders");
  CLI::Option* database = command->add_option("--database", o->database, "Folder of records");
  add_listed_records_option(*command, o->records, "Only these of its records: 100,101,...")
      ->needs(database);
  command->add_option("--output", o->output, "Folder for the results")->required();
  command->add_option("--weights", o->weights,
                      "A .safetensors file [the one that comes with ekgine]");
  command->add_option("--annotator", o->annotator, "Name of the annotator: suffix of its files")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.empty() || text.find('/') != std::string::npos
                       ? fmt::format("'{}' is no name of an annotator", text)
                       : std::string();
          },
          ""))
      ->capture_default_str();
  command->add_option("--lead", o->lead,
                      "The lead to read, by name or number from 0 [MLII, II, 0]");
  command->add_flag("--invert", o->invert, "Turn the lead upside down first");
  command->add_option("--rate", o->rate, "Hz, of tables (CSV) without a column of times");
  command
      ->add_option("--label-map", o->label_map,
                   "What the classes of the weights mean: reference, ec57 or dechazal")
      ->capture_default_str();
  add_option(*command, precision_option, o->precision);
  add_common_options(*command, o->common);
  add_part_options(*command, o->parts,
                   "K/N: only the K-th of N parts of the recordings, K from 1; the other parts may "
                   "be done at the same time, into the same folder",
                   "Do none: say which recordings the same command has not done, with --shard or "
                   "without",
                   true);
  command->callback([o] { run(*o); });
}

}  // namespace ekgine
