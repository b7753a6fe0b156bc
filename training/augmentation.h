// Random changes of training beats, drawn anew for every step.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/philox.h"

namespace ekgine {

// Multiplies each beat, beats (U, beat_samples), by e^(deviation·z), z standard normal: how large a
// beat is says more about the patient and the electrodes than about its class. z depends on the key
// and the beat's number in the data set, beat_ids (U), alone, so that a beat gets the same factor
// however often a batch holds it. The key's op is not used: no op has the number taken here.
void jitter_amplitudes(std::span<float> beats, std::span<const std::int32_t> beat_ids,
                       double deviation, RandomKey key);

}  // namespace ekgine
