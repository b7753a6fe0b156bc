#include "base/library_crash.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/atomic_file.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

// In libcrypto itself: a context that it was not given.
void crash_in_library() {
  EVP_MD_CTX* volatile none = nullptr;
  EVP_DigestUpdate(none, "", 1);
}

// In the C library, which libcrypto calls: bytes that are not there.
void crash_below_library() {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
  volatile std::uintptr_t nowhere = 8;
  EVP_DigestUpdate(context, reinterpret_cast<const void*>(nowhere), 20);
}

// Until the stack is full: in libcrypto, whose calls take more of it than these do.
int fill_stack(int depth) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(&depth, sizeof depth, digest.data(), nullptr, EVP_sha256(), nullptr);
  return depth < 0 ? 0 : fill_stack(depth + digest[0] / 255) + digest[1];
}

constexpr const char* one_line = "^ekgine: libcrypto[^ ]* crashed: [^\n]*\n$";

TEST(LibraryCrash, IsOneLineAndTakesTemporaryFilesAlong) {
  const testing::TemporaryDirectory directory;
  const auto crash = [&] {
    report_library_crashes();
    AtomicWriter file(directory.path() / "result");
    file.write("half");
    crash_in_library();
  };
  EXPECT_EXIT(crash(), ExitedWithCode(1), one_line);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(LibraryCrash, BelowOneIsIts) {
  const auto crash = [] {
    report_library_crashes();
    crash_below_library();
  };
  EXPECT_EXIT(crash(), ExitedWithCode(1), one_line);
}

TEST(LibraryCrash, OnAnotherThreadIsOneLine) {
  const auto crash = [] {
    report_library_crashes();
    std::thread(crash_below_library).join();
  };
  EXPECT_EXIT(crash(), ExitedWithCode(1), one_line);
}

TEST(LibraryCrash, OfAFullStackIsOneLineWhereExpected) {
  const auto crash = [] {
    report_library_crashes();
    std::thread([] {
      expect_stack_overflow();
      expect_stack_overflow();
      fill_stack(0);
    }).join();
  };
  EXPECT_EXIT(crash(), ExitedWithCode(1), one_line);
}

TEST(LibraryCrash, OfTheProgramItselfIsACrash) {
  const auto crash = [] {
    report_library_crashes();
    std::abort();
  };
  EXPECT_EXIT(crash(), KilledBySignal(SIGABRT), "");
}

TEST(LibraryCrash, OfTheProgramItselfOnAnotherThreadIsACrash) {
  const auto crash = [] {
    report_library_crashes();
    std::thread([] { __builtin_trap(); }).join();
  };
  EXPECT_EXIT(crash(), KilledBySignal(SIGILL), "");
}

}  // namespace
}  // namespace ekgine
