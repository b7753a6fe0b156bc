#include "data/protocols.h"

namespace ekgine {

Split protocol_split(Protocol protocol) {
  Split split;
  switch (protocol) {
    case Protocol::ds1ds2:
      split.train = {"101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122",
                     "124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230"};
      split.test = {"100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210",
                    "212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234"};
      break;
  }
  return split;
}

std::span<const ProtocolOutlier> protocol_outliers(Protocol protocol) {
  static constexpr ProtocolOutlier of_ds2[] = {
      {"232",
       "two thirds of DS2's beats of class S are of this one patient, whose beats they "
       "mostly are"},
      {"202", "it is of the same person as 201, which trains"}};
  switch (protocol) {
    case Protocol::ds1ds2:
      return of_ds2;
  }
  return {};
}

}  // namespace ekgine
