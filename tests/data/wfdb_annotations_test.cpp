#include "data/wfdb_annotations.h"

#include <gtest/gtest.h>

#include "tests/cases/random.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wfdb_writer.h"

namespace ekgine {
namespace {

using ::testing::AllOf;
using testing::annotation_note;
using testing::annotation_word;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::write_bytes;

class WfdbAnnotationFile : public ::testing::Test {
 protected:
  std::vector<WfdbAnnotation> read(const std::string& bytes, double frequency = 360) {
    write_bytes(folder_ / "100.atr", bytes);
    return read_wfdb_annotations(folder_ / "100.atr", frequency);
  }
  std::vector<std::int64_t> samples(const std::string& bytes, double frequency = 360) {
    std::vector<std::int64_t> samples;
    for (const WfdbAnnotation& a : read(bytes, frequency)) samples.push_back(a.sample);
    return samples;
  }
  std::string symbols(const std::string& bytes) {
    std::string symbols;
    for (const WfdbAnnotation& a : read(bytes)) symbols += a.symbol;
    return symbols;
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
  EXPECT_ERROR(read_wfdb_annotations(folder_ / "999.atr", 360),
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

// As WFDB's sqrs writes them for a record of 360 Hz, and as wrann(fs=...) does: the note, a null
// annotation, the beats.
TEST_F(WfdbAnnotationFile, CountsTimesInTheTicksThatTheFileSays) {
  const std::string null = skip(-1) + annotation_word(0, 1);
  const std::string beats =
      annotation_word(1, 251) + annotation_word(1, 204) + annotation_word(5, 197) + end_;
  EXPECT_THAT(samples(annotation_note("## time resolution: 250") + null + beats),
              ElementsAre(0, 361, 655, 939));
  EXPECT_THAT(samples(annotation_note("## time resolution: 250") + beats),
              ElementsAre(361, 655, 939));
  EXPECT_THAT(samples(annotation_note("## time resolution: 360.0") + beats),
              ElementsAre(251, 455, 652));
  EXPECT_THAT(samples(annotation_note("## time resolution: 250") + beats, 250),
              ElementsAre(251, 455, 652));
  // Halves become the later sample; fractions and exponents are numbers, too.
  EXPECT_THAT(samples(annotation_note("## time resolution: 720") + beats),
              ElementsAre(126, 228, 326));
  EXPECT_THAT(samples(annotation_note("## time resolution: 1e+03") + beats),
              ElementsAre(90, 164, 235));
  EXPECT_THAT(samples(annotation_note("## time resolution: 62.4725\n") + beats),
              ElementsAre(1446, 2622, 3757));
  EXPECT_THAT(samples(annotation_note("recorded by hand") +
                      annotation_note("## time resolution: 720") + beats),
              ElementsAre(0, 126, 228, 326));
}

TEST_F(WfdbAnnotationFile, TakesTheSymbolsThatTheFileDefines) {
  const std::string begin = annotation_note("## annotation type definitions");
  const std::string done = annotation_note("## end of definitions");
  const std::string null = skip(-1) + annotation_word(0, 1);
  const std::string beats = annotation_word(1, 150) + annotation_word(2, 300) +
                            annotation_word(45, 300) + annotation_word(5, 300) + end_;
  EXPECT_EQ(symbols(begin + annotation_note("1 V premature beat\n") + done + beats), "VL V");
  EXPECT_EQ(symbols(begin + annotation_note("1 v pvc") + annotation_note("2\tl") +
                    annotation_note("45 A of my own") + done + null + beats),
            " vlAV");
  // No symbol of the label maps is longer than one character.
  EXPECT_EQ(symbols(begin + annotation_note("1 NORM normal") + annotation_note("5 \xCE\xBC x") +
                    annotation_note("# a comment") + done + beats),
            "\" L  ");
  EXPECT_THAT(samples(annotation_note("## time resolution: 720") + null + begin +
                      annotation_note("1 V x") + done + null + beats),
              ElementsAre(0, 0, 75, 225, 375, 525));
  EXPECT_EQ(symbols(begin + annotation_note("22 V note") + done + beats), "NL V")
      << "the notes that describe the file are no annotations of it";
}

TEST_F(WfdbAnnotationFile, LeavesOrdinaryNotesAlone) {
  const std::string beats = annotation_word(1, 150) + end_;
  EXPECT_EQ(symbols(annotation_note("12 lead recording") + annotation_note("(N") +
                    annotation_note("# 250 per second") + annotation_note("1 N") + beats),
            "\"\"\"\"N");
  EXPECT_EQ(symbols(annotation_note("## of a later time", 5) + beats), "\"N");
}

TEST_F(WfdbAnnotationFile, RefusesDescriptionsThatItCannotApply) {
  const std::string begin = annotation_note("## annotation type definitions");
  const std::string done = annotation_note("## end of definitions");
  const std::string beats = annotation_word(1, 150) + end_;
  for (const char* value : {"", ":", ": ", ": 0", ": -250", ": nan", ": inf", ": 250 Hz", ": 2,5",
                            " 250x", ": 1e999"}) {
    EXPECT_ERROR(read(annotation_note(std::string("## time resolution") + value) + beats),
                 AllOf(HasSubstr("100.atr: found '## time resolution"),
                       HasSubstr("expected ': ' and a positive number of ticks a second")));
  }
  EXPECT_ERROR(read(annotation_note("## time resolution: 250") +
                    annotation_note("## time resolution: 128") + beats),
               "100.atr: the time resolution is 250 and also 128");
  EXPECT_ERROR(read(annotation_note("## amplitude units: uV") + beats),
               "100.atr: the note '## amplitude units: uV' at the beginning is not understood");
  for (const char* text : {"v pvc", "1", "50 v x", "0 N x", "-1 v", ""}) {
    EXPECT_ERROR(read(begin + annotation_note(text) + done + beats),
                 std::string("100.atr: found the definition '") + text +
                     "', expected a code from 1 to 49 and a symbol");
  }
  EXPECT_ERROR(read(begin + annotation_note("1 V") + annotation_note("1 N") + done + beats),
               "100.atr: code 1 is defined twice, as 'V' and as 'N'");
  EXPECT_ERROR(read(begin + annotation_note("1 V") + beats),
               "100.atr: the note '## end of definitions' is missing");
  EXPECT_ERROR(read(annotation_note("1 V premature") + beats),
               "100.atr: the note '1 V premature' may define code 1 of annotation 1, but stands "
               "outside of '## annotation type definitions'");
  for (const std::string& first : {annotation_word(28, 0), annotation_word(1, 5)}) {
    EXPECT_ERROR(read(first + annotation_note("## time resolution: 250") + beats),
                 "100.atr: annotation 1: the note '## time resolution: 250' stands after others");
    EXPECT_ERROR(read(first + begin + annotation_note("1 V") + done + beats),
                 "the note '## annotation type definitions' stands after others");
  }
  EXPECT_ERROR(
      read(annotation_note("## time resolution: 1e-300") + skip(0x7FFFFFFF) + beats),
      "100.atr: an annotation is at tick 2147483797 of 1e-300 a second, beyond any signal");
}

TEST_F(WfdbAnnotationFile, RefusesAhaFormatByName) {
  // Null, code, time (high word first), number, subtype, code, six bytes of text.
  std::string bytes;
  for (const char number : {'\1', '\2', '\3'}) {
    bytes += std::string("\0N\0\0\x96\0", 6) + number + std::string(9, '\0');
  }
  EXPECT_ERROR(read(bytes + std::string(16, '\xFF')),
               "100.atr: is in AHA format, which is not supported (MIT format is)");
  // A change of a T wave at time 512 is no such beginning.
  EXPECT_EQ(symbols(annotation_word(19, 512) + annotation_word(1, 5) + end_), "TN");
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

WfdbAnnotation annotated(std::int64_t sample, char symbol, int sub = 0, std::string aux = "") {
  WfdbAnnotation a;
  a.sample = sample;
  a.symbol = symbol;
  a.code = wfdb_code(symbol);
  a.sub = static_cast<std::int8_t>(sub);
  a.aux = std::move(aux);
  return a;
}

std::string hexadecimal(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

// wrann() of the Python package wfdb 4.3.1 has written these.
TEST_F(WfdbAnnotationFile, IsWrittenAsWfdbWritesIt) {
  const std::vector<WfdbAnnotation> annotations = {
      annotated(18, '+', 0, "(N"),        annotated(77, 'N'),     annotated(1100, 'V'),
      annotated(2124, '~', 0x30),         annotated(70'000, '~'), annotated(5'000'000, 'Q'),
      annotated(5'000'000, 'S', 0, "odd")};
  EXPECT_EQ(hexadecimal(wfdb_annotation_bytes(annotations)),
            "127002fc284e3b04ff1700ec00000004003830f400ec01002409003800ec4b00d0390034002403fc6f6464"
            "000000");
  EXPECT_EQ(hexadecimal(wfdb_annotation_bytes({{annotated(5, 'N'), annotated(6, 'V')}}, 250)),
            "005817fc23232074696d65207265736f6c7574696f6e3a203235300000ecffffffff0100050401140000");
  EXPECT_EQ(hexadecimal(wfdb_annotation_bytes(
                {{annotated(5, 'N'), annotated(6, 'V'), annotated(5'000'000'000, 'F')}}, 249.99)),
            "00581afc23232074696d65207265736f6c7574696f6e3a203234392e393900ecffffffff01000504011400"
            "ecff7fffff00ecff7fffff00ec052afcf100180000");
}

TEST_F(WfdbAnnotationFile, IsReadBackAsItWasWritten) {
  testing::Random random(7);
  const std::string symbols = "NLRaVFJASEj/Q~|sT*D\"=pB^t+u?![]en@xf()r";
  for (int round = 0; round < 50; ++round) {
    std::vector<WfdbAnnotation> written;
    std::int64_t sample = 0;
    for (int i = 0; i < 40; ++i) {
      const std::int64_t longest[] = {0, 1023, 1025, 200'000, std::int64_t{1} << 33};
      sample += random.integer(0, longest[random.integer(0, 4)]);
      const auto symbol = static_cast<std::size_t>(random.integer(0, std::ssize(symbols) - 1));
      written.push_back(annotated(sample, symbols[symbol]));
      WfdbAnnotation& a = written.back();
      a.sub = static_cast<std::int8_t>(random.integer(-128, 127));
      a.chan = static_cast<std::int8_t>(random.integer(-1, 1));
      a.num = static_cast<std::int8_t>(random.integer(-1, 1));
      a.aux = std::string(static_cast<std::size_t>(random.integer(0, 255)), 'x');
      if (random.integer(0, 1) == 0) a.aux.clear();
    }
    ASSERT_EQ(read(wfdb_annotation_bytes(written)), written) << round;
    // A null annotation parts the note from them.
    std::vector<WfdbAnnotation> found = read(wfdb_annotation_bytes(written, 257), 257);
    ASSERT_EQ(found.at(0).code, 0);
    found.erase(found.begin());
    ASSERT_EQ(found, written) << round;
  }
  EXPECT_TRUE(read(wfdb_annotation_bytes({})).empty());
}

TEST_F(WfdbAnnotationFile, RefusesToWriteWhatNoFileHolds) {
  EXPECT_ERROR(wfdb_annotation_bytes({{annotated(9, 'N'), annotated(8, 'N')}}),
               "annotation 1 is at sample 8, before 9");
  EXPECT_ERROR(wfdb_annotation_bytes({{annotated(-1, 'N')}}),
               "annotation 0 is at sample -1, before 0");
  EXPECT_ERROR(wfdb_annotation_bytes({{WfdbAnnotation()}}),
               "annotation 0 has code 0, expected 1 to 49");
  EXPECT_ERROR(wfdb_annotation_bytes({{annotated(1, '+', 0, std::string(256, 'x'))}}),
               "annotation 0 has a text of 256 bytes, expected 255 or less");
  EXPECT_ERROR(wfdb_code(' '), "no annotation has the symbol ' '");
  EXPECT_ERROR(wfdb_code('z'), "no annotation has the symbol 'z'");
}

}  // namespace
}  // namespace ekgine
