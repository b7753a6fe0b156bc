// Where a download comes from: PhysioNet or a mirror, asked again where that may help.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "data/download.h"
#include "data/part_file.h"
#include "data/transfer.h"

namespace ekgine {

class DownloadServer {
 public:
  // Takes from `options`, which outlive it, the site or mirror, its user and password, retries and
  // limits. `say` is called with a line on what is tried again. Errors: the mirror's URL.
  DownloadServer(const DownloadOptions& options,
                 const std::function<void(const std::string&)>& say);

  // A folder with a database.
  struct Source {
    std::string url;
    std::string version;  // empty where a mirror did not tell it
    std::string sums;     // the text of its checksums_file
  };
  // `version`: empty for the usual one of mitdb, the latest of others. Errors: there is none.
  Source find(const std::string& database, const std::string& version);

  // The content of a list; nothing where there is no such file. Errors: a web page; what
  // check_list_size() refuses.
  std::optional<std::string> get_text(const std::string& url);

  // Of a file that arrives.
  struct Watch {
    std::function<void(std::int64_t bytes)> begins;  // an attempt that is to bring so many, or 0
    std::function<void(std::int64_t bytes)> arrives;
  };
  // Gets what `part` lacks of the file, until its SHA-256 is the `expected` one; once more from the
  // start where the whole has another. Errors: it is not there, or not whole after the retries; it
  // has another checksum twice; more arrives than was announced.
  void fetch(const std::string& url, const std::string& expected, PartFile& part,
             const Watch& watch);

 private:
  std::string latest_version(const std::string& database);
  TransferResult retried(const std::string& url, const std::function<TransferResult()>& attempt,
                         const std::function<std::int64_t()>& arrived);

  const DownloadOptions& options_;
  const Address mirror_;
  const std::function<void(const std::string&)>& say_;
  Transfer transfer_;
};

}  // namespace ekgine
