// Records of one person: they must not stand on both sides of a split.
//
// The table has those of the MIT-BIH Arrhythmia Database: 48 records of 47 people, of whom one gave
// both 201 and 202 (the comments of 202.hea say so, and the database's page). Excerpts are of the
// person of their source: the QT Database's are called after it (sel100 of 100, sele0104 of the
// European e0104), the Noise Stress Test Database's, 118e06 and so on, are 118 and 119 with noise.
// Nothing that a store or a splits file holds tells which database a record is of, so the names
// decide: were two records of other databases called so, they would be kept together without need,
// or the one left out where the other tests.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "data/splits.h"

namespace ekgine {

// The number of each record's subject. Numbers are given in the order of first appearance, so they
// are 0, 1, 2, … where no two records are of one person.
std::vector<std::size_t> subjects_of(const std::vector<std::string>& records);

// Those of `records` that are of a person of whom `others` has a record. Names of folders before
// them ("mitdb/100") do not count.
std::vector<std::string> of_same_subjects(const std::vector<std::string>& records,
                                          const std::vector<std::string>& others);

// Says by notice() whose records stand in more than one list of the split, as a list that was dealt
// record by record may have them: the reference's folds 1 and 2.
void tell_parted_subjects(const Split& split);

}  // namespace ekgine
