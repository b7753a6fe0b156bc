#include "apps/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "apps/command.h"
#include "base/seal.h"
#include "base/suggestion.h"

namespace ekgine {

namespace {

class ConfigFile final : public CLI::Config {
 public:
  explicit ConfigFile(const CLI::App& program) : program_(program) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::string file = program_.get_config_ptr()->as<std::string>();
    const std::string text(std::istreambuf_iterator<char>(input), {});
    check_seal_line(text, file);
    toml::table document;
    try {
      document = toml::parse(text, file);
    } catch (const toml::parse_error& error) {
      fail(file, error.source(), "{}", error.description());
    }
    std::vector<CLI::ConfigItem> values;
    for (const auto& [name, node] : document) {
      const toml::table* section = node.as_table();
      if (section == nullptr) {
        fail(file, name.source(), "'{}' stands before any section, such as [train]", name.str());
      }
      const CLI::App* command = subcommand(name.str());
      if (command == nullptr) {
        fail(file, name.source(), "[{}] is no subcommand of ekgine{}", name.str(),
             did_you_mean(name.str(), subcommand_names(program_)));
      }
      for (const auto& [key, value] : *section) {
        const CLI::Option* option = command->get_option_no_throw("--" + std::string(key.str()));
        if (option == nullptr || !option->get_configurable()) {
          fail(file, key.source(), "'{}' is no option of ekgine {}{}", key.str(), name.str(),
               did_you_mean(key.str(), configurable_names(*command)));
        }
        CLI::ConfigItem& item = values.emplace_back();
        item.parents = {command->get_name()};
        item.name = key.str();
        item.inputs = {text_of(file, value)};
      }
    }
    return values;
  }

  // The program never writes with it: TrainOptions::to_toml() does.
  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }

 private:
  template <class... Args>
  [[noreturn]] static void fail(const std::string& file, const toml::source_region& where,
                                fmt::format_string<Args...> text, Args&&... args) {
    throw CLI::ConfigError(fmt::format("{}:{}: {}", file, where.begin.line,
                                       fmt::format(text, std::forward<Args>(args)...)));
  }

  const CLI::App* subcommand(std::string_view name) const {
    for (const CLI::App* command : program_.get_subcommands({})) {
      if (command->get_name() == name) return command;
    }
    return nullptr;
  }

  // Keys of its section.
  static std::vector<std::string> configurable_names(const CLI::App& command) {
    std::vector<std::string> names;
    for (const CLI::Option* option : command.get_options()) {
      if (!option->get_configurable()) continue;
      for (const std::string& name : option->get_lnames()) names.push_back(name);
    }
    return names;
  }

  // A value as the command line would have it; an array becomes its elements with commas between.
  static std::string text_of(const std::string& file, const toml::node& value) {
    if (const auto* text = value.as_string()) return text->get();
    if (const auto* integer = value.as_integer()) return fmt::to_string(integer->get());
    if (const auto* number = value.as_floating_point()) return fmt::to_string(number->get());
    if (const auto* flag = value.as_boolean()) return flag->get() ? "true" : "false";
    const toml::array* array = value.as_array();
    if (array == nullptr)
      fail(file, value.source(), "expected a number, text, true, false or a list");
    std::string list;
    for (const toml::node& element : *array) {
      if (element.is_array()) fail(file, element.source(), "expected no list within a list");
      list += (list.empty() ? "" : ",") + text_of(file, element);
    }
    return list;
  }

  const CLI::App& program_;
};

}  // namespace

std::shared_ptr<CLI::Config> config_file(const CLI::App& program) {
  return std::make_shared<ConfigFile>(program);
}

}  // namespace ekgine
