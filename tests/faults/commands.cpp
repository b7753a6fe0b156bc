#include "tests/faults/commands.h"

#include <chrono>
#include <cmath>
#include <regex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/atomic_file.h"
#include "base/sha256.h"
#include "tests/support/wfdb_writer.h"

namespace ekgine::testing {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

namespace {

Arguments operator+(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Arguments tiny = {"--model", "Baseline_Model", "--embed-dim", "4",         "--batch-size",
                        "16",      "--epochs",       "1",           "--threads", "2",
                        "--quiet"};

const Arguments store = {"--data", "store"};
const Arguments split = {"--train-records", "901,902", "--validation-records", "903"};
const Arguments tested = {"--train-records", "901,902", "--test-records", "903"};
const Arguments plain = {"--threads", "2", "--quiet"};

// Pictures are left out (tests run without gnuplot), and the note on that with its reason: lines
// that begin with "Not drawn:", after a dash or not, and those indented further that go on with it.
std::string without_notes(const std::string& text) {
  std::string kept;
  bool in_note = false;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string line = text.substr(begin, end - begin);
    in_note = line.find("Not drawn:") != std::string::npos || (in_note && line.starts_with("    "));
    if (!in_note) kept += line;
    begin = end;
  }
  return kept;
}

// The page tells how long a training took, in whole seconds: 0 or 1, as it happens.
std::string without_seconds(const std::string& html) {
  static const std::regex cell("<td>[0-9]+ s</td>");
  return std::regex_replace(html, cell, "<td>- s</td>");
}

// Twenty bumps that the detector takes for beats.
TestRecord bumps() {
  TestRecord record;
  record.name = "ecg";
  record.signals.emplace_back();
  for (int i = 0; i < 20 * 288; ++i) {
    const double z = (i % 288 - 144) / 5.4;
    record.signals[0].push_back(1024 + static_cast<int>(std::lround(200 * std::exp(-z * z))));
  }
  return record;
}

// Files that a command writes several times, each time whole: of which another version may be
// there.
bool has_versions(const std::string& name) {
  return name.ends_with("pipeline.json") || name.ends_with("model_card.md") ||
         name.find("trial-") != std::string::npos;
}

}  // namespace

const std::vector<Command>& writing_commands() {
  static const std::vector<Command> commands = {
      {"preprocess",
       Arguments{"preprocess", "--database", "database", "--output", "out/x", "--scalograms"} +
           plain,
       ""},
      {"preprocess_again",
       Arguments{"preprocess", "--database", "database", "--output", "out/x"} + plain, "other"},
      {"preprocess_part",
       Arguments{"preprocess", "--database", "database", "--output", "out/x", "--shard", "1/2"} +
           plain,
       ""},
      {"train",
       Arguments{"train", "--output", "out/x"} + store + split + tiny,
       "",
       {"train", "--resume", "out/x", "--quiet"}},
      {"resume", {"train", "--resume", "out/x", "--quiet"}, "begun"},
      {"final", Arguments{"final", "--output", "out/x"} + store + tested + tiny, ""},
      {"kfold",
       Arguments{"kfold", "--k", "2", "--train-records", "901,903", "--output", "out/x"} + store +
           tiny,
       "",
       {},
       true},
      {"tune",
       Arguments{"tune", "--space", "space.toml", "--output", "out/x"} + store + split + tiny +
           Arguments{"--epochs", "2", "--factor", "2"},
       "",
       {},
       true},
      {"pipeline",
       Arguments{"pipeline", "--database", "database", "--models", "Baseline_Model", "--k", "0",
                 "--tune-epochs", "0", "--output", "out/x"} +
           tested + Arguments(tiny.begin() + 2, tiny.end()),
       ""},
      {"evaluate",
       Arguments{"evaluate", "--weights", "run/model.safetensors", "--records", "903", "--output",
                 "out/x"} +
           store + plain,
       ""},
      {"evaluate_part",
       Arguments{"evaluate", "--weights", "run/model.safetensors", "--records", "901,903",
                 "--output", "out/x", "--shard", "2/2"} +
           store + plain,
       ""},
      {"classify",
       Arguments{"classify", "ecgs/ecg", "--weights", "run/model.safetensors", "--label-map",
                 "reference", "--output", "out/x"} +
           plain,
       ""},
      {"classify_part",
       Arguments{"classify", "ecgs/ecg", "--weights", "run/model.safetensors", "--label-map",
                 "reference", "--shard", "1/1", "--output", "out/x"} +
           plain,
       ""},
      {"convert", Arguments{"convert", "run/model.safetensors", "out/x.keras"} + plain, ""},
      {"convert_to_onnx", Arguments{"convert", "run/model.safetensors", "out/x.onnx"} + plain, ""},
      {"convert_back", Arguments{"convert", "model.keras", "out/x.safetensors"} + plain, ""},
      {"export", Arguments{"export", "--tfrecord", "out/x"} + store + plain, ""},
      {"export_part", Arguments{"export", "--tfrecord", "out/x", "--shard", "1/2"} + store + plain,
       ""},
      {"export_npz",
       Arguments{"export", "--predictions", "run/predictions.h5", "--npz", "out/x.npz"} + plain,
       ""},
      {"download", Arguments{"download", "--mirror", "file://MIRROR", "--output", "out/x"} + plain,
       ""},
  };
  return commands;
}

Workbench::Workbench(Command command) : command_(std::move(command)) {
  for (std::string& argument : command_.arguments) {
    if (argument == "file://MIRROR") argument = "file://" + path("database").string();
  }
  make_inputs();
  reset();
  before_ = written();
  // Twice, at different times, to learn what differs.
  for (const bool first : {true, false}) {
    reset();
    const ProcessResult result = start().wait();
    if (result.status != 0) {
      throw std::runtime_error(command_.name + " undisturbed: " + result.err);
    }
    const Tree tree = written();
    if (first) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5 may store seconds
      expected_ = tree;
      continue;
    }
    for (const auto& [name, content] : tree) {
      if (expected_.at(name) != content) varying_.insert(name);
    }
  }
}

void Workbench::make_inputs() const {
  const auto need = [&](const char* word) {
    for (const std::string& argument : command_.arguments) {
      if (argument.find(word) == 0) return true;
    }
    return command_.begins_with == word;
  };
  const auto make = [&](const Arguments& arguments) {
    const ProcessResult result = run(arguments).wait();
    if (result.status != 0) throw std::runtime_error(arguments.front() + ": " + result.err);
  };
  fs::create_directory(path("database"));
  write_wfdb_record(path("database"), random_record("901", 22, "NAVF/N", 1));
  write_wfdb_record(path("database"), random_record("902", 18, "NNV/FA", 2));
  write_wfdb_record(path("database"), random_record("903", 14, "VNAF/N", 3));
  std::string sums;
  write_bytes(path("database/RECORDS"), "901\n902\n903\n");
  for (const auto& entry : fs::directory_iterator(path("database"))) {
    sums += sha256_of_file(entry) + " " + entry.path().filename().string() + "\n";
  }
  write_bytes(path("database/SHA256SUMS.txt"), sums);
  write_bytes(path("space.toml"), "embed-dim = [2, 4]\n");
  if (need("ecgs")) {
    fs::create_directory(path("ecgs"));
    write_wfdb_record(path("ecgs"), bumps());
  }
  const Arguments preprocess = {"preprocess", "--database", "database", "--quiet", "--output"};
  make(preprocess + Arguments{"store"});
  if (need("other")) make(preprocess + Arguments{"other", "--records", "901"});
  if (need("run") || need("model.keras")) {
    make(Arguments{"train", "--output", "run"} + store + tested + tiny);
  }
  if (need("model.keras"))
    make(Arguments{"convert", "run/model.safetensors", "model.keras"} + plain);
  if (need("begun")) {
    // A training that could not write its first epoch: its run is there, from its first checkpoint.
    const Arguments train = Arguments{"train", "--output", "begun"} + store + split + tiny;
    for (int renames = 1; !fs::exists(path("begun/checkpoint.json")); ++renames) {
      fs::remove_all(path("begun"));
      run(train, {{"LD_PRELOAD", EKGINE_FAULT_LIBRARY},
                  {"EKGINE_FAULT", fmt::format("rename:{}+", renames)}})
          .wait();
    }
  }
}

void Workbench::reset() const {
  fs::remove_all(path("out"));
  fs::create_directory(path("out"));
  if (!command_.begins_with.empty()) {
    fs::copy(path(command_.begins_with), path("out/x"), fs::copy_options::recursive);
  }
}

Tree Workbench::written() const {
  Tree tree;
  for (const auto& entry : fs::recursive_directory_iterator(path("out"))) {
    const std::string name = fs::relative(entry.path(), path("out")).string();
    std::string content = entry.is_directory() ? std::string() : read_file(entry.path());
    if (name.ends_with("report.txt")) content = without_notes(content);
    if (name.ends_with("index.html")) content = without_seconds(content);
    tree[name] = std::move(content);
  }
  return tree;
}

Process Workbench::run(const Arguments& arguments,
                       const std::vector<std::pair<std::string, std::string>>& environment) const {
  ProcessOptions options{.directory = folder_.path(), .environment = environment};
  options.environment.emplace_back("PATH", "");                    // no gnuplot
  options.environment.emplace_back("OMP_WAIT_POLICY", "passive");  // many run at once
  return Process(EKGINE_PROGRAM, arguments, options);
}

Process Workbench::start(
    const std::vector<std::pair<std::string, std::string>>& environment) const {
  return run(command_.arguments, environment);
}

Process Workbench::start_again() const {
  const bool begun = fs::exists(path("out/x/checkpoint.safetensors"));
  return run(begun && !command_.goes_on.empty() ? command_.goes_on : command_.arguments);
}

void Workbench::expect_all_written() const {
  const Tree tree = written();
  for (const auto& [name, content] : expected_) {
    const auto found = tree.find(name);
    if (found == tree.end()) {
      ADD_FAILURE() << name << " is missing";
    } else if (!varying_.contains(name)) {
      EXPECT_TRUE(found->second == content) << name << " is not as expected";
    }
  }
  for (const auto& [name, content] : tree) {
    EXPECT_TRUE(expected_.contains(name)) << name << " is left";
  }
}

void Workbench::expect_nothing_damaged() const {
  for (const auto& [name, content] : written()) {
    EXPECT_EQ(name.find(".partial"), std::string::npos) << name << " is left";
    EXPECT_EQ(name.find(".old"), std::string::npos) << name << " is left";
    const auto before = before_.find(name), expected = expected_.find(name);
    const bool as_before = before != before_.end() && before->second == content;
    // Those of which there are several whole versions are read when the command is given again.
    const bool whole =
        expected != expected_.end() && (expected->second == content || varying_.contains(name));
    const bool kept_part = name.ends_with(".part");  // of a download, which goes on with it
    EXPECT_TRUE(as_before || whole || kept_part || has_versions(name)) << name << " is damaged";
  }
}

}  // namespace ekgine::testing
