// Names of records, and of what is made for each: a file of the store, an exported file, a group of
// predictions.h5.
//
// A record of a database with folders is named as its RECORDS has it, by a path: "p100/a". What is
// made for it lies flat, under a name that no other record has and that leads out of no folder:
// "p100%2Fa".
#pragma once

#include <string>
#include <string_view>

namespace ekgine {

// Fails unless `name` is one or more parts separated by "/", none of them empty, "." or "..", all
// of it printable UTF-8 without a backslash. `where` opens the text: "RECORDS:3", "--records".
void check_record_name(std::string_view name, std::string_view where);

// The name as a single part of a path: "/" as "%2F", "%" as "%25". Others stay as they are.
std::string record_file_name(std::string_view name);

// The record that has this file name.
std::string record_of_file_name(std::string_view file_name);

}  // namespace ekgine
