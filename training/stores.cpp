#include "training/stores.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/option_error.h"
#include "data/protocols.h"
#include "data/subjects.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

bool same_folder(const fs::path& a, const fs::path& b) {
  std::error_code unknown;
  return fs::equivalent(a, b, unknown);
}

FurtherStore open_store(const Store& main, const fs::path& folder,
                        const std::vector<std::string>& known, std::int64_t least_beats) {
  FurtherStore further{Store(folder, main.unit()), {}, {}, {}};
  const StoreInfo& info = further.store.info();
  if (info.label_map != main.info().label_map) {
    fail_option({"more-data"}, "{}: has label map {}, the store {} has {}", folder.string(),
                info.label_map, main.folder().string(), main.info().label_map);
  }
  further.held_out = of_same_subjects(further.store.record_names(), known);
  const std::set<std::string> held_out(further.held_out.begin(), further.held_out.end());
  for (const StoreRecord& record : info.records) {
    if (held_out.contains(record.name)) continue;
    (record.beats() < least_beats ? further.short_of : further.records).push_back(record.name);
  }
  if (further.records.empty()) {
    fail_option({"more-data"},
                "{}: has no records of other persons than {} and DS2 have, of {} "
                "beats and more",
                folder.string(), main.folder().string(), least_beats);
  }
  return further;
}

}  // namespace

std::vector<FurtherStore> open_further_stores(const Store& main,
                                              const std::vector<fs::path>& folders,
                                              std::int64_t least_beats) {
  std::vector<std::string> known = main.record_names();
  std::ranges::move(protocol_split(Protocol::ds1ds2).test, std::back_inserter(known));
  std::vector<FurtherStore> stores;
  for (const fs::path& folder : folders) {
    if (same_folder(folder, main.folder())) {
      fail_option({"more-data"}, "{}: is the store that --data names", folder.string());
    }
    for (const FurtherStore& other : stores) {
      if (!same_folder(folder, other.store.folder())) continue;
      fail_option({"more-data"}, "{}: is the same store as {}", folder.string(),
                  other.store.folder().string());
    }
    stores.push_back(open_store(main, folder, known, least_beats));
  }
  return stores;
}

std::vector<FurtherStore> open_further_stores(const Store& main, const TrainOptions& options) {
  return open_further_stores(main, options.more_data, options.model.sequence_length);
}

std::string left_out_text(const FurtherStore& further) {
  std::string text;
  const auto add = [&](const std::vector<std::string>& names, const char* why) {
    if (names.empty()) return;
    text += fmt::format("{}{} ({})", text.empty() ? "" : "; ", fmt::join(names, ", "), why);
  };
  add(further.held_out, "persons of the first store or of DS2");
  add(further.short_of, "too few beats");
  return text;
}

std::int64_t count_training_records(const TrainOptions& options,
                                    const std::vector<FurtherStore>& more) {
  std::int64_t count = std::ssize(options.train_records);
  for (const FurtherStore& further : more) count += std::ssize(further.records);
  return count;
}

}  // namespace ekgine
