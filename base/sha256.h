// SHA-256 (FIPS 180-4), as checksums of files and downloads: computed by OpenSSL, with the
// processor's own instructions where it has them.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

struct evp_md_ctx_st;  // OpenSSL's

namespace ekgine {

class Sha256 {
 public:
  Sha256();
  void update(std::span<const char> bytes);
  // Of all bytes so far, as 64 lower-case hexadecimal digits. More bytes may follow.
  std::string hex() const;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// Of a whole file. Errors: it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace ekgine
