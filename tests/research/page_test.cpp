#include "research/page.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/beat.h"
#include "data/labels.h"
#include "evaluation/colours.h"
#include "evaluation/evaluation.h"
#include "research/page_beats.h"
#include "tests/cases/random.h"

namespace ekgine::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Predictions of two records; what a model gets right depends on `skill`.
PageModel random_model(const std::string& name, double skill, std::uint64_t seed) {
  Random random(seed);
  PageModel model;
  model.name = name;
  model.parameters = 1234567;
  for (const char* record : {"901", "902"}) {
    RecordPredictions& p = model.predictions.emplace_back();
    p.record = record;
    for (int i = 0; i < 40; ++i) {
      p.labels.push_back(i % class_count == 3 ? 0 : i % class_count);  // no F
      p.r_samples.push_back(200 + 300 * i);
      std::vector<double> weights;
      double sum = 0;
      for (int c = 0; c < class_count; ++c) {
        weights.push_back(std::exp(random.normal() + (c == p.labels.back() ? skill : 0)));
        sum += weights.back();
      }
      for (const double weight : weights) {
        p.probabilities.push_back(static_cast<float>(weight / sum));
      }
    }
  }
  EvaluationFacts facts;
  facts.class_names.assign(class_names.begin(), class_names.end());
  model.final_result = {
      {"model", name},
      {"epochs", 2},
      {"seconds", 100.0},
      {"metrics", metrics_json(evaluate_predictions(facts, model.predictions).metrics)}};
  const Json first = {{"epoch", 1}, {"loss", 1.5}, {"accuracy", 0.4}};
  const Json second = {{"epoch", 2}, {"loss", 1.1}, {"accuracy", 0.6}};
  model.history = Json::array({first, second});
  return model;
}

Page small_page() {
  Page page;
  page.data = "db <&> \"x\"";
  page.train_records = {"903", "904"};
  page.test_records = {"901", "902"};
  page.models = {random_model("Main_Model", 2, 1), random_model("Baseline_Model", 0.5, 2)};
  page.beats = choose_beats(page.models, best_model(page.models));
  for (PageBeat& beat : page.beats) {
    beat.frequency = 250;
    for (std::int64_t i = 0; i < beat_samples; ++i) {
      beat.samples.push_back(static_cast<float>(std::sin(0.1 * static_cast<double>(i))));
    }
    beat.scalogram.assign(static_cast<std::size_t>(scalogram_scales * beat_samples), 0.5F);
  }
  return page;
}

// Elements that are opened and not closed, or the other way round; empty when all is well.
std::string unbalanced(const std::string& html) {
  static const std::set<std::string> alone = {"meta", "img", "br", "!doctype"};
  std::vector<std::string> open;
  for (std::size_t i = html.find('<'); i != std::string::npos; i = html.find('<', i + 1)) {
    const bool closing = html[i + 1] == '/';
    const std::size_t begin = i + (closing ? 2 : 1);
    const std::size_t end = html.find_first_of(" >\n/", begin);
    const std::string name = html.substr(begin, end - begin);
    const std::size_t close = html.find('>', i);
    if (closing) {
      if (open.empty() || open.back() != name) return "</" + name + "> at " + std::to_string(i);
      open.pop_back();
    } else if (html[close - 1] != '/' && !alone.contains(name)) {
      open.push_back(name);
    }
  }
  return open.empty() ? "" : "<" + open.back() + ">";
}

TEST(Page, ShowsEverySectionAndLoadsNothing) {
  const Page page = small_page();
  const std::string html = render_page(page);
  for (const char* text :
       {"Main_Model", "Baseline_Model", "1,234,567", "Held-out test", "Confusion", "ROC",
        "Precision and recall", "Training loss", "Beats, and what the models said", "901, 902",
        "always N", "db &lt;&amp;&gt; &quot;x&quot;", "data:image/png;base64,iVBORw0KGgo",
        "prefers-color-scheme:dark", "width=device-width"}) {
    EXPECT_THAT(html, HasSubstr(text));
  }
  for (const char* text :
       {"<script", "http", "@import", "url(", "<link", "nan", "inf\"", "Validation", "k-fold"}) {
    EXPECT_THAT(html, Not(HasSubstr(text)));
  }
  EXPECT_EQ(unbalanced(html), "");
  EXPECT_EQ(html, render_page(page));
  EXPECT_THAT(html, Not(HasSubstr(">-0<")));  // a tick of an axis
  ASSERT_FALSE(page.beats.empty());
  for (const PageBeat& beat : page.beats) {
    const double seconds = static_cast<double>(beat.r_sample) / 250;
    EXPECT_THAT(html,
                HasSubstr(fmt::format("record {} at {}:{:04.1f}: ", beat.record,
                                      static_cast<int>(seconds / 60), std::fmod(seconds, 60))));
  }
}

// By its architecture, whatever it is called.
TEST(Page, SaysWhoseEveryBeatHasAClass) {
  Page page = small_page();
  page.models[1].name = "Rhythm_Model:features=shape";
  page.models[1].final_result["model"] = "Rhythm_Model";
  EXPECT_THAT(render_page(page),
              HasSubstr("; Rhythm_Model:features=shape gives every beat its class"));
}

TEST(Page, ShowsFoldsAndSearchWhereThereWereAny) {
  Page page = small_page();
  PageModel& model = page.models[1];
  const Json figure = {{"mean", 0.61}, {"sd", 0.07}, {"folds", 2}};
  const auto fold = [](int number, double value) {
    return Json{{"fold", number},
                {"metrics", {{"accuracy", value}, {"macro_f1", value}, {"weighted_f1", value}}}};
  };
  model.kfold = {{"summary", {{"accuracy", figure}, {"macro_f1", figure}, {"weighted_f1", figure}}},
                 {"folds", Json::array({fold(1, 0.56), fold(2, 0.66)})}};
  const auto history = [](double loss) {
    const Json epoch = {{"epoch", 1}, {"validation_loss", loss}};
    return Json::array({epoch});
  };
  model.fold_histories = {history(0.9), history(0.7)};
  model.tuned = {{"embed-dim", 64}, {"class-weights", "sqrt"}};
  const std::string html = render_page(page);
  for (const char* text : {"0.61 ± 0.07", "fold 2: 0.6600", "Validation loss",
                           "<br>Baseline_Model: embed-dim 64, class-weights sqrt</p>"}) {
    EXPECT_THAT(html, HasSubstr(text));
  }
  EXPECT_EQ(unbalanced(html), "");
}

// How often the figures of the first table are bold.
int bold_figures(const std::string& html) {
  const std::string table = html.substr(0, html.find("always "));
  int count = 0;
  for (std::size_t i = table.find("<td class=best>"); i != std::string::npos;
       i = table.find("<td class=best>", i + 1)) {
    ++count;
  }
  return count;
}

TEST(Page, IsBoldWhereTheBestBeatsTheBaselineOnly) {
  Page page = small_page();
  EXPECT_EQ(bold_figures(render_page(page)), 4);
  EXPECT_THAT(render_page(page), Not(HasSubstr("No model beats it")));
  for (PageModel& model : page.models) {
    Json& metrics = model.final_result["metrics"];
    metrics["accuracy"] = 0.1;
    metrics["loss"] = 5.0;
  }
  const std::string html = render_page(page);
  EXPECT_EQ(bold_figures(html), 2);
  EXPECT_THAT(html, HasSubstr("<b>No model beats it in accuracy, loss.</b>"));
  // As good as it is no better.
  page.models[0].final_result["metrics"]["accuracy"] = 0.4;  // two of five are N
  EXPECT_EQ(bold_figures(render_page(page)), 2);
  page.models[0].final_result["metrics"]["accuracy"] = 0.41;
  EXPECT_EQ(bold_figures(render_page(page)), 3);
}

TEST(Page, ShowsIntervalsWhereThereAreSeveralRecords) {
  Page page = small_page();
  Json& intervals = page.models[0].final_result["metrics"]["intervals"];
  page.models[0].final_result["metrics"]["accuracy"] = 0.87112;
  intervals["accuracy"] = Json::array({0.79, 0.94});
  EXPECT_THAT(render_page(page), HasSubstr("0.87<small>0.79–0.94</small>"));
  page.test_records = {"901"};
  for (PageModel& model : page.models) model.final_result["metrics"].erase("intervals");
  const std::string html = render_page(page);
  EXPECT_THAT(html, HasSubstr("Of one test record there are no intervals"));
  EXPECT_THAT(html, Not(HasSubstr("<small>")));
  EXPECT_THAT(html, HasSubstr(">0.871</td>"));
}

// No colour but those of evaluation/colours.h, whose contrast is tested, and paper is light.
TEST(Page, HasTheColoursOfTheTableAndNoOther) {
  const std::string html = render_page(small_page());
  std::set<std::string> known;
  for (const PageColours& c : {light_page, dark_page}) {
    for (const Colour colour : {c.paper, c.card, c.ink, c.soft, c.line, c.good, c.bad}) {
      known.insert(hex(colour));
    }
    for (const Colour colour : c.models) known.insert(hex(colour));
  }
  const std::string rules = html.substr(0, html.find("</style>"));
  for (std::size_t i = rules.find('#'); i != std::string::npos; i = rules.find('#', i + 1)) {
    EXPECT_TRUE(known.contains(rules.substr(i, 7))) << rules.substr(i, 7);
  }
  EXPECT_THAT(html, HasSubstr("@media screen and (prefers-color-scheme:dark)"));
  EXPECT_THAT(html, HasSubstr("break-inside:avoid"));
  // A cell that holds all of its row, and one that holds nothing.
  EXPECT_THAT(html, HasSubstr("--a:" + hex(light_page.card) +
                              ";--b:#000000;--c:" + hex(dark_page.card) + ";--d:#FFFFFF"));
}

TEST(Page, ChoosesCertainBeatsRightAndWrong) {
  const std::vector<PageModel> models = {random_model("a", 2, 1), random_model("b", 0.5, 2)};
  EXPECT_EQ(best_model(models), 0u);
  const std::vector<PageBeat> beats = choose_beats(models, 0);
  for (std::int32_t c = 0; c < class_count; ++c) {
    // The most certain of each kind, found the slow way.
    float right = -1, wrong = -1;
    for (const RecordPredictions& record : models[0].predictions) {
      for (std::size_t i = 0; i < record.labels.size(); ++i) {
        if (record.labels[i] != c) continue;
        const auto p = record.probabilities.begin() + static_cast<std::ptrdiff_t>(i) * class_count;
        const auto top = std::max_element(p, p + class_count);
        float& most = top - p == c ? right : wrong;
        most = std::max(most, *top);
      }
    }
    float shown_right = -1, shown_wrong = -1;
    for (const PageBeat& beat : beats) {
      if (beat.label != c) continue;
      ASSERT_EQ(beat.answers.size(), 2u);
      const float top = *std::max_element(beat.answers[0].begin(), beat.answers[0].end());
      (beat.caption == "recognised" ? shown_right : shown_wrong) = top;
    }
    EXPECT_EQ(shown_right, right) << "class " << c;
    EXPECT_EQ(shown_wrong, wrong) << "class " << c;
  }
}

}  // namespace
}  // namespace ekgine::testing
