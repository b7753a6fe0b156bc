#include "classification/result.h"

#include <array>
#include <span>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/sha256.h"
#include "classification/annotations.h"
#include "data/labels.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

constexpr const char* result_format = "ekgine-classification-1";

std::string checksum_of(std::string_view text) {
  Sha256 sum;
  sum.update(text);
  return sum.hex();
}

Json inputs_json(const ClassifyInputs& inputs) {
  return {{"tool", inputs.tool},       {"weights", inputs.weights},
          {"samples", inputs.samples}, {"precision", inputs.precision},
          {"lead", inputs.lead},       {"inverted", inputs.inverted}};
}

Json stretches_json(const std::vector<Stretch>& stretches) {
  Json list = Json::array();
  for (const Stretch& stretch : stretches)
    list.push_back(Json::array({stretch.begin, stretch.end}));
  return list;
}

Json result_json(const LabelledRecording& recording, const ClassifyInputs& inputs) {
  std::array<std::int64_t, class_count> counts{};
  for (const LabelledBeat& beat : recording.beats) {
    ++counts.at(static_cast<std::size_t>(beat.label));
  }
  Json classes = Json::object();
  for (std::size_t c = 0; c < counts.size(); ++c) {
    classes[std::string(class_names.at(c))] = counts.at(c);
  }
  return {{"format", result_format},
          {"record", recording.name},
          {"inputs", inputs_json(inputs)},
          {"frequency", recording.frequency},
          {"samples", recording.samples},
          {"seconds", static_cast<double>(recording.samples) / recording.frequency},
          {"beats", recording.beats.size()},
          {"classes", std::move(classes)},
          {"left_out", recording.left_out},
          {"unreadable", stretches_json(recording.unreadable)}};
}

// The checksum that a result has of a file; empty where it has none.
std::string listed_checksum(const Json& result, const fs::path& file) {
  const std::string name = file.filename().string();
  if (!result.is_object() || !result.contains("files")) return "";
  const Json& files = result.at("files");
  if (!files.is_object() || !files.contains(name)) return "";
  return json_as<std::string>(files.at(name)).value_or("");
}

bool is_as_listed(const Json& result, const fs::path& file) {
  return fs::exists(file) && sha256_of_file(file) == listed_checksum(result, file);
}

}  // namespace

std::string samples_checksum(const std::vector<float>& signal, double frequency) {
  Sha256 sum;
  const auto bytes = std::as_bytes(std::span(signal));
  sum.update({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  sum.update(fmt::format(" {}", frequency));
  return sum.hex();
}

ResultFiles::ResultFiles(const fs::path& folder, const std::string& name,
                         const std::string& annotator)
    : annotations_(folder / (name + "." + annotator)),
      table_(annotations_.string() + ".csv"),
      page_(annotations_.string() + ".html"),
      result_(annotations_.string() + ".json") {}

Json ResultFiles::read() const {
  if (!fs::exists(result_)) return {};
  Json json = read_json(result_, Sealed::required);
  if (json_value<std::string>(result_, json, "format", "a text") != result_format) {
    fail("{}: is no result of ekgine classify; choose another --annotator or --output",
         result_.string());
  }
  return json;
}

void ResultFiles::check_ours() const {
  const Json result = read();
  for (const fs::path& file : {annotations_, table_, page_}) {
    if (fs::exists(fs::symlink_status(file)) && !is_as_listed(result, file)) {
      fail("{}: is there already, and not as ekgine classify wrote it; choose another --annotator",
           file.string());
    }
  }
}

Json ResultFiles::done(const ClassifyInputs& inputs) const {
  Json result = read();
  if (!result.is_object() || !result.contains("inputs")) return {};
  if (result.at("inputs") != inputs_json(inputs)) return {};
  for (const fs::path& file : {annotations_, table_, page_}) {
    if (!is_as_listed(result, file)) return {};
  }
  return result;
}

Json ResultFiles::write(const LabelledRecording& recording, const Findings& findings,
                        const std::string& page, const ClassifyInputs& inputs) const {
  const std::string annotations =
      wfdb_annotation_bytes(annotations_of(recording), recording.frequency);
  const std::string table = beat_table(recording);
  Json result = result_json(recording, inputs);
  result["findings"] = findings_json(recording, findings);
  result["files"] = {{annotations_.filename().string(), checksum_of(annotations)},
                     {table_.filename().string(), checksum_of(table)},
                     {page_.filename().string(), checksum_of(page)}};
  make_directory(annotations_.parent_path());
  // A result vouches for files that are not there yet, never are there files that none vouches for.
  for (const fs::path& file : {annotations_, table_, page_}) fs::remove(file);
  write_file(result_, sealed_json(result));
  write_file(page_, page);
  write_file(table_, table);
  write_file(annotations_, annotations);
  return result;
}

}  // namespace ekgine
