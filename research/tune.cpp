#include "research/tune.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/atomic_file.h"
#include "base/directory_lock.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/seal.h"
#include "data/splits.h"
#include "data/store.h"
#include "research/hyperband.h"
#include "training/option_table.h"
#include "training/step.h"
#include "training/train.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

struct Trial {
  std::int64_t number;  // from 1
  Json values;
};

struct Bracket {
  std::vector<Round> rounds;
  std::vector<Trial> trials;
};

// Draws in a row that gave nothing new before the space counts as exhausted.
constexpr std::int64_t most_attempts = 1000;

// All that is random in a search, before it starts.
std::vector<Bracket> draw_trials(const TuneOptions& o) {
  std::vector<Bracket> brackets;
  std::set<std::string> drawn;
  std::int64_t number = 0;
  for (std::vector<Round>& rounds : hyperband_brackets(o.train.epochs, o.factor)) {
    Bracket& bracket = brackets.emplace_back();
    while (std::ssize(bracket.trials) < rounds.front().trials) {
      std::int64_t attempt = 0;
      Json values = o.space.draw(o.train.seed, number + 1, attempt);
      while (drawn.contains(json_text(values)) && ++attempt < most_attempts) {
        values = o.space.draw(o.train.seed, number + 1, attempt);
      }
      if (!drawn.insert(json_text(values)).second) break;
      with_values(o.train, values);  // refuses what no run could be started with
      bracket.trials.push_back({++number, std::move(values)});
    }
    bracket.rounds = std::move(rounds);
  }
  return brackets;
}

std::string values_text(const Json& values) {
  std::string text;
  for (const auto& [name, value] : values.items()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name,
                        value.is_string() ? value.get<std::string>() : json_text(value));
  }
  return text;
}

std::string score_text(const Json& score) {
  return score.is_null() ? "diverged" : fmt::format("{:.4f}", score.get<double>());
}

constexpr const char* table_head = " trial  bracket  round  epochs     score  values";

std::string table_row(const Json& r) {
  return fmt::format("{:>6}{:>9}{:>7}{:>8}{:>10}  {}", r.at("trial").get<std::int64_t>(),
                     r.at("bracket").get<std::int64_t>(), r.at("round").get<std::int64_t>(),
                     r.at("epochs").get<std::int64_t>(), score_text(r.at("score")),
                     values_text(r.at("values")));
}

double score_of(const Json& result) {
  const Json& score = result.at("score");
  return score.is_null() ? -std::numeric_limits<double>::infinity() : score.get<double>();
}

// Highest score first; equal ones by the trial's number, then the earlier round.
void rank(std::vector<Json>& results) {
  std::ranges::stable_sort(results, [](const Json& a, const Json& b) {
    const double x = score_of(a), y = score_of(b);
    if (x != y) return x > y;
    const auto place = [](const Json& of) {
      return std::pair(of.at("trial").get<std::int64_t>(), of.at("round").get<std::int64_t>());
    };
    return place(a) < place(b);
  });
}

Json run_round(const TuneOptions& o, const Trial& trial, std::int64_t epochs,
               const fs::path& directory, const Say& say) {
  TrainOptions t = with_values(o.train, trial.values);
  t.output = directory;
  Json result = {{"epochs", epochs}, {"score", nullptr}, {"best_epoch", nullptr}};
  try {
    train_or_resume(t, epochs, say);
  } catch (const Diverged& error) {
    say(fmt::format("trial {}: {}", trial.number, error.what()));
    return result;
  }
  const Json history = read_history(directory);
  result["epochs"] = history.size();  // fewer than `epochs` after an early stop
  for (const Json& epoch : history) {
    const Json& value = epoch.at("validation_" + choice_name(o.objective));
    if (result["score"].is_null() || value.get<double>() > result["score"].get<double>()) {
      result["score"] = value;
      result["best_epoch"] = epoch.at("epoch");
    }
  }
  return result;
}

// The result of a trial's round, as it was written when the round was done.
Json read_round(const fs::path& path, const Trial& trial, std::size_t bracket, std::size_t round,
                std::int64_t epochs) {
  Json result = read_result(path);
  check_keys(path, result,
             {"trial", "bracket", "round", "epochs", "score", "best_epoch", "values"});
  const auto same = [&](const char* key, std::int64_t value) {
    json_number<std::int64_t>(path, result, key, value, value);
  };
  same("trial", trial.number);
  same("bracket", static_cast<std::int64_t>(bracket));
  same("round", static_cast<std::int64_t>(round));
  const auto done = json_number<std::int64_t>(path, result, "epochs", 1, epochs);
  if (!json_value<Json>(path, result, "score", "there").is_null()) {
    json_number<double>(path, result, "score", 0, 1);
    json_number<std::int64_t>(path, result, "best_epoch", 1, done);
  }
  result["values"] = in_todays_names(json_value<Json>(path, result, "values", "an object"));
  if (result["values"] != trial.values) {
    fail("{}: 'values' are not those of trial {}: {}", path.string(), trial.number,
         json_text(trial.values));
  }
  return result;
}

std::string best_toml(const TuneOptions& o, const Json& best) {
  std::string text =
      fmt::format("# Trial {} of ekgine tune: validation {} {} at epoch {}.\n",
                  best.at("trial").get<std::int64_t>(), choice_name(o.objective),
                  score_text(best.at("score")), best.at("best_epoch").get<std::int64_t>());
  // What a model is and how it learns; where and on what it is trained is for the next command.
  std::set<std::string> left_out;
  for_each_training_option(o.train, [&](const auto& option, const auto&) {
    if (option.in_search == InSearch::ignores) left_out.insert(option.name);
  });
  const Json options = with_values(o.train, best.at("values")).to_json();
  for (const char* section : {"train", "kfold", "final"}) {
    text += fmt::format("\n[{}]\n", section);
    for (const auto& [name, value] : options.items()) {
      if (!left_out.contains(name)) text += fmt::format("{} = {}\n", name, toml_value(value));
    }
  }
  return text;
}

// A round of a bracket, all of its trials to that many epochs: their results, best first.
std::vector<Json> run_trials(const TuneOptions& o, const std::vector<Trial>& trials,
                             std::size_t bracket, std::size_t round, std::int64_t epochs,
                             const Say& say) {
  std::vector<Unit> units;
  units.reserve(trials.size());
  for (const Trial& trial : trials) {
    const fs::path directory = o.train.output / fmt::format("trial-{:03}", trial.number);
    units.push_back(
        {directory, directory / fmt::format("round-{}.json", round),
         [&o, &say, &trial, epochs, directory, bracket, round] {
           Json result = {{"trial", trial.number}, {"bracket", bracket}, {"round", round}};
           result.update(run_round(o, trial, epochs, directory, say));
           result["values"] = trial.values;
           say(table_row(result));
           return result;
         }});
  }
  do_units(units, true);
  std::vector<Json> results;
  results.reserve(trials.size());
  for (std::size_t t = 0; t < trials.size(); ++t) {
    results.push_back(read_round(units[t].result, trials[t], bracket, round, epochs));
  }
  rank(results);
  return results;
}

// Writes what came out of all rounds. Errors: every trial diverged.
Json summarise(const TuneOptions& o, std::vector<Json> all) {
  rank(all);
  if (all.front().at("score").is_null()) {
    fail("{}: every trial diverged; search lower learning rates", o.train.output.string());
  }
  Json summary = {{"objective", choice_name(o.objective)}, {"best", all.front()}, {"trials", all}};
  const DirectoryLock lock(o.train.output, DirectoryLock::Wanted::wait);
  std::string table = fmt::format("Hyperband search of {}: validation {}, best first\n\n{}\n",
                                  o.train.model.name, choice_name(o.objective), table_head);
  for (const Json& result : all) table += table_row(result) + '\n';
  write_file(o.train.output / "report.txt", table);
  write_file(o.train.output / "best.toml", with_seal_line(best_toml(o, all.front())));
  write_file(o.train.output / "trials.json", sealed_json(summary));
  return summary;
}

}  // namespace

Json run_tune(const TuneOptions& given, const Say& say) {
  TuneOptions o = given;
  o.train.monitor = o.objective == Objective::accuracy ? Monitor::accuracy : Monitor::macro_f1;
  o.train.check();
  if (o.train.validation_records.empty()) {
    fail("tune: no validation records to compare trials on");
  }
  check_split({o.train.train_records, o.train.validation_records, {}}, "records");
  const std::vector<Bracket> brackets = draw_trials(o);
  const Store store(o.train.data);
  store.find(o.train.train_records);
  store.find(o.train.validation_records);
  open_study(o.train.output, "tune", o.train,
             {{"objective", choice_name(o.objective)},
              {"factor", o.factor},
              {"space", o.space.to_json()}});

  return continuable([&] {
    std::vector<Json> all;
    say(table_head);
    for (std::size_t b = 0; b < brackets.size(); ++b) {
      std::vector<Trial> trials = brackets[b].trials;
      for (std::size_t r = 0; r < brackets[b].rounds.size() && !trials.empty(); ++r) {
        const Round& round = brackets[b].rounds[r];
        if (std::ssize(trials) > round.trials) {
          trials.resize(static_cast<std::size_t>(round.trials));
        }
        const std::vector<Json> results = run_trials(o, trials, b + 1, r + 1, round.epochs, say);
        trials.clear();
        for (const Json& result : results) {
          trials.push_back({result.at("trial").get<std::int64_t>(), result.at("values")});
        }
        all.insert(all.end(), results.begin(), results.end());
      }
    }
    return summarise(o, std::move(all));
  });
}

}  // namespace ekgine
