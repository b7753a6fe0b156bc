// fuzz_seeds FOLDER: writes FOLDER/TARGET/NAME, whole inputs to begin with. Files are made by what
// writes them in ekgine.

#include <cstdio>

#include "base/atomic_file.h"
#include "base/hdf5.h"
#include "base/json_file.h"
#include "base/zip.h"
#include "data/store.h"
#include "evaluation/predictions.h"
#include "fuzz.h"
#include "model/safetensors.h"
#include "small_models.h"
#include "tests/support/wfdb_writer.h"
#include "training/options.h"

namespace ekgine::fuzz {
namespace {

namespace fs = std::filesystem;
using std::string;
using std::string_literals::operator""s;

class Seeds {
 public:
  explicit Seeds(fs::path folder) : folder_(std::move(folder)) {}

  void write_all() {
    text_formats();
    wfdb();
    weights();
    runs();
    store_and_predictions();
    keras();
  }

 private:
  void add(const string& target, const string& name, std::string_view content) {
    make_directory(folder_ / target);
    write_file(folder_ / target / name, content);
  }

  static string joined(std::initializer_list<string> parts) {
    string input;
    for (const string& part : parts)
      input += (&part == parts.begin() ? "" : string(1, '\0')) + part;
    return input;
  }

  void text_formats() {
    add("json", "values", R"({"a":[1,-2.5e3,"x\u00e9\n",null,true,false],"b":{"c":{}}})");
    TrainOptions options;
    options.train_records = {"100", "101"};
    options.data = "store";
    options.threads = 1;
    add("config", "run", with_seal_line(options.to_toml()));
    add("config", "by_hand",
        "# a comment\n[train]\nepochs = 3\nlearning-rate = 1e-3\nencode-each = true\n"
        "model = 'Baseline_Model'\ntrain-records = [\"100\", \"101\"]\n");
    add("search_space", "all",
        "embed-dim = [64, 128]\nnum-heads = { min = 2, max = 8, step = 2 }\n"
        "dropout = { min = 0.0, max = 0.4, step = 0.1 }\n"
        "learning-rate = { min = 1e-5, max = 1e-2, scale = \"log\" }\n");
    const string sum(64, 'a');
    add("checksums", "sums", sum + " 100.dat\n" + sum + "  p/100.hea\n" + sum + " *RECORDS\n");
    add("checksums", "records", "100\n101\np1/a\n");
    const string zero(64, '0');
    string sums;
    for (const char* name : {"RECORDS", "ANNOTATORS", "a.hea", "a.dat", "a.atr", "p/b.hea"}) {
      sums += zero + " " + name + "\n";
    }
    const string header = "a 2 360 4\na.dat 16 200\na.dat 16 200\n";
    add("download", "lists", joined({sums, "a\np/b\n", "atr\tbeats\n", header, "b 0 360\n"}));
    add("download", "segments",
        joined({sums, "p/\na\n", "atr\n", header, "b/2 1 360\na 4\na 4\n"}));
    const Split split{{"100", "101"}, {"103"}, {"105"}};
    write_split(scratch_ / "splits.json", split);
    add("splits", "sealed", read_file(scratch_ / "splits.json"));
    add("splits", "reference",
        R"({"kfold_records": ["100", "201"], "final_test_records": ["202"]})");
  }

  // Two records of a signal and of annotations, a second apart.
  static string edf() {
    string text =
        "0       " + string(176, 'x') + "768     EDF+D" + string(39, ' ') + "2       0.5     2   ";
    const auto add = [&](const string& first, const string& second, std::size_t width) {
      for (const string& value : {first, second}) text += value + string(width - value.size(), ' ');
    };
    add("EDF Annotations", "II", 16);
    add("", "", 80);
    add("", "uV", 8);
    add("-1", "-1000", 8);
    add("1", "1000", 8);
    add("-32768", "-2000", 8);
    add("32767", "2000", 8);
    add("", "", 80);
    add("4", "2", 8);
    add("", "", 32);
    for (const char* onset : {"+10", "+11"}) {
      string begins = string(onset) + "\x14\x14";
      begins.resize(8);
      text += begins + "\x01\0\xFE\xFF"s;
    }
    return text;
  }

  void wfdb() {
    for (const int format : {16, 212, 310}) {
      const string target = "wfdb_signal_" + std::to_string(format);
      const string samples =
          testing::encode_wfdb_samples(format, {1, -2, 3, 100, -100, 7, 8, 9, 10, -11, 12, -130});
      add(target, "two", string("\x01\x01\0\0\0\0\x06\0", 8) + samples);
      add(target, "skewed", string("\x01\x02\0\x02\0\0\0\0", 8) + samples);
      add(target, "checked", string("\0\x04\0\0\0\0\0\0", 8) + samples);
      add(target, "offset", string("\x02\x08\x03\0\0\0\0\0", 8) + samples);
      auto record = testing::random_record("r", 3, "NVA", 1);
      record.format = format;
      if (format == 310) {
        record.adc_zero = 0;
        for (auto& signal : record.signals) {
          for (int& value : signal) value = value % 500;
        }
      }
      testing::write_wfdb_record(scratch_.path(), record);
      const auto read = [&](const char* name) { return read_file(scratch_ / name); };
      const string header = read("r.hea"), annotations = read("r.atr");
      add("wfdb_header", "format_" + std::to_string(format), header);
      add("wfdb_annotations", "format_" + std::to_string(format), annotations);
      const string length = {static_cast<char>(annotations.size() & 0xFF),
                             static_cast<char>(annotations.size() >> 8)};
      add("wfdb_record", "format_" + std::to_string(format),
          joined({header, length + annotations + read("r.dat")}));
    }
    add("wfdb_header", "all_fields",
        "# before\n100/1 2 360/720(100.5) 10 12:00:00 01/02/2003\n"
        "100.dat 212x1:2+3 200.5(1024)/uV 11 1024 995 -22131 0 MLII\n"
        "100.dat 212 0 12 0 1 2 3 V5 and words\n# 69 M\n");
    add("wfdb_signal_8", "two", string("\x01\x11\x20\0\0\0\x03\0", 8) + "differences");
    const fs::path samples = fs::path(EKGINE_SOURCE_DIR) / "tests/data/fixtures/wfdb-python";
    add("wfdb_signal_516", "one", string(8, '\0') + read_file(samples / "flacformats.d1"));
    add("wfdb_segments", "variable",
        joined({"r/4 2 100\nl 0\na 3\n~ 2\nb 2\n",
                "l 2 100 0\n~ 0 1/mV 0 0 0 0 0 II\n~ 0 1/mV 0 0 0 0 0 V\n",
                "a 1 100 3\na.dat 80 200 8 0 0 0 0 II\n", "b 1 100 2\na.dat 80 200 8 0 0 0 0 V\n",
                "abc"}));
    add("wfdb_segments", "fixed",
        joined({"r/2 1 100 5\na 3\na 2\n", "", "a 1 100\na.dat 80\n", "", "abc"}));
    add("sample_table", "times", "\0# a\ntime (ms),II (uV),\"V5\"\n0,1,2\n4,,3\n20,nan,4\n"s);
    add("sample_table", "rate",
        "\x64"
        "1;2,5\n3;-\n");
    add("edf", "gaps", edf());
    add("wfdb_annotations", "described",
        testing::annotation_note("## time resolution: 250") +
            testing::annotation_note("## annotation type definitions") +
            testing::annotation_note("42 x a kind of its own") +
            testing::annotation_note("## end of definitions") +
            testing::encode_wfdb_annotations({{100, 'N'}, {5000, 'V', 1}, {9000, '+'}}));
  }

  void weights() {
    const auto path = scratch_ / "model.safetensors";
    const StateDict arrays = {{"a", {{2, 2}, {1, 2, 3, 4}}}, {"b", {{0}, {}}}};
    write_safetensors(path, arrays, {{"key", "text"}});
    const string file = read_file(path);
    add("safetensors", "file", file);
    constexpr std::size_t length_bytes = 8;
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), length_bytes);
    add("safetensors", "sealed",
        joined({file.substr(length_bytes, length), file.substr(length_bytes + length)}));
    add("safetensors", "types",
        joined({R"({"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},)"
                R"("b":{"dtype":"BF16","shape":[],"data_offsets":[4,6]},)"
                R"("d":{"dtype":"F64","shape":[1],"data_offsets":[6,14]}})",
                string(14, '\1')}));
    for (const ModelConfig& config : small_models()) {
      add("weights", config.name, joined({json_text(config.to_json()), "reference"}));
    }
  }

  void runs() {
    TrainOptions options;
    options.model = {
        .sequence_length = 3, .embed_dim = 8, .num_heads = 2, .beat_unit = BeatUnit::deviation};
    options.data = "store";
    options.train_records = {"100"};
    options.epochs = 2;
    options.threads = 1;
    const string inputs = json_text({{"label-map", "reference"}, {"fingerprint", string(64, 'f')}});
    const auto state = [&](Json history, Json stopping) {
      return json_text(
          {{"step", 3},
           {"epoch", history.size()},
           {"batch", 1},
           {"loss_sum", 0.5},
           {"correct", 1},
           {"sequences", 2},
           {"plateau", {{"rate", options.learning_rate}, {"best", nullptr}, {"wait", 0}}},
           {"early_stopping", std::move(stopping)},
           {"history", std::move(history)}});
    };
    add("checkpoint", "begun",
        joined({json_text(options.to_json()), inputs,
                state(Json::array(), {{"best", nullptr}, {"best_epoch", 0}, {"wait", 0}})}));
    Json epoch = {
        {"epoch", 1}, {"loss", 0.25}, {"accuracy", 0.5}, {"learning_rate", 1e-4}, {"seconds", 1.5}};
    add("checkpoint", "epoch",
        joined({json_text(options.to_json()), inputs,
                state(Json::array({epoch}), {{"best", 0.25}, {"best_epoch", 1}, {"wait", 0}})}));
    options.validation_records = {"101"};
    epoch.update(
        {{"validation_loss", 0.5}, {"validation_accuracy", 0.5}, {"validation_macro_f1", 0.5}});
    add("checkpoint", "validated",
        joined({json_text(options.to_json()), inputs,
                state(Json::array({epoch}), {{"best", 0.5}, {"best_epoch", 1}, {"wait", 0}})}));
  }

  void store_and_predictions() {
    RecordBeats record;
    record.name = "100";
    record.lead = "MLII";
    record.labels = {0, 0, 1};
    record.symbols = {'N', 'N', 'A'};
    record.r_samples = {100, 400, 700};
    for (std::int64_t i = 0; i < 3 * beat_samples; ++i) {
      record.beats.push_back(static_cast<float>(i % 50) * 0.02F);
    }
    record.features.assign(3 * beat_features, 0.5F);
    record.waves = {2, std::vector<float>(3 * wave_leads * wave_samples, 0.5F)};
    StoreWriter writer(scratch_ / "store");
    writer.add(record);
    writer.commit({.label_map = "reference",
                   .source = "db",
                   .tool = "ekgine",
                   .records = {{"100", {2, 1}, ""}}});
    add("store", "sealed", read_file(scratch_ / "store/store.json"));
    add("store", "unsealed",
        R"({"format": "ekgine store", "version": 2, "tool": "", "source": "", "label_map": "reference",)"
        R"( "scalograms": false, "records": [{"name": "p/1", "beats": 1, "counts": [1,0,0,0,0]}]})");
    add("hdf5_sealed", "store", read_file(scratch_ / "store/100.h5"));

    const std::int64_t shapes[] = {3, beat_samples};
    for (const bool compressed : {false, true}) {
      hdf5::File file = hdf5::File::create_image("record");
      file.write_integer("/", "version", 2);
      file.write_text("/", "record", "100");
      file.write_text("/", "lead", "MLII");
      file.write<float>("beats", record.beats, shapes, compressed);
      const std::span<const std::int64_t> column(shapes, 1);
      file.write<std::int32_t>("labels", record.labels, column);
      const std::vector<std::int8_t> symbols(record.symbols.begin(), record.symbols.end());
      file.write<std::int8_t>("symbols", symbols, column);
      file.write<std::int64_t>("r_samples", record.r_samples, column);
      add("store_record", compressed ? "compressed" : "contiguous", file.image());
    }
    for (const char* target : {"store_values", "predictions_values"}) {
      add(target, "usual", string(64, '\0'));
      add(target, "odd", string(64, '\xFF'));
    }

    const std::vector<RecordPredictions> predictions = {
        {"100", {1, 0, 0, 0, 0, 0, 0.5F, 0.5F, 0, 0}, {0, 1}, {100, 400}},
        {"p/101", {0, 0, 0, 0, 1}, {4}, {}}};
    const std::vector<string> classes = {"N", "S", "V", "F", "Q"};
    write_predictions(scratch_ / "predictions.h5", predictions, classes);
    add("hdf5_sealed", "predictions", read_file(scratch_ / "predictions.h5"));
    hdf5::File file = hdf5::File::create_image("predictions");
    for (const RecordPredictions& p : predictions) {
      const auto n = std::ssize(p.labels);
      const string group = p.record == "100" ? "100" : "p%2F101";
      const std::int64_t matrix[] = {n, 5};
      file.write<float>(group + "/probabilities", p.probabilities, matrix);
      file.write<std::int32_t>(group + "/labels", p.labels, std::span(matrix, 1));
      if (p.record == "100")
        file.write<std::int64_t>("100/r_samples", p.r_samples, std::span(matrix, 1));
    }
    add("predictions", "seeds_form", file.image());
  }

  void keras() {
    hdf5::File small = hdf5::File::create_image("weights");
    const std::int64_t shape[] = {2, 3};
    small.write<float>("layers/dense/vars/0", std::vector<float>(6, 0.5F), shape, true);
    small.write_text("layers", "name", "a name");
    int number = 0;
    for (const ModelConfig& config : small_keras_models()) {
      const auto path = scratch_ / "model.keras";
      write_keras(path, config);
      const ZipReader archive(path, "a .keras file");
      const auto read = [&](const char* member) {
        return archive.read(member, std::size_t{1} << 24);
      };
      const string text = read("config.json"), metadata = read("metadata.json");
      add("keras_members", config.name, joined({text, metadata, std::to_string(number++)}));
      add("keras_members", config.name + "_small", joined({text, metadata, small.image()}));
      for (const ZipMethod method : {ZipMethod::store, ZipMethod::deflate}) {
        const ZipMember members[] = {{"metadata.json", metadata},
                                     {"config.json", text},
                                     {"model.weights.h5", small.image()}};
        add("keras", config.name + (method == ZipMethod::store ? "_stored" : "_deflated"),
            zip_of(members, method, "model.keras"));
      }
    }
    const ZipMember tiny[] = {{"metadata.json", "{}"}};
    add("keras", "tiny", zip_of(tiny, ZipMethod::deflate, "model.keras"));
  }

  const fs::path folder_;
  const Folder scratch_;
};

}  // namespace
}  // namespace ekgine::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: fuzz_seeds FOLDER\n", stderr);
    return 2;
  }
  try {
    ekgine::fuzz::Seeds(argv[1]).write_all();
  } catch (const ekgine::Error& error) {
    std::fprintf(stderr, "fuzz_seeds: %s\n", error.what());
    return 1;
  }
}
