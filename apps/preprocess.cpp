// ekgine preprocess: WFDB records → store.

#include "data/preprocess.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <functional>
#include <memory>

#include "apps/command.h"
#include "apps/parts.h"
#include "base/progress.h"
#include "base/provenance.h"

namespace ekgine {

namespace {

struct PreprocessArguments {
  CommonOptions common;
  PreprocessOptions preprocess;
  PartOptions parts;
};

// "46 records" of the first entry of a list, "2" of others.
std::string records_text(std::int64_t records, bool first) {
  return fmt::format("{}{}", records, first ? records == 1 ? " record" : " records" : "");
}

// "Leads: MLII (46 records), V5 (2), turned upside down; 250 Hz (48 records), resampled to 360".
std::string leads_line(const PreprocessSummary& summary) {
  std::vector<std::string> leads, frequencies;
  for (const auto& [lead, records] : summary.leads) {
    leads.push_back(fmt::format("{} ({})", lead.empty() ? "without a name" : lead,
                                records_text(records, leads.empty())));
  }
  bool resampled = false;
  for (const auto& [frequency, records] : summary.frequencies) {
    resampled = resampled || frequency != beat_frequency;
    frequencies.push_back(
        fmt::format("{} Hz ({})", frequency, records_text(records, frequencies.empty())));
  }
  return fmt::format("Leads: {}{}; {}{}", fmt::join(leads, ", "),
                     summary.store.inverted ? ", turned upside down" : "",
                     fmt::join(frequencies, ", "),
                     resampled ? fmt::format(", resampled to {}", beat_frequency) : "");
}

// A bar that is there from the first record on.
class RecordProgress {
 public:
  void operator()(std::int64_t done, std::int64_t total) {
    if (!bar_) bar_ = std::make_unique<Progress>("preprocess", "records", total);
    bar_->update(done);
  }
  void finish() {
    if (bar_) bar_->finish();
  }

 private:
  std::unique_ptr<Progress> bar_;
};

void run(PreprocessArguments& o) {
  apply(o.common, o.parts.processes());
  const auto start = std::chrono::steady_clock::now();
  o.preprocess.tool = program_name();
  if (o.parts.shard) {
    do_part(o.common, o.parts, "store", o.preprocess.output.string(),
            [&](RecordJobs& jobs) { preprocess_part(o.preprocess, *o.parts.shard, jobs); });
    return;
  }
  RecordProgress progress;
  const PreprocessSummary summary =
      o.parts.merge ? merge_parts(o.preprocess) : preprocess(o.preprocess, std::ref(progress));
  progress.finish();
  const StoreInfo& info = summary.store;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::int64_t beats = 0;
  ClassCounts counts{};
  for (const StoreRecord& record : info.records) {
    beats += record.beats();
    for (std::size_t c = 0; c < counts.size(); ++c) counts[c] += record.counts[c];
  }
  Json classes = Json::object();
  std::string text;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    classes[std::string(class_names[c])] = counts[c];
    text += fmt::format("{}{} {}", c == 0 ? "" : ", ", class_names[c], counts[c]);
  }
  if (o.common.json) {
    Json frequencies = Json::object();
    for (const auto& [frequency, records] : summary.frequencies) {
      frequencies[fmt::format("{}", frequency)] = records;
    }
    Json leads = Json::object();
    for (const auto& [lead, records] : summary.leads) leads[lead] = records;
    Json json = {{"store", o.preprocess.output.string()},
                 {"records", info.records.size()},
                 {"beats", beats},
                 {"classes", classes},
                 {"unannotated_records", summary.unannotated},
                 {"unmeasured_beats", summary.unmeasured},
                 {"repeated_annotations", summary.repeated},
                 {"leads", leads},
                 {"frequencies", frequencies},
                 {"inverted", info.inverted},
                 {"sampling_frequency", beat_frequency}};
    if (info.marks == BeatMarks::detected) {
      json["missed_beats"] = summary.missed;
      json["extra_beats"] = summary.extra;
    }
    json["seconds"] = seconds;
    print_json(json);
    return;
  }
  say(o.common,
      fmt::format("{}: {} records, {} beats ({}) in {:.1f} s", o.preprocess.output.string(),
                  info.records.size(), beats, text, seconds));
  say(o.common, leads_line(summary));
  if (info.marks == BeatMarks::detected) {
    say(o.common,
        fmt::format("Annotated but not detected: {} beats; detected but not annotated: {}",
                    summary.missed, summary.extra));
  }
}

}  // namespace

void add_preprocess(CLI::App& program) {
  auto o = std::make_shared<PreprocessArguments>();
  CLI::App* command = program.add_subcommand(
      "preprocess",
      "Cut the beats of a WFDB database and write them to a store.\n"
      "Every annotated beat with more than 93 samples before it and 93 after it becomes 187 "
      "samples\n"
      "of a lead in mV with its class (N, S, V, F, Q). Beats with samples that were not measured,\n"
      "and records of the database without annotations, are left out and counted.\n"
      "Reads all formats of WFDB at 100 Hz and more, resampled to 360 Hz, and annotations in MIT\n"
      "format.");
  command
      ->add_option("--database", o->preprocess.database,
                   "Folder with the records' files: .hea, .dat, .atr")
      ->required();
  command
      ->add_option("--output", o->preprocess.output, "Folder of the store; one there is replaced")
      ->required();
  add_beat_options(*command, o->preprocess.beats);
  add_listed_records_option(*command, o->preprocess.records, "Only these records: 100,101,...");
  command
      ->add_option("--label-map", o->preprocess.label_map,
                   "Classes of the annotation symbols: reference, ec57 or dechazal")
      ->capture_default_str();
  command->add_flag("--scalograms", o->preprocess.scalograms,
                    "Also store the scalograms, for other programs (24 KB a beat)");
  add_common_options(*command, o->common);
  add_part_options(
      *command, o->parts,
      "K/N: only the K-th of N parts of the records, K from 1, into OUTPUT.parts; the other parts "
      "may be done at the same time. --merge then makes the store",
      "Put the parts together that the same command has made with --shard; says which records are "
      "missing");
  command->callback([o] { run(*o); });
}

}  // namespace ekgine
