#include "evaluation/metrics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/json_file.h"

namespace ekgine {

namespace {

// Sequences at or above one of the distinct scores.
struct Cut {
  std::int64_t true_positives = 0, false_positives = 0;
};

// One class's sequences cut at every distinct score, from the highest to the lowest.
struct Ranking {
  std::vector<Cut> cuts;
  std::int64_t positives = 0, negatives = 0;
};

Ranking rank(std::span<const float> probabilities, std::span<const std::int32_t> labels,
             std::size_t classes, std::size_t class_index) {
  // Floats that are not negative order as their bits do. Shifting the sign out (it makes −0 equal
  // to 0) leaves room for whether the sequence is positive: one 32-bit key holds both.
  std::vector<std::uint32_t> keys(labels.size());
  Ranking ranking;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const float score = probabilities[i * classes + class_index];
    const bool positive = static_cast<std::size_t>(labels[i]) == class_index;
    keys[i] = std::bit_cast<std::uint32_t>(score) << 1 | static_cast<std::uint32_t>(positive);
    ++(positive ? ranking.positives : ranking.negatives);
  }
  std::sort(keys.begin(), keys.end(), std::greater<>());
  Cut cut;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ++((keys[i] & 1) != 0 ? cut.true_positives : cut.false_positives);
    const bool last_of_equals = i + 1 == keys.size() || keys[i] >> 1 != keys[i + 1] >> 1;
    if (last_of_equals) ranking.cuts.push_back(cut);
  }
  return ranking;
}

std::optional<double> roc_auc(const Ranking& ranking) {
  if (ranking.positives == 0 || ranking.negatives == 0) return std::nullopt;
  // Twice the area in units of one pair, in integers: exact.
  std::int64_t twice = 0;
  Cut last;
  for (const Cut& cut : ranking.cuts) {
    twice +=
        (cut.false_positives - last.false_positives) * (cut.true_positives + last.true_positives);
    last = cut;
  }
  return static_cast<double>(twice) /
         (2.0 * static_cast<double>(ranking.positives) * static_cast<double>(ranking.negatives));
}

double precision(const Cut& cut) {
  return static_cast<double>(cut.true_positives) /
         static_cast<double>(cut.true_positives + cut.false_positives);
}

std::optional<double> average_precision(const Ranking& ranking) {
  if (ranking.positives == 0) return std::nullopt;
  double sum = 0;
  std::int64_t found = 0;
  for (const Cut& cut : ranking.cuts) {
    sum += static_cast<double>(cut.true_positives - found) * precision(cut);
    found = cut.true_positives;
  }
  return sum / static_cast<double>(ranking.positives);
}

double ratio_or_zero(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

double distance(CurvePoint p, CurvePoint a, CurvePoint b) {
  const double dx = b.x - a.x, dy = b.y - a.y;
  const double length_squared = dx * dx + dy * dy;
  double along = 0;
  if (length_squared > 0) {
    along = std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length_squared, 0.0, 1.0);
  }
  return std::hypot(p.x - a.x - along * dx, p.y - a.y - along * dy);
}

// Ramer 1972, Douglas and Peucker 1973.
std::vector<CurvePoint> thin(const std::vector<CurvePoint>& points, double tolerance) {
  if (points.size() < 3) return points;
  std::vector<bool> keep(points.size(), false);
  keep.front() = keep.back() = true;
  std::vector<std::pair<std::size_t, std::size_t>> pending{{0, points.size() - 1}};
  while (!pending.empty()) {
    const auto [first, last] = pending.back();
    pending.pop_back();
    double furthest = std::max(tolerance, 1e-12);
    std::size_t split = first;
    for (std::size_t i = first + 1; i < last; ++i) {
      const double d = distance(points[i], points[first], points[last]);
      if (d > furthest) {
        furthest = d;
        split = i;
      }
    }
    if (split == first) continue;
    keep[split] = true;
    pending.emplace_back(first, split);
    pending.emplace_back(split, last);
  }
  std::vector<CurvePoint> kept;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (keep[i]) kept.push_back(points[i]);
  }
  return kept;
}

Json interval_json(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return Json::array({interval->low, interval->high});
}

std::optional<Interval> interval_from_json(const Json& json) {
  if (!json.is_array()) return std::nullopt;
  return Interval{json.at(0).get<double>(), json.at(1).get<double>()};
}

Json intervals_json(const MetricIntervals& intervals, std::span<const ClassMetrics> names) {
  Json json = Json::object();
  json["confidence"] = bootstrap_confidence;
  json["resamples"] = bootstrap_resamples;
  json["accuracy"] = interval_json(intervals.accuracy);
  json["loss"] = interval_json(intervals.loss);
  json["macro_f1"] = interval_json(intervals.macro_f1);
  json["weighted_f1"] = interval_json(intervals.weighted_f1);
  Json& classes = json["classes"] = Json::object();
  for (std::size_t c = 0; c < names.size(); ++c) {
    const ClassIntervals& of_class = intervals.classes[c];
    classes[names[c].name] = {{"precision", interval_json(of_class.precision)},
                              {"recall", interval_json(of_class.recall)},
                              {"f1", interval_json(of_class.f1)},
                              {"auc", interval_json(of_class.auc)},
                              {"average_precision", interval_json(of_class.average_precision)}};
  }
  return json;
}

// Fails unless each of these is a pair of numbers from 0 to `most`, the lower one first, or null.
void check_intervals(const std::string& where, const Json& json,
                     std::initializer_list<const char*> names, double most) {
  for (const char* name : names) {
    if (json_value<Json>(where, json, name, "there").is_null()) continue;
    const auto ends = json_value<std::vector<double>>(where, json, name, "two numbers");
    if (ends.size() != 2 || !(0 <= ends[0] && ends[0] <= ends[1] && ends[1] <= most)) {
      fail("{}: '{}' must be an interval from 0 to {}", where, name, most);
    }
  }
}

// As intervals_json() writes them.
void check_intervals_json(const std::string& source, const Json& json,
                          std::span<const std::string_view> class_names) {
  if (!json.is_object()) fail("{}: 'intervals' is not an object", source);
  const std::string where = source + ": intervals";
  check_keys(where, json,
             {"confidence", "resamples", "accuracy", "loss", "macro_f1", "weighted_f1", "classes"});
  json_number<double>(where, json, "confidence", 0, 1);
  json_number<std::int64_t>(where, json, "resamples", 1, 1'000'000'000);
  check_intervals(where, json, {"accuracy", "macro_f1", "weighted_f1"}, 1);
  check_intervals(where, json, {"loss"}, 100);
  const auto classes = json_value<Json>(where, json, "classes", "an object");
  if (classes.size() != class_names.size()) {
    fail("{}: is about {} classes, expected {}", where, classes.size(), class_names.size());
  }
  for (const std::string_view name : class_names) {
    const auto of_class = json_value<Json>(where, classes, std::string(name).c_str(), "an object");
    const std::string place = fmt::format("{}: class {}", where, name);
    check_keys(place, of_class, {"precision", "recall", "f1", "auc", "average_precision"});
    check_intervals(place, of_class, {"precision", "recall", "f1", "auc", "average_precision"}, 1);
  }
}

}  // namespace

void check_predictions(std::string_view where, std::span<const float> probabilities,
                       std::span<const std::int32_t> labels, std::size_t classes) {
  if (classes < 2) fail("{}{} class names, expected 2 or more", where, classes);
  if (labels.empty()) fail("{}no sequences to evaluate", where);
  if (probabilities.size() != labels.size() * classes) {
    fail("{}{} probabilities, expected (n,C)=({},{})", where, probabilities.size(), labels.size(),
         classes);
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= classes) {
      fail("{}sequence {}: label {}, expected 0 to {}", where, i, labels[i], classes - 1);
    }
  }
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    // Written so that NaN fails too.
    if (!(probabilities[i] >= 0.0F && probabilities[i] <= 1.00001F)) {
      fail("{}sequence {}: the probability of class {} is {}, expected 0 to 1", where, i / classes,
           i % classes, probabilities[i]);
    }
  }
}

Metrics compute_metrics(std::span<const float> probabilities, std::span<const std::int32_t> labels,
                        std::span<const std::string> class_names) {
  const std::size_t classes = class_names.size();
  check_predictions("", probabilities, labels, classes);

  Metrics metrics;
  metrics.sequences = static_cast<std::int64_t>(labels.size());
  metrics.confusion.assign(classes, std::vector<std::int64_t>(classes, 0));
  double loss = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = probabilities.subspan(i * classes, classes);
    const auto truth = static_cast<std::size_t>(labels[i]);
    const auto predicted =
        static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    ++metrics.confusion[truth][predicted];
    loss -= std::log(std::clamp(static_cast<double>(row[truth]), 1e-7, 1 - 1e-7));
  }
  metrics.loss = loss / static_cast<double>(metrics.sequences);

  std::int64_t correct = 0;
  double f1_sum = 0, f1_weighted = 0;
  int occurring = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    ClassMetrics figures;
    figures.name = class_names[c];
    std::int64_t predicted = 0;
    for (std::size_t other = 0; other < classes; ++other) {
      figures.support += metrics.confusion[c][other];
      predicted += metrics.confusion[other][c];
    }
    const std::int64_t hits = metrics.confusion[c][c];
    figures.precision = ratio_or_zero(hits, predicted);
    figures.recall = ratio_or_zero(hits, figures.support);
    figures.f1 = ratio_or_zero(2 * hits, predicted + figures.support);
    const Ranking ranking = rank(probabilities, labels, classes, c);
    figures.auc = roc_auc(ranking);
    figures.average_precision = average_precision(ranking);

    correct += hits;
    f1_sum += figures.f1;
    f1_weighted += figures.f1 * static_cast<double>(figures.support);
    if (predicted + figures.support > 0) ++occurring;
    metrics.classes.push_back(std::move(figures));
  }
  metrics.accuracy = ratio_or_zero(correct, metrics.sequences);
  metrics.macro_f1 = f1_sum / occurring;
  metrics.weighted_f1 = f1_weighted / static_cast<double>(metrics.sequences);
  return metrics;
}

Json metrics_json(const Metrics& metrics) {
  const auto number_or_null = [](const std::optional<double>& value) {
    return value ? Json(*value) : Json(nullptr);
  };
  Json json = Json::object();
  json["accuracy"] = metrics.accuracy;
  json["loss"] = metrics.loss;
  json["macro_f1"] = metrics.macro_f1;
  json["weighted_f1"] = metrics.weighted_f1;
  json["sequences"] = metrics.sequences;
  Json& classes = json["classes"] = Json::object();
  for (const ClassMetrics& figures : metrics.classes) {
    Json& entry = classes[figures.name] = Json::object();
    entry["precision"] = figures.precision;
    entry["recall"] = figures.recall;
    entry["f1"] = figures.f1;
    entry["support"] = figures.support;
    entry["auc"] = number_or_null(figures.auc);
    entry["average_precision"] = number_or_null(figures.average_precision);
  }
  json["confusion"] = metrics.confusion;
  if (metrics.intervals) json["intervals"] = intervals_json(*metrics.intervals, metrics.classes);
  return json;
}

std::optional<Interval> interval_in(const Json& metrics, const std::string& figure) {
  const Json* intervals = metrics.find("intervals");
  return intervals != nullptr && intervals->is_object() ? interval_from_json(intervals->at(figure))
                                                        : std::nullopt;
}

std::optional<Interval> interval_in(const Json& metrics, const std::string& class_name,
                                    const std::string& figure) {
  const Json* intervals = metrics.find("intervals");
  return intervals != nullptr && intervals->is_object()
             ? interval_from_json(intervals->at("classes").at(class_name).at(figure))
             : std::nullopt;
}

void check_metrics_json(const Json& json, std::span<const std::string_view> class_names,
                        const std::string& source) {
  const auto share = [](const std::string& where, const auto& object, const char* key) {
    return json_number<double>(where, object, key, 0, 1);
  };
  const auto share_or_null = [&](const std::string& where, const auto& object, const char* key) {
    if (!object.contains(key) || !object.at(key).is_null()) share(where, object, key);
  };
  const auto sequences = json_number<std::int64_t>(source, json, "sequences", 1,
                                                   std::numeric_limits<std::int32_t>::max());
  check_keys(source, json,
             {"accuracy", "loss", "macro_f1", "weighted_f1", "sequences", "classes", "confusion",
              "intervals", "protocol", "stores"});
  const double accuracy = share(source, json, "accuracy");
  share(source, json, "macro_f1");
  share(source, json, "weighted_f1");
  json_number<double>(source, json, "loss", 0, 100);
  // Files of an earlier version have none, nor has an evaluation of one record.
  if (json.contains("intervals")) {
    check_intervals_json(source, json.at("intervals"), class_names);
  }
  const auto confusion = json_value<std::vector<std::vector<std::int64_t>>>(
      source, json, "confusion", "a matrix of counts");
  const auto classes = json_value<Json>(source, json, "classes", "an object");
  if (confusion.size() != class_names.size() || classes.size() != class_names.size()) {
    fail("{}: is about {} classes, expected {}", source, classes.size(), class_names.size());
  }
  std::int64_t sum = 0, correct = 0;
  for (std::size_t c = 0; c < class_names.size(); ++c) {
    const std::string name(class_names[c]), where = fmt::format("{}: class {}", source, name);
    const auto figures = json_value<Json>(source, classes, name.c_str(), "one");
    for (const char* key : {"precision", "recall", "f1"}) share(where, figures, key);
    for (const char* key : {"auc", "average_precision"}) share_or_null(where, figures, key);
    check_keys(where, figures,
               {"precision", "recall", "f1", "support", "auc", "average_precision"});
    const auto support = json_number<std::int64_t>(where, figures, "support", 0, sequences);
    std::int64_t row = 0;
    for (const std::int64_t count : confusion[c]) {
      if (count < 0 || count > sequences) fail("{}: {} of its sequences", where, count);
      row += count;
    }
    if (confusion[c].size() != class_names.size() || row != support) {
      fail("{}: the row of 'confusion' has {} counts and {} sequences, expected {} and {}", where,
           confusion[c].size(), row, class_names.size(), support);
    }
    sum += row;
    correct += confusion[c][c];
  }
  if (sum != sequences || std::abs(accuracy - ratio_or_zero(correct, sequences)) > 1e-9) {
    fail("{}: 'confusion' has {} of {} sequences right, 'accuracy' is {} of {}", source, correct,
         sum, accuracy, sequences);
  }
}

Baseline majority_baseline(const Metrics& metrics) {
  Baseline baseline;
  int occurring = 0;
  for (std::size_t c = 0; c < metrics.classes.size(); ++c) {
    const std::int64_t support = metrics.classes[c].support;
    if (support > metrics.classes[baseline.majority].support) baseline.majority = c;
    if (support == 0) continue;
    ++occurring;
    const double frequency = ratio_or_zero(support, metrics.sequences);
    baseline.loss -= frequency * std::log(frequency);
  }
  const double share = ratio_or_zero(metrics.classes[baseline.majority].support, metrics.sequences);
  const double f1 = 2 * share / (1 + share);  // precision is the share, recall 1
  baseline.accuracy = share;
  baseline.macro_f1 = f1 / occurring;
  baseline.weighted_f1 = f1 * share;
  return baseline;
}

ClassCurves compute_curves(std::span<const float> probabilities,
                           std::span<const std::int32_t> labels, std::size_t classes,
                           std::size_t class_index, double tolerance) {
  check_predictions("", probabilities, labels, classes);
  const Ranking ranking = rank(probabilities, labels, classes, class_index);
  ClassCurves curves;
  if (ranking.positives > 0 && ranking.negatives > 0) {
    curves.roc.push_back({0, 0});
    for (const Cut& cut : ranking.cuts) {
      curves.roc.push_back({ratio_or_zero(cut.false_positives, ranking.negatives),
                            ratio_or_zero(cut.true_positives, ranking.positives)});
    }
    curves.roc = thin(curves.roc, tolerance);
  }
  double recall = 0;
  for (const Cut& cut : ranking.cuts) {
    const double reached = ratio_or_zero(cut.true_positives, ranking.positives);
    if (reached == recall) continue;  // a step of no width; also when there are no positives
    curves.precision_recall.push_back({recall, precision(cut)});
    curves.precision_recall.push_back({reached, precision(cut)});
    recall = reached;
  }
  curves.precision_recall = thin(curves.precision_recall, tolerance);
  return curves;
}

}  // namespace ekgine
