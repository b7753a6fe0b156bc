// Files of --config, for a program with an option of every kind.
#include "apps/command.h"
#include "apps/config_file.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  std::string text(fuzz::text_of(data, size));
  constexpr std::string_view seal_line = "# sha256 ";
  for (const bool sealed : {false, true}) {
    if (sealed) {
      if (!text.starts_with(seal_line)) break;
      if (text.size() < seal_line.size() + blank_seal.size()) break;
      set_seal(text, seal_line.size());
    }
    const std::string path = folder.write("config.toml", text).string();
    CLI::App program;
    program.set_config("--config");
    program.config_formatter(config_file(program));
    CLI::App& train = *program.add_subcommand("train", "");
    std::int64_t epochs = 0;
    double rate = 0;
    bool flag = false;
    std::string model;
    std::vector<std::string> records;
    train.add_option("--epochs", epochs)->check(CLI::Range(1, 1'000'000));
    train.add_option("--learning-rate", rate)->check(CLI::Range(0.0, 10.0));
    train.add_flag("--encode-each", flag);
    train.add_option("--model", model)->check(one_of({"Main_Model", "Baseline_Model"}));
    add_records_option(train, "--train-records", records, "");
    CommonOptions common;
    add_common_options(train, common);
    const char* arguments[] = {"ekgine", "--config", path.c_str(), "train"};
    try {
      program.parse(4, arguments);
    } catch (const CLI::ParseError&) {  // wrong usage, which has a status of its own
    } catch (const Error&) {
    }
  }
  return 0;
}
