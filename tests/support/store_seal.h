// Stores whose files are changed on purpose.
#pragma once

#include <filesystem>
#include <string>

#include "base/hdf5.h"
#include "base/json.h"
#include "base/json_file.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::testing {

// Writes the seal of RECORD.h5, as it is now, into store.json.
inline void list_record_file(const std::filesystem::path& store, const std::string& record) {
  Json json = read_json(store / "store.json", Sealed::if_present);
  for (Json& entry : json.at("records")) {
    if (entry.at("name") == record) {
      entry["sha256"] = hdf5::File::open(store / (record + ".h5")).seal();
    }
  }
  write_bytes(store / "store.json", sealed_json(json));
}

}  // namespace ekgine::testing
