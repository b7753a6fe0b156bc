// What several processes make together, each of them some records, until one puts it together.
//
// `OUTPUT.parts`, beside what will be called OUTPUT, has for each record that is done
// `NAME%part.json`, which says what its result was made of and is written after it ("%" is in no
// name of a record's file). Who takes one for done compares that first: one of other inputs is made
// anew, and so is one whose result is gone, or has other bytes than it had. docs/formats.md lists
// the keys.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/directory_lock.h"
#include "base/json.h"

namespace ekgine {

class RecordParts {
 public:
  // `format`: what they are, as files say it: "ekgine store part 1". Where `output` is a symbolic
  // link, parts lie beside where it points.
  RecordParts(const std::filesystem::path& output, std::string format);

  const std::filesystem::path& folder() const { return folder_; }
  // For what is made of a record; `ending` is not "part.json".
  std::filesystem::path place_of(const std::string& record, const std::string& ending) const;

  // What was noted of the record, where it is done and made of `inputs`, and `result` is there;
  // else null. Errors: the note is damaged, or none.
  Json done(const std::string& record, const std::string& inputs,
            const std::filesystem::path& result) const;
  // Locks the record: of several processes that were told to do it one does. Errors: another is at
  // it (InUse).
  AtomicFile hold(const std::string& record) const;
  // The record, which the caller has locked, is not done from here on, until set_done().
  void begin(const std::string& record) const;
  // `facts`: further keys. A result that is a file is noted with its checksum; a folder answers for
  // itself.
  void set_done(const std::string& record, const std::string& inputs,
                const std::filesystem::path& result, const Json& facts) const;

  // For who puts the parts together. Errors: there are none, or another process is at work in them
  // (InUse).
  std::unique_ptr<DirectoryLock> lock() const;
  // What `done_of` gives of each record. Errors: those of which it is null, all at once.
  std::vector<Json> all_done(const std::vector<std::string>& records,
                             const std::function<Json(const std::string&)>& done_of) const;
  // Removes the folder when the lock is let go; it stays where there are other records in it.
  void remove_folder(std::unique_ptr<DirectoryLock> lock) const;

 private:
  std::filesystem::path note_of(const std::string& record) const;

  std::filesystem::path folder_;
  std::string format_;
};

// The error of parts in `folder` that cannot be put together: `missing`, of `records`, are not
// done.
[[noreturn]] void fail_missing(const std::filesystem::path& folder,
                               const std::vector<std::string>& missing, std::size_t records);

}  // namespace ekgine
