#include "base/record_jobs.h"

#include <chrono>
#include <utility>

namespace ekgine {

RecordJobs::RecordJobs(Report report, bool keep_going)
    : report_(std::move(report)), keep_going_(keep_going) {}

void RecordJobs::run(const std::string& record, const std::function<RecordOutcome()>& work) {
  const auto start = std::chrono::steady_clock::now();
  RecordStatus status{.record = record, .outcome = {}};
  const auto end = [&] {
    status.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const std::lock_guard lock(mutex_);
    status.ended = ++ended_;
    status.of = records_;
    if (status.error != nullptr) {
      failed_.push_back(record);
    } else if (status.outcome.done_already) {
      ++done_already_;
    }
    if (report_) report_(status);
  };
  try {
    status.outcome = work();
  } catch (const Error& error) {
    status.error = &error;
    end();
    if (!keep_going_) throw;
    return;
  }
  end();
}

}  // namespace ekgine
