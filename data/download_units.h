// What a database consists of: its records, or its files, and which files a record needs.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/checksums.h"

namespace ekgine {

// A record, all that is in a folder, or a file.
struct DownloadUnit {
  enum class Kind { record, folder, file };
  Kind kind;
  std::string name;
};

class DownloadUnits {
 public:
  // The text of RECORDS or ANNOTATORS; nothing where the database has no such file.
  using ReadList = std::function<std::optional<std::string>(const std::string& name)>;

  // Of the database at `url` with the files `sums`, both of which outlive this, which come to be in
  // `folder`. Errors: lists that are malformed, or name what is outside; a database without
  // records.
  static DownloadUnits of_records(const std::string& url, const Checksums& sums,
                                  const std::filesystem::path& folder, const ReadList& read_list);
  // Every file is a unit.
  static DownloadUnits of_files(const std::string& url, const Checksums& sums,
                                const std::filesystem::path& folder);

  const std::vector<DownloadUnit>& all() const { return units_; }
  // Those of the names, in their order; all for none. Errors name what is not there.
  std::vector<DownloadUnit> chosen(const std::vector<std::string>& names) const;

  // Calls `each` for the unit's files, until it answers false; says whether all were visited. A
  // header is visited before it is read: which other files a record has stands in it.
  using Visit = std::function<bool(const std::string& file)>;
  bool visit(const DownloadUnit& unit, const Visit& each) const;

 private:
  DownloadUnits(const std::string& url, const Checksums& sums, const std::filesystem::path& folder)
      : url_(url), sums_(sums), folder_(folder) {}
  bool visit_record(const std::string& record, const Visit& each, bool is_segment) const;

  const std::string& url_;
  const Checksums& sums_;
  const std::filesystem::path& folder_;
  std::vector<DownloadUnit> units_;
  std::vector<std::string> annotators_;  // kinds of annotations
};

}  // namespace ekgine
