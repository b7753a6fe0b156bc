// Records that are done each by itself, one after another or at once, with a word on each.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace ekgine {

// How a record was done.
struct RecordOutcome {
  bool done_already = false;
  Json facts = Json::object();  // what else there is to tell
};

// What became of a record.
struct RecordStatus {
  std::string record;
  RecordOutcome outcome;         // unless it failed
  const Error* error = nullptr;  // where it failed: why
  double seconds = 0;
  std::int64_t ended = 0, of = 0;  // how many have ended, this one too, of how many
};

class RecordJobs {
 public:
  // Gets what became of each, one call at a time, from any thread.
  using Report = std::function<void(const RecordStatus&)>;

  // `keep_going`: those that fail are told, and the others are done.
  explicit RecordJobs(Report report = {}, bool keep_going = false);

  // Before any is done: how many there are.
  void expect(std::int64_t records) { records_ = records; }
  // Does one, on any thread. Errors: those of `work`, when told, unless it keeps going.
  void run(const std::string& record, const std::function<RecordOutcome()>& work);

  std::int64_t records() const { return records_; }
  std::int64_t done_already() const { return done_already_; }
  const std::vector<std::string>& failed() const { return failed_; }

 private:
  Report report_;
  bool keep_going_;
  std::mutex mutex_;  // guards all below, and serialises reports
  std::int64_t records_ = 0, ended_ = 0, done_already_ = 0;
  std::vector<std::string> failed_;
};

}  // namespace ekgine
