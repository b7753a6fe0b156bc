"""The transform alone in PyWavelets: all beats of a record in one call, by each of its methods."""

import argparse
import time

import numpy as np
import pywt

import workload as w


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="an ekgine store")
    parser.add_argument("--record", required=True)
    parser.add_argument("--seconds", type=float, required=True, help="repeat for this long")
    arguments = parser.parse_args()
    beats, _ = w.read_beats(arguments.data, arguments.record)
    scales = np.arange(1, w.SCALES + 1)
    results = {"version": w.version_of("PyWavelets")}
    for method in ("conv", "fft"):
        passes = 0
        start, cpu_start = time.perf_counter(), time.process_time()
        while passes == 0 or time.perf_counter() - start < arguments.seconds:
            # The modulus is what the model is fed.
            np.abs(pywt.cwt(beats, scales, "morl", method=method, axis=-1, precision=10)[0])
            passes += 1
        done = passes * len(beats)
        results[method] = {
            "beats_per_second": done / (time.perf_counter() - start),
            "beats_per_cpu_second": done / (time.process_time() - cpu_start),
        }
    w.report(results)


main()
