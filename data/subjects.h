// Records of one person: they must not stand on both sides of a split.
//
// The table has those of the MIT-BIH Arrhythmia Database: 48 records of 47 people, of whom one gave
// both 201 and 202 (the comments of 202.hea say so, and the database's page). Nothing that a store
// or a splits file holds tells which database a record is of, so the names decide: were two records
// of another database called so, they would be kept together without need, which costs nothing but
// evenness.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "data/splits.h"

namespace ekgine {

// The number of each record's subject. Numbers are given in the order of first appearance, so they
// are 0, 1, 2, … where no two records are of one person.
std::vector<std::size_t> subjects_of(const std::vector<std::string>& records);

// Says by notice() whose records stand in more than one list of the split, as a list that was dealt
// record by record may have them: the reference's folds 1 and 2.
void tell_parted_subjects(const Split& split);

}  // namespace ekgine
