#include "data/download_lists.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

TEST(DownloadLists, AWebPageIsNoList) {
  for (const char* page :
       {"<!DOCTYPE html>", "<html lang='en'>", "\n \t<HTML>", "\xef\xbb\xbf<!doctype HTML>"}) {
    EXPECT_TRUE(is_web_page(page)) << page;
  }
  for (const char* list : {"", " ", "100\n101\n", "<", "<!DOCTYPE xml>", "# <html>"}) {
    EXPECT_FALSE(is_web_page(list)) << list;
  }
}

TEST(DownloadLists, AreLimited) {
  check_list_size("RECORDS", 256 << 20);
  EXPECT_ERROR(check_list_size("RECORDS", (256 << 20) + 1),
               "RECORDS: has more than 268435456 bytes, too many for a list");
}

}  // namespace
}  // namespace ekgine
