"""What the contenders share: beats and sequences of a store, the wavelet filters as a matrix, the
weights and answers of ekgine, and how a measurement is taken and reported."""

import argparse
import importlib.metadata
import json
import os
import resource
import sys
import time

import h5py
import numpy as np
import pywt

# Main_Model with its default settings.
CLASSES = 5
SEQUENCE_LENGTH = 3
BEAT_SAMPLES = 187
SCALES = 32
WIDTH = 128
HEADS = 8
FF_WIDTH = 4 * WIDTH
KERNEL_SIZE = 11
DROPOUT = 0.2
NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.99  # of the running statistics
TRAINABLE_PARAMETERS = 937_445

BATCH_SIZE = 128
LEARNING_RATE = 5e-4
WEIGHT_DECAY = 0.004
ADAM_EPSILON = 1e-7

STRETCH = 16  # consecutive sequences, which share their beats, of ekgine's default batches

ENCODE_CHUNK = 256  # beats at a time in inference
CLASSIFY_CHUNK = 512  # sequences

# Float sums of another order and oneDNN's choice of algorithms differ by less than this; another
# constant, activation or layout differs by more.
PROBABILITY_TOLERANCE = 1e-3
# Of the losses of steps, relative to the first: later ones are small. As installed PyTorch agrees to
# seven digits in the first step; with images channels last on a CPU its batch norm sums millions of
# floats, and is 3e-4 off. What rounding there is grows with the steps.
LOSS_TOLERANCE = {"f32": 2e-3, "tf32": 1e-2, "bf16": 5e-2}


def parse_arguments(description, variants):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", required=True, help="an ekgine store")
    parser.add_argument("--record", required=True)
    parser.add_argument("--variant", required=True, choices=variants)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="f32", choices=["f32", "tf32", "bf16"])
    parser.add_argument("--threads", type=int, default=0, help="0: the variant's own choice")
    parser.add_argument("--warm-up", type=int, required=True, help="steps before the clock runs")
    parser.add_argument("--steps", type=int, required=True, help="steps that are timed at least")
    parser.add_argument("--seconds", type=float, required=True, help="time no step after this many")
    parser.add_argument("--at-least", type=float, default=0, help="for so many seconds at least, then whatever --seconds says")
    parser.add_argument("--shared", action="store_true", help="encode a beat once for its sequences")
    parser.add_argument("--initial", help="ekgine's weights before training, for --losses")
    parser.add_argument("--losses", help="ekgine's losses of steps of all sequences, from there on")
    parser.add_argument("--weights", help="ekgine's, for inference")
    parser.add_argument("--model", help="the same as ONNX")
    parser.add_argument("--predictions", help="ekgine's answers with these weights")
    return parser.parse_args()


def read_beats(store, record):
    """The beats (n, 187) in mV of one record and their labels (n)."""
    with h5py.File(os.path.join(store, f"{record}.h5")) as file:
        return file["beats"][:], file["labels"][:].astype(np.int64)


def read_sequences(store, record):
    """All sequences of three consecutive beats, (n − 2, 3, 187), and the label of each's last."""
    beats, labels = read_beats(store, record)
    windows = np.lib.stride_tricks.sliding_window_view(beats, SEQUENCE_LENGTH, axis=0)
    return np.ascontiguousarray(windows.transpose(0, 2, 1)), labels[SEQUENCE_LENGTH - 1 :]


def stretches(beats, random):
    """A batch of sequences that share beats: numbers (8, 18) of the beats of eight stretches of 16
    sequences each."""
    starts = random.integers(0, beats - STRETCH - SEQUENCE_LENGTH + 2, BATCH_SIZE // STRETCH)
    return starts[:, None] + np.arange(STRETCH + SEQUENCE_LENGTH - 1)


def wavelet_matrix():
    """The transform is linear: the coefficients of unit impulses are its matrix (187, 32·187)."""
    scales = np.arange(1, SCALES + 1)
    # The table of 2^10 points that PyWavelets had up to 1.6, and ekgine has.
    coefficients, _ = pywt.cwt(np.eye(BEAT_SAMPLES), scales, "morl", axis=-1, precision=10)
    return coefficients.transpose(1, 0, 2).reshape(BEAT_SAMPLES, -1).astype(np.float32)


def normalisation(beats, matrix):
    """Mean and standard deviation of the moduli per time column, over beats and scales."""
    moduli = np.abs(beats @ matrix).reshape(-1, BEAT_SAMPLES)
    return moduli.mean(axis=0), moduli.std(axis=0)


def read_weights(path):
    """A safetensors file of float32: eight bytes of header size, a JSON header, the arrays."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())  # writable, which PyTorch asks for
    return {
        name: np.frombuffer(data[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def check_parameters(count):
    if count != TRAINABLE_PARAMETERS:
        sys.exit(f"not Main_Model: {count} trainable parameters, not {TRAINABLE_PARAMETERS}")


def peak_rss_mb():
    # Not ru_maxrss: that starts with the peak of the process that forked this one.
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


class TrainingClock:
    """Told of every step's end. The runner stamps the first one when it reads the line. Before the
    clock is read for what counts it calls `synchronise`, where steps are queued on a device."""

    def __init__(self, arguments, synchronise=lambda: None):
        self.arguments = arguments
        self.synchronise = synchronise
        self.made = time.perf_counter()
        self.steps = 0
        self.look = arguments.warm_up + arguments.steps  # the step after which to look at the clock

    def step_done(self):
        """True when enough has been measured."""
        self.steps += 1
        if self.steps in (1, self.arguments.warm_up, self.look):
            self.synchronise()
        if self.steps == 1:
            print("first step", flush=True)
        if self.steps <= self.arguments.warm_up:
            self.start, self.cpu_start = time.perf_counter(), time.process_time()
            return False
        self.seconds = time.perf_counter() - self.start
        self.cpu_seconds = time.process_time() - self.cpu_start
        if not self.arguments.at_least and self.seconds >= self.arguments.seconds:
            return True
        if self.steps < self.look:
            return False
        self.look += self.arguments.steps
        return self.seconds >= self.arguments.at_least

    def results(self):
        sequences = (self.steps - self.arguments.warm_up) * BATCH_SIZE
        return {
            "sequences_per_second": sequences / self.seconds,
            "sequences_per_cpu_second": sequences / self.cpu_seconds,
            "peak_rss_mb": peak_rss_mb(),
            "prepare_seconds": self.start - self.made,  # compiling, capturing, warming up
            "steps": self.steps,
        }


def check_losses(arguments, losses):
    """Of steps of all sequences, without dropout, from the same weights: ekgine's are the same."""
    with open(arguments.losses) as file:
        expected = json.load(file)
    differences = [abs(a - b) / expected[0] for a, b in zip(losses, expected, strict=True)]
    largest = max(differences)
    if not largest <= LOSS_TOLERANCE[arguments.precision]:
        step = differences.index(largest) + 1
        sys.exit(
            f"not the same training: the loss of step {step} is {losses[step - 1]:.5f}, "
            f"ekgine's {expected[step - 1]:.5f}"
        )
    return {"largest_loss_difference": largest}


def measure_inference(arguments, predict, beats):
    """predict(beats) → probabilities (n − 2, 5). The second pass counts: the first one prepares
    kernels and compiles graphs."""
    start = time.perf_counter()
    probabilities = predict(beats)
    first = time.perf_counter() - start
    if first < arguments.seconds:
        start = time.perf_counter()
        probabilities = predict(beats)
        first = time.perf_counter() - start
    results = {"beats_per_second": len(beats) / first}
    if arguments.predictions:
        with h5py.File(arguments.predictions) as file:
            expected = file[arguments.record]["probabilities"][:]
        difference = float(np.abs(probabilities - expected).max())
        if not difference <= PROBABILITY_TOLERANCE:
            sys.exit(f"not the same model: probabilities differ from ekgine's by {difference:.2g}")
        results["largest_difference"] = difference
    return results


def version_of(distribution):
    # As installed and pinned; PyWavelets 1.9.0 calls itself 1.8.0.
    return f"{distribution} {importlib.metadata.version(distribution)}"


def report(results):
    print(json.dumps(results), flush=True)
