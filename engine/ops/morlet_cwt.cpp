#include "kernels/morlet_cwt.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor morlet_cwt(Tape& tape, const Tensor& beats, const kernels::MorletScales& scales,
                  const Tensor& mean, const Tensor& std, kernels::MorletSigns signs) {
  check_shape(beats.shape().rank() == 2 && beats.shape()[1] >= 1, "morlet_cwt", "beats",
              "(U,L) with L of at least 1", beats);
  if (scales.count() < 1) fail("morlet_cwt: no scales");
  for (const std::int64_t scale : scales) {
    if (scale < 1) fail("morlet_cwt: scales must be at least 1, got {}", scale);
  }
  if (static_cast<bool>(mean) != static_cast<bool>(std)) {
    fail("morlet_cwt: mean and std must be given both or not at all");
  }
  const std::int64_t signals = beats.shape()[0], length = beats.shape()[1];
  if (mean) {
    const std::string context = "beats are (U,L)=" + beats.shape().text();
    check_shape(mean, {length}, "morlet_cwt", "mean", "(L)", context);
    check_shape(std, {length}, "morlet_cwt", "std", "(L)", context);
  }

  const kernels::MorletCwtShape s{signals, length, scales, signs};
  // Even in a dry step: what it keeps is part of the run's memory.
  tape.device().run([&](auto& b) { kernels::morlet_cwt_prepare(b.context, s); });
  Tensor y = tape.empty_image({signals, scales.count(), length, 1});
  tape.run({"morlet_cwt", kernels::morlet_cwt_cost(s, y.element_bytes())}, [&](auto& b) {
    kernels::morlet_cwt_prepare(b.context, s);
    kernels::morlet_cwt(b.context, s, b.real(beats), mean ? b.real(mean) : nullptr,
                        std ? b.real(std) : nullptr, b.image(y));
  });
  return y;
}

}  // namespace ekgine
