#include "apps/manual.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace ekgine {

namespace {

// Options that help shows, too.
std::vector<const CLI::Option*> shown_options(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return !option->get_group().empty(); });
}

std::vector<const CLI::App*> commands_of(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App*) { return true; });
}

// As roff prints it: neither a backslash nor a first dot or quote is a request, hyphens are those
// that one can copy.
std::string roff(std::string_view text) {
  std::string escaped;
  bool first = true;
  for (const char c : text) {
    if (first && (c == '.' || c == '\'')) escaped += "\\&";
    first = c == '\n';
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// "{a,b}" among what help says of the option's type, without its braces; "" where there is none.
std::string choices_of_type(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{'), close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) return "";
  return type.substr(open + 1, close - open - 1);
}

std::string option_entry(const CLI::Option& option) {
  std::string heading = fmt::format("\\fB{}\\fR", roff(option.get_name(false, true)));
  if (option.get_items_expected_max() > 0 && !option.get_type_name().empty()) {
    const std::string choices = choices_of_type(option);
    heading += fmt::format(" \\fI{}\\fR", roff(choices.empty() ? option.get_type_name() : choices));
  }
  const std::string usual = option.get_default_str();
  return fmt::format(".TP\n{}\n{}{}\n", heading, roff(option.get_description()),
                     usual.empty() ? "" : fmt::format(" [{}]", roff(usual)));
}

std::string option_entries(const CLI::App& app, std::string_view group_heading) {
  std::string text;
  for (const std::string& group : app.get_groups()) {
    std::string entries;
    for (const CLI::Option* option : shown_options(app)) {
      if (option->get_group() == group) entries += option_entry(*option);
    }
    if (entries.empty()) continue;
    text += fmt::format("{} {}\n{}", group_heading, roff(group), entries);
  }
  return text;
}

std::string completion_words(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : shown_options(app)) {
    for (const std::string& name : option->get_lnames()) words += " --" + name;
  }
  return words;
}

}  // namespace

std::string manual_page(const CLI::App& program, const std::string& version) {
  std::string text = fmt::format(
      ".TH EKGINE 1 \"\" \"{}\"\n.SH NAME\nekgine \\- {}\n.SH SYNOPSIS\n"
      ".B ekgine\n.I COMMAND\n[\\fIOPTIONS\\fR]\n{}",
      roff(version), roff(program.get_description()), option_entries(program, ".SH"));
  for (const CLI::App* command : commands_of(program)) {
    text += fmt::format(".SH ekgine {}\n{}\n{}", roff(command->get_name()),
                        roff(command->get_description()), option_entries(*command, ".SS"));
  }
  return text +
         ".SH EXIT STATUS\n0 where all that is reported was written, 1 after an error, which is "
         "one "
         "line, 2 for wrong usage, 130 where it was interrupted.\n";
}

std::string completion_script(const CLI::App& program) {
  std::string names, values, options;
  for (const CLI::App* command : commands_of(program)) {
    const std::string& name = command->get_name();
    names += (names.empty() ? "" : " ") + name;
    options += fmt::format("    {}) words='{}{}' ;;\n", name, completion_words(*command),
                           completion_words(program));
    for (const CLI::Option* option : shown_options(*command)) {
      std::string choices = choices_of_type(*option);
      std::replace(choices.begin(), choices.end(), ',', ' ');
      for (const std::string& flag : option->get_lnames()) {
        if (choices.empty()) break;
        values += fmt::format("    '{} --{}') words='{}' ;;\n", name, flag, choices);
      }
    }
  }
  return fmt::format(R"(# Completion of ekgine for bash; printed by ekgine --completion.
_ekgine() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command='' words='' i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case " {0} " in *" ${{COMP_WORDS[i]}} "*) command=${{COMP_WORDS[i]}}; break ;; esac
  done
  case "$command $before" in
{1}  esac
  if [[ -z $words && ($current == -* || -z $command) ]]; then
    case $command in
    '') words='{0}{3}' ;;
{2}    esac
  fi
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}}
complete -o filenames -F _ekgine ekgine
)",
                     names, values, options, completion_words(program));
}

}  // namespace ekgine
