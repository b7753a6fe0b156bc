// Records dealt into k folds for cross-validation: each fold validates once what the others train.
//
// By subject, never by beat (see data/splits.h): records of one person (data/subjects.h) validate
// the same fold.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/splits.h"
#include "data/store.h"

namespace ekgine {

using Folds = std::vector<std::vector<std::string>>;  // the validation records of each fold

// The permutation of 0 … n−1 that numpy.random.RandomState(seed).shuffle(numpy.arange(n)) makes:
// MT19937 started from `seed`, Fisher-Yates from the end, numbers in range by masking and
// rejecting. The same in every version of NumPy: its legacy streams are frozen.
std::vector<std::int64_t> numpy_shuffle(std::int64_t n, std::uint32_t seed);

// The folds of scikit-learn's KFold(k, shuffle=True, random_state=seed) over `records`: numbers
// permuted by numpy_shuffle and cut into k pieces, of which the first (n mod k) have one more. Then
// records of a subject of whom an earlier one stands in another fold go there; a fold that this
// leaves empty gets the last subject of the largest fold. Each fold's records are in the order of
// `records`.
// Errors: k below 2; fewer subjects than folds.
Folds kfold(const std::vector<std::string>& records, std::int64_t k, std::uint32_t seed);

// Folds whose shares of every class are as even as whole records allow: the greedy procedure of
// scikit-learn's StratifiedGroupKFold with a subject as a group. Subjects are taken in the order of
// numpy_shuffle, those with the most uneven counts over the classes first (stable), and each goes
// to the fold that makes the shares of the folds differ least: least mean over the classes of the
// standard deviation over the folds, among equals the fold with the fewest beats, then the first.
// `counts` are of the records' beats. Errors: as kfold(); a fold that gets no record.
Folds stratified_kfold(const std::vector<std::string>& records, std::span<const ClassCounts> counts,
                       std::int64_t k, std::uint32_t seed);

// Training and validation records of fold `number`, from 1. Errors, OptionErrors about `option`: a
// number that is no fold.
Split fold_split(const std::vector<std::string>& records, const Folds& folds, std::int64_t number,
                 const std::string& option);

}  // namespace ekgine
