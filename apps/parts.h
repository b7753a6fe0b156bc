// What the subcommands share that do a part of a list of records (--shard).
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "apps/command.h"
#include "base/record_jobs.h"
#include "base/shard.h"

namespace ekgine {

struct PartOptions {
  std::optional<Shard> shard;
  bool merge = false, keep_going = false, json_lines = false;

  Processes processes() const { return shard ? Processes::apart : Processes::one; }
};

// Of --shard and --merge, which a command may restrict further.
struct PartFlags {
  CLI::Option *shard, *merge;
};

// Adds --shard, --merge, --keep-going and --json-lines to a subcommand. `shard` and `merge`: their
// help. `each_by_itself`: records are done so without --shard, too, and the last two go with all.
PartFlags add_part_options(CLI::App& command, PartOptions& options, const std::string& shard,
                           const std::string& merge, bool each_by_itself = false);

// What is told of a record that has ended: its line of --json-lines, and where the others go on,
// the error.
void tell_record(const PartOptions& options, const RecordStatus& record);

// Does a part by `work`, with a bar, and tells of it: an object with --json, in which `output` is
// called `key`, else a line. Errors: none of its records could be done.
void do_part(const CommonOptions& common, const PartOptions& options, const char* key,
             const std::string& output, const std::function<void(RecordJobs&)>& work);

}  // namespace ekgine
