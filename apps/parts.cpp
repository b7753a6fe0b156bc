#include "apps/parts.h"

#include <fmt/format.h>

#include <chrono>

#include "base/console.h"
#include "base/progress.h"

namespace ekgine {

PartFlags add_part_options(CLI::App& command, PartOptions& options, const std::string& shard,
                           const std::string& merge, bool each_by_itself) {
  const PartFlags flags{add_shard_option(command, options.shard, shard),
                        command.add_flag("--merge", options.merge, merge)};
  flags.merge->excludes(flags.shard);
  CLI::Option* keep_going =
      command.add_flag("--keep-going", options.keep_going,
                       "A record that cannot be done is one line, and the others are done");
  CLI::Option* json_lines = command.add_flag(
      "--json-lines", options.json_lines,
      "Print a JSON object on stdout for each record, in a line of its own, as it is done");
  json_lines->excludes(command.get_option("--json"));
  for (CLI::Option* flag : {keep_going, json_lines}) {
    if (each_by_itself) {
      flag->excludes(flags.merge);
    } else {
      flag->needs(flags.shard);
    }
  }
  return flags;
}

void tell_record(const PartOptions& options, const RecordStatus& record) {
  const Error* const error = record.error;
  if (options.json_lines) {
    const char* const done = record.outcome.done_already ? "skipped" : "done";
    Json line = {{"record", record.record}, {"status", error == nullptr ? done : "failed"}};
    if (error == nullptr) {
      line.update(record.outcome.facts);
    } else {
      line["error"] = error->what();
    }
    line["seconds"] = record.seconds;
    print_json(line);
  }
  if (error != nullptr && options.keep_going) {
    print_message(fmt::format("ekgine: {}", text_with_flags(*error)));
  }
}

void do_part(const CommonOptions& common, const PartOptions& options, const char* key,
             const std::string& output, const std::function<void(RecordJobs&)>& work) {
  const auto start = std::chrono::steady_clock::now();
  Progress bar(common.command, "records", 0);
  const auto report = [&](const RecordStatus& record) {
    tell_record(options, record);
    bar.set_total(record.of);
    bar.update(record.ended);
  };
  RecordJobs jobs(report, options.keep_going);
  work(jobs);
  if (jobs.records() > 0) bar.finish();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Shard& shard = *options.shard;
  const std::int64_t done = jobs.records() - std::ssize(jobs.failed());
  if (common.json) {
    print_json({{key, output},
                {"part", Json::array({shard.number, shard.of})},
                {"records", done},
                {"done_already", jobs.done_already()},
                {"failed", jobs.failed()},
                {"seconds", seconds}});
  }
  if (jobs.records() > 0 && done == 0) fail("none of {} records could be done", jobs.records());
  if (common.json) return;
  say(common,
      fmt::format("part {} of {} of {}: {} records ({} done already, {} failed) in {:.1f} s",
                  shard.number, shard.of, output, done, jobs.done_already(), jobs.failed().size(),
                  seconds));
}

}  // namespace ekgine
