// ekgine download: PhysioNet → a folder of WFDB records.

#include "data/download.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "apps/command.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/provenance.h"

namespace ekgine {

namespace {

struct DownloadArguments {
  CommonOptions common;
  DownloadOptions download;
};

// A bar for what is there already, where there is something, and one for what is fetched.
class Bars {
 public:
  explicit Bars(const char* units) : units_(units) {}
  void update(const DownloadProgress& p) {
    constexpr std::int64_t kilobyte = 1000;
    if (p.checking) {
      if (p.bytes == 0) return;
      if (!checking_) checking_ = std::make_unique<Progress>("check", units_, p.units);
      checking_->update(p.units_done, p.unit);
      return;
    }
    finish_checking();
    if (!fetching_) fetching_ = std::make_unique<Progress>("download", "kB", 0);
    fetching_->set_total(p.expected_bytes / kilobyte);
    fetching_->update(p.bytes / kilobyte, fmt::format("{} ({}/{})", p.unit, p.units_done, p.units));
  }
  void finish() {
    finish_checking();
    if (fetching_) fetching_->finish();
  }

 private:
  void finish_checking() {
    if (checking_) checking_->finish();
    checking_.reset();
  }

  const char* units_;
  std::unique_ptr<Progress> checking_, fetching_;
};

void run(DownloadArguments& o) {
  apply(o.common);
  const auto start = std::chrono::steady_clock::now();
  DownloadOptions& d = o.download;
  if (d.output.empty()) d.output = d.database.substr(0, d.database.find('/'));
  if (d.all_files && !d.records.empty()) {
    fail_usage("--records: names records; leave it out with --all-files");
  }
  d.transfer.agent = fmt::format("ekgine/{}", program_version());
  Bars bars(d.all_files ? "files" : "records");
  DownloadResult result;
  try {
    result = download(
        d, [&](const DownloadProgress& p) { bars.update(p); },
        [&](const std::string& text) { say(o.common, text); });
  } catch (const Interrupted&) {
    throw Interrupted("interrupted; the same command goes on with what has arrived");
  }
  bars.finish();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (o.common.json) {
    Json version;  // null where a mirror did not tell it
    if (!result.version.empty()) version = result.version;
    print_json({{"database", result.database},
                {"version", version},
                {"source", result.source},
                {"output", d.output.string()},
                {"records", result.records},
                {"files", result.files},
                {"bytes", result.bytes},
                {"fetched_files", result.fetched_files},
                {"received_bytes", result.received_bytes},
                {"seconds", seconds}});
    return;
  }
  constexpr double megabyte = 1e6;
  const std::string what =
      fmt::format("{}: {}{} files, {:.1f} MB, verified", d.output.string(),
                  result.records > 0 ? fmt::format("{} records, ", result.records) : "",
                  result.files, static_cast<double>(result.bytes) / megabyte);
  if (result.fetched_files == 0) {
    say(o.common, what + "; nothing to do");
  } else {
    const double received = static_cast<double>(result.received_bytes) / megabyte;
    say(o.common, fmt::format("{}; {} of them fetched, {:.1f} MB in {:.1f} s ({:.1f} MB/s)", what,
                              result.fetched_files, received, seconds, received / seconds));
  }
}

}  // namespace

void add_download(CLI::App& program) {
  auto o = std::make_shared<DownloadArguments>();
  DownloadOptions& d = o->download;
  CLI::App* command = program.add_subcommand(
      "download",
      "Fetch a database of PhysioNet: the records' headers, signals and annotations.\n"
      "Every file is verified by its SHA-256. What is there already is not fetched again: after an "
      "error\n"
      "or Ctrl-C the same command goes on where it was.");
  command
      ->add_option("NAME", d.database,
                   "The database, as NAME or NAME/VERSION; its latest version where none is named")
      ->capture_default_str();
  command->add_option("--output", d.output, "Folder to put it in [NAME]");
  command->add_option(
      "--mirror", d.mirror,
      "Fetch from this https, http or file URL: a folder with SHA256SUMS.txt, or "
      "one laid out as https://physionet.org/files/. USER:PASSWORD@ before its host is "
      "told to that host alone");
  add_listed_records_option(*command, d.records, "Only these records: 100,101,...");
  command->add_flag("--all-files", d.all_files,
                    "Fetch every file that SHA256SUMS.txt lists, not only those of the records");
  add_common_options(*command, o->common);
  command->callback([o] { run(*o); });
}

}  // namespace ekgine
