#include "training/profile_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/json_file.h"

namespace ekgine {

namespace {

double total_seconds(const std::vector<Profile::Row>& rows) {
  double total = 0;
  for (const Profile::Row& row : rows) total += row.seconds;
  return total;
}

// Of a step's own time: recording the tape, giving out memory.
std::string name_of(const Profile::Row& row) {
  return row.phase == Phase::step ? row.name + ", the rest" : row.name;
}

const char* phase_of(const Profile::Row& row) {
  return name_of(row.phase == Phase::step ? Phase::host : row.phase);
}

double ratio(double a, double b) {
  return b > 0 ? a / b : 0;
}

// Of work per second; "-" without work.
std::string rate_text(double work, double seconds) {
  return work > 0 && seconds > 0 ? fmt::format("{:.1f}", work / 1e9 / seconds) : "-";
}

Json rate_json(double work, double seconds) {
  return work > 0 && seconds > 0 ? Json(work / 1e9 / seconds) : Json();
}

}  // namespace

std::string profile_table(const Profile& profile, const std::string& title) {
  const std::vector<Profile::Row> rows = profile.rows();
  const double total = total_seconds(rows), steps = static_cast<double>(profile.steps());
  std::string text = fmt::format("profile of {}\n", title);
  if (profile.steps() == 0) return text + "no step was made\n";
  text += fmt::format("{} steps of {:.2f} ms", profile.steps(), 1e3 * total / steps);
  if (profile.forgotten_steps() > 0) {
    text += fmt::format(", after {} that are not counted", profile.forgotten_steps());
  }
  std::size_t width = 0;
  for (const Profile::Row& row : rows) width = std::max(width, name_of(row).size());
  text += fmt::format("\n\n{:<{}}  {:<8} {:>8} {:>9} {:>9} {:>9} {:>7} {:>7}\n", "op", width,
                      "phase", "calls", "seconds", "ms/step", "GFLOP/s", "GB/s", "share");
  for (const Profile::Row& row : rows) {
    text += fmt::format("{:<{}}  {:<8} {:>8} {:>9.3f} {:>9.3f} {:>9} {:>7} {:>5.1f} %\n",
                        name_of(row), width, phase_of(row), row.calls, row.seconds,
                        1e3 * row.seconds / steps, rate_text(row.cost.flops, row.seconds),
                        rate_text(row.cost.bytes, row.seconds), 100 * ratio(row.seconds, total));
  }
  return text +
         "\nGFLOP/s and GB/s are of the least work that the op's contract (kernels/) states; an\n"
         "algorithm that needs less can exceed what the machine does. Validation, checkpoints and\n"
         "progress are not part of a step.\n";
}

Json profile_json(const Profile& profile) {
  const std::vector<Profile::Row> rows = profile.rows();
  const double total = total_seconds(rows), steps = static_cast<double>(profile.steps());
  Json ops = Json::array();
  for (const Profile::Row& row : rows) {
    ops.push_back({{"op", name_of(row)},
                   {"phase", phase_of(row)},
                   {"calls", row.calls},
                   {"seconds", row.seconds},
                   {"ms_per_step", ratio(1e3 * row.seconds, steps)},
                   {"gflop_per_second", rate_json(row.cost.flops, row.seconds)},
                   {"gb_per_second", rate_json(row.cost.bytes, row.seconds)},
                   {"share", ratio(row.seconds, total)}});
  }
  return {{"steps", profile.steps()},
          {"warm_up_steps", profile.forgotten_steps()},
          {"seconds", total},
          {"ms_per_step", ratio(1e3 * total, steps)},
          {"ops", ops}};
}

std::string chrome_trace(const Profile& profile) {
  std::vector<Profile::Event> events = profile.trace();
  // What holds others comes before them.
  std::ranges::stable_sort(events, [](const Profile::Event& a, const Profile::Event& b) {
    return a.start != b.start ? a.start < b.start : a.seconds > b.seconds;
  });
  std::string text = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n";
  text += R"({"name": "process_name", "ph": "M", "pid": 1, "args": {"name": "ekgine train"}})";
  for (const Profile::Event& event : events) {
    text += fmt::format(
        ",\n{{\"name\": {}, \"cat\": \"{}\", \"ph\": \"X\", \"pid\": 1, \"tid\": 1, "
        "\"ts\": {:.3f}, \"dur\": {:.3f}, \"args\": {{\"step\": {}}}}}",
        json_text(event.name), name_of(event.phase), 1e6 * event.start, 1e6 * event.seconds,
        event.step);
  }
  return text + "\n]}\n";
}

}  // namespace ekgine
