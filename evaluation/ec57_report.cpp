#include "evaluation/ec57_report.h"

#include <fmt/format.h>

#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

namespace ekgine {

namespace {

using enum Ec57Figure;

// Six columns: "100.00", " 97.06", "     -" where there is none.
std::string six(std::optional<double> value, int digits = 2) {
  return value ? fmt::format("{:6.{}f}", *value, digits) : "     -";
}

BeatMatrix matrix_of(const RecordScore& score, bool sveb) {
  return sveb ? score.comparison.matrix : without_sveb(score.comparison.matrix);
}

// A group of labels that is one row or column, and what it is called.
struct LabelGroup {
  const char* name;
  std::string_view labels;
};

std::string condensed_matrix(const BeatMatrix& m, bool sveb) {
  std::string text =
      sveb ? "         Algorithm\n      n+f+q    s    v  o+x\n     _____________________\n"
           : "         Algorithm\n      n+f+q    v  o+x\n     ________________\n";
  for (const auto& [name, labels] :
       {LabelGroup{"  N ", "N"}, {"  S ", "S"}, {"  V ", "V"}, {" F+Q", "FQ"}, {" O+X", "OX"}}) {
    if (labels == "S" && !sveb) continue;
    text += fmt::format("{} | {:4}", name, m.sum(labels, "NFQ"));
    if (sveb) text += fmt::format(" {:4}", m.sum(labels, "S"));
    text += fmt::format(" {:4}", m.sum(labels, "V"));
    if (labels != "OX") text += fmt::format(" {:4}", m.sum(labels, "OX"));
    text += '\n';
  }
  return text;
}

std::string whole_matrix(const BeatMatrix& m, bool sveb) {
  std::string text = "               Algorithm\n";
  text += sveb
              ? "        n    s    v    f    q    o    x\n   ____________________________________\n"
              : "        n    v    f    q    o    x\n   _______________________________\n";
  for (std::size_t row = 0; row < beat_labels.size(); ++row) {
    const bool beat = row < beat_classes.size();
    if (beat_labels[row] == 'S' && !sveb) continue;
    text += fmt::format(" {} |", beat_labels[row]);
    for (const char column : beat ? beat_labels : beat_classes) {
      if (column == 'S' && !sveb) continue;
      text += fmt::format(" {:4}", m.sum(beat_labels.substr(row, 1), {&column, 1}));
    }
    text += '\n';
  }
  return text;
}

// "  97.06% (1846/1902)"; without a percentage the sign is left out, too.
std::string share(const Ratio& ratio, int digits = 2) {
  const std::optional<double> percent = ratio.percent();
  return fmt::format("{}{} ({}/{})", six(percent, digits), percent ? '%' : ' ', ratio.part,
                     ratio.whole);
}

std::string figures_of(const BeatMatrix& m, const Comparison& comparison, bool sveb) {
  std::string text;
  const auto add = [&](std::string_view name, const std::string& value) {
    text += fmt::format("{:>26}: {}\n", name, value);
  };
  add("QRS sensitivity", share(record_ratio(qrs_sensitivity, m)));
  add("QRS positive predictivity", share(record_ratio(qrs_predictivity, m)));
  add("VEB sensitivity", share(record_ratio(veb_sensitivity, m)));
  add("VEB positive predictivity", share(record_ratio(veb_predictivity, m)));
  if (sveb) {
    add("SVEB sensitivity", share(record_ratio(sveb_sensitivity, m)));
    add("SVEB positive predictivity", share(record_ratio(sveb_predictivity, m)));
    add("RMS RR interval error", six(comparison.rr_error) + (comparison.rr_error ? " ms" : ""));
  } else {
    add("VEB false positive rate", share(record_ratio(veb_false_positives, m), 3));
    text += '\n';
  }
  return text;
}

std::string shutdown_of(const BeatMatrix& m, const Comparison& comparison, bool sveb) {
  std::string text;
  for (const auto& [name, classes] :
       {LabelGroup{"Beats", beat_classes}, {"N", "N"}, {"S", "S"}, {"V", "V"}, {"F", "F"}}) {
    if (classes == "S" && !sveb) continue;
    text +=
        fmt::format("{:>7} missed in shutdown: {}\n", name, share(missed_in_shutdown(classes, m)));
  }
  return text +
         fmt::format("       Total shutdown time: {:5} seconds\n", comparison.shutdown_seconds);
}

// A column of lines: what it counts, and how wide it is after a blank.
struct CountColumn {
  std::string_view reference, test;
  int width = 3;
};

using Columns = std::vector<CountColumn>;

Columns beat_columns(bool sveb) {
  if (!sveb) {
    return {{"N", "NFQ", 4}, {"V", "NFQ"}, {"FQ", "NFQ"}, {"OX", "NFQ"}, {"N", "V"},  {"V", "V", 4},
            {"FQ", "V"},     {"OX", "V"},  {"N", "OX"},   {"V", "OX"},   {"FQ", "OX"}};
  }
  return {{"N", "NFQ", 4}, {"S", "NFQ"}, {"V", "NFQ"},  {"FQ", "NFQ"}, {"OX", "NFQ"},
          {"N", "S"},      {"S", "S"},   {"V", "S"},    {"FQ", "S"},   {"OX", "S"},
          {"N", "V"},      {"S", "V"},   {"V", "V", 4}, {"FQ", "V"},   {"OX", "V"},
          {"N", "OX"},     {"S", "OX"},  {"V", "OX"},   {"FQ", "OX"}};
}

Columns shutdown_columns(bool sveb) {
  if (!sveb) return {{"N", "X", 4}, {"V", "X", 4}, {"F", "X", 4}, {"Q", "X", 4}};
  return {{"N", "X", 4}, {"S", "X", 4}, {"V", "X", 4}, {"F", "X", 4}, {"Q", "X", 4}};
}

std::string counts_of(const BeatMatrix& m, const Columns& columns) {
  std::string text;
  for (const CountColumn& column : columns) {
    text += fmt::format(" {:{}}", m.sum(column.reference, column.test), column.width);
  }
  return text;
}

std::vector<Ec57Figure> line_figures(bool sveb) {
  std::vector<Ec57Figure> figures = {qrs_sensitivity, qrs_predictivity, veb_sensitivity,
                                     veb_predictivity};
  if (sveb) {
    figures.insert(figures.end(), {sveb_sensitivity, sveb_predictivity});
  } else {
    figures.push_back(veb_false_positives);
  }
  return figures;
}

int digits_of(Ec57Figure figure) {
  return figure == veb_false_positives ? 3 : 2;
}

// The classes whose share missed in shutdowns has a column.
std::vector<std::string_view> missed_classes(bool sveb) {
  if (!sveb) return {beat_classes, "N", "V", "F"};
  return {beat_classes, "N", "S", "V", "F"};
}

// The sum of all matrices.
RecordScore total_of(std::span<const RecordScore> records) {
  RecordScore total;
  for (const RecordScore& record : records) {
    const BeatMatrix& matrix = record.comparison.matrix;
    for (std::size_t row = 0; row < matrix.counts.size(); ++row) {
      for (std::size_t column = 0; column < matrix.counts.size(); ++column) {
        total.comparison.matrix.counts[row][column] += matrix.counts[row][column];
      }
    }
    total.comparison.shutdown_seconds += record.comparison.shutdown_seconds;
  }
  return total;
}

std::string number_of_records(std::span<const RecordScore> records) {
  return fmt::format("\nSummary of results from {} record{}\n", records.size(),
                     records.size() == 1 ? "" : "s");
}

}  // namespace

std::string beat_report(const Annotators& annotators, const RecordScore& score, MatrixForm form,
                        bool sveb) {
  const BeatMatrix m = matrix_of(score, sveb);
  return fmt::format(
      "Beat-by-beat comparison results for record {}\nReference annotator: {}\n"
      "     Test annotator: {}\n\n{}\n{}\n{}",
      score.record, annotators.reference, annotators.test,
      form == MatrixForm::condensed ? condensed_matrix(m, sveb) : whole_matrix(m, sveb),
      figures_of(m, score.comparison, sveb), shutdown_of(m, score.comparison, sveb));
}

std::string beat_lines(std::span<const RecordScore> records, bool sveb) {
  std::string text =
      sveb ? "Record Nn' Sn' Vn' Fn' On'  Ns  Ss  Vs  Fs' Os' Nv  Sv   Vv  Fv' Ov' No' So' Vo' Fo'"
             "  Q Se   Q +P   V Se   V +P   S Se   S +P RR err\n"
           : "Record Nn' Vn' Fn' On'  Nv   Vv  Fv' Ov' No' Vo' Fo'  Q Se   Q +P   V Se   V +P"
             "  V FPR\n";
  const Columns columns = beat_columns(sveb);
  for (const RecordScore& score : records) {
    const BeatMatrix m = matrix_of(score, sveb);
    text += fmt::format("{:>4} ", score.record) + counts_of(m, columns);
    for (const Ec57Figure figure : line_figures(sveb)) {
      text += ' ' + six(record_ratio(figure, m).percent(), digits_of(figure));
    }
    if (sveb) text += ' ' + six(score.comparison.rr_error);
    text += '\n';
  }
  return text;
}

std::string shutdown_lines(std::span<const RecordScore> records, bool sveb) {
  std::string text =
      sveb ? "Record Nx   Sx   Vx   Fx   Qx  % beats  % N    % S    % V    % F   Total Shutdown\n"
             "                                missed missed missed missed missed      Time\n"
           : "Record Nx   Vx   Fx   Qx  % beats  % N    % V    % F   Total Shutdown\n"
             "                           missed missed missed missed      Time\n";
  for (const RecordScore& score : records) {
    const BeatMatrix m = matrix_of(score, sveb);
    text += fmt::format("{:>4}", score.record) + counts_of(m, shutdown_columns(sveb)) + "  ";
    for (const std::string_view classes : missed_classes(sveb)) {
      text += ' ' + six(missed_in_shutdown(classes, m).percent());
    }
    text += fmt::format(" {:4} seconds", score.comparison.shutdown_seconds);
    for (const char& label : beat_classes) {
      text += fmt::format(" {}", m.sum({&label, 1}, beat_labels));
    }
    text += '\n';
  }
  return text;
}

std::string beat_summary(std::span<const RecordScore> records, bool sveb) {
  const RecordScore total = total_of(records);
  const BeatMatrix m = matrix_of(total, sveb);
  std::string text = beat_lines(records, sveb) + std::string(sveb ? 132 : 86, '_') + '\n';
  text += "Sum  " + counts_of(m, beat_columns(sveb)) + '\n';
  for (const auto& [name, aggregate] :
       {std::pair{"Gross", Aggregate::gross}, {"Average", Aggregate::average}}) {
    text += fmt::format("{:<{}}", name, sveb ? 83 : 54);
    for (const Ec57Figure figure : line_figures(sveb)) {
      text += ' ' + six(aggregate_percent(aggregate, figure, records), digits_of(figure));
    }
    if (sveb && aggregate == Aggregate::average) text += ' ' + six(average_rr_error(records));
    text += '\n';
  }
  text += fmt::format("Total QRS complexes: {}  Total VEBs: {}", m.sum(beat_classes, beat_labels),
                      m.sum("V", beat_labels));
  if (sveb) text += fmt::format("  Total SVEBs: {}", m.sum("S", beat_labels));
  return text + '\n' + number_of_records(records);
}

std::string shutdown_summary(std::span<const RecordScore> records, bool sveb) {
  const RecordScore total = total_of(records);
  const BeatMatrix m = matrix_of(total, sveb);
  std::string text = shutdown_lines(records, sveb) + std::string(sveb ? 72 : 68, '_') + '\n';
  text += fmt::format("{}{}{:{}} seconds\n", sveb ? "Sum " : "Sum  ",
                      counts_of(m, shutdown_columns(sveb)), total.comparison.shutdown_seconds,
                      sveb ? 42 : 35);
  if (sveb) return text + number_of_records(records);
  std::string gross, average;
  for (const std::string_view classes : missed_classes(sveb)) {
    gross += ' ' + six(missed_in_shutdown(classes, m).percent());
    std::vector<Ratio> missed;
    for (const RecordScore& score : records) {
      missed.push_back(missed_in_shutdown(classes, matrix_of(score, sveb)));
    }
    average += ' ' + six(mean_percent(missed));
  }
  return text + fmt::format("{:<25}{}\n{:<25}{}\n", "Gross", gross, "Average", average) +
         number_of_records(records);
}

std::string disagreement_lines(const Comparison& comparison, bool sveb) {
  std::string text;
  const auto shown = [sveb](char label) { return label == 'S' && !sveb ? 'N' : label; };
  for (const Disagreement& d : comparison.disagreements) {
    const char reference = shown(d.reference), test = shown(d.test);
    if (reference == test) continue;
    fmt::format_to(std::back_inserter(text), "{}({})/{}({})\n", reference, d.reference_sample, test,
                   d.test_sample);
  }
  return text;
}

}  // namespace ekgine
