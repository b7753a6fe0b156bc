#include "data/folds.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

#include "base/error.h"
#include "base/option_error.h"
#include "data/subjects.h"

namespace ekgine {

namespace {

// The subject of each record (see subjects_of).
std::vector<std::size_t> checked_subjects(const std::vector<std::string>& records, std::int64_t k) {
  if (k < 2) fail("the number of folds must be 2 or more, got {}", k);
  std::vector<std::size_t> subjects = subjects_of(records);
  const auto people = std::ssize(std::set(subjects.begin(), subjects.end()));
  if (people < k) {
    fail("{} record{}{} cannot make {} folds: each needs one", records.size(),
         records.size() == 1 ? "" : "s",
         people < std::ssize(records) ? fmt::format(" of {} people", people) : "", k);
  }
  return subjects;
}

// See kfold(). There are at least as many subjects as folds, so the largest fold of any that leaves
// one empty has two or more.
void keep_subjects_together(std::vector<std::int64_t>& fold_of,
                            const std::vector<std::size_t>& subjects, std::int64_t k) {
  const std::size_t people = std::ranges::max(subjects) + 1;
  std::vector<std::int64_t> of_subject(people, -1);
  for (std::size_t r = 0; r < subjects.size(); ++r) {
    std::int64_t& fold = of_subject[subjects[r]];
    if (fold < 0) fold = fold_of[r];
  }
  for (std::int64_t fold = 0; fold < k; ++fold) {
    if (std::ranges::find(of_subject, fold) != of_subject.end()) continue;
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(k));
    for (const std::int64_t other : of_subject) ++sizes[static_cast<std::size_t>(other)];
    const std::int64_t largest = std::ranges::max_element(sizes) - sizes.begin();
    *std::find(of_subject.rbegin(), of_subject.rend(), largest) = fold;
  }
  for (std::size_t r = 0; r < subjects.size(); ++r) fold_of[r] = of_subject[subjects[r]];
}

// Of the population: divided by the number of values.
double standard_deviation(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / n);
}

// numpy.isclose of two finite values.
bool is_close(double a, double b) {
  return std::abs(a - b) <= 1e-8 + 1e-5 * std::abs(b);
}

Folds in_order(const std::vector<std::string>& records, const std::vector<std::int64_t>& fold_of,
               std::int64_t k) {
  Folds folds(static_cast<std::size_t>(k));
  for (std::size_t r = 0; r < records.size(); ++r) {
    folds[static_cast<std::size_t>(fold_of[r])].push_back(records[r]);
  }
  return folds;
}

// The subjects in the order in which they are dealt: those whose classes differ most in number
// first, equal ones shuffled.
std::vector<std::int64_t> most_uneven_first(const std::vector<ClassCounts>& of_subject,
                                            std::span<const std::size_t> classes,
                                            std::uint32_t seed) {
  std::vector<double> unevenness;
  for (const ClassCounts& subject : of_subject) {
    std::vector<double> values;
    values.reserve(classes.size());
    for (const std::size_t c : classes) values.push_back(static_cast<double>(subject[c]));
    unevenness.push_back(values.empty() ? 0 : standard_deviation(values));
  }
  std::vector<std::int64_t> order = numpy_shuffle(std::ssize(of_subject), seed);
  std::ranges::stable_sort(order, std::greater(), [&unevenness](std::int64_t s) {
    return unevenness[static_cast<std::size_t>(s)];
  });
  return order;
}

// The fold with which, given the subject, the classes are shared out most evenly; of equal ones the
// one with the fewest beats.
std::size_t most_even_with(const ClassCounts& subject, const std::vector<ClassCounts>& in_fold,
                           std::span<const std::size_t> classes, const ClassCounts& all) {
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  std::int64_t least_beats = std::numeric_limits<std::int64_t>::max();
  for (std::size_t fold = 0; fold < in_fold.size(); ++fold) {
    double sum = 0;
    for (const std::size_t c : classes) {
      std::vector<double> shares;
      for (std::size_t other = 0; other < in_fold.size(); ++other) {
        const std::int64_t n = in_fold[other][c] + (other == fold ? subject[c] : 0);
        shares.push_back(static_cast<double>(n) / static_cast<double>(all[c]));
      }
      sum += standard_deviation(shares);
    }
    const double mean = classes.empty() ? 0 : sum / static_cast<double>(classes.size());
    const std::int64_t beats =
        std::accumulate(in_fold[fold].begin(), in_fold[fold].end(), std::int64_t{0});
    if (mean < least || (is_close(mean, least) && beats < least_beats)) {
      best = fold;
      least = mean;
      least_beats = beats;
    }
  }
  return best;
}

}  // namespace

std::vector<std::int64_t> numpy_shuffle(std::int64_t n, std::uint32_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 bits(seed);
  for (auto i = static_cast<std::uint32_t>(std::max<std::int64_t>(n, 1) - 1); i > 0; --i) {
    const std::uint32_t mask = std::bit_ceil(i + 1) - 1;
    std::uint32_t j = 0;
    do {
      j = static_cast<std::uint32_t>(bits()) & mask;
    } while (j > i);
    std::swap(order[i], order[j]);
  }
  return order;
}

Folds kfold(const std::vector<std::string>& records, std::int64_t k, std::uint32_t seed) {
  const std::vector<std::size_t> subjects = checked_subjects(records, k);
  const std::int64_t n = std::ssize(records);
  const std::vector<std::int64_t> order = numpy_shuffle(n, seed);
  std::vector<std::int64_t> fold_of(records.size());
  std::size_t next = 0;
  for (std::int64_t fold = 0; fold < k; ++fold) {
    const std::int64_t size = n / k + (fold < n % k ? 1 : 0);
    for (std::int64_t i = 0; i < size; ++i) {
      fold_of[static_cast<std::size_t>(order[next++])] = fold;
    }
  }
  keep_subjects_together(fold_of, subjects, k);
  return in_order(records, fold_of, k);
}

Folds stratified_kfold(const std::vector<std::string>& records, std::span<const ClassCounts> counts,
                       std::int64_t k, std::uint32_t seed) {
  const std::vector<std::size_t> subjects = checked_subjects(records, k);
  ClassCounts all{};
  std::vector<ClassCounts> of_subject(std::ranges::max(subjects) + 1);
  for (std::size_t r = 0; r < records.size(); ++r) {
    for (std::size_t c = 0; c < all.size(); ++c) {
      all[c] += counts[r][c];
      of_subject[subjects[r]][c] += counts[r][c];
    }
  }
  std::vector<std::size_t> classes;  // that occur
  for (std::size_t c = 0; c < all.size(); ++c) {
    if (all[c] > 0) classes.push_back(c);
  }

  std::vector<ClassCounts> in_fold(static_cast<std::size_t>(k));
  std::vector<std::int64_t> fold_of_subject(of_subject.size());
  for (const std::int64_t s : most_uneven_first(of_subject, classes, seed)) {
    const ClassCounts& subject = of_subject[static_cast<std::size_t>(s)];
    const std::size_t best = most_even_with(subject, in_fold, classes, all);
    for (std::size_t c = 0; c < subject.size(); ++c) in_fold[best][c] += subject[c];
    fold_of_subject[static_cast<std::size_t>(s)] = static_cast<std::int64_t>(best);
  }
  std::vector<std::int64_t> fold_of;
  fold_of.reserve(subjects.size());
  for (const std::size_t subject : subjects) fold_of.push_back(fold_of_subject[subject]);
  Folds folds = in_order(records, fold_of, k);
  for (std::size_t fold = 0; fold < folds.size(); ++fold) {
    if (folds[fold].empty()) {
      fail("fold {} of {} gets no record by stratification; ask for fewer folds", fold + 1, k);
    }
  }
  return folds;
}

Split fold_split(const std::vector<std::string>& records, const Folds& folds, std::int64_t number,
                 const std::string& option) {
  if (number < 1 || number > std::ssize(folds)) {
    fail_option({option}, "there is no fold {}; they are 1 to {}", number, folds.size());
  }
  Split split;
  split.validation = folds[static_cast<std::size_t>(number - 1)];
  for (const std::string& record : records) {
    if (std::ranges::find(split.validation, record) == split.validation.end()) {
      split.train.push_back(record);
    }
  }
  return split;
}

}  // namespace ekgine
