#include "classification/record_page.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "data/recording.h"
#include "data/wfdb_annotations.h"
#include "evaluation/colours.h"
#include "tests/classification/recordings.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::recording_of_letters;

// Half a mV of noise that repeats, and 1 mV at the beats.
std::vector<float> signal_of(const LabelledRecording& recording) {
  std::vector<float> signal(static_cast<std::size_t>(recording.samples));
  for (std::size_t i = 0; i < signal.size(); ++i) {
    signal[i] = 0.01F * static_cast<float>(i * 7 % 11);
  }
  for (const LabelledBeat& beat : recording.beats) {
    signal[static_cast<std::size_t>(beat.sample)] = 1;
  }
  return signal;
}

std::string page_of(const LabelledRecording& recording, const std::vector<float>& signal,
                    const ModelFacts& model = {}) {
  return render_record_page(recording, signal, find_findings(recording), model);
}

std::string page_of(const LabelledRecording& recording) {
  return page_of(recording, signal_of(recording));
}

std::string page_of(const std::string& letters, double interval = 0.8, double frequency = 250) {
  return page_of(recording_of_letters(letters, interval, frequency));
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t i = text.find(part); i != std::string::npos; i = text.find(part, i + 1)) ++n;
  return n;
}

// What holds of any page: no value that is none, every element closed, nothing loaded, no script.
void expect_sound(const std::string& html, const std::string& what) {
  EXPECT_THAT(html, HasSubstr("Research software, not a medical device; not for diagnosis"))
      << what;
  for (const char* none : {"nan", "inf\"", "inf<", "inf/", "<script", "src=", "http", "url("}) {
    EXPECT_THAT(html, Not(HasSubstr(none))) << what;
  }
  for (const char* name : {"div", "svg", "table", "section", "text", "tr", "td", "p", "h2", "h3"}) {
    const std::size_t opened =
        count(html, fmt::format("<{}>", name)) + count(html, fmt::format("<{} ", name));
    EXPECT_EQ(opened, count(html, fmt::format("</{}>", name))) << what << ": " << name;
  }
}

TEST(RecordPage, IsSoundOfAnyRecording) {
  std::string day;
  for (int i = 0; i < 10'000; ++i) day += "NNVNNSNVVVNNNQF";
  for (const auto& [letters, interval, frequency] :
       std::vector<std::tuple<std::string, double, double>>{{"", 1, 250},
                                                            {"N", 1, 250},
                                                            {"........", 5, 250},
                                                            {std::string(37, 'N'), 0.8, 1000},
                                                            {std::string(500, 'Q'), 0.8, 250},
                                                            {std::string(500, 'V'), 0.4, 250},
                                                            {"NVNVNVNNVNNVNNV", 0.8, 128.5},
                                                            {"N" + std::string(99, '.'), 1, 50},
                                                            {day, 0.6, 50}}) {
    expect_sound(page_of(letters, interval, frequency), letters.substr(0, 20));
  }
  LabelledRecording nothing;
  nothing.frequency = 250;
  expect_sound(page_of(nothing), "no samples");
}

TEST(RecordPage, TakesSignalsThatWereNotMeasured) {
  const LabelledRecording recording = recording_of_letters("NNVNN..NNNNN");
  std::vector<float> signal = signal_of(recording);
  std::fill(signal.begin() + 300, signal.begin() + 700, std::nanf(""));
  expect_sound(page_of(recording, signal), "with gaps");
  signal.assign(signal.size(), std::nanf(""));
  expect_sound(page_of(recording, signal), "nothing measured");
  signal.assign(signal.size(), std::numeric_limits<float>::max());
  signal[10] = std::numeric_limits<float>::lowest();
  signal[11] = std::numeric_limits<float>::infinity();
  expect_sound(page_of(recording, signal), "huge values");
}

TEST(RecordPage, EscapesWhatOthersHaveWritten) {
  LabelledRecording recording = recording_of_letters("NNN");
  recording.name = "<script>alert(1)</script>";
  recording.lead = "\"II\" & <b>\xff";
  ModelFacts model{.name = "<i>m", .card = "</p>c", .tested_on = "<u>t", .made = "<s>x"};
  model.classes[0] = {.beats = 10, .sensitivity = 0.9};
  const std::string html = page_of(recording, signal_of(recording), model);
  for (const char* raw : {"<script", "<b>\"", "<i>m", "</p>c", "<u>", "<s>", "\xff"}) {
    EXPECT_THAT(html, Not(HasSubstr(raw)));
  }
  EXPECT_THAT(html, HasSubstr("Lead &quot;II&quot; &amp; &lt;b&gt;\\xff"));
  EXPECT_THAT(page_of("N"), HasSubstr("Lead II"));
  recording.lead = "";
  EXPECT_THAT(page_of(recording), HasSubstr("Lead without a name"));
}

TEST(RecordPage, HasAStripOfEachKindOfFinding) {
  const std::string html = page_of(
      "NNNNNVNNNNVVNNNVVVNNNSNNNSSNNNSSSSNNNFNNNQ NNNVNVNVNVNNNN"
      "VNNVNNVNN  NNNNN",
      0.7);
  for (const char* title :
       {"Single V", "Couplet of V", "Longest and fastest run of V: 3 beats, 86/min",
        "Ventricular bigeminy, longest stretch", "Ventricular trigeminy, longest stretch",
        "Single S", "Couplet of S", "Longest and fastest run of S: 4 beats", "Fusion beat, F",
        "Paced or unclassifiable, Q", "Longest pause: 2.1 s", "Lowest rate", "Highest rate"}) {
    EXPECT_EQ(count(html, std::string("<h3>") + title), 1u) << title;
  }
  EXPECT_THAT(html, Not(HasSubstr("<h3>Irregular")));
}

// 180 mm of 18000 units: of the 1 mV mark 1000 are 10 mm; a second is 2500, 25 mm.
TEST(RecordPage, HasStripsToScale) {
  LabelledRecording recording = recording_of_letters("NNNNNNNNNNN", 1, 500);
  const std::string html = page_of(recording);
  EXPECT_THAT(html, HasSubstr("width=\"180mm\" height=\"35mm\" viewBox=\"0 0 18000 3500\""));
  EXPECT_THAT(html, HasSubstr("h50v-1000h400v1000h50"));
  // The strip of the lowest rate: seven beats, a second and so 2500 apart.
  const std::string section = html.substr(html.find("<h3>Lowest rate"));
  const std::string strip = section.substr(0, section.find("</section>"));
  EXPECT_EQ(count(strip, ">1000</text>"), 6u);
  std::vector<int> places;
  for (std::size_t i = strip.find("<text class=c0 x="); places.size() < 7;
       i = strip.find("<text class=c0 x=", i + 1)) {
    places.push_back(std::atoi(strip.c_str() + i + 17));
  }
  for (std::size_t i = 1; i < places.size(); ++i) EXPECT_EQ(places[i] - places[i - 1], 2500);
}

TEST(RecordPage, SaysHowOftenTheModelErrs) {
  const LabelledRecording recording = recording_of_letters("NNN");
  EXPECT_THAT(page_of(recording), HasSubstr("How often it errs is not known"));
  ModelFacts model{.name = "m", .card = "c", .tested_on = "22 records", .made = ""};
  model.classes[2] = {.beats = 3221,
                      .sensitivity = 0.914,
                      .positive_predictivity = 0.882,
                      .sensitivity_interval = Interval{0.86, 0.96},
                      .positive_predictivity_interval = {}};
  const std::string html = page_of(recording, signal_of(recording), model);
  EXPECT_THAT(html, HasSubstr("Measured on 22 records."));
  EXPECT_THAT(html, HasSubstr("<td>3,221</td><td>0.914 <span class=\"soft small\">0.860–0.960"));
  EXPECT_THAT(html, HasSubstr("<td>0.882</td>"));
}

TEST(RecordPage, HasTheColoursOfTheTableAndMixturesForTheGrid) {
  const std::string html = page_of("NSVFQ");
  std::set<std::string> known;
  for (const PageColours& c : {light_page, dark_page}) {
    for (const Colour colour : {c.paper, c.card, c.ink, c.soft, c.line, c.good, c.bad,
                                mixed(c.paper, c.bad, 0.13), mixed(c.paper, c.bad, 0.34)}) {
      known.insert(hex(colour));
    }
    for (const Colour colour : c.models) known.insert(hex(colour));
    // What is read on lines of the grid.
    EXPECT_GE(contrast(c.ink, mixed(c.paper, c.bad, 0.34)), 4.5);
  }
  for (std::size_t i = html.find('#'); i != std::string::npos; i = html.find('#', i + 1)) {
    EXPECT_TRUE(known.contains(html.substr(i, 7))) << html.substr(i, 7);
  }
}

// 24 h at 360 Hz with 100,000 beats, every kind among them: below 3 MB.
TEST(RecordPage, OfADayIsSmall) {
  std::string letters;
  while (letters.size() < 100'000) letters += "NNVNNSNVVVNNNNVNVNVNNNQFNNNN";
  LabelledRecording recording = recording_of_letters(letters, 0.864, 360);
  for (std::size_t b = 0; b < recording.beats.size(); ++b) {
    recording.beats[b].sample += static_cast<std::int64_t>(b * b % 101);
  }
  const std::string html = page_of(recording);
  EXPECT_LT(html.size(), 3'000'000u);
  EXPECT_EQ(count(html, ":00</td>"), 25u);
  // Beats are marked below rows in which they cannot be told.
  EXPECT_THAT(html, HasSubstr("class=\"card rows dense\""));
  EXPECT_THAT(page_of("NVN"), HasSubstr("class=\"card rows\""));
}

TEST(WriteRecordPage, WritesTheFileOrSaysWhyNot) {
  const testing::TemporaryDirectory folder;
  const LabelledRecording recording = recording_of_letters("NNN");
  const std::vector<float> signal = signal_of(recording);
  const Findings findings = find_findings(recording);
  write_record_page(folder / "made.html", recording, signal, findings, {});
  EXPECT_EQ(read_file(folder / "made.html"), page_of(recording));
  EXPECT_ANY_THROW(write_record_page(folder / "no" / "made.html", recording, signal, findings, {}));
}

// Pages to look at, of real records and their reference annotations, in the folder EKGINE_PAGES.
TEST(RecordPage, OfTheDatabaseIsSound) {
  const char* const database = std::getenv("EKGINE_DATABASE");
  if (database == nullptr) GTEST_SKIP() << "the variable EKGINE_DATABASE is not set";
  const char* const pages = std::getenv("EKGINE_PAGES");
  for (const char* name : {"100", "200", "203", "208", "217", "222", "232"}) {
    const Recording file = open_recording(fs::path(database) / name);
    const std::vector<float> signal = read_lead(file, 0);
    LabelledRecording recording;
    recording.name = name;
    recording.lead = file.leads[0].name;
    recording.frequency = 360;
    recording.samples = std::ssize(signal);
    for (const WfdbAnnotation& a :
         read_wfdb_annotations(fs::path(database) / (std::string(name) + ".atr"), 360)) {
      const std::int32_t label = label_map("reference").label(a.symbol);
      if (label >= 0) recording.beats.push_back({a.sample, label, {}});
    }
    const std::string html = page_of(recording, signal);
    expect_sound(html, name);
    if (pages != nullptr) write_file(fs::path(pages) / (std::string(name) + ".html"), html);
  }
}

}  // namespace
}  // namespace ekgine
