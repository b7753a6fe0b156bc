// What the module has, a file each (python/module.cpp).
#pragma once

#include <nanobind/nanobind.h>

#include <filesystem>

namespace ekgine::python {

// Weights: load(), Model. After records and recordings.
void add_model(nanobind::module_& module);
// The store's records, beats: Store, Record, measure().
void add_records(nanobind::module_& module);
// What is found in recordings: Classification.
void add_recordings(nanobind::module_& module);
// read_predictions(), Predictions.
void add_predictions(nanobind::module_& module);

// Throws the OSError of a file or folder that cannot be read: FileNotFoundError, PermissionError.
void require_readable(const std::filesystem::path& path);

}  // namespace ekgine::python
