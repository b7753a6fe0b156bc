#include "kernels/morlet_cwt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdlib>
#include <filesystem>
#include <numbers>

#include "base/hdf5.h"
#include "kernels/runtime/reserved_workspace.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

using kernels::MorletCwtShape;

template <class T>
std::vector<double> coefficients(const MorletCwtShape& s, const std::vector<double>& signals) {
  ReservedWorkspace workspace(std::size_t{1} << 28);
  const std::vector<T> x(signals.begin(), signals.end());
  std::vector<T> c(static_cast<std::size_t>(s.signals * s.scales.count() * s.length), T(NAN));
  kernels::morlet_cwt_coefficients(Cpu{workspace}, s, x.data(), c.data());
  return {c.begin(), c.end()};
}

template <class T>
std::vector<double> scalograms(const MorletCwtShape& s, const std::vector<double>& signals,
                               const std::vector<double>& mean, const std::vector<double>& std) {
  ReservedWorkspace workspace(std::size_t{1} << 28);
  const std::vector<T> x(signals.begin(), signals.end());
  const std::vector<T> m(mean.begin(), mean.end()), d(std.begin(), std.end());
  std::vector<T> y(static_cast<std::size_t>(s.signals * s.scales.count() * s.length), T(NAN));
  kernels::morlet_cwt(Cpu{workspace}, s, x.data(), m.empty() ? nullptr : m.data(),
                      d.empty() ? nullptr : d.data(), y.data());
  return {y.begin(), y.end()};
}

// The definition word for word, for one signal and scale: no matrix, no shortcut.
std::vector<double> definition(const std::vector<double>& signal, int scale) {
  constexpr int points = 1 << 10;
  std::vector<double> position, integral;
  double sum = 0;
  for (int i = 0; i < points; ++i) position.push_back(i * (16.0 / (points - 1)) - 8.0);
  const double step = position[1] - position[0];
  for (const double t : position) {
    sum += std::exp(-0.5 * t * t) * std::cos(5 * t);
    integral.push_back(sum * step);
  }
  std::vector<double> wavelet;
  for (int i = 0; i <= scale * 16; ++i) {
    const double index = std::floor(i / (scale * step));
    if (index < points) wavelet.push_back(integral[static_cast<std::size_t>(index)]);
  }
  std::reverse(wavelet.begin(), wavelet.end());
  std::vector<double> convolution(signal.size() + wavelet.size() - 1);
  for (std::size_t i = 0; i < signal.size(); ++i) {
    for (std::size_t k = 0; k < wavelet.size(); ++k) convolution[i + k] += signal[i] * wavelet[k];
  }
  std::vector<double> result;
  for (std::size_t i = 0; i + 1 < convolution.size(); ++i) {
    result.push_back(-std::sqrt(static_cast<double>(scale)) *
                     (convolution[i + 1] - convolution[i]));
  }
  const std::size_t excess = result.size() - signal.size();
  return {result.begin() + static_cast<std::ptrdiff_t>(excess / 2),
          result.end() - static_cast<std::ptrdiff_t>(excess - excess / 2)};
}

double largest(const std::vector<double>& values) {
  double m = 0;
  for (const double v : values) m = std::max(m, std::abs(v));
  return m;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double m = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double d = std::abs(a[i] - b[i]);
    m = std::isnan(d) ? INFINITY : std::max(m, d);
  }
  return m;
}

std::vector<double> random_signals(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> values(static_cast<std::size_t>(count));
  for (double& v : values) v = random.normal();
  return values;
}

TEST(MorletCwt, IsItsDefinition) {
  for (const std::int64_t length : {1, 2, 3, 31, 32, 187}) {
    for (const std::int64_t scales : {1, 2, 32, 40}) {
      const std::vector<double> signals = random_signals(2 * length, 7);
      const MorletCwtShape s{2, length, scales};
      std::vector<double> expected;
      for (int u = 0; u < 2; ++u) {
        const std::vector<double> signal(signals.begin() + u * length,
                                         signals.begin() + (u + 1) * length);
        for (int scale = 1; scale <= scales; ++scale) {
          const std::vector<double> row = definition(signal, scale);
          expected.insert(expected.end(), row.begin(), row.end());
        }
      }
      const double size = largest(expected);
      EXPECT_LT(largest_difference(coefficients<double>(s, signals), expected), 1e-13 * size)
          << length << " samples, " << scales << " scales";
      EXPECT_LT(largest_difference(coefficients<float>(s, signals), expected), 2e-6 * size)
          << length << " samples, " << scales << " scales";
    }
  }
}

// Each scale's coefficients are those that it has among others.
TEST(MorletCwt, TakesAnyScales) {
  const std::vector<double> signals = random_signals(3 * 96, 7);
  const MorletCwtShape all{3, 96, 24}, some{3, 96, {24, 3, 10}};
  const std::vector<double> among = coefficients<double>(all, signals);
  const std::vector<double> found = coefficients<double>(some, signals);
  std::size_t i = 0;
  for (std::size_t signal = 0; signal < 3; ++signal) {
    for (const std::int64_t scale : some.scales) {
      for (std::size_t t = 0; t < 96; ++t) {
        const std::size_t at = (signal * 24 + static_cast<std::size_t>(scale) - 1) * 96 + t;
        ASSERT_EQ(found.at(i++), among.at(at)) << "scale " << scale << ", sample " << t;
      }
    }
  }
  EXPECT_EQ(some.scales.largest(), 24);
}

TEST(MorletCwt, KeepsTheSignsThatAreWanted) {
  const MorletCwtShape s{3, 31, {2, 5}, kernels::MorletSigns::kept};
  const std::vector<double> signals = random_signals(s.signals * s.length, 8);
  const std::vector<double> mean = random_signals(s.length, 9);
  std::vector<double> std = random_signals(s.length, 10);
  for (double& v : std) v = 0.5 + std::abs(v);
  const std::vector<double> c = coefficients<double>(s, signals);
  EXPECT_EQ(scalograms<double>(s, signals, {}, {}), c);
  std::vector<double> normalised;
  for (std::size_t i = 0; i < c.size(); ++i) {
    normalised.push_back((c[i] - mean[i % 31]) / std[i % 31]);
  }
  EXPECT_EQ(scalograms<double>(s, signals, mean, std), normalised);
  EXPECT_LT(*std::ranges::min_element(c), 0);
}

// Convolution by way of the spectra, with plain sums for the transforms.
TEST(MorletCwt, SpectraGiveTheCoefficients) {
  for (const std::int64_t length : {1, 2, 3, 31, 90}) {
    for (const std::int64_t scales : {1, 3, 12}) {
      const std::int64_t n = kernels::morlet_cwt_fft_length(length, scales);
      const std::int64_t frequencies = n / 2 + 1;
      EXPECT_EQ(n % 2, 0);
      EXPECT_LE(n, 3 * length + 2) << length << " samples, " << scales << " scales";
      const std::vector<double> signal = random_signals(length, 11);
      const std::vector<std::complex<double>> spectra = kernels::morlet_cwt_spectra(length, scales);
      ASSERT_EQ(spectra.size(), static_cast<std::size_t>(scales * frequencies));
      const auto turn = [&](std::int64_t k) {
        return std::polar(
            1.0, 2 * std::numbers::pi * static_cast<double>(k % n) / static_cast<double>(n));
      };
      std::vector<double> found;
      for (std::int64_t s = 0; s < scales; ++s) {
        for (std::int64_t t = 0; t < length; ++t) {
          double sum = 0;
          for (std::int64_t f = 0; f < frequencies; ++f) {
            std::complex<double> x = 0;
            for (std::int64_t m = 0; m < length; ++m) {
              x += signal[static_cast<std::size_t>(m)] * std::conj(turn(f * m));
            }
            // The frequencies above N/2 mirror those below.
            const double weight = f == 0 || 2 * f == n ? 1 : 2;
            sum +=
                weight *
                (x * spectra[static_cast<std::size_t>(s * frequencies + f)] * turn(f * t)).real();
          }
          found.push_back(sum);
        }
      }
      const std::vector<double> expected = coefficients<double>({1, length, scales}, signal);
      EXPECT_LT(largest_difference(found, expected), 1e-12 * largest(expected))
          << length << " samples, " << scales << " scales";
    }
  }
}

// Length 187 and 32 scales, as of a beat: 384 = 2^7·3 are enough, because no lag above 186 counts.
// With few scales the filters are shorter than the signal.
TEST(MorletCwt, TransformsAreAsShortAsMayBe) {
  EXPECT_EQ(kernels::morlet_cwt_fft_length(187, 32), 384);
  EXPECT_EQ(kernels::morlet_cwt_fft_length(187, 1), 200);
  EXPECT_EQ(kernels::morlet_cwt_fft_length(1, 32), 2);
}

TEST(MorletCwt, TakesTheModulusAndNormalisesPerColumn) {
  const MorletCwtShape s{130, 9, 4};  // more signals than one block of the float kernel
  const std::vector<double> signals = random_signals(s.signals * s.length, 8);
  const std::vector<double> mean = random_signals(s.length, 9);
  std::vector<double> std = random_signals(s.length, 10);
  for (double& v : std) v = 0.5 + std::abs(v);
  const std::vector<double> c = coefficients<double>(s, signals);
  std::vector<double> modulus, normalised;
  for (std::size_t i = 0; i < c.size(); ++i) {
    const std::size_t t = i % static_cast<std::size_t>(s.length);
    modulus.push_back(std::abs(c[i]));
    normalised.push_back((std::abs(c[i]) - mean[t]) / std[t]);
  }
  EXPECT_EQ(scalograms<double>(s, signals, {}, {}), modulus);
  EXPECT_EQ(scalograms<double>(s, signals, mean, std), normalised);
  EXPECT_LT(largest_difference(scalograms<float>(s, signals, mean, std), normalised),
            4e-6 * largest(normalised));
}

// A baseline offset shows at the edges only: the wavelet integrates to nearly zero.
TEST(MorletCwt, IsBlindToABaselineOffset) {
  const MorletCwtShape s{1, 187, 4};
  const std::vector<double> c = coefficients<float>(s, std::vector<double>(187, 100.0));
  for (int scale = 1; scale <= 4; ++scale) {
    const auto row = c.begin() + (scale - 1) * 187;
    EXPECT_NEAR(row[93], 0, 2e-2) << "scale " << scale;
    EXPECT_GT(largest({row, row + 2 * scale}), 10) << "scale " << scale;
  }
}

TEST(MorletCwt, ScalogramsAreTheGoldenOnes) {
  const char* folder = std::getenv("EKGINE_REFERENCE");
  if (folder == nullptr) {
    GTEST_SKIP() << "set EKGINE_REFERENCE to the folder that holds cwt_morl.h5";
  }
  const auto file = hdf5::File::open(std::filesystem::path(folder) / "cwt_morl.h5");
  const auto beats = file.read<double>("beats_mV");
  const auto golden = file.read<double>("coefficients");
  const auto mean = file.read<double>("train_mean");
  const auto std = file.read<double>("train_std");
  const MorletCwtShape s{64, 187, 32};
  ASSERT_EQ(golden.size(), static_cast<std::size_t>(64 * 32 * 187));
  const double size = largest(golden);
  EXPECT_LT(largest_difference(coefficients<double>(s, beats), golden), 1e-9 * size);
  EXPECT_LT(largest_difference(coefficients<float>(s, beats), golden), 1e-5 * size);

  std::vector<double> normalised;
  for (std::size_t i = 0; i < golden.size(); ++i) {
    normalised.push_back((std::abs(golden[i]) - mean[i % 187]) / std[i % 187]);
  }
  EXPECT_LT(largest_difference(scalograms<double>(s, beats, mean, std), normalised), 1e-9);
  EXPECT_LT(largest_difference(scalograms<float>(s, beats, mean, std), normalised),
            1e-5 * largest(normalised));
}

TEST(MorletCwt, RefusesWhatItCannotTransform) {
  const auto op = [](const kernels::MorletScales& scales) {
    return [scales](Tape& tape, std::span<const Tensor> in) {
      return morlet_cwt(tape, in[0], scales, in.size() > 1 ? in[1] : Tensor(),
                        in.size() > 2 ? in[2] : Tensor());
    };
  };
  expect_op_error({{3, 32, 187}}, op(32),
                  "morlet_cwt: beats must be (U,L) with L of at least 1, got (3,32,187)");
  expect_op_error({{3, 187}}, op(0), "morlet_cwt: no scales");
  expect_op_error({{3, 187}}, op({3, 0}), "morlet_cwt: scales must be at least 1, got 0");
  expect_op_error({{3, 187}, {187}}, op(32),
                  "morlet_cwt: mean and std must be given both or not at all");
  expect_op_error({{3, 187}, {186}, {187}}, op(32),
                  "morlet_cwt: mean must be (L)=(187), got (186); beats are (U,L)=(3,187)");
  expect_op_error({{3, 187}, {187}, {32, 187}}, op(32),
                  "morlet_cwt: std must be (L)=(187), got (32,187); beats are (U,L)=(3,187)");
}

}  // namespace
}  // namespace ekgine::testing
