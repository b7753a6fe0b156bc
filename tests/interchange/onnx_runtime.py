#!/usr/bin/env python3
"""Runs what `ekgine convert` writes as ONNX in ONNX Runtime, beside `ekgine evaluate`.

onnx_runtime.py PROGRAM SAMPLES [KERAS...]: for each of the architectures, and in every unit that
beats are measured in, trains a little on the sample records, and then makes weights of the same shapes
at random, so that no array is near where it began. Each becomes an ONNX file that

- onnx.checker accepts, with full checks, and whose shapes onnx infers;
- gives, on all sequences of a record, a thousand at a time, the probabilities that ekgine has put
  into predictions.h5, within 1e-5; the same for one sequence alone, and of no sequences no probabilities.

KERAS names trained models of Keras, as the reference has published: the same with these, normalised on
the sample records. Prints the largest difference of each. Modules that are missing are named, and the
script ends with status 77: there is nothing that it could check.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from support import cut_store, module

SKIPPED = 77
TOLERANCE = 1e-5
TRAINING, HELD_OUT = ["208", "217"], ["213"]
KEPT = 1100  # beats of a record: more than go into one batch
T = 3
SMALL = ["--embed-dim", "24", "--epochs", "1", "--allow-absent-classes"]
MODELS = {
    "Main_Model": ["--num-heads", "3", "--num-blocks", "2", "--kernel-size", "5"],
    "AttentionOnly": ["--num-heads", "2", "--num-blocks", "2", "--amplitude", "record"],
    "CNNLSTM_Model": ["--lstm-units", "24", "--amplitude", "centred"],
    "Baseline_Model": ["--amplitude", "mV"],
    "Rhythm_Model": ["--num-heads", "2", "--ensemble-size", "2", "--sequence-length", "9"],
    "Rhythm_Model of scalograms": ["--num-heads", "1", "--features", "rhythm+scalogram",
                                   "--sequence-length", "9"],
}


numpy, h5py = module("numpy"), module("h5py")
onnx, onnxruntime = module("onnx"), module("onnxruntime")


def check(condition, text):
    if not condition:
        sys.exit(f"onnx_runtime.py: {text}")


def measured(beats, unit):
    """Beats of a whole record, in mV, as an ONNX file of ekgine's takes them."""
    if unit in ("mV", "centred"):
        return beats
    size = numpy.median(numpy.ptp(beats, axis=1))
    if unit == "record":
        return beats / size
    beats = (beats - numpy.median(beats, axis=1, keepdims=True)) / size
    return beats - numpy.median(beats, axis=0)


def read_weights(path):
    """Metadata and arrays of a safetensors file."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    metadata = header.pop("__metadata__")
    arrays = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        values = numpy.frombuffer(content[start + first : start + last], "<f4")
        arrays[name] = values.reshape(entry["shape"])
    return metadata, arrays


def write_weights(path, metadata, arrays):
    """Without a checksum, as files of the first version are."""
    metadata = {key: value for key, value in metadata.items() if key != "sha256"}
    metadata["format"] = "ekgine-weights-1"
    header, end = {"__metadata__": metadata}, 0
    for name, values in sorted(arrays.items()):
        begin, end = end, end + values.nbytes
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [begin, end]}
    head = json.dumps(header).encode()
    data = b"".join(arrays[name].astype("<f4").tobytes() for name in sorted(arrays))
    path.write_bytes(len(head).to_bytes(8, "little") + head + data)


def scrambled(arrays, random):
    """Random values, as large as trained ones are, but for the statistics of inputs."""
    drawn = {}
    for name, values in arrays.items():
        if name.startswith("normalisation."):
            drawn[name] = values
        elif name.endswith("running_variance"):
            drawn[name] = values * random.uniform(0.5, 2, values.shape)
        elif name.endswith(("bias", "position", "running_mean")):
            drawn[name] = values + random.normal(0, 0.2, values.shape)
        elif values.ndim == 1:
            drawn[name] = random.uniform(0.5, 1.5, values.shape)
        else:
            inputs = values.size / values.shape[-1]
            drawn[name] = random.normal(0, inputs**-0.5, values.shape)
    return {name: numpy.asarray(values, numpy.float32) for name, values in drawn.items()}


def probabilities(session, sequences, batch):
    return numpy.concatenate([
        session.run(["probabilities"], {"beats": sequences[i : i + batch]})[0]
        for i in range(0, len(sequences), batch)])


def of_all_beats(session, rows, length):
    """What windows of so many beats, each half over the next, say of all beats of a record."""
    count = len(rows)
    first = sorted({*range(0, count - length + 1, (length + 1) // 2), count - length})
    windows = numpy.stack([rows[i : i + length] for i in first])
    said, = session.run(["probabilities"], {session.get_inputs()[0].name: windows})
    position = (2 * numpy.arange(length) + 1) / length - 1
    weight = (1.02 - numpy.abs(position))[:, None]
    sums, weights = numpy.zeros((count, said.shape[-1])), numpy.zeros((count, 1))
    for i, probabilities in zip(first, said):
        sums[i : i + length] += weight * probabilities
        weights[i : i + length] += weight
    return sums / weights


def rows_of(record, unit):
    """What a Rhythm_Model takes of a record in a store."""
    features, waves = record["features"][:], record["waves"][:]
    if unit == "features":
        return features
    return numpy.concatenate([features, waves.reshape(len(waves), -1)], axis=1)


def compare_rhythm(session, expected, rows, length, name):
    found = of_all_beats(session, rows, length)
    check(found.shape == expected.shape, f"{name}: {found.shape}")
    none = session.run(None, {session.get_inputs()[0].name: rows[None, :length][:0]})[0]
    check(none.shape == (0, length, 5), f"{name}: of no sequences {none.shape}")
    return float(numpy.abs(found - expected).max()), set(found.argmax(axis=1).tolist())


def compare(path, predictions, store):
    """The largest difference of ONNX Runtime's probabilities from ekgine's."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    about = {entry.key: entry.value for entry in model.metadata_props}
    check(about["classes"] == "N,S,V,F,Q" and about["sampling_frequency"] == "360", f"{about}")
    length = json.loads(about["model"])["sequence_length"]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst, classes = 0.0, set()
    with h5py.File(predictions) as file:
        for record in file:
            expected = file[record]["probabilities"][:]
            with h5py.File(store / f"{record}.h5") as source:
                if about["amplitude"] in ("features", "waves"):
                    check(session.get_inputs()[0].name == about["amplitude"], path.name)
                    one, said = compare_rhythm(session, expected,
                                               rows_of(source, about["amplitude"]), length,
                                               path.name)
                    worst, classes = max(worst, one), classes | said
                    continue
                beats = measured(source["beats"][:], about["amplitude"])
            count = len(beats) - length + 1
            sequences = numpy.stack([beats[i : i + length] for i in range(count)])
            sequences = sequences.astype(numpy.float32)
            found = probabilities(session, sequences, 1000)
            check(found.shape == expected.shape, f"{path.name}: {found.shape}")
            worst = max(worst, float(numpy.abs(found - expected).max()))
            none = session.run(None, {"beats": sequences[:0]})[0]
            check(none.shape == (0, 5), f"{path.name}: of no sequences {none.shape}")
            alone = probabilities(session, sequences[:20], 1)
            worst = max(worst, float(numpy.abs(alone - expected[:20]).max()))
            classes |= set(found.argmax(axis=1).tolist())
    check(worst <= TOLERANCE, f"{path.name}: probabilities differ by {worst:.1e}")
    return worst, classes


def main():
    program, samples = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    published = [pathlib.Path(argument).resolve() for argument in sys.argv[3:]]
    missing = [name for name in ("numpy", "h5py", "onnx", "onnxruntime") if module(name) is None]
    if missing:
        print("not installed:", ", ".join(missing))
        sys.exit(SKIPPED)
    versions = f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}"

    folder = pathlib.Path(tempfile.mkdtemp(prefix="ekgine-onnx-"))
    try:
        def ekgine(*arguments):
            command = [program, *arguments, "--quiet"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        def check_weights(weights, what, store):
            ekgine("convert", weights, folder / "model.onnx")
            ekgine("evaluate", "--weights", weights, "--data", store, "--records",
                   ",".join(HELD_OUT), "--output", folder / "evaluated")
            worst, classes = compare(folder / "model.onnx", folder / "evaluated/predictions.h5",
                                     store)
            print(f"{versions}, {what}: within {worst:.1e}, {len(classes)} classes", flush=True)

        ekgine("preprocess", "--database", samples, "--output", folder / "whole", "--records",
               ",".join(TRAINING + HELD_OUT))
        cut_store(folder / "whole", folder / "store", KEPT)
        random = numpy.random.default_rng(1)
        for name, options in MODELS.items():
            run, model = folder / name, name.split()[0]
            # What is cut has no features.
            store = folder / ("whole" if model == "Rhythm_Model" else "store")
            ekgine("train", "--data", store, "--train-records", ",".join(TRAINING),
                   "--sequence-length", str(T), "--model", model, *SMALL, *options, "--output", run)
            check_weights(run / "model.safetensors", f"{name}, trained", store)
            metadata, arrays = read_weights(run / "model.safetensors")
            write_weights(run / "random.safetensors", metadata, scrambled(arrays, random))
            check_weights(run / "random.safetensors", f"{name}, random", store)
        for keras in published:
            weights = folder / "published.safetensors"
            ekgine("convert", keras, weights, "--data", folder / "store",
                   "--normalise-on", ",".join(TRAINING))
            check_weights(weights, keras.name, folder / "store")
    finally:
        shutil.rmtree(folder)


main()
