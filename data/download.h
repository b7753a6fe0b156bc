// A database of PhysioNet, file by file, from the network to a folder.
//
// PhysioNet keeps version V of database N at https://physionet.org/files/N/V/: SHA256SUMS.txt lists
// every file with its checksum, RECORDS the records, ANNOTATORS the kinds of annotations. Of a
// record are fetched its header, what the header names (signal files, or the segments of a record
// of several), and its annotations: what reading it needs.
//
// A file is written to NAME.part (NAME.part.part where the database has a file NAME.part); once its
// SHA-256 is the one listed it is renamed to NAME. So what is there under its own name is whole,
// and a NAME.part is where the next attempt goes on. At the end all must still be as they were
// verified.
//
// No answer is taken without end: more than was announced is refused, a file whose size is not told
// may have DownloadOptions::largest_untold bytes, a list 256 MiB, and a part of the disk stays free
// (check_room() in data/part_file.h). Links in the output folder are not followed.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/transfer.h"

namespace ekgine {

struct DownloadOptions {
  // NAME or NAME/VERSION. Without a version: 1.0.0 of mitdb, the latest of others.
  std::string database = "mitdb";
  std::filesystem::path output;
  // A https, http or file URL to fetch from instead: the folder that holds SHA256SUMS.txt, or one
  // laid out as PhysioNet's, with NAME/VERSION/SHA256SUMS.txt. User and password in it
  // (https://USER:PASSWORD@HOST/...) are told to that host alone, never to people or files.
  std::string mirror;
  std::vector<std::string> records;  // empty: all that RECORDS lists, or all .hea files without it
  bool all_files = false;            // every file that SHA256SUMS.txt lists, of a record or not

  std::int64_t largest_untold = std::int64_t{1} << 30;  // bytes of a file of untold size
  std::string site = "https://physionet.org";
  TransferOptions transfer;
  // Outcomes that may pass are tried again, this often without a new byte in between.
  int retries = 5;
  std::chrono::milliseconds first_delay{1'000};  // doubled each time, up to a minute
};

// How far it is. A unit is a record, or a file with all_files.
struct DownloadProgress {
  bool checking = false;  // what is there already; else fetching what is not
  std::int64_t units_done = 0, units = 0;
  std::int64_t bytes = 0;           // received; while checking: found as they should be
  std::int64_t expected_bytes = 0;  // to receive in all: an estimate from the units done
  std::string unit;
};

struct DownloadResult {
  std::string database, version;      // the version is empty where a mirror did not tell it
  std::string source;                 // URL of the folder, without user and password
  std::int64_t records = 0;           // 0 with all_files
  std::int64_t files = 0, bytes = 0;  // there now, verified
  std::int64_t fetched_files = 0, received_bytes = 0;  // of these by this call
};

// Makes sure that all files are in options.output, verified. Files there that are as they should be
// are not fetched again; others of their names are replaced. `progress` and `say` (a line on a file
// that is tried again) are called from this thread. Throws Interrupted on Ctrl-C; what has arrived
// stays and the same call goes on with it, as after an error.
// Errors: a wrong URL; a file missing on the server, with another checksum twice, or still not
// arriving after the retries; lists that are malformed or name paths outside the database; a folder
// that holds another database, cannot be written or has another download at work.
DownloadResult download(const DownloadOptions& options,
                        const std::function<void(const DownloadProgress&)>& progress = {},
                        const std::function<void(const std::string&)>& say = {});

}  // namespace ekgine
