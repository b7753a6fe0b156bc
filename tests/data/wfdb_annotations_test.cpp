#include "data/wfdb_annotations.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wfdb_writer.h"

namespace ekgine {
namespace {

using testing::annotation_word;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::write_bytes;

class WfdbAnnotationFile : public ::testing::Test {
 protected:
  std::vector<WfdbAnnotation> read(const std::string& bytes) {
    write_bytes(folder_ / "100.atr", bytes);
    return read_wfdb_annotations(folder_ / "100.atr");
  }
  // A SKIP of `samples`.
  static std::string skip(std::int32_t samples) {
    const auto u = static_cast<std::uint32_t>(samples);
    return annotation_word(59, 0) + std::string{static_cast<char>(u >> 16),
                                                static_cast<char>(u >> 24), static_cast<char>(u),
                                                static_cast<char>(u >> 8)};
  }

  TemporaryDirectory folder_;
  const std::string end_ = annotation_word(0, 0);
};

TEST_F(WfdbAnnotationFile, ReadsTimesAndSymbols) {
  const auto annotations = read(annotation_word(28, 18) + annotation_word(1, 59) +
                                annotation_word(5, 1023) + annotation_word(1, 0) + end_);
  ASSERT_EQ(annotations.size(), 4u);
  EXPECT_EQ(annotations[0].symbol, '+');
  EXPECT_EQ(annotations[0].sample, 18);
  EXPECT_EQ(annotations[1].symbol, 'N');
  EXPECT_EQ(annotations[1].sample, 77);
  EXPECT_EQ(annotations[2].symbol, 'V');
  EXPECT_EQ(annotations[2].sample, 1100);
  EXPECT_EQ(annotations[3].sample, 1100);
  EXPECT_TRUE(read(end_).empty());
  EXPECT_EQ(read(annotation_word(1, 5) + end_ + "what follows the end mark").size(), 1u);
}

TEST_F(WfdbAnnotationFile, KnowsTheSymbols) {
  const std::string symbols = "NLRaVFJASEj/Q~|sT*D\"=pB^t+u?![]en@xf()r";
  std::string found;
  for (int code = 0; code < 50; ++code) {
    if (wfdb_symbol(code) != ' ') found += wfdb_symbol(code);
  }
  EXPECT_EQ(found, symbols);
  EXPECT_EQ(wfdb_symbol(12), '/');
  EXPECT_EQ(wfdb_symbol(38), 'f');
  EXPECT_EQ(wfdb_symbol(41), 'r');
  EXPECT_EQ(wfdb_symbol(-1), ' ');
  EXPECT_EQ(wfdb_symbol(50), ' ');
  EXPECT_EQ(read(annotation_word(45, 1) + end_).at(0).code, 45);
}

TEST_F(WfdbAnnotationFile, SkipsLongTimes) {
  const auto annotations =
      read(skip(100000) + annotation_word(1, 7) + skip(0x7FFFFFFF) + annotation_word(5, 0) +
           skip(1000) + skip(-900) + annotation_word(8, 3) + end_);
  ASSERT_EQ(annotations.size(), 3u);
  EXPECT_EQ(annotations[0].sample, 100007);
  EXPECT_EQ(annotations[1].sample, 100007 + std::int64_t{0x7FFFFFFF});
  EXPECT_EQ(annotations[2].sample, 100007 + std::int64_t{0x7FFFFFFF} + 103);
}

TEST_F(WfdbAnnotationFile, AttachesFieldsAndText) {
  const auto annotations =
      read(annotation_word(28, 10) + annotation_word(63, 3) + "(N" +
           std::string(2, '\0') +  // with its zero and the padding
           annotation_word(1, 10) + annotation_word(61, 2) + annotation_word(62, 1) +
           annotation_word(60, 0xFF) + annotation_word(1, 10) + annotation_word(63, 4) + "text" +
           annotation_word(1, 10) + annotation_word(62, 0) + end_);
  ASSERT_EQ(annotations.size(), 4u);
  EXPECT_EQ(annotations[0].aux, "(N");
  EXPECT_EQ(annotations[1].sub, 2);
  EXPECT_EQ(annotations[1].chan, 1);
  EXPECT_EQ(annotations[1].num, -1);
  EXPECT_EQ(annotations[2].sub, 0) << "sub belongs to one annotation";
  EXPECT_EQ(annotations[2].chan, 1) << "chan and num hold until they change";
  EXPECT_EQ(annotations[2].num, -1);
  EXPECT_EQ(annotations[2].aux, "text");
  EXPECT_EQ(annotations[3].chan, 0);
  EXPECT_EQ(annotations[3].sample, 40);
}

TEST_F(WfdbAnnotationFile, NamesWhatIsWrong) {
  EXPECT_ERROR(read_wfdb_annotations(folder_ / "999.atr"),
               "999.atr: cannot open: No such file or directory");
  EXPECT_ERROR(read(""), "100.atr: truncated after 0 bytes: the end mark is missing");
  EXPECT_ERROR(read(annotation_word(1, 5) + annotation_word(53, 5) + end_),
               "100.atr: byte 2: annotation code 53 is not defined");
  EXPECT_ERROR(read(annotation_word(63, 2) + "ab" + end_),
               "100.atr: byte 0: code 63 describes an annotation, but none stands before it");
  EXPECT_ERROR(read(skip(-10) + annotation_word(1, 5) + end_),
               "100.atr: annotation 0 is at sample -5, before the start at sample 0");
  EXPECT_ERROR(read(annotation_word(1, 50) + skip(-10) + annotation_word(1, 5) + end_),
               "100.atr: annotation 1 is at sample 45, before the one before it at sample 50");
}

TEST_F(WfdbAnnotationFile, RefusesEveryTruncation) {
  const std::string whole = skip(5000) + annotation_word(28, 10) + annotation_word(63, 3) + "(N" +
                            std::string(2, '\0') + annotation_word(5, 400) +
                            annotation_word(61, 1) + end_;
  ASSERT_EQ(read(whole).size(), 2u);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_ERROR(read(whole.substr(0, size)),
                 fmt::format("100.atr: truncated after {} bytes: the end mark is missing", size));
  }
}

TEST_F(WfdbAnnotationFile, SurvivesAnyBytes) {
  testing::Random random(1);
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(static_cast<std::size_t>(random.integer(0, 64)), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.word());
    const std::string error = testing::error_text([&] { read(bytes); });
    if (error == "[no exception]") continue;
    ++refused;
    EXPECT_THAT(error, HasSubstr("100.atr: "));
  }
  EXPECT_GT(refused, 1500);
}

}  // namespace
}  // namespace ekgine
