// Random beats for tests of datasets and what reads them.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "data/beats.h"
#include "data/store.h"
#include "tests/cases/random.h"

namespace ekgine::testing {

// A record of n beats of noise about `offset` mV, labels at random.
inline RecordBeats random_beats(const std::string& name, std::int64_t n, std::uint64_t seed,
                                double offset = 0) {
  Random random(seed);
  RecordBeats record;
  record.name = name;
  record.lead = "MLII";
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t t = 0; t < beat_samples; ++t) {
      record.beats.push_back(static_cast<float>(offset + random.normal()));
    }
    record.labels.push_back(static_cast<std::int32_t>(random.integer(0, class_count - 1)));
    record.symbols.push_back("NSVFQ"[record.labels.back()]);
    record.r_samples.push_back(100 + 300 * i);
  }
  return record;
}

// Gives the record features and waves, of noise, on one lead where it has an odd number of beats.
inline void add_features(RecordBeats& record, std::uint64_t seed) {
  Random random(seed + 1000);
  const auto fill = [&](std::vector<float>& values, std::int64_t row) {
    values.resize(static_cast<std::size_t>(record.size() * row));
    for (float& value : values) value = static_cast<float>(random.normal());
  };
  fill(record.features, beat_features);
  fill(record.waves.samples, wave_leads * wave_samples);
  record.waves.leads = record.size() % 2 == 0 ? 2 : 1;
}

// Records "r0", "r1", ... of the given numbers of beats.
inline std::vector<RecordBeats> random_records(const std::vector<std::int64_t>& beats,
                                               std::uint64_t seed = 1) {
  std::vector<RecordBeats> records;
  records.reserve(beats.size());
  for (const std::int64_t n : beats) {
    records.push_back(random_beats(fmt::format("r{}", records.size()), n, seed + records.size()));
  }
  return records;
}

inline void write_test_store(const std::filesystem::path& folder,
                             const std::vector<RecordBeats>& records) {
  StoreWriter writer(folder);
  StoreInfo info{"reference", "test", "test", false, {}};
  for (const RecordBeats& record : records) {
    writer.add(record);
    StoreRecord entry;
    entry.name = record.name;
    for (const std::int32_t label : record.labels) ++entry.counts[static_cast<std::size_t>(label)];
    info.records.push_back(entry);
  }
  writer.commit(info);
}

inline std::vector<std::string> names_of(const std::vector<RecordBeats>& records) {
  std::vector<std::string> names;
  names.reserve(records.size());
  for (const RecordBeats& record : records) names.push_back(record.name);
  return names;
}

}  // namespace ekgine::testing
