#include "data/folds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/json_file.h"
#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using Order = std::vector<std::int64_t>;

// "0", "1", …
std::vector<std::string> numbered(std::int64_t n) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < n; ++i) names.push_back(std::to_string(i));
  return names;
}

std::vector<Order> as_numbers(const Folds& folds) {
  std::vector<Order> numbers;
  for (const auto& fold : folds) {
    Order& order = numbers.emplace_back();
    for (const std::string& name : fold) order.push_back(std::stoll(name));
  }
  return numbers;
}

// numpy.random.RandomState(seed).shuffle(numpy.arange(n)) of NumPy 2.4.
TEST(Folds, ShufflesAsNumPy) {
  EXPECT_THAT(numpy_shuffle(0, 5), ElementsAre());
  EXPECT_THAT(numpy_shuffle(1, 0), ElementsAre(0));
  EXPECT_THAT(numpy_shuffle(2, 1), ElementsAre(0, 1));
  EXPECT_THAT(numpy_shuffle(5, 42), ElementsAre(1, 4, 2, 0, 3));
  EXPECT_THAT(numpy_shuffle(17, 4294967295U),
              ElementsAre(8, 1, 5, 14, 10, 15, 16, 13, 11, 9, 6, 0, 4, 7, 12, 2, 3));
  EXPECT_THAT(
      numpy_shuffle(38, 42),
      ElementsAreArray({33, 36, 4,  13, 30, 26, 6,  27, 24, 15, 17, 8,  16, 12, 19, 9, 32, 0, 25, 5,
                        11, 1,  37, 21, 2,  29, 35, 3,  34, 23, 31, 10, 22, 18, 20, 7, 14, 28}));
  const Order order = numpy_shuffle(129, 7);
  EXPECT_THAT(Order(order.begin(), order.begin() + 10),
              ElementsAre(54, 65, 52, 58, 87, 94, 95, 115, 106, 46));
  EXPECT_THAT(Order(order.end() - 4, order.end()), ElementsAre(83, 67, 118, 25));
}

// KFold(k, shuffle=True, random_state=seed) of scikit-learn 1.9.
TEST(Folds, AreThoseOfScikitLearn) {
  EXPECT_EQ(as_numbers(kfold(numbered(38), 5, 42)),
            (std::vector<Order>{{4, 6, 13, 26, 27, 30, 33, 36},
                                {8, 9, 12, 15, 16, 17, 19, 24},
                                {0, 1, 5, 11, 21, 25, 32, 37},
                                {2, 3, 23, 29, 31, 34, 35},
                                {7, 10, 14, 18, 20, 22, 28}}));
  EXPECT_EQ(as_numbers(kfold(numbered(7), 3, 0)), (std::vector<Order>{{1, 2, 6}, {0, 3}, {4, 5}}));
  EXPECT_EQ(as_numbers(kfold(numbered(5), 5, 42)), (std::vector<Order>{{1}, {4}, {2}, {0}, {3}}));
}

// The published fold of the reference's k-fold model, from the split it published.
TEST(Folds, TheSeedsFifthFold) {
  const Split split =
      read_split(std::filesystem::path(EKGINE_SOURCE_DIR) / "data/splits/reference.json");
  const Folds folds = kfold(split.train, 5, 42);
  EXPECT_THAT(folds[4], ElementsAre("122", "119", "214", "212", "115", "101", "221"));
  EXPECT_EQ(fold_split(split.train, folds, 5, "fold").train.size(), 31u);
}

TEST(Folds, TheSeedsOwnSplitsFile) {
  const char* reference = std::getenv("EKGINE_REFERENCE");
  if (reference == nullptr) GTEST_SKIP() << "EKGINE_REFERENCE is not set";
  const std::filesystem::path folder = reference;
  const Split split = read_split(folder / "data_splits.json");
  const auto published = read_json(folder / "published_results.json", Sealed::if_present);
  EXPECT_EQ(
      kfold(split.train, 5, 42)[4],
      published.at("Main_Model.fold5").at("validation_records").get<std::vector<std::string>>());
}

// As scikit-learn deals the published split, 201 would validate fold 2 and 202, the same person,
// fold 1.
TEST(Folds, KeepThePatientWithTwoRecordsTogether) {
  const Split split =
      read_split(std::filesystem::path(EKGINE_SOURCE_DIR) / "data/splits/reference.json");
  std::vector<std::string> others = split.train;  // the same list, of strangers
  std::ranges::replace(others, "202", "x");
  Folds expected = kfold(others, 5, 42);
  ASSERT_THAT(expected[0], ::testing::Contains("x"));
  std::erase(expected[0], "x");
  const Folds folds = kfold(split.train, 5, 42);
  EXPECT_THAT(folds[1], ::testing::IsSupersetOf({"201", "202"}));
  EXPECT_EQ(folds[0], expected[0]);
  for (std::size_t f = 2; f < 5; ++f) EXPECT_EQ(folds[f], expected[f]) << "fold " << f + 1;
}

TEST(Folds, NoSeedPartsAPatient) {
  std::vector<std::string> records = {"202", "100", "101", "103", "105", "201"};
  const auto together = [](const std::vector<std::string>& fold) {
    return std::ranges::count(fold, "201") == std::ranges::count(fold, "202");
  };
  std::vector<ClassCounts> counts(6, ClassCounts{100, 0, 10, 0, 0});
  counts[0][3] = counts[5][3] = 50;  // stratified by records, they would be parted
  for (std::int64_t k = 2; k <= 5; ++k) {
    for (std::uint32_t seed = 0; seed < 50; ++seed) {
      for (const Folds& folds :
           {kfold(records, k, seed), stratified_kfold(records, counts, k, seed)}) {
        std::size_t dealt = 0;
        for (const auto& fold : folds) {
          EXPECT_TRUE(together(fold)) << "k " << k << ", seed " << seed;
          EXPECT_FALSE(fold.empty()) << "k " << k << ", seed " << seed;
          dealt += fold.size();
        }
        EXPECT_EQ(dealt, 6u);
      }
    }
  }
  EXPECT_ERROR(kfold(records, 6, 1), "6 records of 5 people cannot make 6 folds: each needs one");
}

// StratifiedGroupKFold(k) of scikit-learn 1.9 over groups numbered in the shuffled order.
TEST(Folds, StratifiedAreThoseOfScikitLearn) {
  const std::vector<ClassCounts> counts = {
      {126, 24, 3, 0, 0},  {20, 21, 19, 2, 3},  {189, 10, 21, 0, 4}, {192, 29, 39, 0, 2},
      {101, 26, 22, 2, 2}, {211, 28, 1, 3, 2},  {89, 8, 33, 2, 0},   {82, 7, 33, 3, 7},
      {196, 5, 20, 1, 5},  {147, 14, 28, 0, 0}, {38, 20, 37, 0, 0},  {219, 5, 33, 1, 1},
      {105, 21, 10, 3, 4}};
  const auto names = numbered(std::ssize(counts));
  EXPECT_EQ(as_numbers(stratified_kfold(names, counts, 3, 42)),
            (std::vector<Order>{{3, 10, 11, 12}, {2, 5, 6, 7}, {0, 1, 4, 8, 9}}));
  EXPECT_EQ(as_numbers(stratified_kfold(names, counts, 5, 1)),
            (std::vector<Order>{{5, 9}, {0, 7, 8}, {10, 11, 12}, {2, 4}, {1, 3, 6}}));
  EXPECT_EQ(as_numbers(stratified_kfold(names, counts, 2, 9)),
            (std::vector<Order>{{0, 3, 4, 7, 8, 11}, {1, 2, 5, 6, 9, 10, 12}}));
}

// Two records hold all of a rare class: they must not validate the same fold.
TEST(Folds, StratificationSpreadsARareClass) {
  std::vector<ClassCounts> counts(8, ClassCounts{100, 0, 10, 0, 0});
  counts[2][3] = counts[6][3] = 50;
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const auto folds = as_numbers(stratified_kfold(numbered(8), counts, 2, seed));
    EXPECT_NE(std::ranges::count(folds[0], 2), std::ranges::count(folds[0], 6)) << "seed " << seed;
    EXPECT_EQ(folds[0].size(), 4u) << "seed " << seed;
  }
}

TEST(Folds, EveryRecordValidatesOnce) {
  const auto records = numbered(23);
  const std::vector<ClassCounts> counts(23, ClassCounts{7, 1, 2, 0, 0});
  for (std::int64_t k = 2; k <= 23; ++k) {
    for (const Folds& folds : {kfold(records, k, 9), stratified_kfold(records, counts, k, 9)}) {
      std::vector<std::string> seen;
      for (std::int64_t f = 1; f <= k; ++f) {
        const Split split = fold_split(records, folds, f, "folds");
        EXPECT_EQ(split.train.size() + split.validation.size(), 23u);
        check_split(split, "fold");
        seen.insert(seen.end(), split.validation.begin(), split.validation.end());
      }
      EXPECT_THAT(seen, ::testing::UnorderedElementsAreArray(records));
    }
  }
}

TEST(Folds, RefusesWhatCannotBe) {
  EXPECT_ERROR(kfold(numbered(4), 5, 42), "4 records cannot make 5 folds: each needs one");
  EXPECT_ERROR(kfold(numbered(1), 2, 42), "1 record cannot make 2 folds: each needs one");
  EXPECT_ERROR(kfold(numbered(4), 1, 42), "the number of folds must be 2 or more, got 1");
  const std::vector<ClassCounts> counts(4, ClassCounts{1, 1, 1, 1, 1});
  EXPECT_ERROR(stratified_kfold(numbered(4), counts, 5, 42),
               "4 records cannot make 5 folds: each needs one");
  const auto records = numbered(6);
  const Folds folds = kfold(records, 3, 1);
  EXPECT_ERROR(fold_split(records, folds, 0, "fold"), "there is no fold 0; they are 1 to 3");
  EXPECT_ERROR(fold_split(records, folds, 4, "folds"), "there is no fold 4; they are 1 to 3");
}

}  // namespace
}  // namespace ekgine::testing
