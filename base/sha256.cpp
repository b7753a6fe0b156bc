#include "base/sha256.h"

#include <fmt/ranges.h>
#include <openssl/evp.h>

#include <array>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/regular_file.h"

namespace ekgine {

namespace {

// OpenSSL's calls fail when it is out of memory, or built or configured without SHA-256.
void check(int ok) {
  if (ok != 1) fail("OpenSSL cannot compute SHA-256");
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  check(context_ ? 1 : 0);
  check(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

void Sha256::update(std::span<const char> bytes) {
  check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

std::string Sha256::hex() const {
  // Finishing a context ends it; a copy leaves this one open.
  const Sha256 copy;
  check(EVP_MD_CTX_copy_ex(copy.context_.get(), context_.get()));
  std::array<unsigned char, 32> digest{};
  check(EVP_DigestFinal_ex(copy.context_.get(), digest.data(), nullptr));
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

std::string sha256_of_file(const std::filesystem::path& path) {
  RegularFile file(path);
  Sha256 sum;
  std::vector<char> buffer(std::size_t{1} << 18);
  while (const std::size_t n = file.read(buffer)) sum.update(std::span(buffer).first(n));
  return sum.hex();
}

}  // namespace ekgine
